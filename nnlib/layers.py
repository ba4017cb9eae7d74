"""The modules that most networks share: linear layer, activations, dropout, embedding, normalisation, residual."""

import math

import numpy as np

from nnlib import functional as F
from nnlib import init, settings
from nnlib.checks import check_sizes, fraction, one_of
from nnlib.module import Module, Parameter
from nnlib.tensor import as_tensor


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
        self.p = fraction("Dropout: p", p)

    def forward(self, input):
        return F.dropout(input, self.p, self.training)

    def extra_repr(self):
        return f"p={self.p}"


class Embedding(Module):
    """A learned vector for each index: a row of ``weight``; see :func:`nnlib.functional.embedding`.

    Args:
        num_embeddings: how many indices there are, V.
        embedding_dim: the length of each vector, D.
        padding_idx: an index in [−V, V) whose vector starts as 0 and is not learned.

    Attributes:
        weight: the vectors, shape (V, D). First drawn from the standard normal distribution.

    Raises:
        ValueError: if a size is not a positive integer, or too large for memory.
        IndexError: if ``padding_idx`` is out of range.
    """

    def __init__(self, num_embeddings, embedding_dim, padding_idx=None):
        weight = empty("Embedding", num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise IndexError(
                f"Embedding: padding_idx must be in [{-num_embeddings}, {num_embeddings}), got {padding_idx}"
            )
        self.num_embeddings, self.embedding_dim, self.padding_idx = num_embeddings, embedding_dim, padding_idx
        self.weight = init.normal_(Parameter(weight))
        if padding_idx is not None:
            self.weight.data[padding_idx] = 0

    def forward(self, input):
        return F.embedding(input, self.weight, self.padding_idx)

    def extra_repr(self):
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"


class LayerNorm(Module):
    """Each example with mean 0 and variance 1, then scaled and shifted; see :func:`nnlib.functional.layer_norm`.

    Args:
        normalized_shape: the sizes of the dimensions that are normalised together, or the size of the only one.
        eps: ε ≥ 0, which keeps the denominator from vanishing.
        elementwise_affine: whether to learn a scale and a shift.
        bias: whether to learn the shift.

    Attributes:
        weight: γ, shape ``normalized_shape``, first 1; or ``None``.
        bias: β, in the same shape, first 0; or ``None``.

    Raises:
        ValueError: if a size is not a positive integer, or they are too large for memory.
    """

    def __init__(self, normalized_shape, eps=1e-5, elementwise_affine=True, bias=True):
        shape = tuple(normalized_shape) if isinstance(normalized_shape, tuple | list) else (normalized_shape,)
        ones = empty("LayerNorm", **{f"normalized_shape[{i}]": size for i, size in enumerate(shape)})
        self.normalized_shape, self.eps = ones.shape, eps
        self.weight = init.constant_(Parameter(ones), 1) if elementwise_affine else None
        self.bias = Parameter(np.zeros_like(ones)) if elementwise_affine and bias else None

    def forward(self, input):
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self):
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.weight is not None}"


class BatchNorm1d(Module):
    """Each channel with mean 0 and variance 1 over the batch, then scaled and shifted; in evaluation over all batches.

    For inputs of shape (N, C) or (N, C, L); see :func:`nnlib.functional.batch_norm`.

    Args:
        num_features: channels C.
        eps: ε ≥ 0, which keeps the denominator from vanishing.
        momentum: share of each batch in the new running values, in [0, 1]; ``None`` for the mean over all batches.
        affine: whether to learn a scale and a shift.
        track_running_stats: whether to keep running values; without them every batch is normalised by its own.

    Attributes:
        weight: γ, shape (C,), first 1; or ``None``.
        bias: β, shape (C,), first 0; or ``None``.
        running_mean, running_var: the running μ and σ², shape (C,), first 0 and 1; or ``None``.
        num_batches_tracked: how many batches they have seen; or ``None``.

    Raises:
        ValueError: if ``num_features`` is not a positive integer, or too large for memory; when called, if the input
            has another shape, or only one value per channel to train on.
    """

    layouts = ("NC", "NCL")

    def __init__(self, num_features, eps=1e-5, momentum=0.1, affine=True, track_running_stats=True):
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        ones = init.constant_(Parameter(empty(type(self).__name__, num_features=num_features)), 1)
        self.weight = ones if affine else None
        self.bias = Parameter(np.zeros_like(ones.data)) if affine else None
        self.running_mean = np.zeros_like(ones.data) if track_running_stats else None
        self.running_var = np.ones_like(ones.data) if track_running_stats else None
        self.num_batches_tracked = np.array(0) if track_running_stats else None

    def forward(self, input):
        shape = np.shape(input)
        if len(shape) not in map(len, self.layouts) or shape[1] != self.num_features:
            expected = f"{' or '.join(self.layouts)} with C = {self.num_features}"
            raise ValueError(f"{type(self).__name__}: input must be laid out as {expected}, got shape {shape}")
        running, training, momentum = (self.running_mean, self.running_var), self.training, self.momentum
        if self.num_batches_tracked is None:
            training, momentum = True, 0  # there is nothing to move
        elif momentum is None:
            momentum = 1 / (1 + int(self.num_batches_tracked))
        output = F.batch_norm(input, *running, self.weight, self.bias, training, momentum, self.eps)
        if self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked += 1
        return output

    def extra_repr(self):
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.weight is not None}, "
            f"track_running_stats={self.num_batches_tracked is not None}"
        )


class BatchNorm2d(BatchNorm1d):
    """:class:`BatchNorm1d` for images, shape (N, C, H, W): each channel over the batch and all places."""

    layouts = ("NCHW",)


class Residual(Module):
    """x + module(x): the module learns what to change, and the gradient has a way around it.

    Raises:
        TypeError: if ``module`` is not a module.
        ValueError: when called, if the module changes the shape.
    """

    def __init__(self, module):
        if not isinstance(module, Module):
            raise TypeError(f"Residual: module must be a Module, got {type(module).__name__}")
        self.module = module

    def forward(self, input):
        input = as_tensor(input)
        change = self.module(input)
        if change.shape != input.shape:
            raise ValueError(f"Residual: module made shape {change.shape} of {input.shape}; they must be the same")
        return input + change


class ReLU(Module):
    """max(0, z)."""

    def forward(self, input):
        return F.relu(input)


class LeakyReLU(Module):
    """z where z > 0, else ``negative_slope`` · z; see :func:`nnlib.functional.leaky_relu`."""

    def __init__(self, negative_slope=0.01):
        self.negative_slope = negative_slope

    def forward(self, input):
        return F.leaky_relu(input, self.negative_slope)

    def extra_repr(self):
        return f"negative_slope={self.negative_slope}"


class ELU(Module):
    """z where z > 0, else α(eᶻ − 1); see :func:`nnlib.functional.elu`."""

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
    """z Φ(z), with Φ the normal distribution function; see :func:`nnlib.functional.gelu`."""

    def __init__(self, approximate="none"):
        self.approximate = one_of("GELU: approximate", approximate, "none", "tanh")

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
    check_sizes(owner, **sizes)
    dtype = settings.get_default_dtype()
    if (needed := math.prod(map(int, sizes.values())) * dtype.itemsize) > 2**34:
        shape = " × ".join(f"{name} = {size}" for name, size in sizes.items())
        raise ValueError(f"{owner}: {shape} would take {needed / 2**30:,.0f} GiB, more than 16 GiB")
    return np.empty(tuple(sizes.values()), dtype)
