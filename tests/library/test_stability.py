"""Right values, without a warning, for scores of any size; SciPy is the judge."""

import numpy as np
import pytest
import scipy.special

import nnlib as nn
from nnlib import functional as F

Z = np.concatenate(
    [-np.logspace(300, -300, 61), [0.0], np.logspace(-300, 300, 61), np.linspace(-800, 800, 1601), [1e4, -1e4]]
)
SCORES = np.array(
    [[1e4, 0, -1e4], [1e4, 1e4, 1e4], [-1e4, -1e4, -9999], [1e300, 1, -1e300], [700, 0, -700], [0, 0, 1e-9]]
)

# name → value, its derivative
CURVES = {
    "sigmoid": (scipy.special.expit, lambda z: scipy.special.expit(z) * scipy.special.expit(-z)),
    "softplus": (lambda z: -scipy.special.log_expit(-z), scipy.special.expit),
    "logsigmoid": (scipy.special.log_expit, lambda z: scipy.special.expit(-z)),
}


def value_and_gradient(function, array):
    z = nn.Tensor(array, requires_grad=True)
    y = function(z)
    y.sum().backward()
    return y.data, z.grad


@pytest.mark.parametrize("name", CURVES)
def test_value_is_scipys_for_scores_of_any_size(name):
    np.testing.assert_allclose(value_and_gradient(getattr(F, name), Z)[0], CURVES[name][0](Z), rtol=1e-14, atol=1e-300)


@pytest.mark.parametrize("name", CURVES)
def test_slope_is_scipys_for_scores_of_any_size(name):
    np.testing.assert_allclose(value_and_gradient(getattr(F, name), Z)[1], CURVES[name][1](Z), rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("name", CURVES)
def test_float32_value_is_scipys_for_scores_of_any_size(name):
    z = Z[np.abs(Z) < 1e30].astype(np.float32)
    np.testing.assert_allclose(value_and_gradient(getattr(F, name), z)[0], CURVES[name][0](z), rtol=1e-6, atol=1e-37)


@pytest.mark.parametrize("function", [F.tanh, F.relu, F.leaky_relu, F.elu, F.silu, F.gelu], ids=lambda f: f.__name__)
def test_activation_and_slope_are_finite_up_to_a_million(function):
    y, slope = value_and_gradient(function, Z[np.abs(Z) <= 1e6])
    assert np.isfinite(y).all() and np.isfinite(slope).all()


def test_softmax_is_scipys_for_scores_of_any_size():
    np.testing.assert_allclose(F.softmax(SCORES, dim=1).data, scipy.special.softmax(SCORES, axis=1), rtol=1e-12)


def test_log_softmax_is_scipys_for_scores_of_any_size():
    np.testing.assert_allclose(F.log_softmax(SCORES, dim=1).data, scipy.special.log_softmax(SCORES, axis=1), rtol=1e-15)


def test_softmax_gives_a_masked_score_no_probability():
    np.testing.assert_array_equal(F.softmax([[0.0, -np.inf, 0.0]], dim=1).data, [[0.5, 0, 0.5]])


def test_cross_entropy_is_scipys_for_scores_of_any_size():
    classes = np.array([0, 1, 2, 1, 2, 0])
    expected = -scipy.special.log_softmax(SCORES, axis=1)[np.arange(6), classes]
    loss = F.cross_entropy(SCORES, classes, reduction="none")
    np.testing.assert_allclose(loss.data, expected, rtol=1e-12)


def test_cross_entropy_gradient_is_probability_minus_one_hot_for_scores_of_any_size():
    classes = np.array([0, 1, 2, 1, 2, 0])
    _, gradient = value_and_gradient(lambda z: F.cross_entropy(z, classes, reduction="sum"), SCORES)
    np.testing.assert_allclose(
        gradient, scipy.special.softmax(SCORES, axis=1) - np.eye(3)[classes], rtol=1e-12, atol=1e-15
    )


def test_class_that_cannot_be_costs_nothing_where_it_is_not_wanted():
    loss, gradient = value_and_gradient(lambda z: F.cross_entropy(z, [0]), np.array([[1.0, -np.inf, 1.0]]))
    np.testing.assert_allclose(loss, np.log(2))
    np.testing.assert_allclose(gradient, [[-0.5, 0, 0.5]])


@pytest.mark.parametrize("y", [0.0, 0.3, 1.0])
def test_bce_with_logits_is_scipys_for_scores_of_any_size(y):
    z = Z[np.abs(Z) < 1e290]
    target = np.full_like(z, y)
    value, gradient = value_and_gradient(lambda z: F.binary_cross_entropy_with_logits(z, target, reduction="none"), z)
    expected = -y * scipy.special.log_expit(z) - (1 - y) * scipy.special.log_expit(-z)
    np.testing.assert_allclose(value, expected, rtol=1e-13, atol=1e-300)
    np.testing.assert_allclose(gradient, scipy.special.expit(z) - y, rtol=1e-12, atol=1e-15)


def test_bce_holds_each_logarithm_at_minus_100():
    loss = F.binary_cross_entropy([0.0, 1.0, 0.0, 1.0], [1.0, 0.0, 0.0, 1.0], reduction="none")
    np.testing.assert_array_equal(loss.data, [100, 100, 0, 0])


# The numbers that the book prints


@pytest.mark.parametrize(
    ("function", "z", "printed"),
    [
        (F.sigmoid, 2.3, 0.9089),
        (F.tanh, 2.3, 0.9801),
        (F.sigmoid, -2.0, 0.1192),
        (F.tanh, -2.0, -0.9640),
        (F.relu, -2.0, 0.0),
        (F.relu, 2.3, 2.3),
    ],
)
def test_neuron_of_the_book_answers_as_printed(function, z, printed):
    assert round(function(z).item(), 4) == printed


def test_softmax_of_the_book_answers_as_printed():
    np.testing.assert_array_equal(F.softmax([2, 1, 0.1], dim=0).data.round(3), [0.659, 0.242, 0.099])
