"""Checking gradients, holding them in bounds, and keeping what was learned in files."""

import hashlib
import io
import json
import math
import os
import zipfile
from pathlib import Path

import numpy as np

from nnlib.module import LoadError
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

    Args:
        parameters: a tensor, or several; those without a gradient are passed over.
        max_norm: the greatest length, > 0.

    Returns:
        The length before.

    Raises:
        ValueError: if ``max_norm`` is not a positive number.
    """
    _require_positive("max_norm", max_norm)
    gradients = _gradients(parameters)
    norm = math.sqrt(sum(float((g * g).sum()) for g in gradients))
    factor = max_norm / (norm + 1e-6)  # PyTorch's guard against dividing by 0
    if factor < 1:
        for g in gradients:
            g *= factor
    return norm


def clip_grad_value_(parameters, clip_value):
    """Hold each element of each gradient between −c and c.

    Args:
        parameters: a tensor, or several; those without a gradient are passed over.
        clip_value: the greatest size c, > 0.

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


def save(obj, path):
    """Write a state to a file from which :func:`load` gets it back bit for bit.

    The file is an npz, which ``numpy.load`` can read too; nothing in it is pickled, and a checksum stands at its end.
    Whenever the program is stopped, the file is either the old one or the new one.

    Args:
        obj: arrays, tensors, numbers, text, ``None``, and dictionaries and lists of them: a ``state_dict``, or several
            in a dictionary. Tensors come back as arrays, tuples as lists.
        path: the file; an old one is replaced.

    Raises:
        TypeError: if something else is in ``obj``; nothing is written.
    """
    arrays = {}
    tree = json.dumps(_without_arrays(obj, "", arrays))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, array in arrays.items():
            with file.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, version=(1, 0), allow_pickle=False)
        file.writestr(zipfile.ZipInfo("tree.json"), tree)
        file.comment = b"-" * _CHECKSUM
    content = buffer.getbuffer()
    content[-_CHECKSUM:] = _checksum(content[:-_CHECKSUM])

    path = Path(path)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with open(part, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def load(path):
    """Return what :func:`save` wrote to the file.

    Raises:
        LoadError: if the file is damaged, or another program's.
        OSError: if it cannot be read.
    """
    content = memoryview(Path(path).read_bytes())
    if _checksum(content[:-_CHECKSUM]) != content[-_CHECKSUM:]:
        raise LoadError(f"{path} is damaged, or was not written by nnlib's save: its checksum is wrong")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            if any(member.compress_type != zipfile.ZIP_STORED for member in file.infolist()):
                raise ValueError("it is compressed")
            return _with_arrays(json.loads(file.read("tree.json")), file)
    except Exception as error:  # whatever it is that somebody's skilful forgery breaks
        raise LoadError(f"{path} was not written by nnlib's save: {error}") from error


_CHECKSUM = 64  # characters


def _checksum(content):
    return hashlib.sha256(content).hexdigest().encode()


def _without_arrays(value, name, arrays):
    """Return ``value`` in JSON's types; its arrays go into ``arrays``, and their names there stand in their places."""
    if isinstance(value, Tensor):
        value = value.data
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        name = "".join(c if c.isprintable() else "?" for c in name[:1000]) or "array"  # what a zip can hold
        while name in arrays:
            name += "'"
        arrays[name] = value
        return {"array": name}
    if isinstance(value, dict) and all(isinstance(key, str | int) for key in value):
        below = f"{name}/" if name else ""
        return {"dict": [[key, _without_arrays(item, f"{below}{key}", arrays)] for key, item in value.items()]}
    if isinstance(value, list | tuple):
        return [_without_arrays(item, f"{name}/{i}", arrays) for i, item in enumerate(value)]
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, dict):
        what = f"a dictionary with the keys {list(value)}"
    else:
        what = f"an array of {value.dtype}" if isinstance(value, np.ndarray) else type(value).__name__
    raise TypeError(
        "save() takes arrays of numbers, numbers, text, lists of them, and dictionaries of them whose keys are text or "
        f"integers, got {what}"
    )


def _with_arrays(value, file):
    """Return what :func:`_without_arrays` was given."""
    if isinstance(value, list):
        return [_with_arrays(item, file) for item in value]
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return _read_array(file.read(f"{value['array']}.npy"))
    return {key: _with_arrays(item, file) for key, item in value["dict"]}


def _read_array(content):
    """Return the array of an npy file, without taking more memory than the file has bytes."""
    stream = io.BytesIO(content)
    if (version := np.lib.format.read_magic(stream)) != (1, 0):
        raise ValueError(f"an array is of version {version}")
    shape, in_columns, dtype = np.lib.format.read_array_header_1_0(stream)
    claimed, held = math.prod(shape) * dtype.itemsize, len(content) - stream.tell()
    if dtype.kind not in "biuf" or claimed != held:
        raise ValueError(f"an array claims {claimed} bytes of {dtype} and has {held}")
    return np.ndarray(shape, dtype, content, stream.tell(), order="F" if in_columns else "C").copy("K")
