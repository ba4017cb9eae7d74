"""The operations of the book: each is its forward equation and, beside each input, the gradient derived by hand.

`d` is always the gradient of the loss with respect to the operation's result (∂L/∂result).
"""

import functools
import math

import numpy as np

from nnlib import settings
from nnlib.checks import fraction, not_negative, one_of
from nnlib.tensor import as_tensor, as_tensors, dot_for, record

# Activations: elementwise, any shape


def relu(input):
    """Return max(0, z): the positive part.

    Derivative: 1 where z > 0, else 0 (at 0 itself, where there is none, 0 is used).
    """
    z = _floating(input)
    a = np.empty_like(z.data)
    a.fill(0)
    np.maximum(z.data, a, out=a)  # twice as fast as with the number 0
    return record(a, (z, lambda d: d * (a > 0)))


def leaky_relu(input, negative_slope=0.01):
    """Return z where z > 0, else ``negative_slope`` · z.

    Derivative: 1 where z > 0, else ``negative_slope``.
    """
    z = _floating(input)
    slope = np.where(z.data > 0, 1, negative_slope).astype(z.dtype)
    return record(z.data * slope, (z, lambda d: d * slope))


def elu(input, alpha=1.0):
    """Return z where z > 0, else α(eᶻ − 1).

    Derivative: 1 where z > 0, else αeᶻ. Source: Clevert et al. (2016).

    Args:
        input: z, any shape.
        alpha: α; −α is the value far below 0.
    """
    z, alpha = _floating(input), float(alpha)
    below = alpha * np.expm1(np.minimum(z.data, 0))
    value = np.where(z.data > 0, z.data, below)
    return record(value, (z, lambda d: d * np.where(z.data > 0, 1, below + alpha)))


def sigmoid(input):
    """Return σ(z) = 1/(1 + e⁻ᶻ), between 0 and 1.

    Derivative: σ(z)(1 − σ(z)), at most 1/4.
    """
    z = _floating(input)
    s = _sigmoid(z.data)
    return record(s, (z, lambda d: d * (s * (1 - s))))


def tanh(input):
    """Return tanh(z) = (eᶻ − e⁻ᶻ)/(eᶻ + e⁻ᶻ), between −1 and 1.

    Derivative: 1 − tanh²(z), at most 1.
    """
    z = _floating(input)
    t = np.tanh(z.data)
    return record(t, (z, lambda d: d * (1 - t * t)))


def silu(input):
    """Return z σ(z), also called Swish.

    Derivative: σ(z)(1 + z(1 − σ(z))). Source: Hendrycks and Gimpel (2016), Ramachandran et al.
    (2017).
    """
    z = _floating(input)
    s = _sigmoid(z.data)
    return record(z.data * s, (z, lambda d: d * (s * (1 + z.data * (1 - s)))))


def gelu(input, approximate="none"):
    """Return z Φ(z), with Φ the standard normal distribution function.

    Derivative: Φ(z) + z φ(z), with φ the normal density. Source: Hendrycks and Gimpel (2016).

    Args:
        approximate: ``"none"`` for Φ itself, ``"tanh"`` for Φ ≈ (1 + tanh u)/2 with u = √(2/π)(z + 0.044715 z³).

    Raises:
        ValueError: for any other ``approximate``.
    """
    one_of("gelu: approximate", approximate, "none", "tanh")
    z = _floating(input)
    x = z.data
    if approximate == "none":
        from scipy.special import ndtr  # here, because importing SciPy takes longer than importing nnlib

        cdf = ndtr(x)
        density = np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
        return record(x * cdf, (z, lambda d: d * (cdf + x * density)))
    c = math.sqrt(2 / math.pi)
    t = np.tanh(c * (x + 0.044715 * x * x * x))
    slope = c * (1 + 3 * 0.044715 * x * x)
    return record(0.5 * x * (1 + t), (z, lambda d: d * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * slope)))


def softplus(input):
    """Return log(1 + eᶻ), a smooth ReLU, stable for any z.

    Derivative: σ(z).
    """
    z = _floating(input)
    return record(_softplus(z.data), (z, lambda d: d * _sigmoid(z.data)))


def logsigmoid(input):
    """Return log σ(z) = −softplus(−z), stable for any z.

    Derivative: σ(−z).
    """
    z = _floating(input)
    return record(-_softplus(-z.data), (z, lambda d: d * _sigmoid(-z.data)))


# Scores to probabilities: over one dimension


def softmax(input, dim):
    """Return p_k = e^(z_k) / Σ_j e^(z_j) over ``dim``: positive numbers that sum to 1.

    The largest score is subtracted first, which changes nothing and cannot overflow. Gradient: p ⊙ (d − Σ_k d_k p_k).

    Args:
        input: scores z, any shape.
        dim: the dimension whose entries compete.
    """
    z = _floating(input)
    _, exp, total = _exponentials(z.data, dim)
    p = exp / total
    return record(p, (z, lambda d: p * (d - (d * p).sum(axis=dim, keepdims=True))))


def log_softmax(input, dim):
    """Return log p_k = z_k − log Σ_j e^(z_j) over ``dim``.

    Gradient: d − p Σ_k d_k.
    """
    z = _floating(input)
    shifted, _, total = _exponentials(z.data, dim)
    log_p = shifted - np.log(total)
    return record(log_p, (z, lambda d: d - np.exp(log_p) * d.sum(axis=dim, keepdims=True)))


# Layers


def linear(input, weight, bias=None):
    """Return Z = X Wᵀ + b: a layer's weighted sums, a row for each example.

    Gradients, with Δ = ∂L/∂Z: dX = Δ W, dW = Δᵀ X, db = Σ of Δ's rows.

    Args:
        input: X, shape (..., in_features).
        weight: W, shape (out_features, in_features).
        bias: b, shape (out_features,), or ``None``.

    Returns:
        Z, shape (..., out_features).

    Raises:
        ValueError: if the shapes do not fit.
    """
    x, w = as_tensors(input, weight)
    X, W = x.data, w.data
    if W.ndim != 2 or not X.ndim or X.shape[-1] != W.shape[1]:
        raise ValueError(
            f"linear: a weight of shape {W.shape} (out, in) does not fit an input of shape {X.shape} (..., in)"
        )
    Z = _times(X, W.T)
    inputs = [(x, lambda d: _times(d, W)), (w, lambda d: dot_for(w, _rows(d).T, _rows(X)))]
    if bias is not None:
        b = as_tensor(bias)
        if b.data.shape != W.shape[:1]:
            raise ValueError(f"linear: bias must have shape {W.shape[:1]}, got {b.shape}")
        Z += b.data
        inputs.append((b, lambda d: _sum_rows(_rows(d))))
    return record(Z, *inputs)


def embedding(input, weight, padding_idx=None):
    """Return a row of the weight for each index: a table of vectors that are learned.

    Gradient: row i of dW is the sum of d over the places where index i stands. This is the product of one-hot rows
    with W, without the zeros.

    Args:
        input: indices, integers in [0, V), any shape.
        weight: the table W, shape (V, D).
        padding_idx: an index in [−V, V) whose row is not learned.

    Returns:
        The rows, shape (..., D).

    Raises:
        ValueError: if the weight is not a matrix.
        TypeError: if the indices are not integers.
        IndexError: if an index, or ``padding_idx``, is out of range.
    """
    indices, w = as_tensor(input).data, _floating(weight)
    if w.ndim != 2:
        raise ValueError(f"embedding: weight must have shape (V, D), got {w.shape}")
    if indices.dtype.kind not in "iu":
        raise TypeError(f"embedding: input must hold integer indices, got dtype {indices.dtype}")
    size = len(w)
    if (wrong := (indices < 0) | (indices >= size)).any():
        raise IndexError(f"embedding: input must be in [0, {size}), got {indices[wrong].flat[0]}")
    if padding_idx is not None and not -size <= padding_idx < size:
        raise IndexError(f"embedding: padding_idx must be in [{-size}, {size}), got {padding_idx}")

    def grad_w(d):
        grad = np.zeros(w.shape, d.dtype)
        order = indices.argsort(axis=None)
        present, starts = np.unique(indices.reshape(-1)[order], return_index=True)
        if present.size:
            grad[present] = np.add.reduceat(_rows(d)[order], starts)
        if padding_idx is not None:
            grad[padding_idx] = 0
        return grad

    return record(w.data[indices], (w, grad_w))


def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5):
    """Return γ ⊙ x̂ + β with x̂ = (x − μ)/√(σ² + ε), where μ and σ² are each example's own mean and (biased) variance.

    Gradients, with g = γ ⊙ d: dx = (g − mean(g) − x̂ mean(g ⊙ x̂))/√(σ² + ε), dγ = Σ d ⊙ x̂, dβ = Σ d; the means are
    over an example, the sums over all examples. Source: Ba et al. (2016).

    Args:
        input: x, whose last dimensions are ``normalized_shape``.
        normalized_shape: the sizes of the dimensions that are normalised together, or the size of the only one.
        weight: γ, shape ``normalized_shape``, or ``None`` for 1.
        bias: β, in the same shape, or ``None`` for 0.
        eps: ε ≥ 0, which keeps the denominator from vanishing.

    Raises:
        ValueError: if the shapes do not fit, or ``eps`` is negative.
    """
    x = _floating(input)
    shape = tuple(normalized_shape) if isinstance(normalized_shape, tuple | list) else (normalized_shape,)
    if not shape or x.shape[-len(shape) :] != shape:
        raise ValueError(f"layer_norm: input must end with the dimensions {shape}, got shape {x.shape}")
    not_negative("layer_norm: eps", eps)
    gamma = _of_shape("layer_norm: weight", weight, np.ones(shape, x.dtype))
    beta = _of_shape("layer_norm: bias", bias, np.zeros(shape, x.dtype))

    def examples(a):
        return a.reshape(-1, math.prod(shape))

    normal, deviation, _, _ = _standardize(examples(x.data), eps)
    scale = gamma.data.reshape(-1)
    y = normal * scale
    y += beta.data.reshape(-1)
    return record(
        y.reshape(x.shape),
        (x, lambda d: _standardize_backward(examples(d) * scale, normal, deviation).reshape(x.shape)),
        (gamma, lambda d: _sum_rows(examples(d) * normal).reshape(shape)),
        (beta, lambda d: _sum_rows(examples(d)).reshape(shape)),
    )


def batch_norm(input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    """Return γ ⊙ x̂ + β with x̂ = (x − μ)/√(σ² + ε), where μ and σ² are each channel's mean and variance.

    While training they are the batch's, σ² biased; the running ones then move towards them by ``momentum``, with σ²
    unbiased. Otherwise they are the running ones. Gradients: while training as in :func:`layer_norm`, with means over
    a channel; otherwise dx = γ ⊙ d/√(σ² + ε). Source: Ioffe and Szegedy (2015).

    Args:
        input: x, shape (N, C) or (N, C, ...).
        running_mean: the running μ, shape (C,), changed in place while training; then it may be ``None``.
        running_var: the running σ², likewise.
        weight: γ, shape (C,), or ``None`` for 1.
        bias: β, shape (C,), or ``None`` for 0.
        training: whether to normalise by the batch.
        momentum: share of the batch in the new running values, in [0, 1].
        eps: ε ≥ 0, which keeps the denominator from vanishing.

    Raises:
        ValueError: if the shapes do not fit, running values are missing, a channel has only one value to train on, or
            ``eps`` is negative.
    """
    x = _floating(input)
    if x.ndim < 2:
        raise ValueError(f"batch_norm: input must have shape (N, C, ...), got {x.shape}")
    examples, channels, *places = x.shape
    n = examples * math.prod(places)
    if training and n == 1:
        raise ValueError(f"batch_norm: training needs more than 1 value per channel, got input of shape {x.shape}")
    if not training and (running_mean is None or running_var is None):
        raise ValueError("batch_norm: running_mean and running_var must be given when not training")
    not_negative("batch_norm: eps", eps)
    gamma = _of_shape("batch_norm: weight", weight, np.ones(channels, x.dtype))
    beta = _of_shape("batch_norm: bias", bias, np.zeros(channels, x.dtype))
    running_mean = _of_shape("batch_norm: running_mean", running_mean, np.zeros(channels)).data
    running_var = _of_shape("batch_norm: running_var", running_var, np.zeros(channels)).data

    def by_channel(a):
        return np.moveaxis(a, 0, -1).reshape(channels, n)

    def as_given(rows):
        return np.moveaxis(rows.reshape(channels, *places, examples), -1, 0)

    if training:
        normal, deviation, mean, variance = _standardize(by_channel(x.data), eps)
        if n:
            running_mean += momentum * (mean - running_mean)
            running_var += momentum * (variance * n / (n - 1) - running_var)
    else:
        deviation = np.sqrt(running_var + eps).astype(x.dtype)[:, None]
        normal = (by_channel(x.data) - running_mean.astype(x.dtype)[:, None]) / deviation
    scale = gamma.data[:, None]

    def grad_x(d):
        g = by_channel(d) * scale
        return as_given(_standardize_backward(g, normal, deviation) if training else g / deviation)

    return record(
        as_given(normal * scale + beta.data[:, None]),
        (x, grad_x),
        (gamma, lambda d: (by_channel(d) * normal).sum(axis=1)),
        (beta, lambda d: by_channel(d).sum(axis=1)),
    )


def dropout(input, p=0.5, training=True, generator=None):
    """Set each element to 0 with probability p, and divide the others by 1 − p; leave all as they are when evaluating.

    Because of the division the expected value is the input's, so nothing needs to change at test time.
    Gradient: d times the same mask. Source: Srivastava et al. (2014).

    Args:
        input: any shape.
        p: the probability, in [0, 1].
        training: whether to drop anything.
        generator: a ``numpy.random.Generator``; nnlib's own if ``None``.

    Raises:
        ValueError: if p is not between 0 and 1.
    """
    x = _floating(input)
    fraction("dropout: p", p)
    if not training or p == 0:
        return x
    kept = settings.get_generator(generator).random(x.shape) >= p
    mask = (kept / (1 - p) if p < 1 else kept).astype(x.dtype)
    return record(x.data * mask, (x, lambda d: d * mask))


# Losses


def mse_loss(input, target, reduction="mean"):
    """Return the mean of (ŷ − y)².

    Gradient: 2(ŷ − y)/n.

    Args:
        input: predictions ŷ, any shape.
        target: y, in the same shape. (PyTorch only warns where shapes differ, and broadcasts.)
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Raises:
        ValueError: if the shapes differ, or for another ``reduction``.
    """
    prediction, y = _same_shape("mse_loss", input, target)
    error = prediction.data - y.data
    return _reduce(error * error, reduction, (prediction, lambda d: 2 * d * error), (y, lambda d: -2 * d * error))


def l1_loss(input, target, reduction="mean"):
    """Return the mean of |ŷ − y|.

    Gradient: sign(ŷ − y)/n.

    Args:
        input: predictions ŷ, any shape.
        target: y, in the same shape.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Raises:
        ValueError: if the shapes differ, or for another ``reduction``.
    """
    prediction, y = _same_shape("l1_loss", input, target)
    error = prediction.data - y.data
    return _reduce(
        np.abs(error), reduction, (prediction, lambda d: d * np.sign(error)), (y, lambda d: -d * np.sign(error))
    )


def binary_cross_entropy(input, target, weight=None, reduction="mean"):
    """Return the mean of −[y log p + (1 − y) log(1 − p)].

    Gradient: (p − y)/(p(1 − p))/n. Each logarithm is held at −100 or above, and the denominator at 1e−12 or above,
    as PyTorch does. From scores, use :func:`binary_cross_entropy_with_logits`, which needs no such limits.

    Args:
        input: probabilities p in [0, 1], any shape.
        target: y in the same shape.
        weight: a factor for each element, broadcast to that shape.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Raises:
        ValueError: if the shapes do not fit, a probability lies outside [0, 1], or for another ``reduction``.
    """
    p, y = _same_shape("binary_cross_entropy", input, target)
    if p.data.size and not (p.data.min() >= 0 and p.data.max() <= 1):
        raise ValueError(
            f"binary_cross_entropy: input must be probabilities in [0, 1], got values from {p.data.min():g} to "
            f"{p.data.max():g}; for scores use binary_cross_entropy_with_logits"
        )
    with np.errstate(divide="ignore"):
        log_p, log_q = np.maximum(np.log(p.data), -100), np.maximum(np.log1p(-p.data), -100)
    loss = -(y.data * log_p + (1 - y.data) * log_q)
    w = _factor("binary_cross_entropy: weight", weight, p)

    def grad_p(d):
        return d * w * ((p.data - y.data) / np.maximum(p.data * (1 - p.data), 1e-12))

    return _reduce(loss * w, reduction, (p, grad_p), (y, lambda d: d * w * (log_q - log_p)))


def binary_cross_entropy_with_logits(input, target, weight=None, reduction="mean", pos_weight=None):
    """Return the mean of −[y log σ(z) + (1 − y) log(1 − σ(z))], computed from the scores z and stable for any z.

    Gradient: (σ(z) − y)/n.

    Args:
        input: scores z (logits), any shape.
        target: y in the same shape.
        weight: a factor for each element, broadcast to that shape.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        pos_weight: a factor for the term of y alone, broadcast to that shape.

    Raises:
        ValueError: if the shapes do not fit, or for another ``reduction``.
    """
    z, y = _same_shape("binary_cross_entropy_with_logits", input, target)
    positive = _factor("binary_cross_entropy_with_logits: pos_weight", pos_weight, z)
    w = _factor("binary_cross_entropy_with_logits: weight", weight, z)
    miss_1, miss_0 = _softplus(-z.data), _softplus(z.data)  # −log σ(z) and −log(1 − σ(z))
    loss = positive * y.data * miss_1 + (1 - y.data) * miss_0

    def grad_z(d):
        s = _sigmoid(z.data)
        return d * w * ((1 - y.data) * s - positive * y.data * (1 - s))

    return _reduce(loss * w, reduction, (z, grad_z), (y, lambda d: d * w * (positive * miss_1 - miss_0)))


def cross_entropy(input, target, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0):
    """Return the mean of −log softmax(z)_y: how surprised the scores are by the right classes.

    Gradient with respect to the scores of one example: (p − one-hot(y))/n.

    Args:
        input: scores z, shape (N, C), or (N, C, d1, …).
        target: the right classes, integers in [0, C), shape (N,) or (N, d1, …); or probabilities, in the
            shape of ``input``.
        weight: a factor for each class, shape (C,); of targets that are classes, the mean is then the weighted one.
        ignore_index: examples with this class count for nothing.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        label_smoothing: share ε of the target that is spread evenly over all classes, in [0, 1].

    Raises:
        ValueError: if the shapes do not fit, ``label_smoothing`` is out of range, or for another ``reduction``.
        IndexError: if a class is out of range.
        TypeError: if classes are not integers.
    """
    z, y = _floating(input), as_tensor(target)
    fraction("cross_entropy: label_smoothing", label_smoothing)
    per_class = _class_weights("cross_entropy", z, weight)
    shifted, exp, total = _exponentials(z.data, 1)
    if y.shape == z.shape and y.dtype.kind == "f":
        wanted, counted, n = y.data.astype(z.dtype, copy=False), 1, None
    else:
        own, factor = _own_classes("cross_entropy", y, z, per_class, ignore_index)
        n = None if factor is None else factor.sum()
        if not label_smoothing:

            def grad_from_own(d):
                grad = exp / total
                grad[own] -= 1
                return (d if factor is None else d * factor[:, None]) * grad

            loss = np.log(total[:, 0]) - shifted[own]
            return _reduce(_weighted(loss, factor), reduction, (z, grad_from_own), n=n)
        wanted, counted = np.zeros_like(exp), (y.data != ignore_index)[:, None]
        wanted[own] = 1

    kept = 1 - float(label_smoothing)
    per_class = 1 if per_class is None else per_class.reshape(-1, *[1] * (z.ndim - 2))
    share = (kept * wanted + (1 - kept) / z.shape[1]) * counted * per_class
    surprise = np.log(total) - shifted

    def grad_z(d):
        return d * (share.sum(axis=1, keepdims=True) / total * exp - share)

    loss = _weighted(surprise, share).sum(axis=1)
    return _reduce(loss, reduction, (z, grad_z), (y, lambda d: d * kept * per_class * surprise), n=n)


def nll_loss(input, target, weight=None, ignore_index=-100, reduction="mean"):
    """Return the mean of −log p_y, for log-probabilities such as those of :func:`log_softmax`.

    Gradient: −one-hot(y)/n. Errors as in :func:`cross_entropy`.

    Args:
        input: log-probabilities, shape (N, C), or (N, C, d1, …).
        target: the right classes, integers in [0, C), shape (N,) or (N, d1, …).
        weight: a factor for each class, shape (C,); the mean is then the weighted one.
        ignore_index: examples with this class count for nothing.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
    """
    log_p, y = _floating(input), as_tensor(target)
    per_class = _class_weights("nll_loss", log_p, weight)
    own, factor = _own_classes("nll_loss", y, log_p, per_class, ignore_index)

    def grad(d):
        picked = np.zeros_like(log_p.data)
        picked[own] = 1 if factor is None else factor
        return -d * picked

    n = None if factor is None else factor.sum()
    return _reduce(_weighted(-log_p.data[own], factor), reduction, (log_p, grad), n=n)


# What several operations share


@np.errstate(over="ignore")  # where e⁻ᶻ is too large for a float, σ(z) is 0
def _sigmoid(z):
    return np.reciprocal(1 + np.exp(-z))


def _softplus(z):
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


def _exponentials(z, dim):
    """Return the scores less the largest of them over ``dim``, their exponentials, and the sums of those."""
    shifted = z - z.max(axis=dim, keepdims=True)
    exp = np.exp(shifted)
    return shifted, exp, exp.sum(axis=dim, keepdims=True)


def _weighted(loss, factor):
    """Return factor · loss, and 0 where the factor is 0: a class that nobody asks for may have probability 0."""
    return loss if factor is None else factor * np.where(factor, loss, 0)


def _standardize(rows, eps):
    """Return rows with mean 0 and variance 1, their √(σ² + ε) as a column, their means and their biased variances."""
    average = np.full(rows.shape[1], 1 / max(rows.shape[1], 1), rows.dtype)  # a mean is a product with this
    mean = rows @ average
    centred = rows - mean[:, None]
    centred -= (centred @ average)[:, None]  # what rounding left of the mean
    variance = (centred * centred) @ average
    deviation = np.sqrt(variance + eps)[:, None]
    centred /= deviation
    return centred, deviation, mean, variance


def _standardize_backward(g, normal, deviation):
    """Return (g − mean(g) − x̂ mean(g ⊙ x̂))/√(σ² + ε), row by row."""
    average = np.full(g.shape[1], 1 / max(g.shape[1], 1), g.dtype)
    grad = g - (g @ average)[:, None]
    grad -= normal * ((g * normal) @ average)[:, None]
    grad /= deviation
    return grad


def _floating(value):
    """Return ``value`` as a tensor of floating-point numbers; integers take the default dtype."""
    tensor = as_tensor(value)
    return tensor if tensor.data.dtype.kind == "f" else tensor.to(settings.get_default_dtype())


def _factor(name, value, like):
    """Return a factor for each element of ``like``, in its dtype."""
    if value is None:
        return 1
    factor = as_tensor(value).data.astype(like.dtype, copy=False)
    try:
        return np.broadcast_to(factor, like.shape)
    except ValueError:
        raise ValueError(f"{name} of shape {factor.shape} does not broadcast to {like.shape}") from None


def _of_shape(name, value, default):
    """Return ``value`` as a tensor in the shape of ``default``, or that constant where it is ``None``."""
    tensor = as_tensor(default if value is None else value)
    if tensor.shape != default.shape:
        raise ValueError(f"{name} must have shape {default.shape}, got {tensor.shape}")
    return tensor


def _rows(a):
    return a if a.ndim == 2 else a.reshape(math.prod(a.shape[:-1]), a.shape[-1])


def _times(a, matrix):
    """Return a @ matrix: all rows in one product, by ``dot``, which begins sooner than ``@``."""
    return a.dot(matrix) if a.ndim == 2 else _rows(a).dot(matrix).reshape(*a.shape[:-1], matrix.shape[1])


def _sum_rows(rows):
    """Return the sum of the rows as their product with ones, which is faster."""
    return _ones(len(rows), rows.dtype).dot(rows)


_ones = functools.lru_cache(maxsize=16)(np.ones)  # never written to


def _same_shape(name, input, target):
    a, b = as_tensors(input, target)
    if a.data.shape != b.data.shape:
        raise ValueError(f"{name}: input has shape {a.shape}, target has shape {b.shape}; they must be the same")
    return a, b if b.data.dtype == a.data.dtype else b.to(a.dtype)


def _class_weights(name, z, weight):
    """Return the factor of each class, shape (C,), for scores z of shape (N, C, …); ``None`` for none."""
    if z.ndim < 2:
        raise ValueError(f"{name}: input must have shape (N, C, ...), got {z.shape}")
    if weight is None:
        return None
    w = as_tensor(weight).data.astype(z.dtype)
    if w.shape != z.shape[1:2]:
        raise ValueError(f"{name}: weight must have shape ({z.shape[1]},), got {w.shape}")
    return w


def _own_classes(name, y, z, per_class, ignore_index):
    """Return where in z each example's own class stands, and each example's factor, or ``None`` if all count alike."""
    expected, classes = z.shape[:1] + z.shape[2:], y.data
    if y.shape != expected:
        raise ValueError(f"{name}: target must have shape {expected} for an input of shape {z.shape}, got {y.shape}")
    if y.dtype.kind not in "iu":
        raise TypeError(f"{name}: target must hold integer classes, got dtype {y.dtype}")
    factor = None
    outside = (classes < 0) | (classes >= z.shape[1])
    if 0 <= ignore_index < z.shape[1] or outside.any():
        counted = classes != ignore_index
        if (wrong := outside & counted).any():
            raise IndexError(f"{name}: target must be in [0, {z.shape[1]}), got {classes[wrong].flat[0]}")
        factor, classes = counted.astype(z.dtype), np.where(counted, classes, 0)
    if per_class is not None:
        factor = per_class[classes] * (1 if factor is None else factor)
    examples, *places = np.indices(y.shape, sparse=True)
    return (examples, classes, *places), factor


def _reduce(loss, reduction, *inputs, n=None):
    """Return the losses of all elements as their mean, over ``n`` of them if given, as their sum, or as they are.

    ``inputs`` are pairs as for :func:`record`, whose functions start from the gradient of each element's loss.
    """
    one_of("reduction", reduction, "mean", "sum", "none")
    if reduction == "none":
        # a loss that has summed over the classes needs that dimension back
        return record(loss, *[(t, lambda d, t=t, g=g: g(d if d.ndim == t.ndim else d[:, None])) for t, g in inputs])
    divisor = (loss.size if n is None else n) if reduction == "mean" else 1
    # where nothing counts, the mean is 0/0, but nobody has a share in it
    return record(loss.sum() / divisor, *[(t, lambda d, g=g: g(d / (divisor or 1))) for t, g in inputs])


# Operations whose modules stand beside them in files of their own

from nnlib.attention import scaled_dot_product_attention  # noqa: E402, F401
from nnlib.conv import adaptive_avg_pool2d, avg_pool2d, conv1d, conv2d, max_pool2d  # noqa: E402, F401
