"""The works that are timed: in each a model, a batch, and the matrix products without which its step cannot be made."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from sklearn.datasets import load_digits

rng = np.random.default_rng(0)
LAYERS, WIDTH, BATCH = 4, 64, 64
GROWTH = {
    "layers": [2**i for i in range(7)],
    "width": [2**i for i in range(4, 11)],
    "batch": [2**i for i in range(4, 13)],
}


def normal(*shape):
    """Standard normal numbers."""
    return rng.normal(size=shape).astype("f4")


def labels(n, classes=10):
    """Classes drawn evenly."""
    return rng.integers(classes, size=n)


def linear(n, inputs, outputs, first=False):
    """The products of a linear layer for n rows: X Wᵀ, Δᵀ X and, unless nothing before it learns, Δ W."""
    x, w, d = normal(n, inputs), normal(outputs, inputs), normal(n, outputs)
    return [(x, w.T), (d.T, x), (d, w)][: 2 if first else 3]


def convolution(channels, outputs, places, first=False):
    """Those of a 3×3 convolution, with all windows side by side: W X, X Δᵀ and, as above, Wᵀ Δ."""
    x, w, d = normal(9 * channels, places), normal(outputs, 9 * channels), normal(outputs, places)
    return [(w, x), (x, d.T), (w.T, d)][: 2 if first else 3]


def multiply_adds(products):
    """How often two numbers are multiplied, and added to others, in matrix products."""
    return sum(a.size * b.shape[-1] for a, b in products)


@dataclass
class Work:
    """A training step; with no optimizer forward and backward only. `goal` is the time to be reached ÷ PyTorch's."""

    what: str
    goal: float | None
    x: np.ndarray
    y: np.ndarray
    loss: str = "CrossEntropyLoss"
    optimizer: str | None = "SGD"
    steps: int = 1  # in each timed run

    def model(self, m):
        """The model, from the modules of `m`: nnlib or torch.nn."""
        raise NotImplementedError

    def products(self):
        """Both factors of each matrix product in a step."""
        raise NotImplementedError


@dataclass
class Perceptron(Work):
    """Linear layers with an activation between them, and one at the end if `squashed`."""

    sizes: tuple = ()
    activation: str = "ReLU"
    squashed: bool = False

    def model(self, m):
        layers = []
        for n, k in pairwise(self.sizes):
            layers += [m.Linear(n, k), getattr(m, self.activation)()]
        return m.Sequential(*layers[: None if self.squashed else -1])

    def products(self):
        layers = enumerate(pairwise(self.sizes))
        return [pair for i, (n, k) in layers for pair in linear(len(self.x), n, k, first=i == 0)]


class Convolutional(Work):
    """Twice a convolution, ReLU and pooling; then a linear layer."""

    def model(self, m):
        first = m.Conv2d(1, 16, 3, padding=1), m.ReLU(), m.MaxPool2d(2)
        second = m.Conv2d(16, 32, 3, padding=1), m.ReLU(), m.MaxPool2d(2)
        return m.Sequential(*first, *second, m.Flatten(), m.Linear(2 * self.x[0].size, 10))

    def products(self):
        first, second = convolution(1, 16, self.x.size, first=True), convolution(16, 32, self.x.size // 4)
        return first + second + linear(len(self.x), 2 * self.x[0].size, 10)


class Recurrent(Work):
    """An LSTM whose last output a linear layer reads."""

    def model(self, m):
        class LastOutput(m.Module):
            def __init__(self):
                super().__init__()
                self.lstm, self.out = m.LSTM(64, 64), m.Linear(64, 1)

            def forward(self, x):
                return self.out(self.lstm(x)[0][-1])

        return LastOutput()

    def products(self):
        steps, batch, size = self.x.shape
        (rows, weight), _, backward = linear(batch, size, 4 * size)
        forward = rows, weight.copy()  # with the input, and once more with the state
        _, gradient = linear(steps * batch, size, 4 * size, first=True)  # of all steps in one product
        return [*[forward, forward, backward] * steps, gradient, gradient, *linear(batch, size, 1)]


class Transformer(Work):
    """A pre-norm block with causal attention."""

    def model(self, m):
        class Causal(m.Module):
            def __init__(self):
                super().__init__()
                self.block = m.TransformerEncoderLayer(64, 4, 256, 0.0, "relu", batch_first=True, norm_first=True)
                if hasattr(m, "Transformer"):  # PyTorch wants the mask besides being told of it
                    self.mask = {"src_mask": m.Transformer.generate_square_subsequent_mask(64)}

            def forward(self, x):
                return self.block(x, is_causal=True, **getattr(self, "mask", {}))

        return Causal()

    def products(self):
        batch, length, size = self.x.shape
        rows, heads = batch * length, (batch, 4, length)
        q, k, v, d = (normal(*heads, size // 4) for _ in range(4))
        a = normal(*heads, length)
        turned = a.swapaxes(-1, -2)
        attention = [(q, k.swapaxes(-1, -2)), (a, v), (d, v.swapaxes(-1, -2)), (turned, d), (a, k), (turned, q)]
        shapes = (size, 3 * size), (size, size), (size, 4 * size), (4 * size, size)
        return attention + [pair for n, k in shapes for pair in linear(rows, n, k)]


def grown(layers=LAYERS, width=WIDTH, batch=BATCH):
    """A step of SGD in layers of one width: what does its time grow with?"""
    sizes = (width,) * (layers + 1)
    return Perceptron("layers of one width", None, normal(batch, width), labels(batch, width), sizes=sizes)


digits, digit = load_digits(return_X_y=True)
points, xor = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "f4"), np.array([[0], [1], [1], [0]], "f4")

WORKS = {
    "W1": Perceptron(
        "XOR, 2-4-1 sigmoid, SGD", 0.20, points, xor, "MSELoss", "SGD", 2000, (2, 4, 1), "Sigmoid", squashed=True
    ),
    "W1 ReLU": Perceptron("XOR, 2-4-1 ReLU, SGD", None, points, xor, "MSELoss", "SGD", 200, (2, 4, 1)),
    "W2": Perceptron(
        "digits, 64-128-64-10 ReLU, Adam, batch 64",
        0.35,
        (digits[:64] / 16).astype("f4"),
        digit[:64],
        optimizer="Adam",
        steps=100,
        sizes=(64, 128, 64, 10),
    ),
    "W3": Perceptron(
        "784-256-128-10 ReLU, Adam, batch 128",
        0.80,
        normal(128, 784),
        labels(128),
        optimizer="Adam",
        steps=20,
        sizes=(784, 256, 128, 10),
    ),
    "W4 8×8": Convolutional("two convolutions, SGD, batch 64", 0.60, normal(64, 1, 8, 8), labels(64), steps=30),
    "W4 28×28": Convolutional("two convolutions, SGD, batch 64", 1.00, normal(64, 1, 28, 28), labels(64), steps=5),
    "W5": Recurrent(
        "LSTM, hidden 64, length 50, batch 32, SGD", 1.05, normal(50, 32, 64), normal(32, 1), loss="MSELoss", steps=10
    ),
    "W6": Transformer(
        "causal pre-norm block, d 64, 4 heads, length 64, batch 16, SGD",
        1.00,
        normal(16, 64, 64),
        normal(16, 64, 64),
        loss="MSELoss",
        steps=10,
    ),
    "W7": Perceptron(
        "10 × 64 ReLU, batch 64, forward and backward only",
        0.45,
        normal(64, 64),
        labels(64),
        optimizer=None,
        steps=100,
        sizes=(64,) * 11,
    ),
}
