"""Losses: modules and functions agree, and what could be meant otherwise is refused."""

import numpy as np
import pytest

import nnlib as nn
from nnlib import functional as F

SCORES = np.array([[1.0, 2.0, 0.5], [0.0, -1.0, 3.0]])
LOSSES = [
    F.mse_loss,
    F.l1_loss,
    F.binary_cross_entropy,
    F.binary_cross_entropy_with_logits,
    F.cross_entropy,
    F.nll_loss,
]


@pytest.mark.parametrize(
    ("module", "function", "options"),
    [
        (nn.MSELoss, F.mse_loss, {}),
        (nn.L1Loss, F.l1_loss, {}),
        (nn.BCELoss, F.binary_cross_entropy, {"weight": np.array([0.5, 2.0, 1.0])}),
        (nn.BCEWithLogitsLoss, F.binary_cross_entropy_with_logits, {"weight": np.array([[0.5], [2.0]])}),
        (nn.BCEWithLogitsLoss, F.binary_cross_entropy_with_logits, {"pos_weight": np.array([0.5, 2.0, 1.0])}),
        (nn.CrossEntropyLoss, F.cross_entropy, {"weight": np.array([0.5, 2.0, 1.0]), "label_smoothing": 0.3}),
        (nn.CrossEntropyLoss, F.cross_entropy, {"ignore_index": 1}),
        (nn.NLLLoss, F.nll_loss, {"weight": np.array([0.5, 2.0, 3.0]), "ignore_index": 1}),
    ],
)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_module_is_its_function(module, function, options, reduction, rng):
    prediction = rng.uniform(0.1, 0.9, (2, 3))
    target = np.array([2, 1]) if function in (F.cross_entropy, F.nll_loss) else rng.uniform(0.1, 0.9, (2, 3))
    expected = function(prediction, target, **options, reduction=reduction)
    np.testing.assert_array_equal(module(**options, reduction=reduction)(prediction, target).data, expected.data)


@pytest.mark.parametrize(
    "make", [nn.MSELoss, nn.L1Loss, nn.BCELoss, nn.BCEWithLogitsLoss, nn.CrossEntropyLoss, nn.NLLLoss]
)
def test_module_takes_the_mean_unless_told(make):
    assert make().reduction == "mean"


def test_mse_is_the_mean_of_squares():
    assert F.mse_loss([1.0, 2.0], [0.0, 4.0]).item() == (1 + 4) / 2


def test_absolute_error_of_0_has_slope_0():
    x, y = (nn.Tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
    F.l1_loss(x, y).backward()
    np.testing.assert_array_equal([x.grad, y.grad], np.zeros((2, 2)))


def test_integers_are_predictions_too():
    assert F.mse_loss([1, 2], [1.5, 2.5]).item() == 0.25


def test_target_takes_the_dtype_of_the_prediction():
    assert F.mse_loss(np.ones(2, np.float32), np.zeros(2)).dtype == np.float32


def test_target_of_another_dtype_keeps_its_gradient():
    y = nn.Tensor([1.0, 3.0], requires_grad=True)
    F.mse_loss(np.zeros(2, np.float32), y, "sum").backward()
    np.testing.assert_array_equal(y.grad, [2, 6])


@pytest.mark.parametrize("loss", LOSSES[:4], ids=lambda f: f.__name__)
@pytest.mark.parametrize("shapes", [((4, 1), (4,)), ((4,), ()), ((3, 4), (4,))], ids=str)
def test_refuses_shapes_that_would_broadcast(loss, shapes):
    prediction, target = (np.full(shape, 0.5) for shape in shapes)
    with pytest.raises(ValueError) as error:
        loss(prediction, target)
    assert f"{loss.__name__}: input has shape {shapes[0]}, target has shape {shapes[1]}" in str(error.value)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda f: f.__name__)
def test_refuses_another_reduction(loss):
    target = np.array([0, 1]) if loss in (F.cross_entropy, F.nll_loss) else np.full((2, 2), 0.5)
    with pytest.raises(ValueError, match="reduction must be 'mean', 'sum' or 'none', got 'average'"):
        loss(np.full((2, 2), 0.5), target, reduction="average")


@pytest.mark.parametrize("make", [nn.MSELoss, nn.CrossEntropyLoss])
def test_module_refuses_another_reduction_when_made(make):
    with pytest.raises(ValueError, match="reduction must be 'mean', 'sum' or 'none', got 'average'"):
        make(reduction="average")


@pytest.mark.parametrize("loss", LOSSES[4:], ids=lambda f: f.__name__)
@pytest.mark.parametrize("wrong", [-1, 3, 1000])
def test_refuses_a_class_out_of_range(loss, wrong):
    with pytest.raises(IndexError, match=rf"{loss.__name__}: target must be in \[0, 3\), got {wrong}"):
        loss(SCORES, [0, wrong])


@pytest.mark.parametrize("loss", LOSSES[4:], ids=lambda f: f.__name__)
@pytest.mark.parametrize("classes", [[0.0, 1.0], [False, True]], ids=str)
def test_refuses_classes_that_are_no_integers(loss, classes):
    with pytest.raises(TypeError, match="target must hold integer classes, got dtype"):
        loss(SCORES, classes)


@pytest.mark.parametrize("loss", LOSSES[4:], ids=lambda f: f.__name__)
@pytest.mark.parametrize("target", [[0], [[0], [1]], [[1, 0, 0], [0, 1, 0]], 0], ids=str)
def test_refuses_classes_in_another_shape(loss, target):
    with pytest.raises(ValueError, match=r"target must have shape \(2,\) for an input of shape \(2, 3\), got \("):
        loss(SCORES, target)


@pytest.mark.parametrize("loss", LOSSES[4:], ids=lambda f: f.__name__)
def test_refuses_scores_without_classes(loss):
    with pytest.raises(ValueError, match=r"input must have shape \(N, C, ...\), got \(3,\)"):
        loss(SCORES[0], 1)


@pytest.mark.parametrize("loss", LOSSES[4:], ids=lambda f: f.__name__)
@pytest.mark.parametrize("weight", [[1.0], [1.0, 2.0], [[1.0, 2.0, 3.0]], 2.0], ids=str)
def test_refuses_a_weight_that_is_not_one_for_each_class(loss, weight):
    with pytest.raises(ValueError, match=rf"{loss.__name__}: weight must have shape \(3,\), got \("):
        loss(SCORES, [0, 1], weight=weight)


def test_label_smoothing_of_1_asks_for_all_classes_alike():
    loss = F.cross_entropy(SCORES, [0, 1], label_smoothing=1).item()
    assert loss == pytest.approx(-F.log_softmax(SCORES, dim=1).mean().item(), rel=1e-15)


@pytest.mark.parametrize("smoothing", [-0.1, 1.1, np.nan])
def test_refuses_label_smoothing_out_of_range(smoothing):
    with pytest.raises(ValueError, match=f"label_smoothing must be between 0 and 1, got {smoothing}"):
        F.cross_entropy(SCORES, [0, 1], label_smoothing=smoothing)


@pytest.mark.parametrize(
    ("loss", "name"),
    [
        (F.binary_cross_entropy, "weight"),
        (F.binary_cross_entropy_with_logits, "weight"),
        (F.binary_cross_entropy_with_logits, "pos_weight"),
    ],
)
@pytest.mark.parametrize("shape", [(2,), (3, 2, 3), (2, 3, 1)], ids=str)
def test_refuses_a_factor_that_would_change_the_shape(loss, name, shape):
    with pytest.raises(ValueError) as error:
        loss(np.full((2, 3), 0.5), np.full((2, 3), 0.5), **{name: np.ones(shape)})
    assert f"{loss.__name__}: {name} of shape {shape} does not broadcast to (2, 3)" in str(error.value)


@pytest.mark.parametrize("p", [-0.01, 1.01, np.nan])
def test_bce_refuses_what_is_no_probability(p):
    with pytest.raises(ValueError, match=r"probabilities in \[0, 1\].*binary_cross_entropy_with_logits"):
        F.binary_cross_entropy([0.5, p], [1.0, 0.0])


def test_ignored_examples_change_nothing(rng):
    scores = nn.Tensor(rng.normal(size=(4, 3)), requires_grad=True)
    loss = F.cross_entropy(scores, [0, -100, 2, -100])
    loss.backward()
    np.testing.assert_allclose(loss.data, F.cross_entropy(scores.data[::2], [0, 2]).data, rtol=1e-15)
    np.testing.assert_array_equal(scores.grad[1::2], 0)


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("function", [F.cross_entropy, F.nll_loss])
def test_where_every_example_is_ignored_there_is_no_mean_and_no_gradient(function):
    scores = nn.Tensor(SCORES, requires_grad=True)
    loss = function(scores, [-100, -100])
    loss.backward()
    assert np.isnan(loss.item()) and not scores.grad.any()


@pytest.mark.parametrize("ignored", range(3))
@pytest.mark.parametrize("function", [F.cross_entropy, F.nll_loss])
def test_any_class_may_be_ignored(function, ignored, rng):
    scores, target = rng.normal(size=(6, 3)), np.array([0, 1, 2, 0, 1, 2])
    each = function(scores, target, reduction="none").data
    assert function(scores, target, ignore_index=ignored).item() == pytest.approx(each[target != ignored].mean())


def test_small_unsigned_classes_are_classes():
    classes = np.array([2, 0], np.uint8)
    assert F.cross_entropy(SCORES, classes).item() == F.cross_entropy(SCORES, classes.astype(int)).item()


def test_ten_thousand_classes_need_no_square_table():
    assert F.cross_entropy(np.zeros((1, 100_000)), [7]).item() == pytest.approx(np.log(100_000), rel=1e-12)
