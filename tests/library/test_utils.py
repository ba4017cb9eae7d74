"""gradcheck catches wrong gradients; clipping does what its formula says."""

import numpy as np
import pytest

import nnlib as nn
from nnlib.tensor import record


def leaf(data):
    return nn.Tensor(data, requires_grad=True)


def operation(value, gradient):
    """Return the operation x → value(x), whose backward is gradient(d, x)."""
    return lambda x: record(value(x.data), (x, lambda d: gradient(d, x.data)))


def test_gradcheck_accepts_a_right_gradient():
    assert nn.utils.gradcheck(operation(np.square, lambda d, x: d * 2 * x), leaf([1.0, -2.0]))


@pytest.mark.parametrize(
    "gradient",
    [
        lambda d, x: -d * 2 * x,
        lambda d, x: d * x,
        lambda d, x: d * 1.99 * x,
        lambda d, x: d * 2 * x + 0.01,
        lambda d, x: d * np.nan,
        lambda d, x: 0 * d,
    ],
)
def test_gradcheck_catches_a_wrong_gradient(gradient):
    with pytest.raises(ValueError, match=r"gradient of input 0 at \(0,\) is"):
        nn.utils.gradcheck(operation(np.square, gradient), leaf([1.0, -2.0]))


def test_gradcheck_takes_constants_of_any_kind():
    assert nn.utils.gradcheck(lambda x, n, a: x**n * a, [leaf([1.0, -2.0]), 3, np.array([1.0, 5.0])])


def test_gradcheck_names_the_input_the_element_and_both_numbers():
    half_right = operation(np.square, lambda d, x: d * [2.0, 5.0])
    with pytest.raises(ValueError, match=r"input 1 at \(1,\) is -?\d.*, differences give -?\d"):
        nn.utils.gradcheck(lambda a, b: a + half_right(b), [leaf([0.0, 0.0]), leaf([1.0, 1.0])])


def test_gradcheck_catches_a_gradient_that_is_not_transposed(rng):
    product = operation(lambda x: x @ x, lambda d, x: d @ x + x @ d)
    with pytest.raises(ValueError, match="gradient of input 0"):
        nn.utils.gradcheck(product, leaf(rng.normal(size=(2, 2))))


def test_gradcheck_does_not_let_directions_cancel():
    """The rows of softmax sum to 1, so that without weights a gradient of 0 would look right."""
    still = operation(lambda x: nn.functional.softmax(x, 1).data, lambda d, x: 0 * d)
    with pytest.raises(ValueError, match="gradient of input 0"):
        nn.utils.gradcheck(still, leaf([[1.0, 2.0]]))


def test_gradcheck_counts_a_gradient_that_never_arrives_as_zero():
    with pytest.raises(ValueError, match=r"input 1 at \(0,\) is 0, differences give"):
        nn.utils.gradcheck(lambda a, b: a * b.detach(), [leaf([1.0]), leaf([2.0])])


def test_gradcheck_leaves_its_inputs_alone():
    x = leaf([1.0, 2.0])
    nn.utils.gradcheck(lambda x: x * x, x)
    assert x.data.tolist() == [1.0, 2.0] and x.grad is None


def test_gradcheck_needs_an_input_that_requires_gradients():
    with pytest.raises(ValueError, match="at least one input that requires gradients"):
        nn.utils.gradcheck(lambda x: x * x, nn.Tensor([1.0]))


def test_gradcheck_refuses_float32():
    with pytest.raises(ValueError, match="needs float64, input 0 is float32"):
        nn.utils.gradcheck(lambda x: x * x, leaf(np.ones(1, np.float32)))


def parameters_with_gradients(*gradients):
    parameters = [leaf(np.zeros(np.shape(g))) for g in gradients]
    for p, g in zip(parameters, gradients, strict=True):
        p.grad = np.array(g, float)
    return parameters


def test_clipping_the_norm_keeps_the_direction():
    parameters = parameters_with_gradients([3.0, 0.0], [[4.0]])
    assert nn.utils.clip_grad_norm_(parameters, 1.0) == 5
    np.testing.assert_allclose(parameters[0].grad, [0.6, 0], rtol=1e-6)
    np.testing.assert_allclose(parameters[1].grad, [[0.8]], rtol=1e-6)


def test_clipping_takes_a_single_parameter_too():
    (p,) = parameters_with_gradients([3.0, 4.0])
    assert nn.utils.clip_grad_norm_(p, 1.0) == 5


def test_clipping_the_norm_leaves_shorter_gradients_alone():
    (p,) = parameters_with_gradients([3.0, 4.0])
    nn.utils.clip_grad_norm_(p, 5.1)
    np.testing.assert_array_equal(p.grad, [3, 4])


def test_clipping_by_value_holds_each_element():
    (p,) = parameters_with_gradients([-3.0, 0.5, 2.0])
    nn.utils.clip_grad_value_([p], 1.0)
    np.testing.assert_array_equal(p.grad, [-1, 0.5, 1])


@pytest.mark.parametrize("clip", [lambda p: nn.utils.clip_grad_norm_(p, 1), lambda p: nn.utils.clip_grad_value_(p, 1)])
def test_clipping_passes_over_parameters_without_gradient(clip):
    p = leaf([1.0])
    clip([p])
    assert p.grad is None


@pytest.mark.parametrize("limit", [0, -1.0, np.nan])
@pytest.mark.parametrize(("name", "bound"), [("clip_grad_norm_", "max_norm"), ("clip_grad_value_", "clip_value")])
def test_clipping_refuses_a_limit_that_is_not_positive(name, bound, limit):
    (p,) = parameters_with_gradients([3.0, 4.0])
    with pytest.raises(ValueError, match=f"{bound} must be > 0, got {limit}"):
        getattr(nn.utils, name)([p], limit)
    np.testing.assert_array_equal(p.grad, [3, 4])
