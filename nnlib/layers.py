"""The modules of a multi-layer perceptron: the linear layer, the activations, dropout."""

import math

import numpy as np

from nnlib import functional as F
from nnlib import init, settings
from nnlib.module import Module, Parameter


class Linear(Module):
    """Z = X Wᵀ + b: every output is a weighted sum of every input.

    Args:
        in_features: inputs of each example, n_(l−1).
        out_features: outputs of each example, n_l.
        bias: whether to add b.

    Attributes:
        weight: W, shape (out_features, in_features): a row of weights for each output. First drawn evenly from
            ±1/√in_features, as PyTorch does.
        bias: b, shape (out_features,), or ``None``. First drawn from the same interval.

    Raises:
        ValueError: if a size is not a positive integer, or too large for memory.
    """

    def __init__(self, in_features, out_features, bias=True):
        self.in_features, self.out_features = in_features, out_features
        self.weight = Parameter(empty("Linear", out_features=out_features, in_features=in_features))
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        self.bias = None
        if bias:
            self.bias = Parameter(empty("Linear", out_features=out_features))
            bound = 1 / math.sqrt(in_features)
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input):
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self):
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Flatten(Module):
    """Join all dimensions but the first: (N, a, b, …) becomes (N, a·b·…)."""

    def forward(self, input):
        return input.reshape(input.shape[0], math.prod(input.shape[1:]))


class Identity(Module):
    """Return the input as it is."""

    def forward(self, input):
        return input


class Dropout(Module):
    """While training, set each element to 0 with probability p and divide the others by 1 − p.

    Raises:
        ValueError: if p is not between 0 and 1.
    """

    def __init__(self, p=0.5):
        if not 0 <= p <= 1:
            raise ValueError(f"Dropout: p must be between 0 and 1, got {p}")
        self.p = p

    def forward(self, input):
        return F.dropout(input, self.p, self.training)

    def extra_repr(self):
        return f"p={self.p}"


class ReLU(Module):
    """max(0, z)."""

    def forward(self, input):
        return F.relu(input)


class LeakyReLU(Module):
    """z where z > 0, else ``negative_slope`` · z."""

    def __init__(self, negative_slope=0.01):
        self.negative_slope = negative_slope

    def forward(self, input):
        return F.leaky_relu(input, self.negative_slope)

    def extra_repr(self):
        return f"negative_slope={self.negative_slope}"


class ELU(Module):
    """z where z > 0, else α(eᶻ − 1)."""

    def __init__(self, alpha=1.0):
        self.alpha = alpha

    def forward(self, input):
        return F.elu(input, self.alpha)

    def extra_repr(self):
        return f"alpha={self.alpha}"


class Sigmoid(Module):
    """1/(1 + e⁻ᶻ)."""

    def forward(self, input):
        return F.sigmoid(input)


class Tanh(Module):
    """tanh(z)."""

    def forward(self, input):
        return F.tanh(input)


class SiLU(Module):
    """z σ(z), also called Swish."""

    def forward(self, input):
        return F.silu(input)


class GELU(Module):
    """z Φ(z), with Φ the normal distribution function, or its tanh approximation."""

    def __init__(self, approximate="none"):
        if approximate not in ("none", "tanh"):
            raise ValueError(f"GELU: approximate must be 'none' or 'tanh', got {approximate!r}")
        self.approximate = approximate

    def forward(self, input):
        return F.gelu(input, self.approximate)

    def extra_repr(self):
        return f"approximate={self.approximate!r}"


class Softplus(Module):
    """log(1 + eᶻ)."""

    def forward(self, input):
        return F.softplus(input)


class Softmax(Module):
    """e^(z_k) / Σ_j e^(z_j) over ``dim``."""

    def __init__(self, dim):
        self.dim = dim

    def forward(self, input):
        return F.softmax(input, self.dim)

    def extra_repr(self):
        return f"dim={self.dim}"


class LogSoftmax(Softmax):
    """The logarithm of softmax over ``dim``."""

    def forward(self, input):
        return F.log_softmax(input, self.dim)


def empty(owner, **sizes):
    """Return an array of the default dtype to fill, after checking the named sizes of its dimensions.

    Raises:
        ValueError: if a size is not a positive integer, or the array would take more than 16 GiB.
    """
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
            raise ValueError(f"{owner}: {name} must be an integer ≥ 1, got {size!r}")
    dtype = settings.get_default_dtype()
    if (needed := math.prod(map(int, sizes.values())) * dtype.itemsize) > 2**34:
        shape = " × ".join(f"{name} = {size}" for name, size in sizes.items())
        raise ValueError(f"{owner}: {shape} would take {needed / 2**30:,.0f} GiB, more than 16 GiB")
    return np.empty(tuple(sizes.values()), dtype)
