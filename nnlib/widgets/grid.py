"""The results of every state of a widget, packed into one buffer in which what does not vary stands once.

A widget has a grid of states, one axis for each control. `Grid` takes the results of all states, a dict of named
numbers, arrays and texts for each, and stores under each name an array of shape `grid + cell`: `grid` has length 1
along every axis on which the results do not depend, `cell` is the shape of the results of one state.
"""

import math

import numpy as np

NUMBERS = ("u1", "i2", "f4")
EXACT_NUMBERS = (*NUMBERS, "f8")
CODES = ("u1", "u2", "u4")
LEVELS = 254  # an image of bytes has levels 0 … 254; 255 stands for a missing value


class Grid:
    """Results of all states.

    `shape` is the number of values of each control; `results` the dicts, last control fastest. The names in `exact`
    are read as numbers and keep their precision, the others are rounded to float32. `images` maps names that are only
    shown as colours to their (low, high) range, or None for the range found: they become bytes.

    `spec` describes the arrays for the browser, `strings` holds the texts they refer to, `buffer` their bytes.
    """

    def __init__(self, shape, results, exact=(), images=None):
        images = images or {}
        self.shape = tuple(shape)
        self.spec = {}
        self.strings = []
        chunks, codes, at = [], {}, 0
        for name in results[0]:
            array, entry = _stack(name, [result[name] for result in results], codes)
            if entry.get("text"):
                array = _smallest(array, CODES)
            elif name in images and array.dtype.kind == "f":
                array, entry = _levels(array, images[name])
            else:
                array = _smallest(array, EXACT_NUMBERS if name in exact else NUMBERS)
            array = _without_repeats(array.reshape(self.shape + array.shape[1:]), len(self.shape))
            grid, cell = array.shape[: len(self.shape)], array.shape[len(self.shape) :]
            self.spec[name] = entry | {"type": array.dtype.str[1:], "at": at, "grid": list(grid), "cell": list(cell)}
            chunk = array.astype(array.dtype.newbyteorder("<")).tobytes()
            chunks.append(chunk + bytes(-len(chunk) % 8))  # each array starts at a multiple of 8 bytes
            at += len(chunks[-1])
        self.strings = list(codes)
        self.buffer = b"".join(chunks)

    def read(self, name, index):
        """What is called `name` in the state `index` (one int for each control), decoded from the packed bytes."""
        entry = self.spec[name]
        everything = self._decode(entry)
        cell = everything[tuple(i if n > 1 else 0 for i, n in zip(index, entry["grid"], strict=True))]
        return self._meaning(entry, cell)

    def every(self, name):
        """All different results called `name`: a flat array of numbers or list of strings."""
        entry = self.spec[name]
        return self._meaning(entry, self._decode(entry).ravel())

    def _decode(self, entry):
        shape = entry["grid"] + entry["cell"]
        flat = np.frombuffer(self.buffer, "<" + entry["type"], math.prod(shape), entry["at"])
        return flat.reshape(shape)

    def _meaning(self, entry, cell):
        if entry.get("text"):
            return self.strings[cell] if cell.ndim == 0 else [self.strings[code] for code in cell.ravel()]
        if "low" in entry:
            return np.where(cell > LEVELS, np.nan, entry["low"] + entry["step"] * cell)
        return cell.astype(float) if cell.ndim else float(cell)


def _stack(name, cells, codes):
    """One array of all cells: texts become their number in `codes`, shorter arrays are padded with NaN or ""."""
    arrays = [np.asarray(cell) for cell in cells]
    text = any(a.dtype.kind in "US" for a in arrays)
    if text and not all(a.dtype.kind in "US" or a.size == 0 for a in arrays):
        raise ValueError(f"result {name!r} is a text in some states and a number in others")
    if not text and any(a.dtype.kind not in "biuf" for a in arrays):
        raise ValueError(f"result {name!r} must be a number, an array of numbers, a text or a list of texts")
    if len({a.ndim for a in arrays}) > 1:
        raise ValueError(f"result {name!r} has a different number of axes in different states")
    if text and arrays[0].ndim > 1:
        raise ValueError(f"result {name!r} must be one text or a flat list of texts, got {arrays[0].ndim} axes")
    if text:
        arrays = [_codes(a, codes) for a in arrays]
    cell = tuple(np.max([a.shape for a in arrays], axis=0).astype(int))
    if all(a.shape == cell for a in arrays):
        return np.stack(arrays), {"text": True} if text else {}
    missing = codes.setdefault("", len(codes)) if text else np.nan
    stacked = np.full((len(arrays), *cell), missing)
    for padded, a in zip(stacked, arrays, strict=True):
        padded[tuple(map(slice, a.shape))] = a
    return stacked, {"text": True} if text else {}


def _codes(texts, codes):
    return np.array([codes.setdefault(str(t), len(codes)) for t in texts.ravel()], dtype=int).reshape(texts.shape)


def _levels(array, limits):
    """Floats as bytes: level 0 is `low`, level 254 `high`."""
    finite = array[np.isfinite(array)]
    low, high = limits or ((finite.min(), finite.max()) if finite.size else (0, 1))
    step = float(high - low) / LEVELS or 1.0
    levels = np.clip(np.nan_to_num((array - low) / step), 0, LEVELS).round()
    return np.where(np.isnan(array), LEVELS + 1, levels).astype("u1"), {"low": float(low), "step": step}


def _smallest(array, types):
    """The array in the first of `types` that holds it exactly, else in the last."""
    for dtype in types:
        with np.errstate(invalid="ignore", over="ignore"):
            cast = array.astype(dtype)
        if np.array_equal(cast, array, equal_nan=cast.dtype.kind == "f"):
            break
    return cast


def _without_repeats(array, axes):
    """The array with length 1 along each of its first `axes` axes on which it is constant."""
    for axis in range(axes):
        first = array.take([0], axis)
        if np.array_equal(np.broadcast_to(first, array.shape), array, equal_nan=array.dtype.kind == "f"):
            array = first
    return array
