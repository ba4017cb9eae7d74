"""What every operation promises: right gradients, for any layout, in the dtype that came in, and inputs left alone."""

import zlib

import numpy as np
import pytest

import nnlib as nn
from nnlib import functional as F

N = "examples"  # the length of a dimension that may also be empty


def normal(*shape):
    return lambda rng, n: rng.normal(size=sized(shape, n))


def positive(*shape):
    return lambda rng, n: rng.uniform(0.5, 2, sized(shape, n))


def probabilities(*shape):
    return lambda rng, n: rng.uniform(0.1, 0.9, sized(shape, n))


def classes(count, *shape):
    return lambda rng, n: rng.integers(count, size=sized(shape, n))


def sized(shape, n):
    return tuple(n if size is N else size for size in shape)


# name → the operation, and how each of its inputs is drawn
OPERATIONS = {
    "a + b": (lambda a, b: a + b, normal(N, 3), normal(N, 3)),
    "a + row": (lambda a, b: a + b, normal(N, 3), normal(3)),
    "column + row": (lambda a, b: a + b, normal(N, 1), normal(1, 3)),
    "a + number": (lambda a: a + 2.5, normal(N, 3)),
    "number + a": (lambda a: 2 + a, normal(N, 3)),
    "a - b": (lambda a, b: a - b, normal(N, 3), normal(N, 3)),
    "row - a": (lambda a, b: a - b, normal(3), normal(N, 3)),
    "number - a": (lambda a: 1 - a, normal(N, 3)),
    "-a": (lambda a: -a, normal(N, 3)),
    "a * b": (lambda a, b: a * b, normal(N, 3), normal(N, 3)),
    "a * column": (lambda a, b: a * b, normal(N, 3), normal(N, 1)),
    "a * array": (lambda a: np.array([1, 2, 3]) * a, normal(N, 3)),
    "a * number": (lambda a: a * np.float64(2.5), normal(N, 3)),
    "a * a": (lambda a: a * a, normal(N, 3)),
    "a / b": (lambda a, b: a / b, normal(N, 3), positive(N, 3)),
    "a / row": (lambda a, b: a / b, normal(N, 3), positive(3)),
    "number / a": (lambda a: 2 / a, positive(N, 3)),
    "a / integer": (lambda a: a / np.int64(3), normal(N, 3)),
    "a ** 0": (lambda a: a**0, normal(N, 3)),
    "a ** 1": (lambda a: a**1, normal(N, 3)),
    "a ** 3": (lambda a: a**3, normal(N, 3)),
    "a ** -0.5": (lambda a: a**-0.5, positive(N, 3)),
    "matrix @ matrix": (lambda a, b: a @ b, normal(N, 3), normal(3, 2)),
    "matrix @ vector": (lambda a, b: a @ b, normal(N, 3), normal(3)),
    "vector @ matrix": (lambda a, b: a @ b, normal(3), normal(3, 2)),
    "vector @ vector": (lambda a, b: a @ b, normal(3), normal(3)),
    "vector @ stack": (lambda a, b: a @ b, normal(3), normal(N, 3, 2)),
    "stack @ vector": (lambda a, b: a @ b, normal(N, 2, 3), normal(3)),
    "stack @ matrix": (lambda a, b: a @ b, normal(N, 2, 3), normal(3, 2)),
    "stack @ stack": (lambda a, b: a @ b, normal(N, 2, 3), normal(N, 3, 2)),
    "array @ a": (lambda a: np.ones((2, 3), int) @ a, normal(3, 2)),
    "exp": (lambda a: a.exp(), normal(N, 3)),
    "log": (lambda a: a.log(), positive(N, 3)),
    "sqrt": (lambda a: a.sqrt(), positive(N, 3)),
    "abs": (lambda a: a.abs(), normal(N, 3)),
    "sum": (lambda a: a.sum(), normal(N, 3)),
    "sum over rows": (lambda a: a.sum(dim=0), normal(N, 3)),
    "sum keepdim": (lambda a: a.sum(dim=-1, keepdim=True), normal(N, 3)),
    "sum over two": (lambda a: a.sum(dim=(0, -1)), normal(N, 3, 2)),
    "mean over columns": (lambda a: a.mean(dim=1), normal(N, 3)),
    "mean keepdim": (lambda a: a.mean(dim=1, keepdim=True), normal(N, 3)),
    "mean over two": (lambda a: a.mean(dim=(1, 2)), normal(N, 3, 2)),
    "max over columns": (lambda a: a.max(dim=1), normal(N, 3)),
    "max keepdim": (lambda a: a.max(dim=-1, keepdim=True), normal(N, 3)),
    "reshape": (lambda a: a.reshape(3, -1), normal(N, 3)),
    "transpose": (lambda a: a.transpose(0, 2), normal(N, 3, 2)),
    "permute": (lambda a: a.permute(2, 0, -2), normal(N, 3, 2)),
    "T": (lambda a: a.T, normal(N, 3)),
    "a[:, i]": (lambda a: a[:, 1], normal(N, 3)),
    "a[..., slice]": (lambda a: a[..., ::-2], normal(N, 3)),
    "a[:, picked twice]": (lambda a: a[:, [0, 2, 0]], normal(N, 3)),
    "a[:, None]": (lambda a: a[:, None], normal(N, 3)),
    "a[mask]": (lambda a: a[nn.Tensor(a.data > 0)], normal(N, 3)),
    "to": (lambda a: a.to(a.dtype), normal(N, 3)),
    "relu": (F.relu, normal(N, 3)),
    "leaky_relu": (lambda z: F.leaky_relu(z, np.float64(0.2)), normal(N, 3)),
    "elu": (lambda z: F.elu(z, np.float64(1.5)), normal(N, 3)),
    "sigmoid": (F.sigmoid, normal(N, 3)),
    "tanh": (F.tanh, normal(N, 3)),
    "silu": (F.silu, normal(N, 3)),
    "gelu": (F.gelu, normal(N, 3)),
    "gelu tanh": (lambda z: F.gelu(z, approximate="tanh"), normal(N, 3)),
    "softplus": (F.softplus, normal(N, 3)),
    "logsigmoid": (F.logsigmoid, normal(N, 3)),
    "softmax": (lambda z: F.softmax(z, dim=1), normal(N, 3)),
    "log_softmax": (lambda z: F.log_softmax(z, dim=-1), normal(N, 3)),
    "linear": (F.linear, normal(N, 3), normal(2, 3), normal(2)),
    "linear without bias": (F.linear, normal(N, 3), normal(2, 3)),
    "linear of a stack": (F.linear, normal(N, 2, 3), normal(2, 3), normal(2)),
    "linear of one example": (F.linear, normal(3), normal(2, 3), normal(2)),
    "dropout": (lambda a: F.dropout(a, 0.3, generator=np.random.default_rng(0)), normal(N, 3)),
    "dropout of all": (lambda a: F.dropout(a, 1.0), normal(N, 3)),
    "mse": (lambda a, y: F.mse_loss(a, y, "sum"), normal(N, 3), normal(N, 3)),
    "mse of each": (lambda a, y: F.mse_loss(a, y, "none"), normal(N, 3), normal(N, 3)),
    "l1": (lambda a, y: F.l1_loss(a, y, "sum"), normal(N, 3), normal(N, 3)),
    "bce": (
        lambda p, y: F.binary_cross_entropy(p, y, [0.5, 1.0, 2.0], "sum"),
        probabilities(N, 3),
        probabilities(N, 3),
    ),
    "logits": (
        lambda z, y: F.binary_cross_entropy_with_logits(z, y, [0.5, 1.0, 2.0], "sum", pos_weight=[3.0]),
        normal(N, 3),
        probabilities(N, 3),
    ),
    "cross_entropy": (lambda z, y: F.cross_entropy(z, y, reduction="sum"), normal(N, 3), classes(3, N)),
    "cross_entropy with all": (
        lambda z, y: F.cross_entropy(z, y, [0.5, 1.0, 2.0], 1, "sum", np.float64(0.1)),
        normal(N, 3),
        classes(3, N),
    ),
    "cross_entropy of each": (lambda z, y: F.cross_entropy(z, y, reduction="none"), normal(N, 3), classes(3, N)),
    "cross_entropy of images": (
        lambda z, y: F.cross_entropy(z, y, reduction="sum"),
        normal(N, 3, 2),
        classes(3, N, 2),
    ),
    "cross_entropy of shares": (
        lambda z, y: F.cross_entropy(z, y, [0.5, 1.0, 2.0], reduction="sum", label_smoothing=0.1),
        normal(N, 3),
        probabilities(N, 3),
    ),
    "nll": (lambda p, y: F.nll_loss(p, y, [0.5, 1.0, 2.0], 1, "sum"), normal(N, 3), classes(3, N)),
}
MEANS = {
    "mean": (lambda a: a.mean(), normal(N, 3)),
    "max": (lambda a: a.max(), normal(N, 3)),
    "mse mean": (F.mse_loss, normal(N, 3), normal(N, 3)),
    "l1 mean": (F.l1_loss, normal(N, 3), normal(N, 3)),
    "bce mean": (F.binary_cross_entropy, probabilities(N, 3), probabilities(N, 3)),
    "logits mean": (F.binary_cross_entropy_with_logits, normal(N, 3), probabilities(N, 3)),
    "cross_entropy mean": (lambda z, y: F.cross_entropy(z, y, [0.5, 1.0, 2.0]), normal(N, 3), classes(3, N)),
    "cross_entropy of shares mean": (F.cross_entropy, normal(N, 3), probabilities(N, 3)),
    "nll mean": (F.nll_loss, normal(N, 3), classes(3, N)),
}
EVERY = OPERATIONS | MEANS


def spread_out(array):
    view = np.zeros([2 * size for size in array.shape], array.dtype)[(slice(None, None, 2),) * array.ndim]
    view[...] = array
    return view


def read_only(array):
    array.flags.writeable = False
    return array


LAYOUTS = {
    "every second element": spread_out,
    "columns first": np.asfortranarray,
    "backwards": lambda a: np.flip(np.flip(a).copy()),
    "one row for all": lambda a: np.broadcast_to(a[:1], a.shape),
    "read-only": lambda a: read_only(a.copy()),
}


def inputs_of(name, n=4):
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    return [draw(rng, n) for draw in EVERY[name][1:]]


def tensors(arrays):
    return [nn.Tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]


def run(name, arrays):
    """Return the result, and the gradients that arrive at the inputs when d = cos 1, cos 2, … arrives at the result."""
    given = tensors(arrays)
    result = EVERY[name][0](*given)
    result.backward(read_only(np.cos(np.arange(result.numel()) + 1).reshape(result.shape)))
    return result.data, [t.grad for t in given if t.requires_grad]


every_operation = pytest.mark.parametrize("name", EVERY)


@every_operation
def test_gradient_equals_differences(name):
    assert nn.utils.gradcheck(EVERY[name][0], tensors(inputs_of(name)))


@every_operation
def test_gradients_add_up_where_values_are_used_twice(name):
    operation = EVERY[name][0]

    def twice(*given):
        shared = [t * 1.0 if t.requires_grad else t for t in given]
        return operation(*shared).sum() + (operation(*shared) * operation(*shared)).sum()

    assert nn.utils.gradcheck(twice, tensors(inputs_of(name)))


@pytest.mark.parametrize("layout", LAYOUTS)
@every_operation
def test_layout_of_the_inputs_changes_nothing(name, layout):
    arranged = [LAYOUTS[layout](a) for a in inputs_of(name)]
    plain = [np.array(a, order="C") for a in arranged]
    (result, gradients), (expected, expected_gradients) = run(name, arranged), run(name, plain)
    np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-14)
    for gradient, expected_gradient in zip(gradients, expected_gradients, strict=True):
        np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-12, atol=1e-14)


@every_operation
def test_float32_stays_float32_forwards_and_backwards(name):
    given = [a.astype(np.float32) if a.dtype.kind == "f" else a for a in inputs_of(name)]
    result, gradients = run(name, given)
    assert [result.dtype, *(g.dtype for g in gradients)] == [np.float32] * (1 + len(gradients))


@every_operation
def test_float32_agrees_with_float64(name):
    given = inputs_of(name)
    result, gradients = run(name, [a.astype(np.float32) if a.dtype.kind == "f" else a for a in given])
    expected, expected_gradients = run(name, given)
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5)
    for gradient, expected_gradient in zip(gradients, expected_gradients, strict=True):
        np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-4, atol=1e-5)


@every_operation
def test_inputs_are_never_modified(name):
    given = inputs_of(name)
    before = [a.copy() for a in given]
    run(name, given)
    for array, was in zip(given, before, strict=True):
        np.testing.assert_array_equal(array, was)


@every_operation
def test_gradients_are_arrays_of_their_own(name):
    given = inputs_of(name)
    _, gradients = run(name, given)
    for gradient in gradients:
        assert gradient.flags.writeable
        assert not any(np.shares_memory(gradient, other) for other in given + gradients if other is not gradient)


@every_operation
def test_nothing_is_recorded_under_no_grad(name):
    with nn.no_grad():
        assert not EVERY[name][0](*tensors(inputs_of(name))).requires_grad


@pytest.mark.parametrize("name", [name for name in OPERATIONS if name not in ("reshape", "a[mask]")])
def test_empty_batch_gives_the_shapes_of_any_batch(name):
    given, empty = inputs_of(name), inputs_of(name, n=0)
    result, gradients = run(name, empty)
    expected = tuple(0 if size == 4 else size for size in run(name, given)[0].shape)
    assert result.shape == expected
    assert [g.shape for g in gradients] == [a.shape for a in empty if a.dtype.kind == "f"]


@pytest.mark.parametrize("name", [name for name in MEANS if name != "max"])
def test_mean_of_an_empty_batch_is_nan_with_numpys_warning(name):
    with pytest.warns(RuntimeWarning):
        assert np.isnan(EVERY[name][0](*tensors(inputs_of(name, n=0))).item())


MODULES = {
    "Linear": lambda: nn.Linear(3, 3),
    "Flatten": nn.Flatten,
    "Identity": nn.Identity,
    "Dropout": nn.Dropout,
    "ReLU": nn.ReLU,
    "LeakyReLU": nn.LeakyReLU,
    "ELU": nn.ELU,
    "Sigmoid": nn.Sigmoid,
    "Tanh": nn.Tanh,
    "SiLU": nn.SiLU,
    "GELU": nn.GELU,
    "GELU tanh": lambda: nn.GELU("tanh"),
    "Softplus": nn.Softplus,
    "Softmax": lambda: nn.Softmax(dim=1),
    "LogSoftmax": lambda: nn.LogSoftmax(dim=1),
}


@pytest.mark.parametrize("name", MODULES)
def test_module_keeps_float32_forwards_and_backwards(name, rng):
    module = MODULES[name]().to("float32")
    x = nn.Tensor(rng.normal(size=(4, 3)).astype(np.float32), requires_grad=True)
    y = module(x)
    y.sum().backward()
    dtypes = [y.dtype, x.grad.dtype, *(p.grad.dtype for p in module.parameters())]
    assert dtypes == [np.float32] * len(dtypes)


@pytest.mark.parametrize("name", MODULES)
def test_module_gradient_equals_differences(name, rng):
    module = MODULES[name]().eval()
    assert nn.utils.gradcheck(module, nn.Tensor(rng.normal(size=(4, 3)), requires_grad=True))


def test_dropout_module_drops_only_while_training():
    ones = nn.Tensor(np.ones((50, 50)))
    module = nn.Dropout(0.25)
    dropped = module(ones).data
    assert set(np.unique(dropped)) == {0, 1 / 0.75}
    assert abs((dropped == 0).mean() - 0.25) < 0.03
    assert module.eval()(ones) is ones


def test_dropout_repeats_with_the_seed():
    ones = nn.Tensor(np.ones(100))
    first = (nn.manual_seed(5), F.dropout(ones).data)[1]
    again = (nn.manual_seed(5), F.dropout(ones).data)[1]
    np.testing.assert_array_equal(first, again)


def test_activations_of_integers_are_those_of_the_same_floats():
    for activation in (F.relu, F.leaky_relu, F.elu, F.sigmoid, F.tanh, F.silu, F.gelu, F.softplus, F.logsigmoid):
        np.testing.assert_array_equal(activation([-2, 0, 1]).data, activation([-2.0, 0.0, 1.0]).data)


def test_max_shares_the_gradient_where_elements_tie():
    x = nn.Tensor([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]], requires_grad=True)
    x.max(dim=1).sum().backward()
    np.testing.assert_allclose(x.grad, [[0, 1 / 2, 1 / 2], [1 / 3, 1 / 3, 1 / 3]])


@pytest.mark.parametrize("activation", [F.relu, F.leaky_relu, F.elu], ids=lambda f: f.__name__)
def test_slope_at_zero_is_the_one_from_the_left(activation):
    x = nn.Tensor([0.0], requires_grad=True)
    activation(x, *([0.5] if activation is not F.relu else [])).backward()
    assert x.grad == {F.relu: 0, F.leaky_relu: 0.5, F.elu: 0.5}[activation]


def test_gelu_refuses_another_approximation():
    with pytest.raises(ValueError, match="'none' or 'tanh', got 'erf'"):
        F.gelu([1.0], approximate="erf")


@pytest.mark.parametrize("p", [-0.1, 1.1, np.nan])
@pytest.mark.parametrize("make", [lambda p: F.dropout([1.0], p), nn.Dropout], ids=["function", "module"])
def test_dropout_refuses_what_is_no_probability(make, p):
    with pytest.raises(ValueError, match=f"p must be between 0 and 1, got {p}"):
        make(p)


@pytest.mark.parametrize("shapes", [((4, 3), (2, 4)), ((4, 3), (3,)), ((), (2, 3))], ids=str)
def test_linear_refuses_a_weight_that_does_not_fit(shapes):
    with pytest.raises(ValueError, match="does not fit an input of shape"):
        F.linear(np.ones(shapes[0]), np.ones(shapes[1]))


def test_linear_refuses_a_bias_that_would_broadcast():
    with pytest.raises(ValueError, match=r"bias must have shape \(2,\), got \(1,\)"):
        F.linear(np.ones((4, 3)), np.ones((2, 3)), np.ones(1))
