"""nnlib's answers to the cases of cases.py are PyTorch's, which make_parity.py stored beside this file."""

import ast
import inspect
import json
from pathlib import Path
from types import SimpleNamespace

import cases
import numpy as np
import pytest

import nnlib as nn

HERE = Path(__file__).parent
LIBRARY = SimpleNamespace(
    nn=nn,
    functional=nn.functional,
    init=nn.init,
    optim=nn.optim,
    utils=nn.utils,
    tensor=nn.Tensor,
)
SIGNATURES = json.loads((HERE / "signatures.json").read_text())


def stored(table):
    """Return, for each case of a table, the arrays that were given to PyTorch and those that it answered."""
    found = {}
    with np.load(HERE / f"{table}.npz") as file:
        for path, array in file.items():
            name, side, key = path.rsplit("/", 2)
            found.setdefault(name, {"given": {}, "answers": {}})[side][key] = array
    return found


STORED = {
    table: stored(table) for table in ("functions", "modules", "optimizers", "schedules", "clips", "inits", "trainings")
}


def assert_same(answers, table, name):
    expected = STORED[table][name]["answers"]
    assert answers.keys() == expected.keys()
    for key, array in answers.items():
        np.testing.assert_allclose(array, expected[key], rtol=1e-9, atol=1e-11, err_msg=f"{name}: {key}")


@pytest.mark.parametrize("name", cases.FUNCTIONS)
def test_function_and_its_gradients_are_pytorchs(name):
    function, _, options = cases.FUNCTIONS[name]
    given = STORED["functions"][name]["given"]
    assert_same(cases.run_function(LIBRARY, function, options, given), "functions", name)


@pytest.mark.parametrize("name", cases.MODULES)
def test_module_loads_pytorchs_state_and_answers_alike(name):
    build, _, call = cases.MODULES[name]
    assert_same(cases.run_module(LIBRARY, build, call, STORED["modules"][name]["given"]), "modules", name)


@pytest.mark.parametrize("name", cases.MODULES)
def test_state_of_module_leaves_as_pytorchs(name):
    """It is the state that PyTorch was given, in names, order, shapes and dtypes: so PyTorch's modules load it too."""
    model, state = cases.MODULES[name][0](nn), cases.state_of(STORED["modules"][name]["given"])
    model.load_state_dict(state)
    own = model.state_dict()
    assert list(own) == list(state)
    for key, array in own.items():
        assert array.dtype == state[key].dtype
        np.testing.assert_array_equal(array, state[key], strict=True)


@pytest.mark.parametrize("name", cases.OPTIMIZERS)
def test_optimizer_takes_pytorchs_steps(name):
    given = STORED["optimizers"][name]["given"]
    assert_same(cases.run_optimizer(LIBRARY, cases.OPTIMIZERS[name], given), "optimizers", name)


@pytest.mark.parametrize("name", cases.SCHEDULES)
def test_schedule_sets_pytorchs_rates(name):
    given = STORED["schedules"][name]["given"]
    assert_same(cases.run_schedule(LIBRARY, cases.SCHEDULES[name], given), "schedules", name)


@pytest.mark.parametrize("name", cases.CLIPS)
def test_clipping_leaves_pytorchs_gradients(name):
    assert_same(cases.run_clip(LIBRARY, cases.CLIPS[name], STORED["clips"][name]["given"]), "clips", name)


@pytest.mark.parametrize("name", cases.TRAININGS)
def test_training_follows_pytorchs_path(name):
    build, make_loss, make_optimizer, _ = cases.TRAININGS[name]
    given = STORED["trainings"][name]["given"]
    assert_same(cases.run_training(LIBRARY, build, make_loss, make_optimizer, given), "trainings", name)


@pytest.mark.parametrize("gain", cases.GAINS, ids=str)
def test_gain_is_pytorchs(gain):
    assert_same({"gain": nn.init.calculate_gain(*gain)}, "inits", f"gain of {gain}")


@pytest.mark.parametrize("name", cases.INITS)
def test_initialiser_draws_from_pytorchs_distribution(name):
    fill, shape = cases.INITS[name]
    weight = nn.Tensor(np.empty(shape))
    nn.manual_seed(0)
    fill(nn.init, weight)
    ((distribution, arguments),) = STORED["inits"][name]["answers"].items()
    expected = getattr(np.random.default_rng(0), distribution)(*arguments, shape)
    np.testing.assert_allclose(weight.data, expected, rtol=1e-9)


@pytest.mark.parametrize("name", cases.ORTHOGONALS)
def test_orthogonal_matrix_is_pytorchs_from_the_same_normal_numbers(name):
    weight = nn.Tensor(np.empty(cases.ORTHOGONALS[name]))
    nn.init.orthogonal_(weight, gain=1.5, generator=np.random.default_rng(0))
    assert_same({"weight": weight.data}, "inits", f"orthogonal {name}")


def public(space):
    """Return the functions and classes of one of nnlib's modules that PyTorch has too, as "space.name"."""
    names = vars(getattr(LIBRARY, space, None) or getattr(LIBRARY.optim, space))
    return [f"{space}.{name}" for name in names if f"{space}.{name}" in SIGNATURES]


@pytest.mark.parametrize(
    "name", [name for space in ("nn", "functional", "init", "optim", "lr_scheduler", "utils") for name in public(space)]
)
def test_arguments_stand_in_pytorchs_order_with_its_defaults(name):
    space, attribute = name.split(".")
    module = getattr(LIBRARY, space, None) or getattr(LIBRARY.optim, space)
    ours = inspect.signature(getattr(module, attribute)).parameters.values()
    ours = [(p.name, p.default) for p in ours if p.kind is not p.VAR_POSITIONAL and p.name != "generator"]
    theirs = dict(SIGNATURES[name])
    assert [key for key, _ in ours] == [key for key in theirs if key in dict(ours)]
    for key, default in ours:
        value = ast.literal_eval(theirs[key] or "None")
        if value is None:
            assert default in (None, (), inspect.Parameter.empty)
        else:
            assert default == value
