"""Initialisers: the bounds and moments of their formulas, from the fans of the weight."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nnlib as nn
from nnlib import init

OUT, IN = 300, 500
FIELD = 4  # kernel positions of the four-dimensional weight


def weight(*shape):
    return nn.Tensor(np.full(shape, np.nan), requires_grad=True)


def test_fans_count_connections():
    assert init.fans(weight(OUT, IN)) == (IN, OUT)
    assert init.fans(weight(OUT, IN, 2, 2)) == (IN * FIELD, OUT * FIELD)


UNIFORM = {
    "uniform": (lambda w: init.uniform_(w, -0.5, 2.0), -0.5, 2.0),
    "xavier": (init.xavier_uniform_, -math.sqrt(6 / (IN + OUT)), math.sqrt(6 / (IN + OUT))),
    "xavier, gain": (
        lambda w: init.xavier_uniform_(w, 3.0),
        -3 * math.sqrt(6 / (IN + OUT)),
        3 * math.sqrt(6 / (IN + OUT)),
    ),
    "kaiming": (init.kaiming_uniform_, -math.sqrt(6 / IN), math.sqrt(6 / IN)),
    "kaiming, fan_out": (lambda w: init.kaiming_uniform_(w, mode="fan_out"), -math.sqrt(6 / OUT), math.sqrt(6 / OUT)),
    "kaiming, linear": (
        lambda w: init.kaiming_uniform_(w, nonlinearity="linear"),
        -math.sqrt(3 / IN),
        math.sqrt(3 / IN),
    ),
}
NORMAL = {
    "normal": (lambda w: init.normal_(w, 1.0, 0.3), 1.0, 0.3),
    "xavier": (init.xavier_normal_, 0.0, math.sqrt(2 / (IN + OUT))),
    "kaiming": (init.kaiming_normal_, 0.0, math.sqrt(2 / IN)),
    "kaiming, slope": (lambda w: init.kaiming_normal_(w, a=2.0), 0.0, math.sqrt(2 / (1 + 4) / IN)),
    "kaiming, tanh, fan_out": (
        lambda w: init.kaiming_normal_(w, mode="fan_out", nonlinearity="tanh"),
        0.0,
        5 / 3 / math.sqrt(OUT),
    ),
}


@pytest.mark.parametrize("name", UNIFORM)
def test_uniform_numbers_fill_their_interval_evenly(name):
    fill, low, high = UNIFORM[name]
    numbers = fill(weight(OUT, IN)).data
    assert low <= numbers.min() < low + 1e-3 * (high - low)
    assert high - 1e-3 * (high - low) < numbers.max() < high
    shares, _ = np.histogram(numbers, bins=10, range=(low, high))
    np.testing.assert_allclose(shares / numbers.size, 0.1, atol=0.005)


@pytest.mark.parametrize("name", NORMAL)
def test_normal_numbers_have_their_moments(name):
    fill, mean, std = NORMAL[name]
    numbers = (fill(weight(OUT, IN)).data - mean) / std
    moments = [np.mean(numbers**k) for k in (1, 2, 3, 4)]
    np.testing.assert_allclose(moments, [0, 1, 0, 3], atol=0.06)


@given(rows=st.integers(1, 9), columns=st.lists(st.integers(1, 4), min_size=1, max_size=3), gain=st.floats(0.1, 10))
def test_orthogonal_matrix_times_its_transpose_is_gain_squared(rows, columns, gain):
    w = init.orthogonal_(weight(rows, *columns), gain).data.reshape(rows, -1)
    product = w @ w.T if rows <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(product, gain**2 * np.eye(min(w.shape)), atol=1e-10)


def test_orthogonal_matrices_are_all_equally_likely():
    """Then each element has mean 0 and variance 1/n, also those on the diagonal."""
    drawn = np.array([init.orthogonal_(weight(3, 3)).data for _ in range(4000)])
    np.testing.assert_allclose(drawn.mean(axis=0), 0, atol=0.04)
    np.testing.assert_allclose(drawn.var(axis=0), 1 / 3, atol=0.02)


@pytest.mark.parametrize("fill", [init.zeros_, lambda w: init.constant_(w, 0.0)])
def test_zeros_and_constants_fill(fill):
    np.testing.assert_array_equal(fill(weight(2, 3)).data, np.zeros((2, 3)))


def test_linear_starts_evenly_within_one_over_root_in_features():
    layer = nn.Linear(400, 3000)
    for parameter in layer.parameters():
        assert 0.99 / 20 < abs(parameter.data).max() <= 1 / 20
        assert parameter.data.std() == pytest.approx(1 / 20 / math.sqrt(3), rel=0.1)


def test_normal_numbers_without_deviation_are_the_mean():
    np.testing.assert_array_equal(init.normal_(weight(2, 3), mean=0.5, std=0).data, np.full((2, 3), 0.5))


def test_filling_is_in_place_returns_the_tensor_and_records_nothing():
    w = weight(2, 3)
    array = w.data
    assert init.xavier_normal_(w) is w
    assert w.data is array and w.is_leaf


def test_filling_keeps_float32():
    w = nn.Tensor(np.zeros((2, 3), np.float32))
    assert init.kaiming_normal_(w).dtype == np.float32


@pytest.mark.parametrize(
    "fill",
    [
        init.uniform_,
        init.normal_,
        init.xavier_uniform_,
        init.xavier_normal_,
        init.kaiming_uniform_,
        init.kaiming_normal_,
        init.orthogonal_,
    ],
)
def test_generator_decides_the_numbers(fill):
    first, again = (fill(weight(2, 3), generator=np.random.default_rng(4)).data for _ in range(2))
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize(
    "fill",
    [init.xavier_uniform_, init.xavier_normal_, init.kaiming_uniform_, init.kaiming_normal_, init.orthogonal_],
)
def test_vector_has_no_fans(fill):
    w = weight(3)
    with pytest.raises(ValueError, match=r"at least 2 dimensions, got shape \(3,\)"):
        fill(w)
    assert np.isnan(w.data).all()


@pytest.mark.parametrize("std", [-1.0, np.nan])
def test_normal_refuses_a_negative_deviation(std):
    with pytest.raises(ValueError, match=f"std must be ≥ 0, got {std}"):
        init.normal_(weight(2, 3), std=std)


def test_kaiming_refuses_another_mode():
    with pytest.raises(ValueError, match="mode must be 'fan_in' or 'fan_out', got 'fan_avg'"):
        init.kaiming_uniform_(weight(2, 3), mode="fan_avg")


def test_gain_refuses_an_unknown_activation():
    with pytest.raises(ValueError, match=r"nonlinearity must be one of \['leaky_relu', .*, got 'swish'"):
        init.calculate_gain("swish")
