"""Tensor: an array that remembers how it was computed, so that gradients can flow back through it."""

from itertools import count
from operator import attrgetter

import numpy as np

from nnlib import settings

_births, _birth = count(), attrgetter("_born")


class Tensor:
    """An array with a gradient.

    Every operation on tensors that require gradients returns a tensor that knows its inputs and how to pass a
    gradient back to them. ``backward`` walks that record from the end to the beginning. Operations are ``+ - * / @``,
    ``**`` with a number, indexing, and the methods below; comparisons return tensors without gradients.

    Args:
        data: numbers, nested lists, a NumPy array (shared, not copied) or a tensor. Python floats take the
            default dtype; arrays keep theirs.
        requires_grad: whether ``backward`` shall leave ∂(result)/∂(this tensor) in ``grad``.
        dtype: convert to this dtype.

    Attributes:
        data: the NumPy array. Change it in place to update a parameter.
        grad: a NumPy array of the same shape, or ``None`` before ``backward``. Gradients add up until cleared. Once an
            optimiser has the tensor, the next gradient fills the same array again: to keep one, copy it.

    Raises:
        TypeError: if the data are not numbers, or integers shall have a gradient.
        ValueError: if nested lists are ragged.

    >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> y = (x * x).sum()
    >>> y.backward()
    >>> x.grad
    array([2., 4., 6.])
    """

    __slots__ = ("_born", "_grad_buffer", "_inputs", "_keep_grad", "data", "grad", "requires_grad")
    __array_ufunc__ = None  # let NumPy arrays leave `array * tensor` to Tensor.__rmul__

    def __init__(self, data, requires_grad=False, dtype=None):
        if isinstance(data, Tensor):
            data = data.data
        try:
            array = np.asarray(data)
        except ValueError as error:
            raise ValueError(f"data must be numbers in lists of equal lengths: {error}") from None
        if dtype is None and array.dtype.kind == "f" and not isinstance(data, np.ndarray | np.generic):
            dtype = settings.get_default_dtype()
        for kind in (array.dtype, np.dtype(dtype)):
            if kind.kind not in "fiub":
                raise TypeError(f"a tensor holds real numbers, got dtype {kind}")
        if dtype is not None:
            array = array.astype(dtype, copy=False)
        if requires_grad and array.dtype.kind != "f":
            raise TypeError(f"only floating-point tensors can require gradients, got dtype {array.dtype}")
        self._begin(array, requires_grad, ())

    def _begin(self, array, requires_grad, inputs):
        self.data = array
        self.grad = self._grad_buffer = None
        self.requires_grad = requires_grad
        self._inputs = inputs  # pairs: a tensor, and the function from this one's gradient to that one's
        self._keep_grad = False
        self._born = next(_births)

    # What it is

    @property
    def shape(self):
        """The sizes of the dimensions, a tuple."""
        return self.data.shape

    @property
    def ndim(self):
        """The number of dimensions."""
        return self.data.ndim

    @property
    def dtype(self):
        """The NumPy dtype of the numbers."""
        return self.data.dtype

    @property
    def is_leaf(self):
        """Whether this tensor was made by you rather than by an operation."""
        return not self._inputs

    def numel(self):
        """Return the number of elements."""
        return self.data.size

    def item(self):
        """Return the only element as a Python number.

        Raises:
            ValueError: if there is not exactly one.
        """
        if self.data.size != 1:
            raise ValueError(f"item() needs a tensor with one element, this one has shape {self.shape}")
        return self.data.item()

    def detach(self):
        """Return a tensor that shares these numbers and remembers nothing."""
        return Tensor(self.data)

    def to(self, dtype):
        """Return the same numbers in another dtype; their gradient comes back in this one; integers have none."""
        data = self.data.astype(dtype, copy=False)
        return record(data, (self, lambda d: d.astype(self.dtype))) if data.dtype.kind == "f" else Tensor(data)

    def numpy(self):
        """Return the NumPy array.

        Raises:
            RuntimeError: if the tensor requires gradients, which the array would lose: detach it first.
        """
        if self.requires_grad:
            raise RuntimeError("this tensor requires gradients, which an array cannot: use detach().numpy()")
        return self.data

    def tolist(self):
        """Return the numbers as nested Python lists."""
        return self.data.tolist()

    def __array__(self, dtype=None, copy=None):
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __len__(self):
        return len(self.data)

    def __iter__(self):
        return (self[i] for i in range(len(self.data)))

    def __bool__(self):
        return bool(self.item())

    def __float__(self):
        return float(self.item())

    def __int__(self):
        return int(self.item())

    def __format__(self, spec):
        return object.__format__(self, spec) if self.ndim else format(self.item(), spec)

    def __repr__(self):
        numbers = np.array2string(self.data, precision=4, suppress_small=True, separator=", ", prefix="Tensor(")
        dtype = "" if self.dtype in (settings.get_default_dtype(), np.int64, bool) else f", dtype={self.dtype}"
        return f"Tensor({numbers}{dtype}{', requires_grad=True' if self.requires_grad else ''})"

    # Gradients

    def backward(self, gradient=None, retain_graph=False):
        """Add ∂(this tensor)/∂(leaf) to the ``grad`` of every leaf that this tensor was computed from.

        Args:
            gradient: what to start from, in this tensor's shape; 1 for a tensor with one element.
            retain_graph: keep the record, so that ``backward`` may be called again; before any parameter is changed,
                because the record shares their numbers.

        Raises:
            ValueError: if the tensor has several elements and no ``gradient`` of the same shape is given.
            RuntimeError: if nothing was recorded, or the record was already used.
        """
        if not self.requires_grad:
            raise RuntimeError("backward() found nothing to do: no input of this tensor requires gradients")
        if gradient is None:
            if self.data.size != 1:
                raise ValueError(
                    f"backward() starts from one number, this tensor has shape {self.shape}: "
                    "reduce it with .sum() or .mean(), or pass gradient="
                )
            gradient = np.array(1, self.dtype, ndmin=self.ndim)
        else:
            gradient = np.asarray(_array(gradient), self.dtype)
            if gradient.shape != self.shape:
                raise ValueError(f"gradient must have this tensor's shape {self.shape}, got {gradient.shape}")

        gradients = {self: gradient}
        for tensor in self._record():
            grad = gradients.pop(tensor)
            if tensor._keep_grad or not tensor._inputs:
                tensor._accumulate(grad)
            for source, grad_source in tensor._inputs:
                new = grad_source(grad)
                if not source._inputs:
                    source._accumulate(new)
                else:
                    gradients[source] = gradients[source] + new if source in gradients else new
            if tensor._inputs and not retain_graph:
                tensor._inputs = _USED

    def retain_grad(self):
        """Keep this tensor's gradient too, although it is not a leaf."""
        self._keep_grad = True

    def _record(self):
        """Return this tensor and all it was computed from but leaves, youngest first: each after all that used it."""
        found, tensors = {self}, [self]
        for tensor in tensors:  # which grows meanwhile
            for source, _ in tensor._inputs:
                if source._inputs and source not in found:
                    found.add(source)
                    tensors.append(source)
        tensors.sort(key=_birth, reverse=True)
        return tensors

    def _accumulate(self, grad):
        if self.grad is not None:
            self.grad += grad
        elif self._grad_buffer is not None:
            if grad is not self._grad_buffer:
                self._grad_buffer[...] = grad
            self.grad = self._grad_buffer
        elif self.dtype.kind != "f":
            raise TypeError(f"only floating-point tensors can require gradients, got dtype {self.dtype}")
        else:
            self.grad = np.array(grad, dtype=self.dtype)

    # Arithmetic: each operation, and beside each input the gradient it receives

    def __add__(self, other):
        a, b = as_tensors(self, other)
        return record(a.data + b.data, (a, lambda d: unbroadcast(d, a)), (b, lambda d: unbroadcast(d, b)))

    def __sub__(self, other):
        a, b = as_tensors(self, other)
        return record(a.data - b.data, (a, lambda d: unbroadcast(d, a)), (b, lambda d: unbroadcast(-d, b)))

    def __mul__(self, other):
        a, b = as_tensors(self, other)
        return record(
            a.data * b.data,
            (a, lambda d: unbroadcast(d * b.data, a)),
            (b, lambda d: unbroadcast(d * a.data, b)),
        )

    def __truediv__(self, other):
        a, b = as_tensors(self, other)
        quotient = a.data / b.data
        return record(
            quotient,
            (a, lambda d: unbroadcast(d / b.data, a)),
            (b, lambda d: unbroadcast(-d * quotient / b.data, b)),
        )

    def __pow__(self, exponent):
        """Return this tensor to a constant power: d(xⁿ) = n xⁿ⁻¹ dx."""
        if not isinstance(exponent, int | float | np.number):
            raise TypeError(f"the exponent must be a number, got {type(exponent).__name__}")
        n = float(exponent)
        return record(self.data**n, (self, lambda d: d * (n * self.data ** (n - 1)) if n else 0 * d))

    def __matmul__(self, other):
        """Return the matrix product: for C = A B, dA = dC Bᵀ and dB = Aᵀ dC, for vectors and stacks too."""
        a, b = as_tensors(self, other)
        if not a.ndim or not b.ndim or a.shape[-1] != b.shape[max(-2, -b.ndim)]:
            raise ValueError(f"cannot multiply matrices of shapes {a.shape} and {b.shape}")

        def matrices(d):
            """d, a and b with the axes back that a product with a vector drops."""
            if b.ndim == 1:
                d = d[..., None]
            if a.ndim == 1:
                d = d[..., None, :]
            return d, np.atleast_2d(a.data), b.data[:, None] if b.ndim == 1 else b.data

        def grad_a(d):
            d, _, right = matrices(d)
            return unbroadcast(d @ right.swapaxes(-1, -2), a)

        def grad_b(d):
            d, left, _ = matrices(d)
            grad = left.swapaxes(-1, -2) @ d
            return unbroadcast(grad[..., 0] if b.ndim == 1 else grad, b)

        return record(a.data @ b.data, (a, grad_a), (b, grad_b))

    def __neg__(self):
        return record(-self.data, (self, lambda d: -d))

    __radd__ = __add__
    __rmul__ = __mul__

    def __rsub__(self, other):
        b, a = as_tensors(self, other)
        return a - b

    def __rtruediv__(self, other):
        b, a = as_tensors(self, other)
        return a / b

    def __rmatmul__(self, other):
        b, a = as_tensors(self, other)
        return a @ b

    # In place: what no operation has made, such as a parameter, changes only where nothing is recorded

    def __iadd__(self, other):
        return self._become(self + other)

    def __isub__(self, other):
        return self._become(self - other)

    def __imul__(self, other):
        return self._become(self * other)

    def __itruediv__(self, other):
        return self._become(self / other)

    def _become(self, result):
        if not (self.is_leaf and self.requires_grad):
            return result
        if settings.is_grad_enabled():
            raise RuntimeError(
                "a leaf that requires gradients cannot change in place while operations are recorded: use no_grad()"
            )
        self.data[...] = result.data
        return self

    # Functions

    def exp(self):
        """Return eˣ, element by element: d(eˣ) = eˣ dx."""
        y = np.exp(self.data)
        return record(y, (self, lambda d: d * y))

    def log(self):
        """Return the natural logarithm, element by element: d(log x) = dx/x."""
        return record(np.log(self.data), (self, lambda d: d / self.data))

    def sqrt(self):
        """Return √x, element by element: d(√x) = dx/(2√x)."""
        y = np.sqrt(self.data)
        return record(y, (self, lambda d: d / (2 * y)))

    def abs(self):
        """Return |x|, element by element: d|x| = sign(x) dx."""
        return record(np.abs(self.data), (self, lambda d: d * np.sign(self.data)))

    # Reductions

    def sum(self, dim=None, keepdim=False):
        """Return the sum over ``dim`` (all dimensions where it is ``None``): every summand receives d.

        ``keepdim`` leaves the dimensions in, with size 1.
        """
        spread = self._spread(dim, keepdim)
        return record(self.data.sum(axis=dim, keepdims=keepdim), (self, spread))

    def mean(self, dim=None, keepdim=False):
        """Return the mean over ``dim``: of n summands, each receives d / n; arguments as of :meth:`sum`."""
        spread = self._spread(dim, keepdim)
        mean = self.data.mean(axis=dim, keepdims=keepdim)
        n = self.data.size // max(mean.size, 1)
        return record(mean, (self, lambda d: spread(d) / n))

    def max(self, dim=None, keepdim=False):
        """Return the largest element over ``dim``; elements that tie share the gradient equally.

        ``dim`` and ``keepdim`` as in :meth:`sum`. With ``dim`` this is PyTorch's ``amax``: no positions come with it.
        """
        spread = self._spread(dim, keepdim)
        largest = self.data.max(axis=dim, keepdims=True)

        def grad(d):
            winners = self.data == largest
            return spread(d) * winners / winners.sum(axis=dim, keepdims=True, dtype=self.dtype)

        return record(self.data.max(axis=dim, keepdims=keepdim), (self, grad))

    def _spread(self, dim, keepdim):
        """Return the function that repeats a reduced gradient over the dimensions it was reduced from."""

        def spread(d):
            if dim is not None and not keepdim:
                d = np.expand_dims(d, dim)
            return np.broadcast_to(d, self.shape)

        return spread

    def argmax(self, dim=None):
        """Return the position of the largest element over ``dim`` (no gradient)."""
        return Tensor(self.data.argmax(axis=dim))

    # Shape

    def reshape(self, *shape):
        """Return the same numbers in another ``shape``; one size may be −1, for what remains."""
        return record(self.data.reshape(*shape), (self, lambda d: d.reshape(self.shape)))

    def transpose(self, dim0, dim1):
        """Return the tensor with dimensions ``dim0`` and ``dim1`` exchanged."""
        return record(self.data.swapaxes(dim0, dim1), (self, lambda d: d.swapaxes(dim0, dim1)))

    def permute(self, *dims):
        """Return the tensor with its dimensions in the order ``dims``, several numbers or one tuple."""
        dims = dims[0] if len(dims) == 1 and isinstance(dims[0], tuple | list) else dims
        back = np.argsort([dim % self.ndim for dim in dims])
        return record(self.data.transpose(dims), (self, lambda d: d.transpose(back)))

    @property
    def T(self):
        """This tensor with its dimensions in reverse order, as a matrix is transposed."""
        return record(self.data.T, (self, lambda d: d.T))

    def __getitem__(self, index):
        index = _plain_index(index)
        parts = index if isinstance(index, tuple) else (index,)
        repeats = any(isinstance(part, list | tuple | np.ndarray) for part in parts)

        def scatter(d):
            grad = np.zeros(self.shape, self.dtype)
            if repeats:
                np.add.at(grad, index, d)  # an element picked twice receives both gradients
            else:
                grad[index] = d
            return grad

        return record(self.data[index], (self, scatter))

    # Comparisons: element by element, without gradients; as a key, a tensor is equal to itself only

    def __eq__(self, other):
        return Tensor(self.data == _array(other))

    def __ne__(self, other):
        return Tensor(self.data != _array(other))

    def __lt__(self, other):
        return Tensor(self.data < _array(other))

    def __le__(self, other):
        return Tensor(self.data <= _array(other))

    def __gt__(self, other):
        return Tensor(self.data > _array(other))

    def __ge__(self, other):
        return Tensor(self.data >= _array(other))

    __hash__ = object.__hash__


def record(data, *inputs):
    """Return ``data`` as a tensor that remembers its inputs, unless none of them requires gradients.

    Each of ``inputs`` is a pair: a tensor, and the function from the gradient of the result to the gradient of that
    tensor. Only those that are needed are kept, and called.
    """
    return _result(data, [pair for pair in inputs if pair[0].requires_grad] if settings.is_grad_enabled() else ())


def record_jointly(data, inputs, backward):
    """Return ``data`` as a tensor whose inputs receive their gradients from one function together.

    ``backward`` takes the gradient of the result and returns one gradient for each of ``inputs``; those of inputs
    that require none are ignored and may be ``None``.
    """
    needed = [i for i, t in enumerate(inputs) if t.requires_grad] if settings.is_grad_enabled() else ()
    ready = []

    def next_gradient(d):  # called once for each that is needed, in their order
        if not ready:
            gradients = backward(d)
            ready.extend(gradients[i] for i in reversed(needed))
        return ready.pop()

    return _result(data, [(inputs[i], next_gradient) for i in needed])


def _result(data, inputs):
    """Return a tensor as the constructor does, without its checks: what an operation returns needs none."""
    result = Tensor.__new__(Tensor)
    result._begin(data if type(data) is np.ndarray else np.asarray(data), bool(inputs), inputs)
    return result


def dot_for(tensor, a, b):
    """Return the matrix a b as a gradient of ``tensor``, made where an optimiser keeps it if that is free."""
    buffer = tensor._grad_buffer
    if buffer is None or tensor.grad is not None or not a.dtype == b.dtype == buffer.dtype:
        return a.dot(b)
    return a.dot(b, out=buffer)


class _Used:
    """Stands for the inputs of a tensor whose record ``backward`` has walked and freed."""

    def __iter__(self):
        raise RuntimeError(
            "backward() has already used this record: compute the tensor again, "
            "or pass retain_graph=True the first time"
        )


_USED = _Used()


def as_tensor(value):
    """Return ``value`` as a tensor, itself if it is one."""
    return value if isinstance(value, Tensor) else Tensor(value)


def as_tensors(a, b):
    """Return a and b as tensors; integers, and b if it is a number or list, take the other's floating dtype."""
    a = as_tensor(a)
    floating = a.data.dtype.kind == "f"
    if not isinstance(b, Tensor):
        own = floating and not isinstance(b, np.ndarray)
        b = Tensor(b, dtype=a.dtype if own else None)  # so that float32 stays float32
    if floating == (b.data.dtype.kind == "f"):
        return a, b
    return (a, b.to(a.dtype)) if floating else (a.to(b.dtype), b)


def unbroadcast(grad, tensor):
    """Sum ``grad`` over the dimensions that broadcasting added to ``tensor``, or stretched."""
    shape = tensor.shape
    if grad.shape == shape:
        return grad
    grad = grad.sum(axis=tuple(range(grad.ndim - len(shape))))
    stretched = tuple(i for i, n in enumerate(shape) if n == 1 and grad.shape[i] != 1)
    return grad.sum(axis=stretched, keepdims=True)


def _array(value):
    return value.data if isinstance(value, Tensor) else value


def _plain_index(index):
    if isinstance(index, tuple):
        return tuple(_array(i) for i in index)
    return _array(index)
