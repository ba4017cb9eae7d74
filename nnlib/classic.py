"""The machines that came before backpropagation, as their inventors described them."""

import numpy as np

from nnlib.checks import integer, positive
from nnlib.settings import get_generator


class Perceptron:
    """Rosenblatt's learning machine: one neuron with a step, corrected whenever it is wrong.

    It predicts ŷ = 1 where z = w·x + b ≥ 0, else 0, and after each example sets w ← w + η(y − ŷ)x and
    b ← b + η(y − ŷ). If some line separates the classes, it makes at most (R/γ)² mistakes in all.
    Source: Rosenblatt (1958), Novikoff (1962).

    Args:
        lr: the learning rate η > 0. From w = 0 it only scales w and b, and changes no prediction.
        epochs: passes over the data at most; training stops after one without a mistake.
        shuffle: draw a new order of the examples for each epoch.
        generator: a ``numpy.random.Generator`` for that; nnlib's own if ``None``.

    Attributes:
        weight: w, shape (features,).
        bias: b.
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
        return np.asarray(X, dtype=float) @ self.weight + self.bias

    def predict(self, X):
        """Return 1 for each row of X where z ≥ 0, else 0."""
        return (self.decision_function(X) >= 0).astype(int)
