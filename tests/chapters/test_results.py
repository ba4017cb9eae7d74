"""The script behind the page of published results still runs, and what it stored is whole."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location("reproduce", ROOT / "results" / "reproduce.py")
reproduce = importlib.util.module_from_spec(spec)
spec.loader.exec_module(reproduce)
STORED = reproduce.stored()


def numbers(value) -> list:
    """All numbers in nested lists and dictionaries."""
    if isinstance(value, dict | list):
        return [n for item in (value.values() if isinstance(value, dict) else value) for n in numbers(item)]
    return [] if value is None else [value]


def test_every_long_result_is_stored():
    assert list(STORED) == list(reproduce.LONG)


@pytest.mark.parametrize("name", reproduce.LONG)
def test_result_runs_in_short_and_has_the_form_of_what_is_stored(name):
    short = json.loads(json.dumps(reproduce.rounded(reproduce.LONG[name](short=True))))
    assert short.keys() == STORED[name].keys()
    assert np.isfinite(numbers(short)).all() and np.isfinite(numbers(STORED[name])).all()


def test_stored_starts_of_symmetry_are_found_again():
    for seed in (7, 8):
        _, solved = reproduce.learn_symmetry(seed)
        assert solved[0.5] == STORED["symmetry"]["right"][seed]
        assert solved[0.1] == STORED["symmetry"]["close"][seed]


def test_stored_singular_values_are_found_again():
    values = reproduce.glorot_jacobians(1 / np.sqrt(1000), layers=2, seed=0)
    assert values == pytest.approx(STORED["glorot"]["standard"][0][:1], rel=1e-5)


def test_stored_accuracy_of_logistic_regression_is_found_again():
    with reproduce.float32():
        reproduce.nn.manual_seed(0)
        run = reproduce.learn_mnist1d(reproduce.MODELS["logistic"](), reproduce.mnist1d_data(), 6000)
    assert run["test"] == pytest.approx(STORED["mnist1d"]["logistic"]["in order"]["test"][0], abs=0.005)


def test_first_lstm_steps_along_the_gradient_where_no_error_would_leave_a_cell():
    def fresh():
        net = reproduce.LSTM1997(2, np.random.default_rng(0))
        net.W[:, :, 2:10] = 0  # then truncating the error leaves nothing out
        return net

    def loss(name, index, nudge):
        net = fresh()
        getattr(net, name)[(slice(None), *index)] += nudge
        return (target - net.forward(x)) ** 2 / 2

    x, target = reproduce.adding_sequences(np.random.default_rng(1), 2, T=20)
    net, start = fresh(), fresh()
    output = net.forward(x)
    net.learn(output, target - output, np.ones(2))
    for name in ("W", "V"):
        step = getattr(net, name) - getattr(start, name)
        for index in np.ndindex(step.shape[1:]):
            slope = (loss(name, index, 1e-5) - loss(name, index, -1e-5)) / 2e-5
            assert step[(slice(None), *index)] == pytest.approx(-slope, rel=1e-5, abs=1e-11)


def test_unknown_name_is_refused_with_those_there_are():
    with pytest.raises(SystemExit, match="no 'nothing'; the results are symmetry, glorot"):
        reproduce.main(["nothing"])
