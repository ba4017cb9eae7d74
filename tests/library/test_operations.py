"""What every operation promises: right gradients, for any layout, in the dtype that came in, and inputs left alone."""

import zlib

import numpy as np
import pytest

import nnlib as nn
from nnlib import functional as F
from nnlib.attention import attention_weights
from nnlib.recurrent import gru, lstm, rnn
from nnlib.tensor import record

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


def all_of(results):
    """Return the states of every step, and the last ones that come with them, as one sum that tells them apart."""
    states, *last = results
    return sum((2 + i) * state for i, state in enumerate(last)) + states


def seeded(operation):
    return lambda *inputs: (nn.manual_seed(0), operation(*inputs))[1]


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
    "embedding": (F.embedding, classes(5, N, 2), normal(5, 3)),
    "embedding padding_idx": (lambda i, w: F.embedding(i, w, padding_idx=-2), classes(5, N, 2), normal(5, 3)),
    "layer_norm": (lambda x, w, b: F.layer_norm(x, (3,), w, b), normal(N, 2, 3), normal(3), normal(3)),
    "layer_norm of single numbers": (lambda x: F.layer_norm(x, 1), normal(N, 1)),
    "layer_norm over two": (lambda x: F.layer_norm(x, (2, 3)), normal(N, 2, 3)),
    "batch_norm": (lambda x, w, b: F.batch_norm(x, None, None, w, b, True), normal(N, 3, 2), normal(3), normal(3)),
    "batch_norm without weight": (lambda x: F.batch_norm(x, None, None, training=True), normal(N, 3, 2)),
    "batch_norm in evaluation": (
        lambda x, w, b: F.batch_norm(x, np.array([1.0, 2, 3]), np.array([3.0, 2, 1]), w, b),
        normal(N, 3),
        normal(3),
        normal(3),
    ),
    "conv2d": (F.conv2d, normal(N, 2, 6, 3), normal(3, 2, 2, 2), normal(3)),
    "conv2d with all": (
        lambda x, w: F.conv2d(x, w, None, (1, 2), (2, 1), (2, 1), 2),
        normal(N, 2, 5, 3),
        normal(6, 1, 2, 2),
    ),
    "conv2d of one image": (F.conv2d, normal(2, 6, 3), normal(3, 2, 2, 2), normal(3)),
    "conv1d": (lambda x, w, b: F.conv1d(x, w, b, padding="same"), normal(N, 2, 5), normal(3, 2, 2), normal(3)),
    "max_pool2d": (lambda x: F.max_pool2d(x, 2), normal(N, 2, 5, 6)),
    "max_pool2d overlapping": (lambda x: F.max_pool2d(x, 3, 1, 1), normal(N, 2, 3, 2)),
    "max_pool2d of windows that share an edge": (lambda x: F.max_pool2d(x, 3, 2), normal(N, 2, 7, 5)),
    "avg_pool2d": (lambda x: F.avg_pool2d(x, (2, 3), 1, 1), normal(N, 2, 5, 3)),
    "adaptive_avg_pool2d": (lambda x: F.adaptive_avg_pool2d(x, (2, None)), normal(N, 2, 5, 3)),
    "rnn": (
        lambda *inputs: all_of(rnn(*inputs)),
        *(normal(3, N, 2), normal(N, 5), normal(5, 2), normal(5, 5), normal(5), normal(5)),
    ),
    "rnn relu": (
        lambda *inputs: all_of(rnn(*inputs, nonlinearity="relu")),
        *(normal(3, N, 2), normal(N, 5), normal(5, 2), normal(5, 5)),
    ),
    "lstm": (
        lambda *inputs: all_of(lstm(*inputs)),
        *(normal(3, N, 2), normal(N, 3), normal(N, 3), normal(12, 2), normal(12, 3), normal(12), normal(12)),
    ),
    "gru": (
        lambda *inputs: all_of(gru(*inputs)),
        *(normal(3, N, 2), normal(N, 3), normal(9, 2), normal(9, 3), normal(9), normal(9)),
    ),
    "attention": (F.scaled_dot_product_attention, normal(N, 2, 3, 5), normal(N, 2, 6, 5), normal(N, 2, 6, 2)),
    "attention causal": (
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=np.float64(0.5)),
        *(normal(N, 3, 5), normal(N, 3, 5), normal(N, 3, 2)),
    ),
    "attention to shared keys": (F.scaled_dot_product_attention, normal(N, 3, 5), normal(6, 5), normal(6, 2)),
    "attention with added mask": (
        F.scaled_dot_product_attention,
        *(normal(N, 2, 3, 5), normal(N, 2, 6, 5), normal(N, 2, 6, 2), normal(3, 6)),
    ),
    "attention that drops": (
        seeded(lambda q, k, v: F.scaled_dot_product_attention(q, k, v, dropout_p=0.4)),
        *(normal(N, 3, 5), normal(N, 6, 5), normal(N, 6, 2)),
    ),
    "attention weights": (attention_weights, normal(N, 2, 3, 5), normal(N, 2, 6, 5), normal(3, 6)),
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
def test_gradients_leave_an_operation_in_its_dtype(name):
    """A leaf would convert what arrives, so that the dtype has to be read on the way."""
    dtypes = []

    def watched(t):
        return record(t.data, (t, lambda d: (dtypes.append(d.dtype), d)[1])) if t.requires_grad else t

    given = [a.astype(np.float32) if a.dtype.kind == "f" else a for a in inputs_of(name)]
    result = EVERY[name][0](*map(watched, tensors(given)))
    result.backward(np.ones(result.shape))
    assert set(dtypes) == {np.dtype(np.float32)}


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


ROWS = normal(N, 3)
IMAGES = normal(N, 2, 6, 5)
SEQUENCES = normal(N, 3, 6)

# name → how the module is made, and how its input is drawn
MODULES = {
    "Linear": (lambda: nn.Linear(3, 3), ROWS),
    "Flatten": (nn.Flatten, ROWS),
    "Identity": (nn.Identity, ROWS),
    "Dropout": (nn.Dropout, ROWS),
    "ReLU": (nn.ReLU, ROWS),
    "LeakyReLU": (nn.LeakyReLU, ROWS),
    "ELU": (nn.ELU, ROWS),
    "Sigmoid": (nn.Sigmoid, ROWS),
    "Tanh": (nn.Tanh, ROWS),
    "SiLU": (nn.SiLU, ROWS),
    "GELU": (nn.GELU, ROWS),
    "GELU tanh": (lambda: nn.GELU("tanh"), ROWS),
    "Softplus": (nn.Softplus, ROWS),
    "Softmax": (lambda: nn.Softmax(dim=1), ROWS),
    "LogSoftmax": (lambda: nn.LogSoftmax(dim=1), ROWS),
    "Residual": (lambda: nn.Residual(nn.Sequential(nn.LayerNorm(3), nn.Linear(3, 3))), ROWS),
    "LayerNorm": (lambda: nn.LayerNorm((3, 6)), SEQUENCES),
    "BatchNorm1d": (lambda: nn.BatchNorm1d(3), SEQUENCES),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(2), IMAGES),
    "Conv1d": (lambda: nn.Conv1d(3, 2, 3, padding=1), SEQUENCES),
    "Conv2d": (lambda: nn.Conv2d(2, 3, 3, stride=2), IMAGES),
    "MaxPool2d": (lambda: nn.MaxPool2d(2), IMAGES),
    "AvgPool2d": (lambda: nn.AvgPool2d(2), IMAGES),
    "AdaptiveAvgPool2d": (lambda: nn.AdaptiveAvgPool2d(2), IMAGES),
    "PositionalEncoding": (lambda: nn.PositionalEncoding(6, batch_first=True), SEQUENCES),
    "TransformerEncoderLayer": (lambda: nn.TransformerEncoderLayer(6, 2, 5, batch_first=True), SEQUENCES),
    "CausalBlock": (lambda: nn.CausalBlock(6, 2, 5, activation=F.silu, batch_first=True, norm_first=True), SEQUENCES),
    "TransformerEncoder": (
        lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(6, 3, 5, batch_first=True), 2, nn.LayerNorm(6)),
        SEQUENCES,
    ),
}


@pytest.mark.parametrize("name", MODULES)
def test_module_keeps_float32_forwards_and_backwards(name, rng):
    make, draw = MODULES[name]
    module = make().to("float32")
    x = nn.Tensor(draw(rng, 4).astype(np.float32), requires_grad=True)
    y = module(x)
    y.sum().backward()
    dtypes = [y.dtype, x.grad.dtype, *(p.grad.dtype for p in module.parameters())]
    assert dtypes == [np.float32] * len(dtypes)


@pytest.mark.parametrize("name", MODULES)
def test_module_gradient_equals_differences(name, rng):
    make, draw = MODULES[name]
    assert nn.utils.gradcheck(make().eval(), nn.Tensor(draw(rng, 4), requires_grad=True))


@pytest.mark.parametrize("name", MODULES)
def test_module_accepts_an_empty_batch(name, rng):
    make, draw = MODULES[name]
    module, x = make(), nn.Tensor(draw(rng, 0), requires_grad=True)
    y = module(x)
    y.sum().backward()
    assert (y.shape, x.grad.shape) == ((0, *module(draw(rng, 4)).shape[1:]), x.shape)


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


def test_slope_of_the_absolute_value_at_zero_is_0():
    x = nn.Tensor([0.0, -2.0], requires_grad=True)
    x.abs().sum().backward()
    assert x.grad.tolist() == [0, -1]


@pytest.mark.parametrize("activation", [F.relu, F.leaky_relu, F.elu], ids=lambda f: f.__name__)
def test_slope_at_zero_is_the_one_from_the_left(activation):
    x = nn.Tensor([0.0], requires_grad=True)
    activation(x, *([0.5] if activation is not F.relu else [])).backward()
    assert x.grad == {F.relu: 0, F.leaky_relu: 0.5, F.elu: 0.5}[activation]


def test_gelu_refuses_another_approximation():
    with pytest.raises(ValueError, match="gelu: approximate must be 'none' or 'tanh', got 'erf'"):
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
