"""What is global in nnlib: the default dtype, gradient recording, the random generator, and how memory is kept."""

from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

from nnlib.checks import integer

_default_dtype = np.dtype(np.float64)
_grad_enabled = ContextVar("grad_enabled", default=True)  # for each thread its own
_generator = np.random.default_rng()

# One large array, freed at once: from then on the C library of Linux keeps the memory of freed arrays for the next.
# Otherwise it gives memory back after each step and takes it again page by page, up to a third of a step's time.
np.empty(31 * 2**20, np.uint8)


def set_default_dtype(dtype):
    """Set the dtype of new tensors and parameters that are made from Python numbers.

    Args:
        dtype: ``"float32"`` or ``"float64"`` (the default: exact enough to check a gradient by differences).

    Raises:
        ValueError: for any other dtype.
    """
    global _default_dtype
    _default_dtype = floating_dtype(dtype)


def get_default_dtype():
    """Return the dtype of new tensors and parameters that are made from Python numbers."""
    return _default_dtype


def floating_dtype(dtype):
    """Return ``dtype`` as a NumPy dtype, refusing all but float32 and float64."""
    allowed = (np.dtype(np.float32), np.dtype(np.float64))
    try:
        if dtype is not None and (result := np.dtype(dtype)) in allowed:
            return result
    except TypeError:
        pass
    raise ValueError(f"dtype must be float32 or float64, got {dtype!r}")


@contextmanager
def no_grad():
    """Compute without recording, so that nothing is remembered for ``backward``; also as a decorator, ``@no_grad()``.

    >>> import nnlib as nn
    >>> w = nn.Tensor([1.0, 2.0], requires_grad=True)
    >>> with nn.no_grad():
    ...     print((w * 2).requires_grad)
    False
    """
    before = _grad_enabled.set(False)
    try:
        yield
    finally:
        _grad_enabled.reset(before)


def is_grad_enabled():
    """Return whether operations are being recorded for ``backward``."""
    return _grad_enabled.get()


def manual_seed(seed):
    """Restart nnlib's random generator: the same seed gives the same numbers, bit for bit.

    Args:
        seed: an integer ≥ 0.

    Returns:
        The new ``numpy.random.Generator``.

    Raises:
        ValueError: if the seed is not such an integer.
    """
    global _generator
    _generator = np.random.default_rng(integer("seed", seed, least=0))
    return _generator


def get_generator(generator=None):
    """Return ``generator``, or nnlib's own where it is ``None``.

    Raises:
        TypeError: if it is neither ``None`` nor a ``numpy.random.Generator``.
    """
    if generator is None:
        return _generator
    if not isinstance(generator, np.random.Generator):
        raise TypeError(f"generator must be a numpy.random.Generator or None, got {type(generator).__name__}")
    return generator
