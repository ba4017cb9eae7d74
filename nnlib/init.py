"""Ways to fill a parameter with its first numbers, in place; names and formulas are PyTorch's."""

import math

import numpy as np

from nnlib import settings
from nnlib.checks import one_of


def zeros_(tensor):
    """Fill with 0, and return the tensor."""
    return constant_(tensor, 0.0)


def constant_(tensor, val):
    """Fill with ``val``, and return the tensor."""
    tensor.data[...] = val
    return tensor


def uniform_(tensor, a=0.0, b=1.0, generator=None):
    """Fill with numbers drawn evenly from [a, b), and return the tensor.

    Args:
        tensor: what to fill.
        a, b: the ends of the interval.
        generator: a ``numpy.random.Generator``; nnlib's own if ``None``.
    """
    tensor.data[...] = settings.get_generator(generator).uniform(a, b, tensor.shape)
    return tensor


def normal_(tensor, mean=0.0, std=1.0, generator=None):
    """Fill with normally distributed numbers, and return the tensor.

    Args:
        tensor: what to fill.
        mean: their mean.
        std: their standard deviation, ≥ 0.
        generator: a ``numpy.random.Generator``; nnlib's own if ``None``.

    Raises:
        ValueError: if ``std`` is negative.
    """
    if not std >= 0:
        raise ValueError(f"std must be ≥ 0, got {std}")
    tensor.data[...] = settings.get_generator(generator).normal(mean, std, tensor.shape)
    return tensor


def xavier_uniform_(tensor, gain=1.0, generator=None):
    """Fill evenly from ±gain √(6/(fan_in + fan_out)): variance 2 gain²/(fan_in + fan_out).

    Source: Glorot and Bengio (2010).

    Args:
        tensor: a weight of at least two dimensions.
        gain: as :func:`calculate_gain` returns it for the activation that follows.
        generator: a ``numpy.random.Generator``; nnlib's own if ``None``.

    Raises:
        ValueError: for a tensor of fewer than two dimensions.
    """
    bound = gain * math.sqrt(6 / sum(fans(tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor, gain=1.0, generator=None):
    """Fill from a normal distribution of variance 2 gain²/(fan_in + fan_out); else as :func:`xavier_uniform_`."""
    return normal_(tensor, 0.0, gain * math.sqrt(2 / sum(fans(tensor))), generator)


def kaiming_uniform_(tensor, a=0.0, mode="fan_in", nonlinearity="leaky_relu", generator=None):
    """Fill evenly from ±gain √(3/fan), with the gain of the activation that follows: variance gain²/fan.

    Args:
        tensor: a weight of at least two dimensions.
        a: the negative slope of the leaky ReLU that follows (used with ``"leaky_relu"`` only).
        mode: ``"fan_in"`` keeps the variance of the signal forwards, ``"fan_out"`` of the gradient backwards.
        nonlinearity: a name that :func:`calculate_gain` knows.
        generator: a ``numpy.random.Generator``; nnlib's own if ``None``.

    Source: He et al. (2015).
    """
    bound = math.sqrt(3) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(tensor, a=0.0, mode="fan_in", nonlinearity="leaky_relu", generator=None):
    """Fill from a normal distribution of variance gain²/fan; else as :func:`kaiming_uniform_`."""
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def orthogonal_(tensor, gain=1.0, generator=None):
    """Fill with a random orthogonal matrix Q times ``gain``, and return the tensor: QᵀQ = I, or QQᵀ = I if Q is wide.

    With gain 1, a square Q keeps the length of a signal and of a gradient exactly; a tall one only the signal's, a wide
    one only the gradient's. A tensor of more dimensions is filled as a matrix with as many rows. Source: Saxe,
    McClelland and Ganguli (2014).

    Args:
        tensor: a weight of at least two dimensions.
        gain: the factor.
        generator: a ``numpy.random.Generator``; nnlib's own if ``None``.

    Raises:
        ValueError: for a tensor of fewer than two dimensions.
    """
    if tensor.ndim < 2:
        raise ValueError(f"orthogonal_ needs a weight of at least 2 dimensions, got shape {tensor.shape}")
    normal = settings.get_generator(generator).normal(size=(tensor.shape[0], math.prod(tensor.shape[1:])))
    wide = normal.shape[0] < normal.shape[1]
    q, r = np.linalg.qr(normal.T if wide else normal)
    q *= np.sign(np.diag(r))  # so that no orthogonal matrix is likelier than another
    tensor.data[...] = gain * (q.T if wide else q).reshape(tensor.shape)
    return tensor


def calculate_gain(nonlinearity, param=None):
    """Return the factor by which weights must grow to make up for what an activation takes from the signal.

    Args:
        nonlinearity: ``"linear"``, ``"sigmoid"``, ``"tanh"``, ``"relu"`` or ``"leaky_relu"``.
        param: the negative slope of the leaky ReLU, 0.01 if ``None``.

    Raises:
        ValueError: for an unknown name.
    """
    slope = 0.01 if param is None else param
    gains = {
        "linear": 1.0,
        "sigmoid": 1.0,
        "tanh": 5 / 3,
        "relu": math.sqrt(2),
        "leaky_relu": math.sqrt(2 / (1 + slope**2)),
    }
    if nonlinearity not in gains:
        raise ValueError(f"nonlinearity must be one of {sorted(gains)}, got {nonlinearity!r}")
    return gains[nonlinearity]


def fans(tensor):
    """Return (fan_in, fan_out): how many inputs each output has, and how many outputs each input has.

    Raises:
        ValueError: for a tensor of fewer than two dimensions.
    """
    if tensor.ndim < 2:
        raise ValueError(f"fan_in and fan_out need a weight of at least 2 dimensions, got shape {tensor.shape}")
    receptive_field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * receptive_field, tensor.shape[0] * receptive_field


def _kaiming_std(tensor, a, mode, nonlinearity):
    one_of("mode", mode, "fan_in", "fan_out")
    fan_in, fan_out = fans(tensor)
    return calculate_gain(nonlinearity, a) / math.sqrt(fan_in if mode == "fan_in" else fan_out)
