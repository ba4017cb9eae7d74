"""Every exercise's checks: what they accept, what they reject, and what they say."""

import re
import warnings

import numpy as np
import pytest

from grading.source import read_all

SETS = read_all()
EXERCISES = [pytest.param(s.imports, e, id=e.label) for s in SETS for e in s.exercises]
WRONG = [pytest.param(s.imports, e, w, id=f"{e.label}:{w.name}") for s in SETS for e in s.exercises for w in e.wrong]


def run(*cells, seed=1):
    """Run cells one after the other in a fresh namespace, as a notebook does, and return it."""
    namespace = {"COURSE_SEED": seed}
    for cell in cells:
        exec(compile(cell, "<cell>", "exec"), namespace)
    return namespace


@pytest.mark.parametrize("exercise_set", SETS, ids=lambda s: s.path.stem)
def test_a_chapter_has_at_least_five_exercises(exercise_set):
    assert len(exercise_set.exercises) >= 5


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("imports, exercise", EXERCISES)
def test_the_solution_passes_every_check_for_any_course_seed(imports, exercise, seed):
    run(imports, exercise.solved, exercise.checks, seed=seed)


@pytest.mark.parametrize("imports, exercise", EXERCISES)
def test_the_stub_runs_and_its_first_call_says_what_to_write(imports, exercise):
    with pytest.raises(NotImplementedError, match=r"^[A-Z]\w+ .{15,}\.$"):
        run(imports, exercise.stub, exercise.public_checks)


@pytest.mark.parametrize("imports, exercise, wrong", WRONG)
def test_a_typical_wrong_answer_is_rejected_by_a_check_that_says_why(imports, exercise, wrong):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(AssertionError, match=r"(\S+ ){4}"):
            run(imports, exercise.solved, wrong.code, exercise.public_checks)


def answers(imports, exercise):
    """The functions that the exercise's solution defines, by name."""
    namespace = run(imports, exercise.solved)
    return {name: namespace[name] for name in re.findall(r"^def (\w+)", exercise.solved, re.MULTILINE)}


@pytest.mark.parametrize("imports, exercise", EXERCISES)
def test_checks_and_answers_exchange_only_data_that_can_be_sent_between_processes(imports, exercise):
    def sent(value):
        if isinstance(value, list | tuple):
            return type(value)(map(sent, value))
        assert value is None or isinstance(value, bool | int | float | str | np.generic | np.ndarray), type(value)
        return value.copy() if isinstance(value, np.ndarray) else value

    def by_message(function):
        return lambda *arguments: sent(function(*sent(arguments)))

    remote = {name: by_message(function) for name, function in answers(imports, exercise).items()}
    namespace = run(imports) | remote
    exec(exercise.checks, namespace)


MEMORISABLE = [p for p in EXERCISES if "HIDDEN TESTS" in p.values[1].checks]


@pytest.mark.parametrize("imports, exercise", MEMORISABLE)
def test_hidden_tests_reject_results_memorised_from_the_public_checks(imports, exercise):
    seen = {}

    def key(arguments):
        return repr([a.tolist() if isinstance(a, np.ndarray) else a for a in arguments])

    def recorded(name, function):
        def call(*arguments):
            return seen.setdefault(name, {}).setdefault(key(arguments), function(*arguments))

        return call

    def replayed(name):
        return lambda *arguments: seen[name].get(key(arguments), next(iter(seen[name].values())))

    functions = answers(imports, exercise)
    exec(exercise.public_checks, run(imports) | {n: recorded(n, f) for n, f in functions.items()})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises((AssertionError, ValueError)):
            exec(exercise.checks, run(imports) | {n: replayed(n) for n in seen})
