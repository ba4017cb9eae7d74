"""Data to learn from: toy sets made by a formula, real sets that come with scikit-learn, and what prepares them."""

import numpy as np

from nnlib.checks import integer, not_negative
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
    if centers.ndim != 2 or centers.shape[1] != 2 or not len(centers):
        raise ValueError(f"centers must have shape (classes, 2) with at least one class, got {centers.shape}")
    not_negative("std", std)
    y = np.arange(integer("n", n)) % len(centers)
    return _jitter(centers[y], std, generator), y


def moons(n=100, noise=0.1, generator=None):
    """Return n points on two half circles that reach into each other. Arguments as :func:`circles`."""
    not_negative("noise", noise)
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
    not_negative("noise", noise)
    y = np.arange(integer("n", n)) % 2
    angle = 2 * np.pi * get_generator(generator).random(n)
    radius = np.where(y == 1, factor, 1.0)[:, None]
    return _jitter(radius * np.stack([np.cos(angle), np.sin(angle)], axis=1), noise, generator), y


def spiral(n=100, noise=0.05, turns=1.0, generator=None):
    """Return n points on two interleaved spirals of so many ``turns``. Other arguments as :func:`circles`."""
    not_negative("noise", noise)
    y = np.arange(integer("n", n)) % 2
    radius = np.sqrt(get_generator(generator).random(n))
    angle = 2 * np.pi * turns * radius + np.pi * y
    return _jitter(radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1), noise, generator), y


# Real sets: X of shape (n, features), y of shape (n,), and the names of the features


def iris(features=None):
    """Return 150 irises: length and width of sepal and petal in cm, and which is setosa 0, versicolor 1, virginica 2.

    Source: Anderson (1935), Fisher (1936), as it comes with scikit-learn. Arguments and errors as
    :func:`breast_cancer`.
    """
    from sklearn.datasets import load_iris

    return _table(load_iris(), features)


def wine(features=None):
    """Return 178 wines: 13 measurements of each, and the cultivar of its grapes: 0, 1 or 2.

    Source: Forina et al. (1988), as it comes with scikit-learn. Arguments and errors as :func:`breast_cancer`.
    """
    from sklearn.datasets import load_wine

    return _table(load_wine(), features)


def diabetes(features=None):
    """Return 442 people with diabetes: 10 measurements of each, and a measure of how the disease went on in a year.

    Source: Efron et al. (2004), as it comes with scikit-learn, in the units it was measured in. Arguments and errors
    as :func:`breast_cancer`.
    """
    from sklearn.datasets import load_diabetes

    return _table(load_diabetes(scaled=False), features)


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

    X, malignant, names = _table(load_breast_cancer(), features)
    return X, 1 - malignant, names


def digits():
    """Return 1,797 handwritten digits: 64 grey values in [0, 1] of each (8 × 8 pixels), and which digit it is.

    Source: Alpaydin and Kaynak (1998), as it comes with scikit-learn.
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return bunch.data / 16.0, bunch.target


def mnist1d():
    """Return MNIST-1D, digits drawn as lines of 40 numbers: X_train (4000, 40), X_test (1000, 40), y_train, y_test.

    Each is one of ten templates, padded, scaled, shifted, sheared and made noisy. It takes a network that knows about
    neighbours to tell them apart. The numbers are the same ones in each call.
    Source: Greydanus and Kobak (2024); templates and steps as in their package ``mnist1d`` (Apache License 2.0).
    """
    random = np.random.RandomState(42)  # theirs
    templates = np.array(_MNIST1D, dtype=float)
    templates -= templates.mean(axis=1, keepdims=True)
    templates /= 6 * templates.std(axis=1, keepdims=True)
    templates -= templates[:, :1]
    X = np.array([_mnist1d_example(template, random) for template in templates for _ in range(500)])
    order = random.permutation(len(X))
    X, y = (X[order] - X.mean()) / X.std(), np.repeat(np.arange(10), 500)[order]
    return X[:4000], X[4000:], y[:4000], y[4000:]


_MNIST1D = [
    [5, 6, 6.5, 6.75, 7, 7, 7, 7, 6.75, 6.5, 6, 5],
    [5, 3, 3, 3.4, 3.8, 4.2, 4.6, 5, 5.4, 5.8, 5, 5],
    [5, 6, 6.5, 6.5, 6, 5.25, 4.75, 4, 3.5, 3.5, 4, 5],
    [5, 6, 6.5, 6.5, 6, 5, 5, 6, 6.5, 6.5, 6, 5],
    [5, 4.4, 3.8, 3.2, 2.6, 2.6, 5, 5, 5, 5, 5, 5],
    [5, 3, 3, 3, 3, 5, 6, 6.5, 6.5, 6, 4.5, 5],
    [5, 4, 3.5, 3.25, 3, 3, 3, 3, 3.25, 3.5, 4, 5],
    [5, 7, 7, 6.6, 6.2, 5.8, 5.4, 5, 4.6, 4.2, 5, 5],
    [5, 4, 3.5, 3.5, 4, 5, 5, 4, 3.5, 3.5, 4, 5],
    [5, 4, 3.5, 3.5, 4, 5, 5, 5, 5, 4.7, 4.3, 5],
]


def _mnist1d_example(template, random):
    from scipy.ndimage import gaussian_filter

    x = np.concatenate([template + 1e-8, np.zeros(36 + int(25 * random.rand()))])
    x = _resampled(x, 72) * (1 + 0.4 * (random.rand() - 0.5))
    x = np.roll(x, random.choice(48))
    background = gaussian_filter(0.25 * random.randn(72), 2)
    x = np.where(x != 0, x, background) + 0.02 * random.randn(72)
    x = x - 0.75 * (random.rand() - 0.5) * np.linspace(-0.5, 0.5, 72)
    return _resampled(x, 40)


def _resampled(x, n):
    return np.interp(np.linspace(0, 1, n), np.linspace(0, 1, len(x)), x)


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
    X, y = _same_length(X, y)
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

    Args:
        X_train: the training set, shape (n, features).
        others: sets with the same features.

    Returns:
        The arrays, in the same order; a single one alone.
    """
    X_train, *others = map(np.asarray, (X_train, *others))
    mean, varies = X_train.mean(axis=0), np.ptp(X_train, axis=0) > 0
    std = np.where(varies, X_train.std(axis=0), 1.0)
    scaled = [(X - mean) / std for X in (X_train, *others)]
    return scaled if others else scaled[0]


def batches(X, y, batch_size, shuffle=True, drop_last=False, generator=None):
    """Yield (X, y) in pieces of ``batch_size`` rows; together they are one epoch.

    What is left at the end makes a smaller piece, on which a step is noisier.

    Args:
        X, y: arrays with the same number of rows.
        batch_size: rows of a piece, ≥ 1.
        shuffle: whether to draw a new order; else they come as they are.
        drop_last: whether to leave out the smaller piece.
        generator: a ``numpy.random.Generator``; nnlib's own if ``None``.

    Raises:
        ValueError: if the lengths differ or the batch size is not a positive integer.
    """
    X, y = _same_length(X, y)
    integer("batch_size", batch_size)
    n = len(X)
    order = get_generator(generator).permutation(n) if shuffle else np.arange(n)
    for start in range(0, n - n % batch_size if drop_last else n, batch_size):
        rows = order[start : start + batch_size]
        yield X[rows], y[rows]


def _table(bunch, features):
    """Return X, y and the names of the features wanted, from one of scikit-learn's sets."""
    names = [str(name) for name in bunch.feature_names]
    wanted = names if features is None else list(features)
    if unknown := [name for name in wanted if name not in names]:
        raise ValueError(f"there is no feature {unknown[0]!r}; the features are {names}")
    return bunch.data[:, [names.index(name) for name in wanted]], bunch.target, wanted


def _jitter(X, std, generator):
    return X + std * get_generator(generator).normal(size=X.shape)


def _same_length(X, y):
    X, y = np.asarray(X), np.asarray(y)
    if len(X) != len(y):
        raise ValueError(f"X has {len(X)} rows and y has {len(y)}; they must be the same")
    return X, y
