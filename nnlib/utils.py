"""Checking gradients, and holding them in bounds."""

import numpy as np

from nnlib.tensor import Tensor


def gradcheck(func, inputs, eps=1e-6, atol=1e-5, rtol=1e-3):
    """Compare the gradients of ``func`` with central differences, (f(x + ε) − f(x − ε))/2ε, element by element.

    Args:
        func: a function of tensors that returns a tensor.
        inputs: its arguments, a tensor or a sequence of them; those that require gradients must be float64.
        eps: ε, the half width of the difference.
        atol, rtol: a pair may differ by atol + rtol · |difference quotient|.

    Returns:
        True.

    Raises:
        ValueError: if no input requires gradients, one is not float64, or a gradient is wrong; the message names the
            input, the element and both numbers.
    """
    inputs = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    checked = [i for i, t in enumerate(inputs) if isinstance(t, Tensor) and t.requires_grad]
    if not checked:
        raise ValueError("gradcheck needs at least one input that requires gradients")
    for i in checked:
        if inputs[i].dtype != np.float64:
            raise ValueError(
                f"gradcheck needs float64, input {i} is {inputs[i].dtype}: differences would drown in rounding"
            )

    weights = np.random.default_rng(0).normal(size=func(*inputs).shape)  # so that no direction of the output cancels

    def scalar(*arguments):
        return float((func(*arguments).data * weights).sum())

    copies = [Tensor(t.data.copy(), t.requires_grad) if isinstance(t, Tensor) else t for t in inputs]
    func(*copies).backward(weights)
    for i in checked:
        analytic = copies[i].grad if copies[i].grad is not None else np.zeros(copies[i].shape)
        for index in np.ndindex(copies[i].shape):
            plus, minus = (_nudged(inputs, i, index, step) for step in (eps, -eps))
            numeric = (scalar(*plus) - scalar(*minus)) / (2 * eps)
            if not abs(analytic[index] - numeric) <= atol + rtol * abs(numeric):
                raise ValueError(
                    f"gradient of input {i} at {index} is {analytic[index]:.8g}, differences give {numeric:.8g}"
                )
    return True


def _nudged(inputs, i, index, step):
    changed = inputs[i].data.copy()
    changed[index] += step
    return [Tensor(changed) if j == i else t for j, t in enumerate(inputs)]


def clip_grad_norm_(parameters, max_norm):
    """Shrink all gradients together so that their joint length ‖g‖ is at most ``max_norm``; their direction stays.

    Returns:
        The length before.

    Raises:
        ValueError: if ``max_norm`` is not a positive number.
    """
    _require_positive("max_norm", max_norm)
    gradients = _gradients(parameters)
    norm = float(np.sqrt(sum(float((g * g).sum()) for g in gradients)))
    factor = max_norm / (norm + 1e-6)  # PyTorch's guard against dividing by 0
    if factor < 1:
        for g in gradients:
            g *= factor
    return norm


def clip_grad_value_(parameters, clip_value):
    """Hold each element of each gradient between ±``clip_value``.

    Raises:
        ValueError: if ``clip_value`` is not a positive number.
    """
    _require_positive("clip_value", clip_value)
    for g in _gradients(parameters):
        np.clip(g, -clip_value, clip_value, out=g)


def _gradients(parameters):
    parameters = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    return [p.grad for p in parameters if p.grad is not None]


def _require_positive(name, value):
    if not value > 0:
        raise ValueError(f"{name} must be > 0, got {value}")
