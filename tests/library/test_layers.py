"""Embedding, normalisation and residual layers, and the sizes that all layers refuse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as npst

import nnlib as nn
from nnlib import functional as F

# Embedding


def test_embedding_is_the_product_with_one_hot_rows(rng):
    weight, indices = rng.normal(size=(5, 3)), np.array([[4, 0, 4], [2, 1, 0]])
    np.testing.assert_array_equal(F.embedding(indices, weight).data, np.eye(5)[indices] @ weight)


def test_embedding_of_padding_starts_as_0_and_is_not_learned():
    module = nn.Embedding(4, 2, padding_idx=1)
    module([0, 1, 1]).sum().backward()
    assert module.weight.data[1].tolist() == module.weight.grad[1].tolist() == [0, 0]
    assert module.weight.grad[0].tolist() == [1, 1]


def test_embedding_counts_padding_idx_from_the_end_up_to_the_first_row():
    weight = nn.Tensor(np.ones((4, 2)), requires_grad=True)
    F.embedding([0, 3], weight, padding_idx=-4).sum().backward()
    assert weight.grad.tolist() == [[0, 0], [0, 0], [0, 0], [1, 1]]


def test_embedding_module_counts_padding_idx_from_the_end_up_to_the_first_row():
    assert nn.Embedding(4, 2, padding_idx=-4).weight.data[0].tolist() == [0, 0]


@pytest.mark.parametrize("index", [-1, 4])
def test_embedding_refuses_an_index_out_of_range(index):
    with pytest.raises(IndexError, match=rf"input must be in \[0, 4\), got {index}"):
        F.embedding([[0], [index]], np.ones((4, 2)))


@pytest.mark.parametrize("indices", [[0.0], [True]])
def test_embedding_refuses_indices_that_are_no_integers(indices):
    with pytest.raises(TypeError, match="input must hold integer indices, got dtype"):
        F.embedding(indices, np.ones((4, 2)))


def test_embedding_refuses_a_weight_that_is_no_matrix():
    with pytest.raises(ValueError, match=r"weight must have shape \(V, D\), got \(4,\)"):
        F.embedding([0], np.ones(4))


@pytest.mark.parametrize("make", [lambda i: nn.Embedding(4, 2, i), lambda i: F.embedding([0], np.ones((4, 2)), i)])
@pytest.mark.parametrize("padding_idx", [-5, 4])
def test_embedding_refuses_a_padding_idx_out_of_range(make, padding_idx):
    with pytest.raises(IndexError, match=rf"padding_idx must be in \[-4, 4\), got {padding_idx}"):
        make(padding_idx)


# Normalisation


@given(examples=npst.array_shapes(min_dims=0, max_dims=2, max_side=3), shape=npst.array_shapes(max_dims=2, max_side=4))
def test_layer_norm_ignores_an_examples_level_and_scale_whatever_the_shapes(examples, shape):
    x = np.random.default_rng(0).normal(size=(*examples, *shape))
    moved = F.layer_norm(5 * x - 3, shape, eps=25e-5).data  # ε grows with the variance
    np.testing.assert_allclose(moved, F.layer_norm(x, shape, eps=1e-5).data, rtol=1e-9, atol=1e-11)


def test_layer_norm_gives_each_example_mean_0_and_biased_variance_1(rng):
    y = F.layer_norm(rng.normal(3, 5, (4, 2, 3)), (2, 3), eps=0).data
    np.testing.assert_allclose(y.mean(axis=(1, 2)), 0, atol=1e-12)
    np.testing.assert_allclose(y.var(axis=(1, 2)), 1, rtol=1e-12)


def test_layer_norm_adds_eps_to_the_variance_under_the_root():
    np.testing.assert_allclose(F.layer_norm([[-1.0, 1.0]], 2, eps=3.0).data, [[-0.5, 0.5]])  # ±1/√(1 + 3)


@pytest.mark.parametrize("eps", [-1e-5, np.nan])
@pytest.mark.parametrize("module", [nn.LayerNorm, nn.BatchNorm1d])
def test_norms_refuse_a_negative_eps(module, eps):
    with pytest.raises(ValueError, match=f"norm: eps must be a finite number ≥ 0, got {eps}"):
        module(2, eps=eps)(np.ones((3, 2)))


@pytest.mark.parametrize("value", [0.1, 100.0, 1e4])
@pytest.mark.parametrize("size", [3, 49, 282])
def test_norms_of_equal_numbers_are_0_in_float32_too(size, value):
    rows = np.full((2, size), value, np.float32)
    for y in (F.layer_norm(rows, size), F.batch_norm(rows.T, None, None, training=True)):
        np.testing.assert_allclose(y.data, 0, atol=1e-5)  # without a second look at the mean, up to 0.9


def test_batch_norm_adds_eps_to_the_variance_under_the_root():
    y = F.batch_norm([[-1.0], [1.0]], None, None, training=True, eps=3.0)
    np.testing.assert_allclose(y.data, [[-0.5], [0.5]])


def test_batch_norm_by_default_adds_a_hundred_thousandth():
    y = F.batch_norm([[-1.0], [1.0]], None, None, training=True)
    np.testing.assert_allclose(y.data, [[-1 / np.sqrt(1 + 1e-5)], [1 / np.sqrt(1 + 1e-5)]], rtol=1e-12)


def test_batch_norm_by_default_moves_running_values_by_a_tenth():
    mean, variance = np.zeros(1), np.ones(1)
    F.batch_norm([[0.0], [3.0], [6.0]], mean, variance, training=True)
    np.testing.assert_allclose([mean, variance], [[0.3], [1.8]], rtol=1e-15)  # 1.8 = 1 + (9 − 1)/10


def test_batch_norm_in_evaluation_adds_eps_to_the_variance_under_the_root():
    np.testing.assert_allclose(F.batch_norm([[3.0]], np.ones(1), np.ones(1), eps=3.0).data, [[1.0]])  # (3 − 1)/√(1 + 3)


@pytest.mark.parametrize("shape", [(6, 3), (4, 3, 5)])
def test_batch_norm_gives_each_channel_mean_0_and_biased_variance_1(shape, rng):
    others = (0, *range(2, len(shape)))
    y = nn.BatchNorm1d(3, eps=0)(rng.normal(3, 5, shape)).data
    np.testing.assert_allclose(y.mean(axis=others), 0, atol=1e-12)
    np.testing.assert_allclose(y.var(axis=others), 1, rtol=1e-12)


def test_batch_norm_keeps_the_unbiased_variance():
    module = nn.BatchNorm1d(1, momentum=1.0)
    module([[0.0], [3.0], [6.0]])
    assert (module.running_mean.tolist(), module.running_var.tolist()) == ([3], [9])  # biased, it were 6


def test_batch_norm_moves_running_values_by_momentum():
    module = nn.BatchNorm1d(1, momentum=0.25)
    module([[0.0], [3.0], [6.0]])
    assert (module.running_mean.tolist(), module.running_var.tolist()) == ([0.75], [3])  # 3 = 1 + (9 − 1)/4


def test_batch_norm_without_momentum_keeps_the_mean_over_all_batches(rng):
    module, batches = nn.BatchNorm2d(3, momentum=None), rng.normal(size=(5, 4, 3, 2, 2))
    for batch in batches:
        module(batch)
    np.testing.assert_allclose(module.running_mean, batches.mean(axis=(0, 1, 3, 4)), rtol=1e-12)
    variances = batches.var(axis=(1, 3, 4), ddof=1)
    np.testing.assert_allclose(module.running_var, variances.mean(axis=0), rtol=1e-12)
    assert module.num_batches_tracked == 5


def test_batch_norm_in_evaluation_treats_each_example_alone_and_learns_nothing(rng):
    module = nn.BatchNorm1d(3)
    module(rng.normal(size=(5, 3)))
    before, x = module.state_dict(), rng.normal(size=(4, 3))
    together = module.eval()(x).data
    np.testing.assert_allclose(together, np.concatenate([module(row[None]).data for row in x]), rtol=1e-14)
    for name, array in module.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_batch_norm_without_running_values_uses_the_batch_in_evaluation(rng):
    module, x = nn.BatchNorm1d(3, track_running_stats=False), rng.normal(size=(4, 3))
    np.testing.assert_array_equal(module(x).data, module.eval()(x).data)
    assert list(module.state_dict()) == ["weight", "bias"]
    alike = nn.BatchNorm1d(3, momentum=None, track_running_stats=False)
    np.testing.assert_array_equal(module(x).data, alike(x).data)


@pytest.mark.parametrize("momentum", [0.1, None])
def test_empty_batch_leaves_running_values_alone(momentum):
    module = nn.BatchNorm1d(3, momentum=momentum)
    module(np.ones((0, 3)))
    assert (module.running_mean.tolist(), module.running_var.tolist()) == ([0, 0, 0], [1, 1, 1])


@pytest.mark.parametrize(
    ("module", "shape"),
    [(nn.BatchNorm1d(3), (1, 3)), (nn.BatchNorm1d(3), (1, 3, 1)), (nn.BatchNorm2d(3), (1, 3, 1, 1))],
)
def test_batch_norm_refuses_to_train_on_one_value_per_channel_and_changes_nothing(module, shape):
    before = module.state_dict()
    with pytest.raises(ValueError, match="training needs more than 1 value per channel"):
        module(np.ones(shape))
    for name, array in module.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize(
    ("module", "shape", "message"),
    [
        (nn.BatchNorm1d(3), (4, 2), r"laid out as NC or NCL with C = 3, got shape \(4, 2\)"),
        (nn.BatchNorm1d(3), (4, 3, 2, 2), r"laid out as NC or NCL with C = 3, got shape \(4, 3, 2, 2\)"),
        (nn.BatchNorm2d(3), (4, 3, 2), r"laid out as NCHW with C = 3, got shape \(4, 3, 2\)"),
        (nn.LayerNorm((2, 3)), (3, 2), r"input must end with the dimensions \(2, 3\), got shape \(3, 2\)"),
        (nn.LayerNorm(3), (), r"input must end with the dimensions \(3,\), got shape \(\)"),
    ],
)
def test_norms_refuse_another_shape(module, shape, message):
    with pytest.raises(ValueError, match=message):
        module(np.ones(shape))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x, wrong: F.layer_norm(x, 3, weight=wrong), "layer_norm: weight"),
        (lambda x, wrong: F.layer_norm(x, 3, bias=wrong), "layer_norm: bias"),
        (lambda x, wrong: F.batch_norm(x, None, None, wrong, training=True), "batch_norm: weight"),
        (lambda x, wrong: F.batch_norm(x, None, None, None, wrong, training=True), "batch_norm: bias"),
        (lambda x, wrong: F.batch_norm(x, wrong, np.ones(3)), "batch_norm: running_mean"),
        (lambda x, wrong: F.batch_norm(x, np.ones(3), wrong), "batch_norm: running_var"),
    ],
)
def test_norms_refuse_a_parameter_that_would_broadcast(call, message):
    with pytest.raises(ValueError, match=rf"{message} must have shape \(3,\), got \(1,\)"):
        call(np.ones((4, 3)), np.ones(1))


def test_batch_norm_needs_running_values_in_evaluation():
    with pytest.raises(ValueError, match="running_mean and running_var must be given when not training"):
        F.batch_norm(np.ones((4, 3)), None, np.ones(3))


def test_batch_norm_refuses_a_vector():
    with pytest.raises(ValueError, match=r"input must have shape \(N, C, ...\), got \(3,\)"):
        F.batch_norm(np.ones(3), None, None, training=True)


# Residual


def test_residual_adds_what_its_module_makes(rng):
    inner, x = nn.Linear(3, 3), rng.normal(size=(4, 3))
    np.testing.assert_array_equal(nn.Residual(inner)(x).data, x + inner(x).data)


def test_residual_names_its_module():
    assert list(nn.Residual(nn.Linear(3, 3)).state_dict()) == ["module.weight", "module.bias"]


def test_residual_refuses_a_module_that_changes_the_shape():
    with pytest.raises(ValueError, match=r"module made shape \(4, 1\) of \(4, 3\); they must be the same"):
        nn.Residual(nn.Linear(3, 1))(np.ones((4, 3)))


def test_residual_refuses_what_is_no_module():
    with pytest.raises(TypeError, match="module must be a Module, got function"):
        nn.Residual(F.relu)


# Sizes

LAYERS = {
    "Embedding": nn.Embedding,
    "LayerNorm": lambda a, b: nn.LayerNorm((a, b)),
    "Conv1d": lambda a, b: nn.Conv1d(a, b, 3),
    "Conv2d": lambda a, b: nn.Conv2d(a, b, 3),
    "Conv2d kernel": lambda a, b: nn.Conv2d(1, 1, (a, b)),
    "RNN": nn.RNN,
    "LSTM": nn.LSTM,
    "GRU": nn.GRU,
    "MultiheadAttention": lambda a, b: nn.MultiheadAttention(a, 1 if b > 1 else b),
    "TransformerEncoderLayer": lambda a, b: nn.TransformerEncoderLayer(a, 1, b),
}

OWNERS = {"Conv2d kernel": "Conv2d", "TransformerEncoderLayer": "(MultiheadAttention|Linear)"}  # who says so


@pytest.mark.parametrize("sizes", [(0, 1), (1, 0), (-1, 1), (1, -1), (2.0, 1), (True, 1)], ids=str)
@pytest.mark.parametrize("name", LAYERS)
def test_layer_refuses_a_size_that_is_no_positive_integer(name, sizes):
    with pytest.raises(ValueError, match=f"^{OWNERS.get(name, name)}: .*must be an integer ≥ 1, got"):
        LAYERS[name](*sizes)


@pytest.mark.parametrize("name", LAYERS)
def test_layer_refuses_more_than_memory_holds_before_taking_any(name):
    with pytest.raises(ValueError, match=rf"^{OWNERS.get(name, name)}: .*would take [\d,]+ GiB, more than 16 GiB"):
        LAYERS[name](10**7, 10**7)


@pytest.mark.parametrize("features", [0, -1, 2.0])
@pytest.mark.parametrize("make", [nn.BatchNorm1d, nn.BatchNorm2d])
def test_batch_norm_refuses_a_number_of_features_that_is_no_positive_integer(make, features):
    with pytest.raises(ValueError, match=f"{make.__name__}: num_features must be an integer ≥ 1, got {features}"):
        make(features)


@pytest.mark.parametrize(
    ("make", "printed"),
    [
        (lambda: nn.Embedding(4, 2), "Embedding(4, 2)"),
        (lambda: nn.Embedding(4, 2, padding_idx=-1), "Embedding(4, 2, padding_idx=-1)"),
        (lambda: nn.LayerNorm((2, 3)), "LayerNorm((2, 3), eps=1e-05, elementwise_affine=True)"),
        (lambda: nn.BatchNorm2d(3), "BatchNorm2d(3, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)"),
        (lambda: nn.Conv2d(1, 2, 3), "Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1))"),
        (
            lambda: nn.Conv1d(2, 2, 3, 2, "valid", 2, 2, False),
            "Conv1d(2, 2, kernel_size=(3,), stride=(2,), padding=valid, dilation=(2,), groups=2, bias=False)",
        ),
        (lambda: nn.MaxPool2d(2), "MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1)"),
        (lambda: nn.AvgPool2d(2), "AvgPool2d(kernel_size=2, stride=2, padding=0)"),
        (lambda: nn.AvgPool2d(3, 1), "AvgPool2d(kernel_size=3, stride=1, padding=0)"),
        (lambda: nn.AdaptiveAvgPool2d((None, 2)), "AdaptiveAvgPool2d(output_size=(None, 2))"),
        (lambda: nn.LSTM(2, 3, 2, batch_first=True), "LSTM(2, 3, num_layers=2, batch_first=True)"),
    ],
)
def test_layer_prints_its_settings(make, printed):
    assert repr(make()) == printed


def test_layer_norm_begins_with_scale_1_and_shift_0():
    norm = nn.LayerNorm((2, 3))
    np.testing.assert_array_equal(norm.weight.data, np.ones((2, 3)))
    np.testing.assert_array_equal(norm.bias.data, np.zeros((2, 3)))


@pytest.mark.parametrize("p", [-0.1, 1.1, np.nan, "half", None])
def test_dropout_refuses_what_is_no_probability(p):
    with pytest.raises(ValueError, match=f"Dropout: p must be between 0 and 1, got {p!r}"):
        nn.Dropout(p)


def test_dropout_may_drop_everything():
    np.testing.assert_array_equal(nn.Dropout(1.0)(np.ones((2, 3))).data, np.zeros((2, 3)))
