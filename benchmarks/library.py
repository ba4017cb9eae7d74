"""Times nnlib against PyTorch: the same work from the same numbers, checked equal, then in turn, A, B, A, B.

python benchmarks/library.py [W1 …]   needs PyTorch; the table goes to benchmarks/RESULTS.md when all works run
"""

import os

os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # before NumPy is imported

import platform
import sys
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits

import nnlib

ROUNDS = 60
RESULTS = Path(__file__).with_name("RESULTS.md")
rng = np.random.default_rng(0)


@dataclass
class Work:
    """One training step: `build` makes the model from either library's modules."""

    what: str
    goal: float
    build: object
    x: np.ndarray
    y: np.ndarray
    loss: str = "CrossEntropyLoss"
    optimizer: str = "Adam"
    steps: int = 1  # in each timed round


def mlp(*sizes, activation="ReLU", last=()):
    def build(m):
        layers = []
        for n, k in pairwise(sizes):
            layers += [m.Linear(n, k), getattr(m, activation)()]
        return m.Sequential(*layers[:-1], *(getattr(m, name)() for name in last))

    return build


def convolutional(size):
    def build(m):
        first = m.Conv2d(1, 16, 3, padding=1), m.ReLU(), m.MaxPool2d(2)
        second = m.Conv2d(16, 32, 3, padding=1), m.ReLU(), m.MaxPool2d(2)
        return m.Sequential(*first, *second, m.Flatten(), m.Linear(32 * (size // 4) ** 2, 10))

    return build


def recurrent(m):
    class LastOutput(m.Module):
        def __init__(self):
            super().__init__()
            self.lstm, self.out = m.LSTM(64, 64), m.Linear(64, 1)

        def forward(self, x):
            return self.out(self.lstm(x)[0][-1])

    return LastOutput()


def transformer(m):
    class Causal(m.Module):
        def __init__(self):
            super().__init__()
            self.block = m.TransformerEncoderLayer(64, 4, 256, 0.0, "relu", batch_first=True, norm_first=True)
            if m is torch.nn:
                self.mask = {"src_mask": m.Transformer.generate_square_subsequent_mask(64)}

        def forward(self, x):
            return self.block(x, is_causal=True, **getattr(self, "mask", {}))

    return Causal()


def images(n, size, channels=()):
    return rng.normal(size=(n, *channels, *size)).astype("f4")


digits, labels = load_digits(return_X_y=True)
xor = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "f4")
WORKS = {
    "W1": Work("XOR, 2-4-1 sigmoid, 100 steps of SGD", 0.20, mlp(2, 4, 1, activation="Sigmoid", last=["Sigmoid"]),
               xor, np.array([[0], [1], [1], [0]], "f4"), "MSELoss", "SGD", 100),
    "W2": Work("digits, 64-128-64-10 ReLU, Adam, batch 64", 0.35, mlp(64, 128, 64, 10),
               (digits[:64] / 16).astype("f4"), labels[:64], steps=20),
    "W3": Work("784-256-128-10 ReLU, Adam, batch 128", 0.80, mlp(784, 256, 128, 10),
               images(128, (784,)), rng.integers(10, size=128), steps=5),
    "W4 8×8": Work("two convolutions, batch 64", 0.60, convolutional(8), images(64, (8, 8), (1,)),
                   rng.integers(10, size=64), optimizer="SGD", steps=3),
    "W4 28×28": Work("two convolutions, batch 64", 1.0, convolutional(28), images(64, (28, 28), (1,)),
                     rng.integers(10, size=64), optimizer="SGD"),
    "W5": Work("LSTM, hidden 64, length 50, batch 32", 1.05, recurrent, images(50, (32, 64)),
               images(32, (1,)), "MSELoss", "SGD"),
    "W6": Work("causal pre-norm block, d 64, 4 heads, length 64, batch 16", 1.0, transformer,
               images(16, (64, 64)), images(16, (64, 64)), "MSELoss", "SGD"),
    "W7": Work("10 × 64 ReLU, batch 64, forward and backward", 0.45, mlp(*[64] * 11), images(64, (64,)),
               rng.integers(10, size=64), optimizer="SGD", steps=10),
}  # fmt: skip


def stepper(work, m, optim, tensor):
    """The model and a function that makes the work's steps and returns the last loss."""
    model, loss_fn = work.build(m), getattr(m, work.loss)()
    optimizer = getattr(optim, work.optimizer)(model.parameters(), lr=0.01)
    x, y = tensor(work.x), tensor(work.y)

    def run():
        for _ in range(work.steps):
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return float(loss.item())

    return model, run


def ratios(work):
    """Time of nnlib ÷ time of PyTorch in each round, after the losses were seen to be equal."""
    theirs, run_theirs = stepper(work, torch.nn, torch.optim, torch.tensor)
    ours, run_ours = stepper(work, nnlib, nnlib.optim, nnlib.Tensor)
    ours.load_state_dict({name: value.numpy() for name, value in theirs.state_dict().items()})
    for _ in range(3):
        np.testing.assert_allclose(run_ours(), run_theirs(), rtol=1e-3, atol=1e-5)  # float32, many steps
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        run_theirs()
        middle = time.perf_counter()
        run_ours()
        times.append((time.perf_counter() - middle) / (middle - start))
    return np.quantile(times, [0.25, 0.5, 0.75])


def main(*names):
    torch.set_num_threads(1)
    nnlib.set_default_dtype("float32")
    rows = ["| | work | time ÷ PyTorch's (quartiles) | goal |", "|---|---|---|---|"]
    for name in names or WORKS:
        work = WORKS[name]
        low, median, high = ratios(work)
        rows.append(f"| {name} | {work.what} | **{median:.2f}** ({low:.2f}–{high:.2f}) | ≤ {work.goal:.2f} |")
        print(rows[-1], flush=True)
    if not names:
        versions = f"nnlib on NumPy {np.__version__}, PyTorch {torch.__version__}, Python {platform.python_version()}"
        machine = f"{platform.machine()}, {os.cpu_count()} cores, one thread used, float32, {ROUNDS} rounds"
        table = "\n".join(rows)
        RESULTS.write_text(f"# nnlib against PyTorch, eager\n\n{versions}; {machine}.\n\n{table}\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
