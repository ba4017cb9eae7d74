"""Convolution and pooling: the same small window, moved over every place of an image.

Outside, images have shape (N, C, H, W), as in PyTorch. Inside, they lie in memory as (C, H, W, N): there a shifted
image is made of long runs, and a convolution is one matrix product. A result keeps that order in memory, so that the
next layer finds it ready.
"""

import functools
import itertools
import math
import threading

import numpy as np

from nnlib import init
from nnlib.checks import check_sizes
from nnlib.functional import _floating, _ones
from nnlib.layers import empty
from nnlib.module import Module, Parameter
from nnlib.tensor import as_tensor, as_tensors, record

# Convolution

_BAND = 2**18  # numbers that windows see at a time, so that they stay in the processor's cache
_SMALL = 10**6  # multiply–adds: up to so many, OpenBLAS multiplies matrices as they lie, which is faster


def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Return Y[o, p, q] = b[o] + Σ W[o, c, i, j] X[c, s·p + r·i − a, s·q + r·j − a] over c, i, j, for each image.

    s is the stride, r the dilation, a the padding; X is 0 outside of the image. Gradients: of each product W · X, both
    factors receive d times the other. So dW sums over all places and images, dX over all windows that see a pixel,
    and db = Σ d.

    Args:
        input: X, shape (N, C, H, W), or (C, H, W) for a single image.
        weight: W, shape (O, C / groups, height, width).
        bias: b, shape (O,), or ``None``.
        stride: from each place of the window to the next, ≥ 1; an int, or one for each dimension.
        padding: zeros around the image, ≥ 0, likewise; or ``"valid"`` for none, or ``"same"`` for as many as keep the
            size at stride 1 (where that is odd, one more at the end).
        dilation: from each pixel that the window sees to the next, ≥ 1, likewise.
        groups: parts of equal size that channels and outputs are divided into; each part sees only its own channels.

    Returns:
        Y, shape (N, O, P, Q) or (O, P, Q), with P = ⌊(H + 2a − r (height − 1) − 1)/s⌋ + 1 and Q likewise.

    Raises:
        ValueError: if the shapes do not fit, or an option is out of range.
    """
    return _convolve("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


def conv1d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Return what :func:`conv2d` does, in one dimension: for signals, or text.

    Args:
        input: X, shape (N, C, L), or (C, L) for a single signal.
        weight: W, shape (O, C / groups, length).
        bias, stride, padding, dilation, groups: as for :func:`conv2d`.

    Returns:
        Y, shape (N, O, P) or (O, P).

    Raises:
        ValueError: if the shapes do not fit, or an option is out of range.
    """
    return _convolve("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


def _convolve(name, dims, input, weight, bias, stride, padding, dilation, groups):
    x, w = as_tensors(_floating(input), weight)
    check_sizes(name, groups=groups)
    if w.ndim != dims + 2 or not w.numel() or len(w) % groups:
        raise ValueError(f"{name}: weight must be {dims + 2}-D, its first size a multiple of {groups=}, got {w.shape}")
    outputs, channels, kernel = w.shape[0], w.shape[1], w.shape[2:]
    b = as_tensor(np.zeros(outputs, x.dtype) if bias is None else bias)
    if b.shape != (outputs,):
        raise ValueError(f"{name}: bias must have shape ({outputs},), got {b.shape}")
    stride, dilation = _each(name, "stride", stride, dims), _each(name, "dilation", dilation, dims)
    padding = padding if isinstance(padding, str) else _each(name, "padding", padding, dims, least=0)
    image = _inward(name, x, dims, channels * groups)
    sizes, inner, places = _layout(name, image.shape[1:-1], kernel, stride, padding, dilation)
    padded = _pad(image, sizes, inner, 0)
    window, n = math.prod(kernel), image.shape[-1]
    row = math.prod(places[1:]) * n
    filters = w.data.reshape(groups, outputs // groups, -1)  # (groups, outputs, pixels of a window)
    rows = max(1, _BAND // max(1, len(image) * window * row))
    width, few = max(1, row), _SMALL // filters[0].size  # columns of a small product
    if few >= width:
        rows = min(rows, few // width)
    while width > max(few, 64) and width % 2 == 0:
        width //= 2

    def stacked(a):
        """A view of matrices as a stack of matrices of ``width`` columns."""
        return a.reshape(*a.shape[:2], a.shape[2] // width, width).transpose(2, 0, 1, 3)

    bands = []  # of rows of places: where each is in y, its windows' pixels, and the shape of all of those
    for first in range(0, places[0], rows):
        last = min(first + rows, places[0])
        pixels = _windows(kernel, ((first, last), *[(0, p) for p in places[1:]]), stride, dilation)
        bands.append((slice(first * row, last * row), pixels, (len(image), window, last - first, *places[1:], n)))

    def matrix(room):
        return room.reshape(groups, channels * window, room.shape[2] * row)  # (groups, pixels of a window, places · N)

    def unfolded(pixels, shape):
        room = _room(shape, y.dtype)
        for i, pixel in enumerate(pixels):
            room[:, i] = padded[pixel]
        return matrix(room)

    y = np.empty((groups, outputs // groups, places[0] * row), np.result_type(x.data, w.data))
    for band, pixels, shape in bands:
        np.matmul(filters, stacked(unfolded(pixels, shape)), out=stacked(y[..., band]))
    y += b.data.reshape(groups, -1, 1)

    def lay(d):
        return _lay(d, dims).reshape(y.shape)

    def grad_x(d):
        d, grad = lay(d), np.zeros(padded.shape, padded.dtype)
        for band, pixels, shape in bands:
            room = _room(shape, y.dtype)
            np.matmul(filters.swapaxes(1, 2), stacked(d[..., band]), out=stacked(matrix(room)))
            for i, pixel in enumerate(pixels):
                part = grad[pixel]
                part += room[:, i]
        return _outward(grad[inner], x)

    def grad_w(d):
        d = lay(d).swapaxes(1, 2)
        grad = sum(unfolded(pixels, shape) @ d[:, band] for band, pixels, shape in bands)
        return grad.swapaxes(1, 2).reshape(w.shape)

    return record(
        _outward(y.reshape(outputs, *places, n), x),
        (x, grad_x),
        (w, grad_w),
        (b, lambda d: (lay(d) @ _ones(y.shape[2], y.dtype)).reshape(b.shape)),
    )


# Pooling


def max_pool2d(input, kernel_size, stride=None, padding=0, dilation=1):
    """Return the largest pixel of each window, channel by channel.

    Gradient: d goes to that pixel; where several are the largest, to the first.

    Args:
        input: shape (N, C, H, W) or (C, H, W).
        kernel_size: height and width of the window, ≥ 1; an int, or one for each.
        stride: from each place of the window to the next, ≥ 1, likewise; ``None`` for ``kernel_size``.
        padding: pixels of −∞ around the image, likewise, from 0 to half of the window.
        dilation: from each pixel that the window sees to the next, ≥ 1, likewise.

    Returns:
        Shape (N, C, P, Q) or (C, P, Q), with P and Q as for :func:`conv2d`.

    Raises:
        ValueError: if the shapes do not fit, or an option is out of range.
    """
    x = _floating(input)
    image = _inward("max_pool2d", x, 2)
    kernel, stride, padding, dilation = _pool_options("max_pool2d", kernel_size, stride, padding, dilation)
    sizes, inner, places = _layout("max_pool2d", image.shape[1:-1], kernel, stride, padding, dilation)
    padded = _pad(image, sizes, inner, -np.inf)
    pixels = _windows(kernel, tuple((0, p) for p in places), stride, dilation)
    apart = all(s >= r * (k - 1) + 1 for k, s, r in zip(kernel, stride, dilation, strict=True))
    y = padded[pixels[0]].copy()
    for pixel in pixels[1:]:
        np.maximum(y, padded[pixel], out=y)

    def grad_x(d):
        d, grad, waiting = _lay(d, 2), np.zeros(padded.shape, padded.dtype), np.ones(y.shape, bool)
        for pixel in pixels:
            largest = padded[pixel] == y
            largest &= waiting
            waiting ^= largest
            if apart:
                np.multiply(d, largest, out=grad[pixel])
            else:
                grad[pixel] += d * largest
        return _outward(grad[inner], x)

    return record(_outward(y, x), (x, grad_x))


def avg_pool2d(input, kernel_size, stride=None, padding=0):
    """Return the mean of each window, channel by channel: Y = A X Bᵀ, where A averages rows and B columns.

    Gradient: dX = Aᵀ d B.

    Args:
        input, kernel_size, stride: as for :func:`max_pool2d`.
        padding: zeros around the image, which count in the mean; an int, or one for each dimension, from 0 to half of
            the window.

    Returns:
        Shape (N, C, P, Q) or (C, P, Q), with P and Q as for :func:`conv2d`.

    Raises:
        ValueError: if the shapes do not fit, or an option is out of range.
    """
    x = _floating(input)
    image = _inward("avg_pool2d", x, 2)
    kernel, stride, padding, dilation = _pool_options("avg_pool2d", kernel_size, stride, padding)
    sizes = image.shape[1:-1]
    _, _, places = _layout("avg_pool2d", sizes, kernel, stride, padding, dilation)
    averages = []
    for n, p, k, s, a in zip(sizes, places, kernel, stride, padding, strict=True):
        starts = s * np.arange(p) - a
        averages.append(_averages(n, starts, starts + k))
    return _average(x, image, *averages)


def adaptive_avg_pool2d(input, output_size):
    """Return the means of parts, as equal as can be, that the image is divided into.

    Gradient: as for :func:`avg_pool2d`.

    Args:
        input: shape (N, C, H, W) or (C, H, W).
        output_size: how many parts (P, Q) rows and columns are divided into, ≥ 1; an int, or one for each; ``None`` for
            as many as there are.

    Returns:
        Shape (N, C, P, Q) or (C, P, Q).

    Raises:
        ValueError: if the shapes do not fit, or a size is out of range.
    """
    x = _floating(input)
    image = _inward("adaptive_avg_pool2d", x, 2)
    sizes = image.shape[1:-1]
    averages = []
    for n, p in zip(sizes, _parts("adaptive_avg_pool2d", output_size, sizes), strict=True):
        edges = n * np.arange(p + 1) / p
        averages.append(_averages(n, np.floor(edges[:-1]), np.ceil(edges[1:])))
    return _average(x, image, *averages)


def _averages(n, starts, stops):
    """Return the matrix whose row i averages elements ``starts[i]`` to ``stops[i]`` of n, with zeros around."""
    element = np.arange(n)
    return ((starts[:, None] <= element) & (element < stops[:, None])) / (stops - starts)[:, None]


def _average(x, image, rows, columns):
    rows, columns = rows.astype(x.dtype), columns.astype(x.dtype)

    def average(rows, columns, image):
        channels, height, width, n = image.shape
        return columns @ (rows @ image.reshape(channels, height, width * n)).reshape(channels, len(rows), width, n)

    return record(
        _outward(average(rows, columns, image), x),
        (x, lambda d: _outward(average(rows.T, columns.T, _lay(d, 2)), x)),
    )


# The modules


class Conv2d(Module):
    """Each output is a weighted sum of the pixels in a window, with the same weights at every place.

    Args:
        in_channels: channels of the input, C.
        out_channels: channels of the output, O.
        kernel_size: height and width of the window, ≥ 1; an int, or one for each.
        stride, padding, dilation, groups: as for :func:`nnlib.functional.conv2d`.
        bias: whether to add b.

    Attributes:
        weight: W, shape (O, C / groups, height, width). First drawn evenly from ±1/√n, with n the number of weights of
            an output, as PyTorch does.
        bias: b, shape (O,), or ``None``. First drawn from the same interval.

    Raises:
        ValueError: if an option is out of range, ``groups`` does not divide the channels, or the weights are too large
            for memory.
    """

    dims = 2
    convolve = staticmethod(conv2d)

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True):
        name = type(self).__name__
        check_sizes(name, in_channels=in_channels, out_channels=out_channels, groups=groups)
        if in_channels % groups or out_channels % groups:
            raise ValueError(f"{name}: {groups=} must divide {in_channels=} and {out_channels=}")
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size = _each(name, "kernel_size", kernel_size, self.dims)
        self.stride = _each(name, "stride", stride, self.dims)
        self.padding = padding if isinstance(padding, str) else _each(name, "padding", padding, self.dims, least=0)
        self.dilation = _each(name, "dilation", dilation, self.dims)
        self.groups = groups
        _margins(name, self.padding, self.kernel_size, self.stride, self.dilation)
        window = {f"kernel_size[{i}]": size for i, size in enumerate(self.kernel_size)}
        sizes = {"out_channels": out_channels, "in_channels / groups": in_channels // groups, **window}
        self.weight = init.kaiming_uniform_(Parameter(empty(name, **sizes)), a=math.sqrt(5))
        bound = 1 / math.sqrt(init.fans(self.weight)[0])
        self.bias = init.uniform_(Parameter(empty(name, out_channels=out_channels)), -bound, bound) if bias else None

    def forward(self, input):
        return self.convolve(input, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)

    def extra_repr(self):
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        for name, default in {"padding": (0,) * self.dims, "dilation": (1,) * self.dims, "groups": 1}.items():
            if (value := getattr(self, name)) != default:
                text += f", {name}={value}"
        return text if self.bias is not None else f"{text}, bias=False"


class Conv1d(Conv2d):
    """:class:`Conv2d` in one dimension; see :func:`nnlib.functional.conv1d`."""

    dims = 1
    convolve = staticmethod(conv1d)


class MaxPool2d(Module):
    """The largest pixel of each window; arguments and errors as in :func:`nnlib.functional.max_pool2d`."""

    def __init__(self, kernel_size, stride=None, padding=0, dilation=1):
        _pool_options("MaxPool2d", kernel_size, stride, padding, dilation)
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.dilation = padding, dilation

    def forward(self, input):
        return max_pool2d(input, self.kernel_size, self.stride, self.padding, self.dilation)

    def extra_repr(self):
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, dilation={self.dilation}"


class AvgPool2d(Module):
    """The mean of each window; arguments and errors as in :func:`nnlib.functional.avg_pool2d`."""

    def __init__(self, kernel_size, stride=None, padding=0):
        _pool_options("AvgPool2d", kernel_size, stride, padding)
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding = padding

    def forward(self, input):
        return avg_pool2d(input, self.kernel_size, self.stride, self.padding)

    def extra_repr(self):
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AdaptiveAvgPool2d(Module):
    """The means of equal parts; arguments and errors as in :func:`nnlib.functional.adaptive_avg_pool2d`."""

    def __init__(self, output_size):
        _parts("AdaptiveAvgPool2d", output_size, (1, 1))
        self.output_size = output_size

    def forward(self, input):
        return adaptive_avg_pool2d(input, self.output_size)

    def extra_repr(self):
        return f"output_size={self.output_size}"


# Layout


def _inward(name, x, dims, channels=None):
    """Return the images of x as (C, ..., N), after checking their shape."""
    if x.ndim not in (dims + 1, dims + 2) or channels not in (None, x.shape[-dims - 1]):
        one = f"{channels or 'C'}, {'H, W' if dims == 2 else 'L'}"
        raise ValueError(f"{name}: input must have shape (N, {one}) or ({one}), got {x.shape}")
    return _lay(x.data, dims)


def _lay(array, dims):
    """Return (N, C, ...) or (C, ...) as (C, ..., N), in this order in memory."""
    return np.ascontiguousarray(array.transpose(*range(1, dims + 2), 0) if array.ndim == dims + 2 else array[..., None])


def _outward(array, x):
    """Return (C, ..., N) as (N, C, ...), or as (C, ...) where x was a single image."""
    return array.transpose(-1, *range(x.ndim - 1)) if array.ndim == x.ndim else array[..., 0]


def _pad(image, sizes, inner, value):
    """Return the images in the middle of larger ones, of these ``sizes``, whose other pixels are ``value``."""
    if sizes == image.shape[1:-1]:
        return image
    padded = np.full((len(image), *sizes, image.shape[-1]), value, image.dtype)
    padded[inner] = image
    return padded


# Windows


def _layout(name, sizes, kernel, stride, padding, dilation):
    """Return the sizes of images with their margins, where in there they lie, and at how many places windows fit."""
    margins = _margins(name, padding, kernel, stride, dilation)
    inner = (slice(None), *[slice(before, before + n) for n, (before, _) in zip(sizes, margins, strict=True)])
    sizes = tuple(before + n + after for n, (before, after) in zip(sizes, margins, strict=True))
    spans = tuple(r * (k - 1) + 1 for k, r in zip(kernel, dilation, strict=True))
    if any(n < span for n, span in zip(sizes, spans, strict=True)):
        raise ValueError(f"{name}: a window over {spans} does not fit into an image of {sizes}")
    return sizes, inner, tuple((n - span) // s + 1 for n, span, s in zip(sizes, spans, stride, strict=True))


@functools.lru_cache(maxsize=256)
def _windows(kernel, places, stride, dilation):
    """Return, for each pixel of the window, where in the image it lies at the ``places`` from first to last."""

    def lie(i, place, s, r):
        first, last = place
        return slice(s * first + r * i, s * (last - 1) + r * i + 1, s)

    pixels = itertools.product(*map(range, kernel))
    return [(slice(None), *map(lie, pixel, places, stride, dilation)) for pixel in pixels]


def _room(shape, dtype):
    """Return an array for a moment's use: the same each time, as fresh memory costs more than what is done in it."""
    size = math.prod(shape)
    room = np.empty(size, dtype) if size > _BAND else _workspace(dtype, threading.get_ident())[:size]
    return room.reshape(shape)


@functools.lru_cache(maxsize=8)
def _workspace(dtype, thread):
    return np.empty(_BAND, dtype)


# Options


def _each(name, option, value, dims, least=1):
    """Return an option that is an int, or one for each dimension, as a tuple of them."""
    values = tuple(value) if isinstance(value, tuple | list) else (value,) * dims
    if len(values) != dims:
        raise ValueError(f"{name}: {option} must be an int or {dims} of them, got {value!r}")
    for number in values:
        if type(number) is not int or number < least:  # NumPy's integers, and mistakes
            check_sizes(name, least, **{option: number})
    return values


def _margins(name, padding, kernel, stride, dilation):
    """Return how many pixels come before and after the image in each dimension."""
    if not isinstance(padding, str):
        return [(a, a) for a in padding]
    if padding not in ("valid", "same"):
        raise ValueError(f"{name}: padding must be 'valid', 'same', or integers ≥ 0, got {padding!r}")
    if padding == "same" and any(s > 1 for s in stride):
        raise ValueError(f"{name}: padding 'same' needs stride 1, got {stride}")
    around = [r * (k - 1) if padding == "same" else 0 for k, r in zip(kernel, dilation, strict=True)]
    return [(total // 2, total - total // 2) for total in around]


def _pool_options(name, kernel_size, stride, padding, dilation=1):
    kernel = _each(name, "kernel_size", kernel_size, 2)
    stride = kernel if stride is None else _each(name, "stride", stride, 2)
    padding, dilation = _each(name, "padding", padding, 2, least=0), _each(name, "dilation", dilation, 2)
    if any(2 * a > r * (k - 1) + 1 for a, k, r in zip(padding, kernel, dilation, strict=True)):
        raise ValueError(f"{name}: padding must be at most half of the window, got {padding} for {kernel_size=}")
    return kernel, stride, padding, dilation


def _parts(name, output_size, sizes):
    """Return how many parts each dimension is divided into: all of ``sizes`` where none are given."""
    parts = output_size if isinstance(output_size, tuple | list) else (output_size,) * 2
    if len(parts) != 2:
        raise ValueError(f"{name}: output_size must be an int or 2 of them, got {output_size!r}")
    return _each(name, "output_size", [n if p is None else p for n, p in zip(sizes, parts, strict=True)], 2)
