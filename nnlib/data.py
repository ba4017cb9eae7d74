"""Data to learn from: toy sets made by a formula, real sets that come with scikit-learn, and what prepares them."""

import numpy as np

from nnlib.checks import integer
from nnlib.settings import get_generator

# Toy sets: X of shape (n, 2) and labels y of shape (n,)


def xor():
    """Return the four points of exclusive or: class 1 where exactly one input is 1."""
    X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    return X, np.array([0, 1, 1, 0])


def gaussians(n=100, centers=((-1.0, -1.0), (1.0, 1.0)), std=0.5, generator=None):
    """Return n points from one round cloud for each of ``centers``, classes in turn.

    Args:
        n: number of points.
        centers: where the clouds lie, shape (classes, 2).
        std: standard deviation of each cloud, ≥ 0.
        generator: a ``numpy.random.Generator``; nnlib's own if ``None``.

    Raises:
        ValueError: if an argument is out of range.
    """
    centers = np.asarray(centers, dtype=float)
    if centers.ndim != 2 or centers.shape[1] != 2:
        raise ValueError(f"centers must have shape (classes, 2), got {centers.shape}")
    y = np.arange(integer("n", n)) % len(centers)
    return _jitter(centers[y], std, generator), y


def moons(n=100, noise=0.1, generator=None):
    """Return n points on two half circles that reach into each other. Arguments as :func:`circles`."""
    y = np.arange(integer("n", n)) % 2
    angle = np.pi * get_generator(generator).random(n)
    X = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    X[y == 1] = np.array([1.0, 0.5]) - X[y == 1]
    return _jitter(X, noise, generator), y


def circles(n=100, noise=0.1, factor=0.5, generator=None):
    """Return n points on two circles, class 1 on the inner one.

    Args:
        n: number of points.
        noise: standard deviation of the normal noise added to each coordinate, ≥ 0.
        factor: radius of the inner circle, in [0, 1).
        generator: a ``numpy.random.Generator``; nnlib's own if ``None``.

    Raises:
        ValueError: if an argument is out of range.
    """
    if not 0 <= factor < 1:
        raise ValueError(f"factor must be in [0, 1), got {factor}")
    y = np.arange(integer("n", n)) % 2
    angle = 2 * np.pi * get_generator(generator).random(n)
    radius = np.where(y == 1, factor, 1.0)[:, None]
    return _jitter(radius * np.stack([np.cos(angle), np.sin(angle)], axis=1), noise, generator), y


def spiral(n=100, noise=0.05, turns=1.0, generator=None):
    """Return n points on two interleaved spirals of so many ``turns``. Other arguments as :func:`circles`."""
    y = np.arange(integer("n", n)) % 2
    radius = np.sqrt(get_generator(generator).random(n))
    angle = 2 * np.pi * turns * radius + np.pi * y
    return _jitter(radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1), noise, generator), y


# Real sets: X of shape (n, features), y of shape (n,), and the names of features and classes


def breast_cancer(features=None):
    """Return 569 tumours: 30 measurements of each, and 1 where it is malignant, 0 where benign.

    (The file has it the other way round; here 1 is the finding that a test is to detect.)

    Args:
        features: names of the measurements wanted; all if ``None``.

    Returns:
        X, y and the list of feature names.

    Raises:
        ValueError: if a name is unknown.

    Source: Wolberg, Street and Mangasarian (1995), as it comes with scikit-learn.
    """
    from sklearn.datasets import load_breast_cancer

    bunch = load_breast_cancer()
    names = [str(name) for name in bunch.feature_names]
    wanted = names if features is None else list(features)
    if unknown := [name for name in wanted if name not in names]:
        raise ValueError(f"breast_cancer has no feature {unknown[0]!r}; its features are {names}")
    return bunch.data[:, [names.index(name) for name in wanted]], 1 - bunch.target, wanted


def digits():
    """Return 1,797 handwritten digits: 64 grey values in [0, 1] of each (8 × 8 pixels), and which digit it is.

    Source: Alpaydin and Kaynak (1998), as it comes with scikit-learn.
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return bunch.data / 16.0, bunch.target


# Preparing


def train_test_split(X, y, test_size=0.25, generator=None):
    """Shuffle, and return X_train, X_test, y_train, y_test.

    Args:
        X, y: arrays with the same number of rows.
        test_size: share of rows for the test set, in (0, 1).
        generator: a ``numpy.random.Generator``; nnlib's own if ``None``.

    Raises:
        ValueError: if the lengths differ, the share is out of range, or a part would be empty.
    """
    _same_length(X, y)
    if not 0 < test_size < 1:
        raise ValueError(f"test_size must be in (0, 1), got {test_size}")
    tested = round(len(X) * test_size)
    if not 0 < tested < len(X):
        raise ValueError(f"test_size {test_size} of {len(X)} rows leaves a part empty")
    order = get_generator(generator).permutation(len(X))
    train, test = order[tested:], order[:tested]
    return X[train], X[test], y[train], y[test]


def standardize(X_train, *others):
    """Shift and scale every feature to mean 0 and standard deviation 1 **on the training set**, and the others alike.

    A feature that never varies becomes 0.

    Returns:
        The arrays, in the same order.
    """
    mean, varies = X_train.mean(axis=0), np.ptp(X_train, axis=0) > 0
    std = np.where(varies, X_train.std(axis=0), 1.0)
    scaled = [(X - mean) / std for X in (X_train, *others)]
    return scaled if others else scaled[0]


def batches(X, y, batch_size, shuffle=True, drop_last=False, generator=None):
    """Yield (X, y) in pieces of ``batch_size`` rows; together they are one epoch.

    What is left at the end makes a smaller piece, on which a step is noisier; ``drop_last`` leaves it out.

    Raises:
        ValueError: if the lengths differ or the batch size is not a positive integer.
    """
    _same_length(X, y)
    integer("batch_size", batch_size)
    n = len(X)
    order = get_generator(generator).permutation(n) if shuffle else np.arange(n)
    for start in range(0, n - n % batch_size if drop_last else n, batch_size):
        rows = order[start : start + batch_size]
        yield X[rows], y[rows]


def _jitter(X, std, generator):
    if not std >= 0:
        raise ValueError(f"the standard deviation of the noise must be ≥ 0, got {std}")
    return X + std * get_generator(generator).normal(size=X.shape)


def _same_length(X, y):
    if len(X) != len(y):
        raise ValueError(f"X has {len(X)} rows and y has {len(y)}; they must be the same")
