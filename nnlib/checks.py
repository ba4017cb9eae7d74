"""What arguments must be: each check returns the value, or raises a ValueError that names it and says what came."""

import math

import numpy as np


def integer(name, value, least=1):
    """Return ``value`` if it is an integer ≥ ``least``."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{name} must be an integer ≥ {least}, got {value!r}")
    return int(value)


def check_sizes(owner, least=1, **sizes):
    """Refuse, with a ValueError, named sizes that are not integers ≥ ``least``."""
    for name, size in sizes.items():
        integer(f"{owner}: {name}", size, least)


def not_negative(name, value):
    """Return ``value`` if it is a finite number ≥ 0."""
    if not (isinstance(value, int | float | np.number) and math.isfinite(value) and value >= 0):
        raise ValueError(f"{name} must be a finite number ≥ 0, got {value!r}")
    return value


def positive(name, value):
    """Return ``value`` if it is a finite number > 0."""
    if not (isinstance(value, int | float | np.number) and math.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be a finite number > 0, got {value!r}")
    return value


def fraction(name, value):
    """Return ``value`` if it is a number in [0, 1]."""
    if not (isinstance(value, int | float | np.number) and 0 <= value <= 1):
        raise ValueError(f"{name} must be between 0 and 1, got {value!r}")
    return value


def one_of(name, value, *allowed):
    """Return ``value`` if it is one of the names that are allowed."""
    if value not in allowed:
        *first, last = map(repr, allowed)
        raise ValueError(f"{name} must be {', '.join(first)} or {last}, got {value!r}")
    return value
