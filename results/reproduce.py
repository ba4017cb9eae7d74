"""Computes the figures of pages/results.ipynb and keeps the long ones.

python results/reproduce.py            all long ones: forty minutes of one core
python results/reproduce.py NAME …     some of them: names as in LONG below

They go to results.json, with the figure of every seed.
"""

import contextlib
import functools
import itertools
import json
import math
import re
import sys
import time
from pathlib import Path

import numpy as np
from tqdm import tqdm

import nnlib as nn
from nnlib import functional as F

STORED = Path(__file__).with_name("results.json")


def rounded(value, digits=6):
    """Numbers, lists and dictionaries in JSON's types, to so many digits."""
    if isinstance(value, dict):
        return {str(key): rounded(item, digits) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [rounded(item, digits) for item in value]
    if isinstance(value, float | np.floating):
        return float(f"{value:.{digits}g}")
    return value.item() if isinstance(value, np.generic) else value


@contextlib.contextmanager
def float32():
    """Compute in single precision, as trainings of today do."""
    before = nn.get_default_dtype()
    nn.set_default_dtype("float32")
    try:
        yield
    finally:
        nn.set_default_dtype(before)


# Mazur's worked example


def mazur(mixed=False, rounds=1):
    """Steps on two inputs, two hidden units and two outputs.

    With ``mixed``, the hidden layer's gradients use the output weights
    after their step. The biases stay, as in the original.
    """
    x, target = np.array([0.05, 0.10]), np.array([0.01, 0.99])
    W1, b1 = np.array([[0.15, 0.20], [0.25, 0.30]]), 0.35
    W2, b2 = np.array([[0.40, 0.45], [0.50, 0.55]]), 0.60

    def forward():
        h = F.sigmoid(W1 @ x + b1).data
        y = F.sigmoid(W2 @ h + b2).data
        return h, y, ((target - y) ** 2).sum() / 2

    _, _, before = forward()
    for _ in range(rounds):
        h, y, _ = forward()
        delta2 = (y - target) * y * (1 - y)
        new_W2 = W2 - 0.5 * np.outer(delta2, h)
        delta1 = (new_W2 if mixed else W2).T @ delta2 * h * (1 - h)
        W1, W2 = W1 - 0.5 * np.outer(delta1, x), new_W2
    _, y, after = forward()
    return {
        "before": before,
        "w1": W1[0, 0],
        "w5": W2[0, 0],
        "after": after,
        "outputs": y,
    }


# LeCun's counts


def lecun1989():
    """Units, connections and parameters of the network that read zip codes."""
    maps, kernel, seen = 12, 5 * 5, 8  # each map of H2 sees 8 of the 12 of H1
    h1, h2, h3, out = maps * 8 * 8, maps * 4 * 4, 30, 10
    connections = {
        "H1": h1 * (kernel + 1),
        "H2": h2 * (kernel * seen + 1),
        "H3": h3 * (h2 + 1),
        "output": out * (h3 + 1),
    }
    parameters = {  # a map shares its weights, but each unit has its own bias
        "H1": maps * kernel + h1,
        "H2": maps * kernel * seen + h2,
        "H3": connections["H3"],
        "output": connections["output"],
    }
    units = {"input": 16 * 16, "H1": h1, "H2": h2, "H3": h3, "output": out}
    counts = {"units": units, "connections": connections}
    return counts | {"parameters": parameters}


def lenet5():
    """Parameters and connections of LeNet-5, layer by layer."""
    table = 6 * [3] + 9 * [4] + [6]  # how many maps of S2 each map of C3 sees
    c3 = sum(25 * seen + 1 for seen in table)
    parameters = {
        "C1": 6 * (25 + 1),
        "S2": 6 * 2,  # a factor and a bias for each map
        "C3": c3,
        "S4": 16 * 2,
        "C5": 120 * (16 * 25 + 1),
        "F6": 84 * (120 + 1),
        "output": 0,  # fixed by hand: drawings of the characters
    }
    connections = {
        "C1": 28 * 28 * parameters["C1"],
        "S2": 14 * 14 * 6 * (4 + 1),
        "C3": 10 * 10 * c3,
        "S4": 5 * 5 * 16 * (4 + 1),
        "C5": parameters["C5"],
        "F6": parameters["F6"],
        "output": 84 * 10,
    }
    return {"parameters": parameters, "connections": connections}


# Rumelhart, Hinton and Williams: symmetry


def symmetry_data():
    """All 64 patterns of six bits, and 1 for their own mirror images."""
    X = np.array(
        [[i >> k & 1 for k in range(6)] for i in range(64)], dtype=float
    )
    return X, (X[:, ::-1] == X).all(axis=1, keepdims=True).astype(float)


def symmetry_sweeps(seed, sweeps, low=0.0):
    """Gradient descent as in the paper, towards ``low`` and 1 − ``low``.

    Yields the network and its errors before each sweep, and at the end.
    """
    X, y = symmetry_data()
    y = low + (1 - 2 * low) * y
    nn.manual_seed(seed)
    model = nn.Sequential(
        nn.Linear(6, 2), nn.Sigmoid(), nn.Linear(2, 1), nn.Sigmoid()
    )
    for p in model.parameters():
        nn.init.uniform_(p, -0.3, 0.3)
    optimizer = nn.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for _ in range(sweeps + 1):
        error = model(X) - y
        yield model, error.data
        loss = (error * error).sum() * 0.5  # over all 64 patterns
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def learn_symmetry(seed, sweeps=20_000):
    """The network when no output is off by 0.1, and after how many sweeps."""
    solved = {0.5: None, 0.1: None}  # sweeps until all are nearer than this
    for sweep, state in enumerate(symmetry_sweeps(seed, sweeps)):
        model, error = state
        worst = np.abs(error).max()
        for limit in solved:
            if solved[limit] is None and worst < limit:
                solved[limit] = sweep
        if solved[0.1] is not None:
            break
    return model, solved


def symmetry(short=False):
    """A hundred starts. About one minute."""
    right, close, mirrored, opposite, ratios, wrong = [], [], [], [], [], []
    for seed in tqdm(range(3 if short else 100), "symmetry"):
        model, solved = learn_symmetry(seed, 300 if short else 20_000)
        X, y = symmetry_data()
        right.append(solved[0.5])
        close.append(solved[0.1])
        wrong.append(((model(X).data > 0.5) != y).sum())
        if solved[0.1] is not None:
            W = model[0].weight.data
            size = np.sort(np.abs(W[:, :3]), axis=1)
            mirrored.append(np.abs(W + W[:, ::-1]).max() / np.abs(W).max())
            opposite.append(np.abs(W[0] + W[1]).max() / np.abs(W).max())
            ratios.append((size / size[:, :1]).mean(axis=0))
    return {
        "right": right,
        "close": close,
        "wrong": wrong,
        "mirrored": mirrored,
        "opposite": opposite,
        "ratios": ratios,
    }


# Glorot and Bengio: singular values


def glorot_jacobians(bound, units=1000, layers=5, inputs=1.0, seed=0):
    """Mean singular value of ∂(activations)/∂(those below), from layer 2 on."""
    rng = np.random.default_rng(seed)
    z, means = rng.normal(size=units) * inputs, []
    for layer in range(layers):
        W = rng.uniform(-bound, bound, (units, units))
        z = np.tanh(W @ z)
        if layer > 0:
            J = (1 - z**2)[:, None] * W
            means.append(np.linalg.svd(J, compute_uv=False).mean())
    return means


def glorot(short=False):
    """Five seeds at the size of the paper. Ten seconds."""
    units, seeds = (60, 2) if short else (1000, 5)
    bounds = {
        "standard": 1 / math.sqrt(units),
        "normalised": math.sqrt(6 / (2 * units)),
    }
    runs = [(name, seed) for name in bounds for seed in range(seeds)]
    results = {name: [] for name in bounds}
    for name, seed in tqdm(runs, "glorot"):
        results[name].append(glorot_jacobians(bounds[name], units, seed=seed))
    return results


# He, Zhang, Ren and Sun: scale, and thirty layers

VGG_B = (64, 64, 128, 128, 256, 256, 512, 512, 512, 512)  # channels


def vgg_gradients(std=None, size=8, batch=2, seed=0):
    """Spread of the gradient before each layer from conv2, and after conv10."""
    rng = np.random.default_rng(seed)

    def normal(*shape):
        return rng.normal(size=shape).astype("float32")

    signals = [nn.Tensor(normal(batch, 64, size, size), requires_grad=True)]
    for c, d in itertools.pairwise(VGG_B):
        he = math.sqrt(2 / (9 * d))  # for the way back: 9 d, not 9 c
        W = normal(d, c, 3, 3) * np.float32(he if std is None else std)
        signals.append(F.relu(F.conv2d(signals[-1], W, padding=1)))
    for signal in signals:
        signal.retain_grad()
    signals[-1].backward(normal(*signals[-1].shape))
    return [float(signal.grad.std()) for signal in signals]


def deep_network(variance, seed, depth=30, width=64):
    """Layers with ReLU; weights of variance ``variance``/inputs, biases 0."""
    nn.manual_seed(seed)
    sizes = [64] + (depth - 1) * [width] + [10]
    layers = [nn.Linear(a, b) for a, b in itertools.pairwise(sizes)]
    for layer in layers:
        nn.init.normal_(
            layer.weight, std=math.sqrt(variance / layer.in_features)
        )
        nn.init.zeros_(layer.bias)
    between = [module for layer in layers for module in (layer, nn.ReLU())]
    return nn.Sequential(*between[:-1])


def digit_sets():
    """Training, validation and test images, scaled alike, with digits."""
    first, second = np.random.default_rng(0), np.random.default_rng(1)
    X, X_test, y, y_test = nn.data.train_test_split(
        *nn.data.digits(), generator=first
    )
    X, X_valid, y, y_valid = nn.data.train_test_split(X, y, generator=second)
    mean, std = X.mean(), X.std()
    images = [
        ((x - mean) / std).astype("float32") for x in (X, X_valid, X_test)
    ]
    return list(zip(images, (y, y_valid, y_test), strict=True))


def learn_digits(model, optimizer, data, epochs):
    """Train on batches of 64; a run that diverges ends up guessing."""
    loss_fn = nn.CrossEntropyLoss()
    with np.errstate(all="ignore"):
        for _ in range(epochs):
            for images, digits in nn.data.batches(*data, 64, drop_last=True):
                loss = loss_fn(model(nn.Tensor(images)), digits)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
    return model


STARTS = {"He": 2.0, "Xavier": 1.0}
OPTIMIZERS = {
    "momentum": (
        lambda p, lr: nn.optim.SGD(p, lr=lr, momentum=0.9),
        [10.0**k for k in np.arange(-4, 1.5, 0.5)],
    ),
    "Adam": (nn.optim.Adam, [10.0**k for k in np.arange(-4.5, -1.5, 0.5)]),
}


def thirty_layers(short=False):
    """Each start at its best rate of a grid; five new seeds. Three minutes."""
    train, valid, test = digit_sets()
    epochs, trials, fresh = (1, 1, 1) if short else (30, 3, 5)
    part = slice(4, 6) if short else slice(None)

    def score(start, name, lr, seed, judged):
        model = deep_network(STARTS[start], seed)
        optimizer = OPTIMIZERS[name][0](model.parameters(), lr)
        learn_digits(model, optimizer, train, epochs)
        return nn.evaluate(model, judged, nn.accuracy)

    results = {}
    runs = [(start, name) for start in STARTS for name in OPTIMIZERS]
    with float32(), np.errstate(all="ignore"):
        for start, name in tqdm(runs, "thirty layers"):
            on_validation = {}
            for lr in tqdm(OPTIMIZERS[name][1][part], f"{start}, {name}"):
                on_validation[lr] = np.mean(
                    [score(start, name, lr, k, valid) for k in range(trials)]
                )
            best = max(on_validation, key=on_validation.get)
            seeds = range(trials, trials + fresh)
            results[f"{start}, {name}"] = {
                "validation": {f"{k:.2g}": v for k, v in on_validation.items()},
                "rate": best,
                "test": [score(start, name, best, k, test) for k in seeds],
            }
    return results


# Reddi, Kale and Kumar: the wrong end


@functools.cache
def reddi(amsgrad, beta2=0.99, rounds=1000, lowest=False):
    """The point x after each round of 101 steps, or its lowest place in it.

    Adam with rate 1/√t.
    """
    x = nn.Parameter(np.zeros(1))
    optimizer = nn.optim.Adam([x], lr=1.0, betas=(0.9, beta2), amsgrad=amsgrad)
    big, small = np.array([1010.0]), np.array([-10.0])
    seen, path = [], []
    for t in range(1, 101 * rounds + 1):
        x.grad = big if t % 101 == 1 else small
        optimizer.param_groups[0]["lr"] = 1 / math.sqrt(t)
        optimizer.step()
        x.data.clip(-1, 1, out=x.data)
        seen.append(x.item())
        if t % 101 == 0:
            path.append(min(seen) if lowest else seen[-1])
            seen.clear()
    return path


# Greydanus and Kobak: MNIST-1D


class ResidualMLP(nn.Module):
    """Two hidden layers of 100, the second added to the first."""

    def __init__(self):
        self.first, self.second, self.third = (
            nn.Linear(40, 100),
            nn.Linear(100, 100),
            nn.Linear(100, 10),
        )

    def forward(self, x):
        h = F.relu(self.first(x))
        return self.third(h + F.relu(self.second(h)))


class CNN(nn.Module):
    """Three convolutions of 25 channels with stride 2, and a linear layer."""

    def __init__(self):
        self.convolutions = nn.Sequential(
            nn.Conv1d(1, 25, 5, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv1d(25, 25, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv1d(25, 25, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
        )
        self.linear = nn.Linear(125, 10)

    def forward(self, x):
        return self.linear(self.convolutions(x.reshape(len(x), 1, 40)))


class GRU(nn.Module):
    """A GRU of 6 units in each direction; a linear layer sees all states."""

    def __init__(self):
        self.gru = nn.GRU(1, 6, batch_first=True, bidirectional=True)
        self.linear = nn.Linear(480, 10)

    def forward(self, x):
        states, _ = self.gru(x.reshape(len(x), 40, 1))
        return self.linear(states.reshape(len(x), 480))


MODELS = {
    "logistic": lambda: nn.Linear(40, 10),
    "MLP": ResidualMLP,
    "CNN": CNN,
    "GRU": GRU,
}


MNIST1D = {  # published, in %
    "in order": {"logistic": 32, "MLP": 68, "CNN": 94, "GRU": 91},
    "shuffled": {"logistic": 32, "MLP": 68, "CNN": 56, "GRU": 57},
}


def learn_mnist1d(model, data, steps):
    """Adam at 0.01, batches of 100 in the order of the file, as theirs."""
    X, X_test, y, y_test = data
    optimizer = nn.optim.Adam(model.parameters(), lr=0.01)
    loss_fn, seen = nn.CrossEntropyLoss(), []
    for step in range(1, steps + 1):
        start = 100 * (step - 1) % len(X)
        rows = slice(start, start + 100)
        loss = loss_fn(model(nn.Tensor(X[rows])), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 250 == 0 or step == steps:
            seen.append(nn.evaluate(model, (X_test, y_test), nn.accuracy))
    train = nn.evaluate(model, (X, y), nn.accuracy)
    return {"test": seen[-1], "highest": max(seen), "train": train}


def mnist1d_data(shuffled=False):
    """X_train, X_test, y_train, y_test; all rows shuffled alike, as theirs."""
    X, X_test, y, y_test = nn.data.mnist1d()
    order = np.arange(40)
    if shuffled:
        order = np.random.RandomState(42).permutation(40)
    X, X_test = (part[:, order].astype("float32") for part in (X, X_test))
    return X, X_test, y, y_test


def mnist1d(short=False):
    """Ten seeds of each model, three of the slow GRU. Seven minutes."""
    seeds = {"logistic": 10, "MLP": 10, "CNN": 10, "GRU": 3}
    results = {}
    with float32():
        for name, make in MODELS.items():
            count = sum(p.numel() for p in make().parameters())
            results[name] = {"parameters": count}
            for kind in MNIST1D:
                data, runs = mnist1d_data(kind == "shuffled"), []
                for seed in tqdm(range(1 if short else seeds[name]), name):
                    nn.manual_seed(seed)
                    steps = 3 if short else 6000
                    runs.append(learn_mnist1d(make(), data, steps))
                figures = {key: [run[key] for run in runs] for key in runs[0]}
                results[name][kind] = figures
    return results


# Hochreiter and Schmidhuber: the adding problem


def adding_sequences(rng, n, T=100):
    """Inputs (L, n, 2) and targets (n,): two marked numbers to be added."""
    length, each = int(rng.integers(T, T + T // 10 + 1)), np.arange(n)
    numbers, marks = rng.uniform(-1, 1, (length, n)), np.zeros((length, n))
    marks[0] = marks[-1] = -1
    first = rng.integers(0, min(10, T // 2), n)
    second = rng.integers(0, T // 2 - 2, n)
    second += second >= first  # still unmarked
    marks[first, each] = marks[second, each] = 1
    numbers[0, marks[0] == 1] = 0  # as the paper has it
    return np.stack([numbers, marks], axis=2), 0.5 + (
        numbers[first, each] + numbers[second, each]
    ) / 4


def solved(errors):
    """The paper's criterion: errors all below 0.04, and 0.01 on average."""
    return (errors.max(axis=0) < 0.04) & (errors.mean(axis=0) < 0.01)


def logistic(x):
    return 1 / (1 + np.exp(-x))


class LSTM1997:
    """The first LSTM, several starts at once: two blocks of two cells.

    Its 8 units (2 input gates, 2 output gates, 4 cells) see 2 inputs, what
    the 8 said a step ago, and a 1; the output sees the cells and a 1. Errors
    flow back inside the cells only: all they need is kept on the way forward.
    """

    def __init__(self, starts, rng):
        self.W = rng.uniform(-0.1, 0.1, (starts, 8, 11))
        self.V = rng.uniform(-0.1, 0.1, (starts, 5))
        self.W[:, :2, 10] = -3, -6  # the input gates begin nearly shut

    def forward(self, x):
        """Keep what units saw (L, starts, 11) and said; return (starts,)."""
        self.seen = np.zeros((len(x), len(self.W), 11))
        self.seen[:, :, :2], self.seen[:, :, 10] = x, 1
        self.said, state = np.empty((len(x), len(self.W), 8)), 0
        for t in range(len(x)):
            z = self.W @ self.seen[t, :, :, None]
            self.said[t] = said = logistic(z[:, :, 0])
            gates = np.repeat(said[:, :4], 2, axis=1)  # each for two cells
            in_gate, out_gate = gates[:, :4], gates[:, 4:]
            state = state + in_gate * (4 * said[:, 4:] - 2)
            self.squashed = 2 * logistic(state) - 1
            self.cells = out_gate * self.squashed
            if t + 1 < len(x):
                self.seen[t + 1, :, 2:6] = said[:, :4]
                self.seen[t + 1, :, 6:10] = self.cells
        z = (self.V[:, :4] * self.cells).sum(axis=1) + self.V[:, 4]
        return logistic(z)

    def learn(self, output, error, lr):
        """One step after a sequence; ``lr`` is 0 for those that are done."""
        delta = lr * error * output * (1 - output)
        in_gate, out_gate = self.said[:, :, :2], self.said[-1, :, 2:4]
        cell = self.said[:, :, 4:]

        to_cells = delta[:, None] * self.V[:, :4]
        to_out = (to_cells * self.squashed).reshape(-1, 2, 2).sum(axis=2)
        to_out *= out_gate * (1 - out_gate)
        slope = (1 - self.squashed**2) / 2
        to_state = to_cells * np.repeat(out_gate, 2, axis=1) * slope
        per_cell = np.repeat(in_gate, 2, axis=2) * 4 * cell * (1 - cell)
        per_gate = np.repeat(in_gate * (1 - in_gate), 2, axis=2)
        per_gate *= 4 * cell - 2

        def over_time(per_step):
            sums = np.einsum("tsc,tsu->scu", per_step, self.seen)
            return to_state[:, :, None] * sums

        self.V[:, :4] += delta[:, None] * self.cells
        self.V[:, 4] += delta
        self.W[:, 4:] += over_time(per_cell)
        self.W[:, 2:4] += to_out[:, :, None] * self.seen[-1][:, None]
        both = over_time(per_gate).reshape(-1, 2, 2, 11)  # cells of a gate
        self.W[:, :2] += both.sum(axis=2)


def adding1997(short=False):
    """Ten starts of the first LSTM with its own rule. Eight minutes."""
    starts, T, window, most = (2, 20, 50, 99) if short else (10, 100, 2000, 2e5)
    rng = np.random.default_rng(0)
    net, needed = LSTM1997(starts, rng), np.zeros(starts, dtype=int)
    errors, right = [], []

    def run():
        x, target = adding_sequences(rng, starts, T)
        return target, target - net.forward(x)

    for n in tqdm(range(1, int(most) + 1), "adding, 1997", unit="sequence"):
        target, error = run()
        net.learn(target - error, error, 0.5 * (needed == 0))
        errors = [*errors[-window + 1 :], np.abs(error)]
        if n % window == 0:
            right.append((np.array(errors) < 0.04).mean(axis=0))
        if n % 10 == 0 and n >= window:
            needed[(needed == 0) & solved(np.array(errors))] = n
        if needed.all():
            break
    tests = [run() for _ in range(40 if short else 2560)]
    targets, errors = np.array(tests).transpose(1, 0, 2)
    wrong = np.abs(errors) >= 0.04
    ends = np.abs(targets - 0.5) > 0.4  # sums beyond 1.6
    return {
        "parameters": net.W[0].size + net.V[0].size,
        "needed": [n or None for n in needed.tolist()],
        "wrong": wrong.sum(axis=0),
        "wrong at the ends": (wrong & ends).sum(axis=0),
        "right": np.transpose(right),
    }


class LSTMToday(nn.Module):
    """nnlib's LSTM, with forget gates, and a linear output."""

    def __init__(self, shut, hidden=16):
        self.lstm, self.linear = nn.LSTM(2, hidden), nn.Linear(hidden, 1)
        bias = self.lstm.bias_ih_l0.data  # input gates, forget gates, …
        bias[hidden : 2 * hidden] = 5  # forget gates begin open
        if shut:
            bias[:hidden] = -3  # and input gates nearly shut

    def forward(self, x):
        _, (h, _) = self.lstm(nn.Tensor(x.astype("float32")))
        return self.linear(h[0])[:, 0]


def learn_adding(shut, seed, lr, T, window, most, batch=16):
    """Adam until the criterion, or ``most`` sequences; sequences needed."""
    nn.manual_seed(seed)
    rng, model = np.random.default_rng(seed), LSTMToday(shut)
    optimizer = nn.optim.Adam(model.parameters(), lr=lr)
    errors, right = np.ones(window), []
    bar = tqdm(range(batch, most + 1, batch), f"rate {lr}, seed {seed}")
    for n in bar:
        x, target = adding_sequences(rng, batch, T)
        error = model(x) - target.astype("float32")
        optimizer.zero_grad()
        (error * error).mean().backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        errors = np.append(errors[batch:], np.abs(error.data))
        if n % 2000 == 0:
            right.append((errors < 0.04).mean())
        if solved(errors):
            return model, rng, n, right
    return model, rng, None, right


def adding_today(short=False):
    """nnlib's LSTM, Adam, batches of 16; two ways to begin with the gates.

    Each at the best of five rates, chosen by three seeds; then five new
    seeds. Sixteen minutes.
    """
    T, window, most, trials, fresh = (
        (20, 64, 64, 1, 1) if short else (100, 2000, 200_000, 3, 5)
    )
    results = {}
    for name, shut in (("half open", False), ("nearly shut", True)):
        learn = functools.partial(learn_adding, shut)
        tried, needed, wrong, right = {}, [], [], []
        with float32():
            for lr in (0.003,) if short else (0.001, 0.003, 0.01, 0.03, 0.1):
                tried[lr] = [
                    learn(seed, lr, T, window, most)[2]
                    for seed in range(trials)
                ]
            best = min(tried, key=lambda lr: sum(n or most for n in tried[lr]))
            for seed in range(trials, trials + fresh):
                model, rng, n, shares = learn(seed, best, T, window, most)
                x, target = adding_sequences(rng, 40 if short else 2560, T)
                errors = np.abs(model(x).data - target)
                needed.append(n)
                wrong.append((errors >= 0.04).sum() if n else None)
                right.append(shares)
        results[name] = {
            "parameters": sum(p.numel() for p in model.parameters()),
            "tried": tried,
            "rate": best,
            "needed": needed,
            "wrong": wrong,
            "right": right,
        }
    return results


LONG = {
    f.__name__: f
    for f in (
        symmetry,
        glorot,
        thirty_layers,
        mnist1d,
        adding1997,
        adding_today,
    )
}


def stored():
    """What the long ones gave when they last ran."""
    return json.loads(STORED.read_text("utf-8")) if STORED.exists() else {}


def main(names):
    """Compute what is named, or all, and keep it."""
    if unknown := sorted(set(names) - set(LONG)):
        known = ", ".join(LONG)
        sys.exit(f"there is no {unknown[0]!r}; the results are {known}")
    for name in names or LONG:
        start = time.process_time()
        figures = rounded(LONG[name]())
        print(f"{name}: {time.process_time() - start:.0f} s of one core")
        kept = stored() | {name: figures}
        lines = [
            f"{json.dumps(key)}: {json.dumps(kept[key])}"
            for key in LONG
            if key in kept
        ]
        STORED.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")


# The table on the page


class Table:
    """Rows of text, the first of them the heads; a real table in a notebook."""

    def __init__(self, *rows):
        self.rows = rows

    def __repr__(self):
        text = "\n".join(" | ".join(row) for row in self.rows)
        return re.sub("<.*?>", "", text)

    def _repr_html_(self):
        head, *body = (
            "".join(f"<{tag}>{cell}</{tag}>" for cell in row)
            for row, tag in zip(
                self.rows, ["th", *["td"] * len(self.rows)], strict=False
            )
        )
        body = "".join(f"<tr>{row}</tr>" for row in body)
        table = f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
        return (
            '<div class="pst-scrollable-table-container">'
            f'<table class="table dataframe">{table}</table></div>'
        )


def spread(values, form="{:.1f}"):
    """Mean and standard deviation."""
    return f"{form} ± {form}".format(np.mean(values), np.std(values))


def overview(figures):
    """Published, ours, and why they differ: one row for each figure."""
    rows = [("Result", "Published", "Ours", "Note")]

    def row(place, name, published, ours, note):
        link = f'<a href="#{place}">{name}</a>'
        rows.append((link, published, ours, note))

    place = "one-step-of-backpropagation"
    ours = f"{mazur()['after']:.9f}"
    row(
        place,
        "Worked example: error after a step",
        "0.291027924",
        ours,
        "theirs follows from a mix-up",
    )

    place, note = "counting-lenet", "equal, as are the connections"
    for name, published, count in (
        ("Zip codes, 1989: parameters", "9,760", lecun1989()),
        ("LeNet-5: parameters", "60,000", lenet5()),
    ):
        ours = f"{sum(count['parameters'].values()):,}"
        row(place, name, published, ours, note)

    place, run = "symmetry-1986", figures["symmetry"]
    found = [n for n in run["right"] if n is not None]
    first = sum(ratio[2] > 3 for ratio in run["ratios"])
    note = f"{len(found)} of {len(run['right'])} starts in 20,000 sweeps"
    row(
        place,
        "Symmetry: sweeps",
        "1,425",
        f"median {np.median(found):,.0f}",
        note,
    )
    ours = f"{first} times so, {len(found) - first} times 2 : 3 : 4"
    row(
        place, "Symmetry: weights", "1 : 2 : 4", ours, "there are two solutions"
    )

    place = "the-scale-of-a-signal-2015"
    ratio = vgg_gradients()[0] / vgg_gradients(std=0.01)[0]
    name, ours = (
        "Spread 0.01: gradient too small",
        f"{ratio / 1e4:.1f} · 10⁴",
    )
    row(place, name, "1.7 · 10⁴", ours, "equal")
    for start, published in (("Xavier", "stall"), ("He", "learn")):
        run = figures["thirty_layers"][f"{start}, momentum"]
        ours = f"accuracy {spread(run['test'], '{:.2f}')}"
        note = {"Xavier": "with Adam it learns", "He": "guessing: 0.10"}[start]
        row(place, f"Thirty layers: {start}", published, ours, note)

    place = "singular-values-2010"
    for name, published, note in (
        ("standard", "0.5", "derived: 0.49"),
        ("normalised", "0.8", "depends on the inputs"),
    ):
        ours = spread(np.mean(figures["glorot"][name], axis=1), "{:.2f}")
        row(place, f"Singular value: {name}", published, ours, note)

    place = "the-wrong-end-2018"
    lowest = reddi(amsgrad=True, lowest=True)[-1]
    for name, published, note in (
        ("Adam", "+1", "equal"),
        ("AMSGrad", "−1", f"once a round {lowest:.2f}".replace("-", "−")),
    ):
        end = reddi(amsgrad=name == "AMSGrad")[-1]
        ours = f"{end:+.2f}".replace("-", "−")
        row(place, f"{name} goes to x =", published, ours, note)

    place = "adding-over-a-hundred-steps-1997"
    for name, run in (
        ("LSTM of 1997", figures["adding1997"]),
        ("today's", figures["adding_today"]["half open"]),
        ("today's, gates shut", figures["adding_today"]["nearly shut"]),
    ):
        needed = [n for n in run["needed"] if n is not None]
        if len(needed) == len(run["needed"]):
            ours = spread(needed, "{:,.0f}")
        else:
            ours = ", ".join(f"{n:,}" for n in needed) or "over 200,000"
        note = f"{len(needed)} of {len(run['needed'])} starts get there"
        row(place, f"Adding: sequences, {name}", "74,000", ours, note)

    for kind, published in MNIST1D.items():
        for name, percent in published.items():
            if kind == "shuffled" and name in ("logistic", "MLP"):
                continue  # no order of the inputs means anything to these
            test = np.array(figures["mnist1d"][name][kind]["test"]) * 100
            near = abs(test.mean() - percent) < 1
            note = (
                "within a point" if near else "their notebook agrees with ours"
            )
            name = f"MNIST-1D {kind}: {name}"
            row("mnist-1d", name, f"{percent} %", f"{spread(test)} %", note)
    return Table(*rows)


if __name__ == "__main__":
    main(sys.argv[1:])
