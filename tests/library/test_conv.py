"""Convolution and pooling: what they compute, whatever the size of the image, and what they refuse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import convolve2d, correlate2d

import nnlib as nn
from nnlib import functional as F

numbers = st.integers


@given(size=st.tuples(numbers(3, 7), numbers(3, 7)), kernel=st.tuples(numbers(1, 3), numbers(1, 3)),
       stride=numbers(1, 3), padding=numbers(0, 2), batch=numbers(1, 3), channels=numbers(1, 2))  # fmt: skip
def test_conv2d_is_scipys_of_the_padded_image_at_the_places_of_its_stride(
    size, kernel, stride, padding, batch, channels
):
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(batch, channels, *size)), rng.normal(size=(2, channels, *kernel))
    padded = np.pad(x, [(0, 0), (0, 0), (padding, padding), (padding, padding)])
    every = [[sum(correlate2d(i[c], f[c], "valid") for c in range(channels)) for f in w] for i in padded]
    y = F.conv2d(x, w, stride=stride, padding=padding).data
    np.testing.assert_allclose(y, np.array(every)[:, :, ::stride, ::stride], rtol=1e-9, atol=1e-11)


@given(size=st.tuples(numbers(3, 8), numbers(3, 8)), kernel=numbers(2, 3), stride=numbers(1, 4), batch=numbers(0, 3))
def test_pools_are_the_largest_and_the_mean_of_numpys_windows(size, kernel, stride, batch):
    x = np.random.default_rng(0).normal(size=(batch, 2, *size))
    windows = np.lib.stride_tricks.sliding_window_view(x, (kernel, kernel), (2, 3))[:, :, ::stride, ::stride]
    np.testing.assert_array_equal(F.max_pool2d(x, kernel, stride).data, windows.max(axis=(4, 5)))
    np.testing.assert_allclose(F.avg_pool2d(x, kernel, stride).data, windows.mean(axis=(4, 5)), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("channels", "outputs", "size"),
    [
        (2, 3, (6, 5)),
        (2, 3, (300, 200)),
        (2, 3, (3, 30_000)),
        (10, 9, (4, 2001)),
        (40, 30, (3, 301)),
        (40, 30, (3, 300)),
    ],
    ids=str,
)
def test_conv2d_and_its_gradients_are_scipys_for_images_of_any_size(channels, outputs, size, rng):
    x, w = rng.normal(size=(1, channels, *size)), rng.normal(size=(outputs, channels, 3, 2))
    image, weight = nn.Tensor(x, requires_grad=True), nn.Tensor(w, requires_grad=True)
    y = F.conv2d(image, weight)
    d = rng.normal(size=y.shape)
    y.backward(d)
    inputs, results = range(channels), range(outputs)
    expected = [sum(correlate2d(x[0, c], w[o, c], "valid") for c in inputs) for o in results]
    np.testing.assert_allclose(y.data[0], expected, rtol=1e-9, atol=1e-11)
    expected = [sum(convolve2d(d[0, o], w[o, c]) for o in results) for c in inputs]
    np.testing.assert_allclose(image.grad[0], expected, rtol=1e-9, atol=1e-11)
    expected = [[correlate2d(x[0, c], d[0, o], "valid") for c in inputs] for o in results]
    np.testing.assert_allclose(weight.grad, expected, rtol=1e-9, atol=1e-11)


def test_conv2d_of_a_batch_is_that_of_each_image(rng):
    x, module = rng.normal(size=(4, 2, 6, 5)), nn.Conv2d(2, 3, 3, padding=1)
    np.testing.assert_allclose(module(x).data, [module(image).data for image in x], rtol=1e-12)


def test_conv2d_moves_with_the_image(rng):
    x, module = rng.normal(size=(2, 9, 9)), nn.Conv2d(2, 3, 3)
    np.testing.assert_allclose(module(x[:, 1:, 2:]).data, module(x).data[:, 1:, 2:], rtol=1e-12)


def test_conv2d_of_a_window_as_large_as_the_image_is_a_linear_layer(rng):
    x, module = rng.normal(size=(4, 2, 3, 5)), nn.Conv2d(2, 6, (3, 5))
    expected = F.linear(x.reshape(4, 30), module.weight.data.reshape(6, 30), module.bias).data
    np.testing.assert_allclose(module(x).data[:, :, 0, 0], expected, rtol=1e-12)


def test_groups_see_only_their_own_channels(rng):
    x, w = rng.normal(size=(1, 4, 5, 5)), rng.normal(size=(6, 2, 3, 3))
    halves = [F.conv2d(x[:, :2], w[:3]).data, F.conv2d(x[:, 2:], w[3:]).data]
    np.testing.assert_allclose(F.conv2d(x, w, groups=2).data, np.concatenate(halves, axis=1), rtol=1e-12)


def test_conv1d_is_numpys_correlation(rng):
    x, w = rng.normal(size=9), rng.normal(size=3)
    np.testing.assert_allclose(F.conv1d(x[None], w[None, None]).data[0], np.correlate(x, w), rtol=1e-12)


def test_same_padding_puts_the_odd_zero_at_the_end():
    y = F.conv1d([[1.0, 2.0, 3.0]], np.array([[[1.0, 10.0]]]), padding="same")
    assert y.tolist() == [[21, 32, 3]]


def test_conv2d_starts_within_pytorchs_bounds():
    module = nn.Conv2d(4, 100, (3, 2), groups=2)
    for parameter in (module.weight, module.bias):
        bound = 1 / np.sqrt(2 * 3 * 2)
        assert -bound <= parameter.data.min() < -0.95 * bound
        assert 0.95 * bound < parameter.data.max() <= bound


def test_max_pool2d_takes_the_largest_of_each_window():
    x = np.arange(16.0).reshape(1, 4, 4)
    assert F.max_pool2d(x, 2).tolist() == [[[5, 7], [13, 15]]]


def test_max_pool2d_gives_the_gradient_to_the_first_of_the_largest():
    x = nn.Tensor([[[1.0, 1.0], [0.0, 1.0]]], requires_grad=True)
    F.max_pool2d(x, 2).sum().backward()
    assert x.grad.tolist() == [[[1, 0], [0, 0]]]


def test_max_pool2d_pads_with_what_is_never_the_largest():
    assert F.max_pool2d(-np.ones((1, 2, 2)), 2, padding=1).data.max() == -1


def test_avg_pool2d_counts_padding_as_zeros():
    assert F.avg_pool2d(np.ones((1, 2, 2)), 2, padding=1).tolist() == [[[0.25, 0.25], [0.25, 0.25]]]


@pytest.mark.parametrize(
    ("module", "function", "options"),
    [
        (nn.MaxPool2d, F.max_pool2d, {"kernel_size": 3, "stride": 1, "padding": 1, "dilation": 2}),
        (nn.AvgPool2d, F.avg_pool2d, {"kernel_size": 3, "stride": 1, "padding": 1}),
        (nn.AdaptiveAvgPool2d, F.adaptive_avg_pool2d, {"output_size": (2, None)}),
    ],
)
def test_pooling_module_is_its_function(module, function, options, rng):
    x = rng.normal(size=(2, 3, 7, 6))
    np.testing.assert_array_equal(module(**options)(x).data, function(x, **options).data)


def test_adaptive_avg_pool2d_to_one_is_the_mean(rng):
    x = rng.normal(size=(4, 3, 5, 7))
    np.testing.assert_allclose(F.adaptive_avg_pool2d(x, 1).data[..., 0, 0], x.mean(axis=(2, 3)), rtol=1e-12)


def test_adaptive_avg_pool2d_divides_where_it_must_overlap():
    assert F.adaptive_avg_pool2d([[[0.0, 1.0, 2.0]]], (None, 2)).tolist() == [[[0.5, 1.5]]]


def test_results_are_ready_for_the_next_layer_and_stay_so(rng):
    """Inside, images lie as (C, H, W, N): a ReLU between two layers must not put them back."""
    x = F.max_pool2d(F.relu(nn.Conv2d(2, 3, 3)(rng.normal(size=(4, 2, 6, 6)))), 2)
    assert x.data.transpose(1, 2, 3, 0).flags.c_contiguous


IMAGE, WEIGHT = np.ones((1, 4, 6, 6)), np.ones((4, 4, 3, 3))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: F.conv2d(IMAGE[:, :2], WEIGHT),
            r"conv2d: input must have shape \(N, 4, H, W\) or \(4, H, W\), got \(1, 2, 6, 6\)",
        ),
        (
            lambda: F.conv2d(IMAGE[0, 0], WEIGHT),
            r"conv2d: input must have shape \(N, 4, H, W\) or \(4, H, W\), got \(6, 6\)",
        ),
        (
            lambda: F.conv1d(IMAGE, WEIGHT[0]),
            r"conv1d: input must have shape \(N, 3, L\) or \(3, L\), got \(1, 4, 6, 6\)",
        ),
        (
            lambda: F.conv2d(IMAGE, WEIGHT[0]),
            r"conv2d: weight must be 4-D, its first size a multiple of groups=1, got \(4, 3, 3\)",
        ),
        (lambda: F.conv2d(IMAGE, WEIGHT[:3], groups=2), r"a multiple of groups=2, got \(3, 4, 3, 3\)"),
        (lambda: F.conv2d(IMAGE, WEIGHT, np.ones(1)), r"conv2d: bias must have shape \(4,\), got \(1,\)"),
        (lambda: F.conv2d(IMAGE, WEIGHT, stride=0), "conv2d: stride must be an integer ≥ 1, got 0"),
        (lambda: F.conv2d(IMAGE, WEIGHT, stride=1.5), "conv2d: stride must be an integer ≥ 1, got 1.5"),
        (lambda: F.max_pool2d(IMAGE, (2, True)), "max_pool2d: kernel_size must be an integer ≥ 1, got True"),
        (lambda: F.conv2d(IMAGE, WEIGHT, dilation=(1, -1)), "conv2d: dilation must be an integer ≥ 1, got -1"),
        (lambda: F.conv2d(IMAGE, WEIGHT, padding=-1), "conv2d: padding must be an integer ≥ 0, got -1"),
        (
            lambda: F.conv2d(IMAGE, WEIGHT, padding="reflect"),
            "conv2d: padding must be 'valid', 'same', or integers ≥ 0, got 'reflect'",
        ),
        (
            lambda: F.conv2d(IMAGE, WEIGHT, stride=(1, 2), padding="same"),
            r"conv2d: padding 'same' needs stride 1, got \(1, 2\)",
        ),
        (
            lambda: F.conv2d(IMAGE, WEIGHT, stride=(1, 2, 3)),
            r"conv2d: stride must be an int or 2 of them, got \(1, 2, 3\)",
        ),
        (lambda: F.conv2d(IMAGE, WEIGHT, groups=0), "conv2d: groups must be an integer ≥ 1, got 0"),
        (
            lambda: F.conv2d(IMAGE, WEIGHT, dilation=3),
            r"conv2d: a window over \(7, 7\) does not fit into an image of \(6, 6\)",
        ),
        (lambda: F.max_pool2d(IMAGE, 7), r"max_pool2d: a window over \(7, 7\) does not fit into an image of \(6, 6\)"),
        (
            lambda: F.max_pool2d(IMAGE, 2, padding=2),
            r"max_pool2d: padding must be at most half of the window, got \(2, 2\)",
        ),
        (lambda: F.avg_pool2d(IMAGE, 7), r"avg_pool2d: a window over \(7, 7\) does not fit into an image of \(6, 6\)"),
        (lambda: F.max_pool2d(IMAGE[0, 0], 2), r"max_pool2d: input must have shape \(N, C, H, W\)"),
        (lambda: F.adaptive_avg_pool2d(IMAGE[0, 0], 2), r"adaptive_avg_pool2d: input must have shape \(N, C, H, W\)"),
        (lambda: F.avg_pool2d(IMAGE, 2, 0), "avg_pool2d: stride must be an integer ≥ 1, got 0"),
        (
            lambda: F.avg_pool2d(IMAGE[0, 0], 2),
            r"avg_pool2d: input must have shape \(N, C, H, W\) or \(C, H, W\), got \(6, 6\)",
        ),
        (lambda: F.adaptive_avg_pool2d(IMAGE, 0), "adaptive_avg_pool2d: output_size must be an integer ≥ 1, got 0"),
        (
            lambda: F.adaptive_avg_pool2d(IMAGE, (1, 2, 3)),
            r"adaptive_avg_pool2d: output_size must be an int or 2 of them, got \(1, 2, 3\)",
        ),
        (lambda: nn.Conv2d(3, 4, 1, groups=2), "Conv2d: groups=2 must divide in_channels=3 and out_channels=4"),
        (lambda: nn.Conv2d(4, 3, 1, groups=2), "Conv2d: groups=2 must divide in_channels=4 and out_channels=3"),
        (
            lambda: nn.Conv2d(1, 1, 3, padding="reflect"),
            "Conv2d: padding must be 'valid', 'same', or integers ≥ 0, got 'reflect'",
        ),
        (lambda: nn.Conv1d(1, 1, (3, 3)), r"Conv1d: kernel_size must be an int or 1 of them, got \(3, 3\)"),
        (lambda: nn.Conv2d(1, 1, 3, stride=0), "Conv2d: stride must be an integer ≥ 1, got 0"),
        (lambda: nn.Conv2d(1, 1, 3, padding=-1), "Conv2d: padding must be an integer ≥ 0, got -1"),
        (lambda: nn.Conv2d(1, 1, 3, dilation=0), "Conv2d: dilation must be an integer ≥ 1, got 0"),
        (lambda: nn.Conv2d(0, 1, 3), "Conv2d: in_channels must be an integer ≥ 1, got 0"),
        (lambda: nn.Conv2d(1, 0, 3), "Conv2d: out_channels must be an integer ≥ 1, got 0"),
        (lambda: nn.Conv2d(1, 1, 3, groups=0), "Conv2d: groups must be an integer ≥ 1, got 0"),
        (
            lambda: nn.Conv2d(10**5, 10**5, 9, groups=5),
            r"out_channels = 100000 × in_channels / groups = 20000 × kernel_size\[0\] = 9 × kernel_size\[1\] = 9 would",
        ),
        (lambda: nn.MaxPool2d(0), "MaxPool2d: kernel_size must be an integer ≥ 1, got 0"),
        (lambda: nn.MaxPool2d(2, 0), "MaxPool2d: stride must be an integer ≥ 1, got 0"),
        (lambda: nn.MaxPool2d(2, padding=2), r"MaxPool2d: padding must be at most half of the window, got \(2, 2\)"),
        (lambda: nn.MaxPool2d(2, dilation=0), "MaxPool2d: dilation must be an integer ≥ 1, got 0"),
        (lambda: nn.AvgPool2d(2, 0), "AvgPool2d: stride must be an integer ≥ 1, got 0"),
        (lambda: nn.AvgPool2d(2, padding=2), r"AvgPool2d: padding must be at most half of the window, got \(2, 2\)"),
        (lambda: nn.AdaptiveAvgPool2d(-1), "AdaptiveAvgPool2d: output_size must be an integer ≥ 1, got -1"),
    ],
)
def test_images_that_do_not_fit_and_options_out_of_range_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("pool", [F.max_pool2d, F.avg_pool2d])
def test_pooling_pads_by_half_a_window_at_most(pool):
    assert pool(np.ones((1, 1, 4, 4)), 3, padding=1).shape == (1, 1, 2, 2)
    with pytest.raises(ValueError, match="padding"):
        pool(np.ones((1, 1, 4, 4)), 3, padding=2)


def test_pooling_refuses_a_negative_padding_by_its_name():
    with pytest.raises(ValueError, match="max_pool2d: padding"):
        F.max_pool2d(np.ones((1, 1, 4, 4)), 2, padding=-1)
