"""The perceptron: what it can learn, what it cannot, and Novikoff's bound on its mistakes."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import nnlib as nn
from nnlib.classic import Perceptron

CORNERS, XOR = nn.data.xor()


@st.composite
def separable(draw):
    """Draw points, labels that some line through them gives, and that line with a margin, as (X, y, w, b)."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    features, n = draw(st.integers(1, 5)), draw(st.integers(1, 40))
    w, b = rng.normal(size=features), rng.normal()
    X = rng.normal(scale=draw(st.sampled_from([0.1, 1.0, 10.0])), size=(n, features))
    z = X @ w + b
    far = np.abs(z) > 0.2 * np.linalg.norm(w)
    assume(far.any())
    return X[far], (z[far] > 0).astype(int), w, b


@pytest.mark.parametrize(
    ("gate", "y"), [("and", [0, 0, 0, 1]), ("or", [0, 1, 1, 1]), ("nand", [1, 1, 1, 0]), ("nor", [1, 0, 0, 0])]
)
def test_learns_every_gate_that_a_line_separates(gate, y):
    perceptron = Perceptron().fit(CORNERS, y)
    assert perceptron.converged
    assert perceptron.predict(CORNERS).tolist() == y


def test_learns_not():
    perceptron = Perceptron().fit([[0.0], [1.0]], [1, 0])
    assert perceptron.converged and perceptron.predict([[0.0], [1.0]]).tolist() == [1, 0]


@pytest.mark.parametrize("shuffle", [False, True])
def test_never_settles_on_xor(shuffle):
    perceptron = Perceptron(epochs=500, shuffle=shuffle).fit(CORNERS, XOR)
    assert not perceptron.converged
    assert len(perceptron.mistakes) == 500 and min(perceptron.mistakes) > 0


@given(separable(), st.booleans())
def test_mistakes_stay_within_novikoffs_bound(problem, shuffle):
    X, y, w, b = problem
    points, line = np.column_stack([X, np.ones(len(X))]), np.append(w, b)
    R = np.linalg.norm(points, axis=1).max()
    gamma = ((2 * y - 1) * (points @ line)).min() / np.linalg.norm(line)
    perceptron = Perceptron(epochs=100_000, shuffle=shuffle).fit(X, y)
    assert perceptron.converged
    assert sum(perceptron.mistakes) <= (R / gamma) ** 2


@given(separable(), st.integers(-6, 6))
def test_learning_rate_only_scales_the_weights(problem, exponent):
    """By powers of two, which floating-point numbers multiply without rounding."""
    X, y, _, _ = problem
    one, other = Perceptron().fit(X, y), Perceptron(lr=2.0**exponent).fit(X, y)
    assert one.mistakes == other.mistakes
    np.testing.assert_array_equal(other.weight, 2.0**exponent * one.weight)
    assert other.bias == 2.0**exponent * one.bias


@given(separable())
def test_weights_are_the_sum_of_the_corrections(problem):
    X, y, _, _ = problem
    perceptron = Perceptron(lr=0.5).fit(X, y)
    weight, bias = np.zeros(X.shape[1]), 0.0
    for update in perceptron.updates:
        i = update["index"]
        assert (X[i] @ weight + bias >= 0) != y[i]
        weight, bias = weight + 0.5 * (2 * y[i] - 1) * X[i], bias + 0.5 * (2 * y[i] - 1)
        np.testing.assert_allclose(update["weight"], weight)
        assert update["bias"] == bias
    np.testing.assert_allclose(perceptron.weight, weight)
    assert perceptron.bias == bias


@given(separable())
def test_each_correction_belongs_to_its_epoch(problem):
    X, y, _, _ = problem
    perceptron = Perceptron().fit(X, y)
    epochs = [update["epoch"] for update in perceptron.updates]
    assert [epochs.count(e) for e in range(1, len(perceptron.mistakes) + 1)] == perceptron.mistakes


def test_stops_after_the_first_epoch_without_a_mistake():
    perceptron = Perceptron().fit(CORNERS, [0, 0, 0, 1])
    assert perceptron.mistakes.index(0) == len(perceptron.mistakes) - 1


def test_stops_after_the_epochs_allowed():
    assert Perceptron(epochs=1).fit(CORNERS, XOR).mistakes == [3]


def test_score_of_zero_counts_as_class_1():
    perceptron = Perceptron().fit([[1.0]], [1])
    assert perceptron.decision_function([[1.0]]) == 0 and perceptron.predict([[1.0]]) == 1


def test_decision_function_is_the_weighted_sum():
    perceptron = Perceptron().fit(CORNERS, [0, 1, 1, 1])
    expected = CORNERS @ perceptron.weight + perceptron.bias
    np.testing.assert_array_equal(perceptron.decision_function(CORNERS.tolist()), expected)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int8, float])
def test_labels_of_any_kind_teach_the_same(dtype):
    expected = Perceptron().fit(CORNERS, [0, 0, 0, 1])
    perceptron = Perceptron().fit(CORNERS, np.array([0, 0, 0, 1], dtype))
    np.testing.assert_array_equal(perceptron.weight, expected.weight)


def test_order_follows_the_generator():
    X, y = nn.data.moons(50, noise=0.3)
    paths = [
        Perceptron(epochs=5, shuffle=True, generator=np.random.default_rng(s)).fit(X, y).updates for s in (1, 1, 2)
    ]
    orders = [[update["index"] for update in path] for path in paths]
    assert orders[0] == orders[1] != orders[2]


def test_fitting_again_starts_afresh():
    perceptron = Perceptron().fit(CORNERS, XOR).fit(CORNERS, [0, 0, 0, 1])
    np.testing.assert_array_equal(perceptron.weight, Perceptron().fit(CORNERS, [0, 0, 0, 1]).weight)


@pytest.mark.parametrize("lr", [0, -1, np.nan, np.inf])
def test_refuses_a_learning_rate_that_is_not_positive(lr):
    with pytest.raises(ValueError, match=f"lr must be a finite number > 0, got {lr}"):
        Perceptron(lr=lr)


@pytest.mark.parametrize("epochs", [0, -1, 2.0, True])
def test_refuses_epochs_that_are_no_positive_integer(epochs):
    with pytest.raises(ValueError, match=f"epochs must be an integer ≥ 1, got {epochs!r}"):
        Perceptron(epochs=epochs)


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (CORNERS, [0, 1, 1], r"X must have shape \(n, features\) and y \(n,\), got \(4, 2\) and \(3,\)"),
        (CORNERS[:, 0], XOR, r"got \(4,\) and \(4,\)"),
        (CORNERS, XOR[:, None], r"got \(4, 2\) and \(4, 1\)"),
        (CORNERS * np.nan, XOR, "X must be finite"),
        (CORNERS - np.inf, XOR, "X must be finite"),
        (CORNERS, [-1, 1, 1, -1], r"labels must be 0 or 1, got \[-1\]"),
        (CORNERS, [0, 1, 2, 3], r"labels must be 0 or 1, got \[2, 3\]"),
        (CORNERS, [0, 0.5, 1, 1], r"labels must be 0 or 1, got \[0.5\]"),
    ],
)
def test_refuses_data_that_do_not_fit_and_keeps_what_it_learned(X, y, message):
    perceptron = Perceptron().fit(CORNERS, [0, 0, 0, 1])
    learned = perceptron.weight.tolist()
    with pytest.raises(ValueError, match=message):
        perceptron.fit(X, y)
    assert perceptron.weight.tolist() == learned and perceptron.converged
