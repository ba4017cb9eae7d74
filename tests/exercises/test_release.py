"""What the release writes from a source, and how it refuses a malformed one."""

import re

import jupytext
import nbformat
import pytest

from grading.release import main, practice_page, student_notebook
from grading.source import MalformedSource, read_all

SETS = pytest.mark.parametrize("exercise_set", read_all(), ids=lambda s: s.path.stem)

ADDRESS = "https://example.org/book"

SOURCE = """\
# Exercises: doubling

One exercise.

```{code-cell}
import numpy as np
```

## Double

```{exercise}
:label: ex-double
:minutes: 15

Write `double(x)`.
```

```{code-cell}
:nbgrader: {solution: true}

def double(x):
    ### BEGIN SOLUTION: return twice x
    return x + x
    ### END SOLUTION
```

```{code-cell}
:nbgrader: {grade: true, points: 3}

assert double(2) == 4, "Twice 2 is 4."
### BEGIN HIDDEN TESTS
assert double(COURSE_SEED) == 2 * COURSE_SEED, "Not twice the seed."
### END HIDDEN TESTS
```

```{hint}
Add.
```

```{hint}
Add x to itself.
```

```{code-cell}
:tags: [wrong]
:name: same
:reason: It is not doubled.

def double(x): return x
```

```{code-cell}
:tags: [wrong]
:name: square
:reason: It is squared, and wrong for 3.

def double(x): return x**3
```

```{code-cell}
:tags: [wrong]
:name: half
:reason: It is halved.

def double(x): return x / 2
```

```{solution} ex-double
A number plus itself.
```
"""


@pytest.fixture
def book(tmp_path):
    """A folder with one good source and the settings that the release reads."""
    (tmp_path / "exercises").mkdir()
    (tmp_path / "exercises" / "03_doubling.md").write_text(SOURCE)
    (tmp_path / "_config.yml").write_text(f"repository: {{url: {ADDRESS}}}\n")
    return tmp_path


def written(book):
    """Every file of the book, with its contents."""
    return {str(path.relative_to(book)): path.read_bytes() for path in book.rglob("*") if path.is_file()}


def student_code(notebook):
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


# What students receive


@SETS
def test_the_student_notebook_holds_no_solution_hidden_test_or_wrong_answer(exercise_set):
    text = nbformat.writes(student_notebook(exercise_set, ADDRESS))
    code = "\n".join(student_code(student_notebook(exercise_set, ADDRESS)))
    for secret in ("BEGIN SOLUTION", "END SOLUTION", "HIDDEN TESTS", "COURSE_SEED"):
        assert secret not in text
    for exercise in exercise_set.exercises:
        for region in re.findall(r"BEGIN SOLUTION.*\n((?:.*\n)*?)\s*### END", exercise.answer):
            assert region not in code
        for wrong in exercise.wrong:
            assert wrong.code not in code
            assert wrong.reason not in text


@SETS
def test_the_practice_page_holds_no_hidden_test_or_wrong_answer(exercise_set):
    page = practice_page(exercise_set)
    for secret in ("BEGIN SOLUTION", "HIDDEN TESTS", "COURSE_SEED", "nbgrader"):
        assert secret not in page
    for wrong in (w for exercise in exercise_set.exercises for w in exercise.wrong):
        assert wrong.reason not in page


@SETS
def test_the_practice_page_holds_each_exercise_with_stub_hints_and_solution(exercise_set):
    page = practice_page(exercise_set)
    for exercise in exercise_set.exercises:
        assert f":label: {exercise.label}\n" in page
        for part in (exercise.text, exercise.stub, *exercise.hints, exercise.solution, exercise.solved):
            assert part in page


def test_page_and_notebook_say_how_long_an_exercise_takes_and_the_page_how_long_all_take(book):
    (book / "exercises" / "03_doubling.md").write_text(SOURCE.replace(":minutes: 15", ":minutes: 65"))
    main(book)
    page = (book / "pages/practice/03_doubling.md").read_text()
    assert "*About 65 minutes.*" in page
    assert "about 1 h 5 min for all of them" in page
    assert "about 65 minutes" in (book / "_build/extra/exercises/03_doubling.ipynb").read_text()


@SETS
def test_the_student_notebook_is_valid_and_says_first_how_to_work(exercise_set):
    notebook = student_notebook(exercise_set, ADDRESS)
    nbformat.validate(notebook)
    assert notebook.cells[0].source.startswith(f"# {exercise_set.title}\n")
    assert "How to work" in notebook.cells[0].source


@SETS
def test_the_student_notebook_runs_from_top_to_bottom_once_its_stubs_are_filled(exercise_set, capsys):
    solved = {exercise.stub: exercise.solved for exercise in exercise_set.exercises}
    namespace = {}
    for cell in student_code(student_notebook(exercise_set, ADDRESS)):
        if "%pip" not in cell:
            exec(solved.get(cell, cell), namespace)
    assert capsys.readouterr().out.count("all checks passed") == len(exercise_set.exercises)


@SETS
def test_jupytext_reads_the_source_as_the_same_cells(exercise_set):
    text = exercise_set.path.read_text(encoding="utf-8")
    cells = {cell.source.strip() for cell in jupytext.reads(text, fmt="md:myst").cells if cell.cell_type == "code"}
    ours = {exercise_set.imports}
    for exercise in exercise_set.exercises:
        ours |= {exercise.answer, exercise.checks, *(wrong.code for wrong in exercise.wrong)}
    assert cells == ours


def test_only_answers_can_be_edited_and_no_cell_can_be_deleted(book):
    main(book)
    notebook = nbformat.read(book / "_build/extra/exercises/03_doubling.ipynb", as_version=4)
    cells = {cell.id: cell.metadata for cell in notebook.cells if cell.cell_type == "code"}
    assert [name for name, metadata in cells.items() if metadata.get("editable", True)] == ["ex-double"]
    assert not any(metadata["deletable"] for metadata in cells.values())


def test_the_checks_carry_points_and_the_checksum_that_nbgrader_computes(book):
    source = book / "exercises" / "03_doubling.md"
    source.write_text(SOURCE.replace('assert double(2) == 4, "Twice 2 is 4."', 'assert double(2) == 4, "4"'))
    main(book)
    notebook = nbformat.read(book / "_build/extra/exercises/03_doubling.ipynb", as_version=4)
    checks = next(cell for cell in notebook.cells if cell.id == "ex-double-checks")
    assert checks.source == 'assert double(2) == 4, "4"\nprint("Exercise 3.1: all checks passed.")'
    assert checks.metadata.nbgrader == {
        "schema_version": 3,
        "grade": True,
        "solution": False,
        "locked": True,
        "task": False,
        "grade_id": "ex-double-checks",
        "points": 3,
        "cell_type": "code",
        "checksum": "1e08694ee7dd626e83f1609bccf63cb8",  # by nbgrader 0.9.6
    }


def test_nnlib_is_installed_from_the_address_in_the_settings(book, monkeypatch):
    main(book)
    notebook = nbformat.read(book / "_build/extra/exercises/03_doubling.ipynb", as_version=4)
    assert f"git+{ADDRESS}" in student_code(notebook)[0]


# Writing


def test_a_second_release_writes_nothing(book, capsys):
    main(book)
    first = {path: path.stat().st_mtime_ns for path in book.rglob("*")}
    assert capsys.readouterr().out.count("wrote") == 2
    main(book)
    assert {path: path.stat().st_mtime_ns for path in book.rglob("*")} == first
    assert capsys.readouterr().out == ""


def test_a_release_without_the_old_files_writes_the_same_bytes(book):
    main(book)
    first = written(book)
    for name in first:
        if not name.startswith(("exercises", "_config")):
            (book / name).unlink()
    main(book)
    assert written(book) == first


def test_what_has_lost_its_source_is_removed(book):
    main(book)
    (book / "exercises" / "03_doubling.md").rename(book / "exercises" / "05_doubling.md")
    main(book)
    assert sorted(written(book)) == [
        "_build/extra/exercises/05_doubling.ipynb",
        "_config.yml",
        "exercises/05_doubling.md",
        "pages/practice/05_doubling.md",
    ]


# Malformed sources: what is changed in the good source, and what the release says

MALFORMED = {
    "no title": ("# Exercises: doubling", "Doubling", "03_doubling.md:1: the source must begin with its title"),
    "no imports": ("```{code-cell}\nimport numpy as np\n```", "", "03_doubling.md:1: before the first exercise"),
    "no label": (":label: ex-double\n", "", "03_doubling.md:11: Double: the label must be ex- and"),
    "no minutes": (":minutes: 15\n", "", "03_doubling.md:11: ex-double: minutes must be a positive whole number, got"),
    "no exercise": (
        "{exercise}\n:label: ex-double",
        "{note}",
        "03_doubling.md:9: Double: needs one {exercise}",
    ),
    "unknown block": (
        "```{hint}\nAdd.\n",
        "```{tip}\nAdd.\n",
        "03_doubling.md:36: ex-double: a block that does not belong",
    ),
    "no answer": ("{solution: true}", "{}", "03_doubling.md:9: ex-double: needs one answer cell"),
    "no marks": ("    ### END SOLUTION\n", "", "03_doubling.md:18: ex-double: the answer needs '### BEGIN SOLUTION'"),
    "nothing to write": (": return twice x", "", "03_doubling.md:18: ex-double: after '### BEGIN SOLUTION:' say"),
    "a final stop": ("return twice x", "return twice x.", "ex-double: after '### BEGIN SOLUTION:' say"),
    "no checks": ("{grade: true, points: 3}", "{}", "03_doubling.md:9: ex-double: needs one check cell"),
    "no points": (", points: 3", "", "03_doubling.md:27: ex-double: points must be a positive whole number, got None"),
    "silent assert": (', "Twice 2 is 4."', "", "ex-double: this assert has no message: assert double(2) == 4"),
    "open tests": ("### END HIDDEN TESTS\n", "", "03_doubling.md:27: ex-double: the checks need '### BEGIN HIDDEN"),
    "one hint": ("```{hint}\nAdd.\n```\n", "", "03_doubling.md:9: ex-double: needs two or three {hint}, has 1"),
    "no solution": (
        "```{solution} ex-double\nA number plus itself.\n```",
        "",
        "03_doubling.md:9: ex-double: needs one {solution}",
    ),
    "other solution": (
        "{solution} ex-double",
        "{solution} ex-triple",
        "the solution names 'ex-triple' instead of 'ex-d",
    ),
    "two wrong": (
        ":tags: [wrong]\n:name: same",
        ":name: same",
        "needs at least three wrong answers (tags: [wrong]), has 2",
    ),
    "same name": (":name: same", ":name: half", "a wrong answer needs a name of its own, got 'half'"),
    "no reason": (
        ":reason: It is halved.\n",
        "",
        "03_doubling.md:60: ex-double: the wrong answer 'half' needs a reason",
    ),
    "not YAML": ("It is halved.", "Halved: wrong.", "03_doubling.md:60: the options must be lines"),
    "no value": (":reason: It is halved.", ":reason It is halved.", "03_doubling.md:60: the options must be lines"),
    "not Python": (
        "return x / 2",
        "return x /",
        "03_doubling.md:60: ex-double: this cell is not Python: invalid syntax",
    ),
    "MyST in text": ("Write `double(x)`.", "See {ref}`here`.", "03_doubling.md:11: ex-double: a directive or role"),
    "stray text": ("## Double\n", "## Double\n\nHello.\n", "03_doubling.md:11: Double: text outside a block"),
    "open fence": ("Add.\n```\n", "Add.\n", "03_doubling.md:36: this {hint} is not closed before the next block"),
}


@pytest.mark.parametrize("old, new, said", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_source_is_refused_with_its_place_and_nothing_is_written(book, old, new, said):
    assert SOURCE.count(old) == 1
    source = book / "exercises" / "03_doubling.md"
    source.write_text(SOURCE.replace(old, new))
    before = written(book)
    with pytest.raises(SystemExit) as stopped:
        main(book)
    assert said in str(stopped.value)
    assert written(book) == before


def test_a_label_used_in_two_sources_is_refused(book):
    (book / "exercises" / "05_doubling.md").write_text(SOURCE)
    with pytest.raises(
        MalformedSource, match=r"05_doubling.md:11: label ex-double is already used at 03_doubling.md:11"
    ):
        read_all(book / "exercises")


def test_everything_that_is_wrong_is_said_at_once(book):
    source = book / "exercises" / "03_doubling.md"
    source.write_text(SOURCE.replace(":reason: It is halved.\n", "").replace(", points: 3", ""))
    with pytest.raises(MalformedSource) as refused:
        read_all(book / "exercises")
    assert len(str(refused.value).splitlines()) == 2
