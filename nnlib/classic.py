"""The machines that came before backpropagation, as their inventors described them."""

from itertools import product

import numpy as np

from nnlib import functional as F
from nnlib.checks import integer, positive
from nnlib.data import batches
from nnlib.settings import get_generator


class McCullochPitts:
    """The first model of a neuron: it fires, 1, where the inputs that are on outweigh its threshold, else 0.

    y = 1 where w·x ≥ θ. An input that excites has weight 1, one that inhibits −1; nothing is learned.
    Source: McCulloch and Pitts (1943), where one inhibiting input was enough to silence the neuron.

    Args:
        weights: w, integers.
        threshold: θ, an integer.

    Raises:
        ValueError: if they are not integers.

    >>> both = McCullochPitts([1, 1], threshold=2)
    >>> both([[0, 0], [0, 1], [1, 0], [1, 1]])
    array([0, 0, 0, 1])
    """

    def __init__(self, weights, threshold):
        for number in (*weights, threshold):
            if not isinstance(number, int | np.integer):
                raise ValueError(f"weights and threshold must be integers, got {number!r}")
        self.weights, self.threshold = np.array(weights, dtype=int), int(threshold)

    def __call__(self, x):
        """Return 0 or 1 for each row of x, bits of shape (…, inputs).

        Raises:
            ValueError: if the number of inputs is another, or one is neither 0 nor 1.
        """
        x = np.asarray(x)
        if x.shape[-1:] != self.weights.shape:
            raise ValueError(f"x must have shape (…, {len(self.weights)}), got {x.shape}")
        return (_bits("x", x) @ self.weights >= self.threshold).astype(int)

    def __repr__(self):
        return f"McCullochPitts({self.weights.tolist()}, threshold={self.threshold})"


class Circuit:
    """Two layers of threshold units: ``output`` sees what the units of the list ``hidden`` make of the inputs."""

    def __init__(self, hidden, output):
        self.hidden, self.output = hidden, output

    def __call__(self, x):
        """Return 0 or 1 for each row of x, bits of shape (…, inputs)."""
        fired = np.array([unit(x) for unit in self.hidden], dtype=int)
        return self.output(np.moveaxis(fired.reshape(len(self.hidden), *np.shape(x)[:-1]), 0, -1))


def circuit(truth_table):
    """Return a circuit of two layers that computes any Boolean function of n inputs.

    For each input to which the function is 1, a hidden unit recognises just that input: weight 1 where it is on, −1
    where it is off, and as threshold the number that are on. The output unit fires where any of them does.

    Args:
        truth_table: the 2ⁿ values, 0 or 1, for the inputs 0…00, 0…01, 0…10, … in the order of counting.

    Raises:
        ValueError: if the values are not 2ⁿ in number, or one is neither 0 nor 1.

    >>> xor = circuit([0, 1, 1, 0])
    >>> xor.hidden
    [McCullochPitts([-1, 1], threshold=1), McCullochPitts([1, -1], threshold=1)]
    >>> xor([[0, 0], [0, 1], [1, 0], [1, 1]])
    array([0, 1, 1, 0])
    """
    table = _bits("truth_table", truth_table)
    n = table.size.bit_length() - 1
    if table.shape != (2**n,):
        raise ValueError(f"truth_table must have 2ⁿ values, got shape {table.shape}")
    recognised = [x for x, value in zip(product((0, 1), repeat=n), table, strict=True) if value]
    hidden = [McCullochPitts([1 if bit else -1 for bit in x], threshold=sum(x)) for x in recognised]
    return Circuit(hidden, McCullochPitts([1] * len(hidden), threshold=1))


class HebbianMemory:
    """A memory that finds a whole by a part: units that are on together strengthen the connection between them.

    Storing x ∈ {−1, 1}ⁿ adds x xᵀ to W, but connects no unit with itself. Recalling lets each unit follow what it
    receives, s_i ← sign(Σ_j w_ij s_j); a unit that receives 0 stays. One unit at a time, the energy E = −½ sᵀW s falls
    with every change, so that recall comes to rest; all at once, it may go to and fro between two states for ever.
    Of random patterns, about 0.138 n can be held. Source: Hebb (1949), Hopfield (1982), Amit, Gutfreund and Sompolinsky
    (1985).

    Args:
        size: n, the number of units.

    Attributes:
        weight: W, shape (n, n).
        path: the states of the last recall, the first as given, then one after each change.

    Raises:
        ValueError: if ``size`` is not a positive integer.
    """

    def __init__(self, size):
        self.weight = np.zeros((integer("size", size), size))
        self.path = []

    def store(self, patterns):
        """Learn patterns of −1 and 1, shape (n,) or (patterns, n), and return the memory.

        Raises:
            ValueError: if the shape is another, or a number is neither −1 nor 1.
        """
        x = np.atleast_2d(self._signs("patterns", patterns))
        self.weight += x.T @ x
        np.fill_diagonal(self.weight, 0)
        return self

    def energy(self, state):
        """Return E = −½ sᵀW s of a state, or of each row."""
        s = self._signs("state", state)
        return -0.5 * ((s @ self.weight) * s).sum(axis=-1)

    def recall(self, state, synchronous=False, sweeps=100, generator=None):
        """Return the state in which the memory comes to rest from this one, shape (n,).

        Args:
            state: what to begin with, numbers of −1 and 1.
            synchronous: let all units follow at once; else one after the other, in a new random order each sweep.
            sweeps: the most often that all units are gone through, ≥ 1.
            generator: a ``numpy.random.Generator`` for the order; nnlib's own if ``None``.
        """
        s = self._signs("state", state).copy()
        if s.ndim != 1:
            raise ValueError(f"recall takes one state, of shape ({len(self.weight)},), got {s.shape}")
        integer("sweeps", sweeps)
        groups = [slice(None)] if synchronous else range(len(s))
        self.path = [s.copy()]
        for _ in range(sweeps):
            changes = len(self.path)
            for k in get_generator(generator).permutation(len(groups)):
                received = self.weight[groups[k]] @ s
                followed = np.where(received == 0, s[groups[k]], np.sign(received))
                if (followed != s[groups[k]]).any():
                    s[groups[k]] = followed
                    self.path.append(s.copy())
            if len(self.path) == changes:
                break
        return s

    def _signs(self, name, values):
        x = np.asarray(values, dtype=float)
        n = len(self.weight)
        if x.ndim not in (1, 2) or x.shape[-1] != n:
            raise ValueError(f"{name} must have shape ({n},) or (patterns, {n}), got {x.shape}")
        if not np.isin(x, (-1, 1)).all():
            raise ValueError(f"{name} must be −1 and 1, got {sorted(set(x.ravel().tolist()) - {-1, 1})}")
        return x


class Perceptron:
    """Rosenblatt's learning machine: one neuron with a step, corrected whenever it is wrong.

    It predicts ŷ = 1 where z = w·x + b ≥ 0, else 0, and after each example sets w ← w + η(y − ŷ)x and
    b ← b + η(y − ŷ). If some line separates the classes, it makes at most (R/γ)² mistakes in all, where R is
    the greatest length of a row (x, 1), and γ the least distance of these rows from a plane through the origin that
    separates them. Source: Rosenblatt (1958), Novikoff (1962).

    Args:
        lr: the learning rate η > 0. From w = 0 it only scales w and b, and changes no prediction.
        epochs: passes over the data at most; training stops after one without a mistake.
        shuffle: draw a new order of the examples for each epoch.
        generator: a ``numpy.random.Generator`` for that; nnlib's own if ``None``.

    Attributes:
        weight: w, shape (features,).
        bias: the number b.
        updates: a dictionary for each correction: ``epoch`` (from 1), ``index`` of the example, ``weight`` and ``bias``
            after it.
        mistakes: corrections in each epoch.
        converged: whether the last epoch was without a mistake.

    Raises:
        ValueError: if a setting is out of range, or data do not fit (see ``fit``).
    """

    def __init__(self, lr=1.0, epochs=100, shuffle=False, generator=None):
        self.lr, self.epochs = positive("lr", lr), integer("epochs", epochs)
        self.shuffle, self.generator = shuffle, generator

    def fit(self, X, y):
        """Learn from X, shape (n, features), and labels y of 0 and 1, shape (n,); start from w = 0, b = 0.

        Returns:
            The perceptron.

        Raises:
            ValueError: if the shapes do not fit, a number is not finite, or a label is neither 0 nor 1.
        """
        X, y = np.asarray(X, dtype=float), np.asarray(y)
        if X.ndim != 2 or y.shape != X.shape[:1]:
            raise ValueError(f"X must have shape (n, features) and y (n,), got {X.shape} and {y.shape}")
        if not np.isfinite(X).all():
            raise ValueError("X must be finite, got nan or inf")
        if not np.isin(y, (0, 1)).all():
            raise ValueError(f"labels must be 0 or 1, got {sorted(set(y.tolist()) - {0, 1})}")
        y = y.astype(int)
        self.weight, self.bias = np.zeros(X.shape[1]), 0.0
        self.updates, self.mistakes = [], []
        for epoch in range(1, self.epochs + 1):
            order = get_generator(self.generator).permutation(len(X)) if self.shuffle else range(len(X))
            self.mistakes.append(sum(self._learn(X[i], y[i], int(i), epoch) for i in order))
            if self.mistakes[-1] == 0:
                break
        self.converged = self.mistakes[-1] == 0
        return self

    def _learn(self, x, y, index, epoch):
        """Correct the weights if x is misjudged, and return whether it was."""
        error = y - (x @ self.weight + self.bias >= 0)
        if error == 0:
            return False
        self.weight = self.weight + self.lr * error * x
        self.bias = self.bias + self.lr * error
        self.updates.append({"epoch": epoch, "index": index, "weight": self.weight, "bias": self.bias})
        return True

    def decision_function(self, X):
        """Return z = w·x + b for each row of X."""
        return np.asarray(X) @ self.weight + self.bias

    def predict(self, X):
        """Return 1 for each row of X where z ≥ 0, else 0."""
        return (self.decision_function(X) >= 0).astype(int)


class RBM:
    """A restricted Boltzmann machine: binary units v that see the data, and binary units h that explain them.

    p(v, h) ∝ exp(b·v + c·h + hᵀW v). Given one layer, the units of the other are independent:
    p(h = 1 | v) = σ(Wv + c) and p(v = 1 | h) = σ(Wᵀh + b). It learns to make its data likely; the exact slope of the
    log-likelihood needs samples of the machine itself, for which *contrastive divergence* takes what k steps to and
    fro between the layers make of the data. Source: Smolensky (1986), Hinton (2002).

    Args:
        visible, hidden: numbers of units.
        generator: a ``numpy.random.Generator`` for all that is drawn; nnlib's own if ``None``.

    Attributes:
        weight: W, shape (hidden, visible), first drawn with standard deviation 0.01.
        visible_bias, hidden_bias: b and c, first 0.
        errors: mean squared error of the reconstructions in each epoch of :meth:`fit`.

    Raises:
        ValueError: if a number of units is not a positive integer.
    """

    def __init__(self, visible, hidden, generator=None):
        self.generator = generator
        shape = integer("hidden", hidden), integer("visible", visible)
        self.weight = get_generator(generator).normal(0.0, 0.01, shape)
        self.visible_bias, self.hidden_bias = np.zeros(visible), np.zeros(hidden)
        self.errors = []

    def hidden_probabilities(self, v):
        """Return p(h = 1 | v) for each row of v."""
        return F.sigmoid(v @ self.weight.T + self.hidden_bias).data

    def visible_probabilities(self, h):
        """Return p(v = 1 | h) for each row of h."""
        return F.sigmoid(h @ self.weight + self.visible_bias).data

    def reconstruct(self, v):
        """Return what the machine makes of v: p(v = 1 | h), where h are the probabilities given v."""
        return self.visible_probabilities(self.hidden_probabilities(v))

    def sample(self, v, steps=1):
        """Return v after so many steps of sampling h given v, and v given h."""
        for _ in range(integer("steps", steps)):
            v = self._draw(self.visible_probabilities(self._draw(self.hidden_probabilities(v))))
        return v

    def free_energy(self, v):
        """Return F(v) = −b·v − Σ log(1 + exp(Wv + c)) for each row; p(v) ∝ exp(−F(v))."""
        return -(v @ self.visible_bias) - F.softplus(v @ self.weight.T + self.hidden_bias).data.sum(axis=-1)

    def gradient(self, data, samples):
        """Return ⟨h vᵀ⟩, ⟨v⟩ and ⟨h⟩ over the data less those over samples of the machine.

        These are the slopes of the mean log-likelihood by W, b and c.
        """
        return [seen - dreamt for seen, dreamt in zip(self._means(data), self._means(samples), strict=True)]

    def fit(self, X, epochs=10, lr=0.1, k=1, batch_size=32):
        """Learn by contrastive divergence, and return the machine.

        Args:
            X: data, 0 and 1 or in between, shape (n, visible).
            epochs: passes over the data, ≥ 1.
            lr: the learning rate, > 0.
            k: steps of sampling for each update, ≥ 1.
            batch_size: rows of a batch, ≥ 1.

        Raises:
            ValueError: if an argument is out of range; nothing is learned.
        """
        X = np.asarray(X, dtype=float)
        if X.ndim != 2 or X.shape[1] != len(self.visible_bias) or not len(X):
            raise ValueError(f"X must have shape (n, {len(self.visible_bias)}) with n ≥ 1, got {X.shape}")
        if not ((X >= 0) & (X <= 1)).all():
            raise ValueError(f"X must lie in [0, 1], got values from {X.min():g} to {X.max():g}")
        integer("epochs", epochs), positive("lr", lr), integer("k", k), integer("batch_size", batch_size)
        for _ in range(epochs):
            for v, _ in batches(X, X, batch_size, generator=self.generator):
                slopes = self.gradient(v, self.sample(v, k))
                for parameter, slope in zip(self._parameters(), slopes, strict=True):
                    parameter += lr * slope
            self.errors.append(float(((X - self.reconstruct(X)) ** 2).mean()))
        return self

    def _parameters(self):
        return self.weight, self.visible_bias, self.hidden_bias

    def _means(self, v):
        h = self.hidden_probabilities(v)
        return h.T @ v / len(v), v.mean(axis=0), h.mean(axis=0)

    def _draw(self, probabilities):
        return (get_generator(self.generator).random(probabilities.shape) < probabilities).astype(float)


def _bits(name, values):
    x = np.asarray(values)
    if not np.isin(x, (0, 1)).all():
        raise ValueError(f"{name} must be 0 and 1, got {sorted(set(x.ravel().tolist()) - {0, 1})}")
    return x.astype(int)
