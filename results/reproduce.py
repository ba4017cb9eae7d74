"""Computes the figures of pages/results.ipynb, each with its seeds and spread, and keeps them in results.json.

python results/reproduce.py            all of them, in about 20 minutes on one core
python results/reproduce.py NAME …     some of them: the names of the functions below
"""

import contextlib
import itertools
import json
import math
import sys
import time
from pathlib import Path

import numpy as np
from tqdm import tqdm

import nnlib as nn
from nnlib import functional as F

STORED = Path(__file__).with_name("results.json")


def rounded(value, digits=6):
    """Numbers, lists and dictionaries in JSON's types, with so many significant digits."""
    if isinstance(value, dict):
        return {str(key): rounded(item, digits) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [rounded(item, digits) for item in value]
    if isinstance(value, float | np.floating):
        return float(f"{value:.{digits}g}")
    return value.item() if isinstance(value, np.generic) else value


@contextlib.contextmanager
def float32():
    """Compute in single precision, as the trainings in the papers of today do."""
    before = nn.get_default_dtype()
    nn.set_default_dtype("float32")
    try:
        yield
    finally:
        nn.set_default_dtype(before)


# Mazur's worked example


def mazur(mixed=False):
    """One step on two inputs, two hidden units and two outputs; the biases stay, as in the original.

    With ``mixed``, the hidden layer's gradients use output weights that have moved already.
    """
    x, target, b1, b2 = np.array([0.05, 0.10]), np.array([0.01, 0.99]), 0.35, 0.60
    W1, W2 = np.array([[0.15, 0.20], [0.25, 0.30]]), np.array([[0.40, 0.45], [0.50, 0.55]])

    def forward(W1, W2):
        h = F.sigmoid(W1 @ x + b1).data
        y = F.sigmoid(W2 @ h + b2).data
        return h, y, ((target - y) ** 2).sum() / 2

    h, y, before = forward(W1, W2)
    delta2 = (y - target) * y * (1 - y)
    new_W2 = W2 - 0.5 * np.outer(delta2, h)
    delta1 = (new_W2 if mixed else W2).T @ delta2 * h * (1 - h)
    new_W1 = W1 - 0.5 * np.outer(delta1, x)
    return {"before": before, "w1": new_W1[0, 0], "w5": new_W2[0, 0], "after": forward(new_W1, new_W2)[2]}


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
    return {"units": units, "connections": connections, "parameters": parameters}


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
    """All 64 patterns of six bits, and 1 for those that are their own mirror image."""
    X = np.array([[i >> k & 1 for k in range(6)] for i in range(64)], dtype=float)
    return X, (X[:, ::-1] == X).all(axis=1, keepdims=True).astype(float)


def learn_symmetry(seed, sweeps=5000):
    """Gradient descent as in the paper; stops when no output is wrong by 0.1 or more."""
    X, y = symmetry_data()
    nn.manual_seed(seed)
    model = nn.Sequential(nn.Linear(6, 2), nn.Sigmoid(), nn.Linear(2, 1), nn.Sigmoid())
    for p in model.parameters():
        nn.init.uniform_(p, -0.3, 0.3)
    optimizer = nn.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    solved = {0.5: None, 0.1: None}  # after how many sweeps all are nearer than this
    for sweep in range(sweeps + 1):
        error = model(X) - y
        worst = np.abs(error.data).max()
        for limit in solved:
            if solved[limit] is None and worst < limit:
                solved[limit] = sweep
        if solved[0.1] is not None:
            break
        loss = (error * error).sum() * 0.5  # over all 64 patterns
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model, solved


def symmetry(short=False):
    """A hundred starts. About one minute."""
    right, close, mirrored, opposite, ratios, wrong = [], [], [], [], [], []
    for seed in tqdm(range(3 if short else 100), "symmetry"):
        model, solved = learn_symmetry(seed, 300 if short else 5000)
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
    return {"right": right, "close": close, "wrong": wrong, "mirrored": mirrored, "opposite": opposite,
            "ratios": ratios}  # fmt: skip


# Glorot and Bengio: singular values


def glorot_jacobians(bound, units=1000, layers=5, inputs=1.0, seed=0):
    """Mean singular value of ∂(activations)/∂(activations below), layers 2 to 5."""
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
    """Five seeds at the size of the paper. About one minute."""
    units, seeds = (60, 2) if short else (1000, 5)
    bounds = {"standard": 1 / math.sqrt(units), "normalised": math.sqrt(6 / (2 * units))}
    runs = [(name, seed) for name in bounds for seed in range(seeds)]
    results = {name: [] for name in bounds}
    for name, seed in tqdm(runs, "glorot"):
        results[name].append(glorot_jacobians(bounds[name], units, seed=seed))
    return results


# He, Zhang, Ren and Sun: scale, and thirty layers

VGG_B = [(64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 512)] + 3 * [(512, 512)]


def vgg_gradients(std=None, size=8, batch=2, seed=0):
    """Spread of the gradient before each of conv2 to conv10, and after conv10."""
    rng = np.random.default_rng(seed)
    x = nn.Tensor(rng.normal(size=(batch, 64, size, size)).astype("float32"), True)
    signals = [x]
    for c, d in VGG_B:
        he = math.sqrt(2 / (9 * d))  # of the way back: 9 d, not 9 c
        W = rng.normal(size=(d, c, 3, 3)) * (he if std is None else std)
        signals.append(F.relu(F.conv2d(signals[-1], W.astype("float32"), padding=1)))
    for signal in signals:
        signal.retain_grad()
    signals[-1].backward(rng.normal(size=signals[-1].shape).astype("float32"))
    return [float(signal.grad.std()) for signal in signals]


def deep_network(variance, seed, depth=30, width=64):
    """So many layers with ReLU; weights of variance ``variance``/inputs, biases 0."""
    nn.manual_seed(seed)
    sizes = [64] + (depth - 1) * [width] + [10]
    layers = [nn.Linear(a, b) for a, b in itertools.pairwise(sizes)]
    for layer in layers:
        nn.init.normal_(layer.weight, std=math.sqrt(variance / layer.in_features))
        nn.init.zeros_(layer.bias)
    between = [module for layer in layers for module in (layer, nn.ReLU())]
    return nn.Sequential(*between[:-1])


def digit_sets():
    """Training, validation and test images with their digits, scaled by the training images."""
    first, second = np.random.default_rng(0), np.random.default_rng(1)
    X, X_test, y, y_test = nn.data.train_test_split(*nn.data.digits(), generator=first)
    X, X_valid, y, y_valid = nn.data.train_test_split(X, y, generator=second)
    mean, std = X.mean(), X.std()
    images = [((x - mean) / std).astype("float32") for x in (X, X_valid, X_test)]
    return list(zip(images, (y, y_valid, y_test), strict=True))


def learn_digits(model, optimizer, data, epochs):
    """Train on batches of 64; a run that leaves the range of numbers counts as it then guesses."""
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
    "momentum": (lambda p, lr: nn.optim.SGD(p, lr=lr, momentum=0.9), [10.0**k for k in np.arange(-4, 1.5, 0.5)]),
    "Adam": (nn.optim.Adam, [10.0**k for k in np.arange(-4.5, -1.5, 0.5)]),
}


def thirty_layers(short=False):
    """Each start with the rate that suits it best, from a wide grid; then five new seeds. About three minutes."""
    train, valid, test = digit_sets()
    epochs, results = (1 if short else 30), {}
    grids = {name: rates[4:6] if short else rates for name, (_, rates) in OPTIMIZERS.items()}
    trials, fresh = (1, 1) if short else (3, 5)
    total = len(STARTS) * sum(trials * len(grid) + fresh for grid in grids.values())
    with tqdm(total=total, desc="thirty layers") as bar, float32(), np.errstate(all="ignore"):

        def score(start, name, lr, seed, judged):
            model = deep_network(STARTS[start], seed)
            learn_digits(model, OPTIMIZERS[name][0](model.parameters(), lr), train, epochs)
            bar.update()
            return nn.evaluate(model, judged, nn.accuracy)

        for start in STARTS:
            for name, grid in grids.items():
                tried = {lr: [score(start, name, lr, seed, valid) for seed in range(trials)] for lr in grid}
                best = max(grid, key=lambda lr, tried=tried: np.mean(tried[lr]))
                accuracy = [score(start, name, best, seed, test) for seed in range(trials, trials + fresh)]
                on_validation = {f"{lr:.2g}": np.mean(scores) for lr, scores in tried.items()}
                results[f"{start}, {name}"] = {"validation": on_validation, "rate": best, "test": accuracy}
    return results


# Reddi, Kale and Kumar: the wrong end


def reddi(amsgrad, beta2=0.99, steps=100_000, every=500):
    """The point x after every so many steps of Adam with rate 1/√t, held in [−1, 1]."""
    x = nn.Parameter(np.zeros(1))
    optimizer = nn.optim.Adam([x], lr=1.0, betas=(0.9, beta2), amsgrad=amsgrad)
    big, small, path = np.array([1010.0]), np.array([-10.0]), []
    for t in range(1, steps + 1):
        x.grad = big if t % 101 == 1 else small
        optimizer.param_groups[0]["lr"] = 1 / math.sqrt(t)
        optimizer.step()
        x.data.clip(-1, 1, out=x.data)
        if t % every == 0:
            path.append(x.item())
    return path


# Greydanus and Kobak: MNIST-1D


class ResidualMLP(nn.Module):
    """Two hidden layers of 100, the second added to the first."""

    def __init__(self):
        self.first, self.second, self.third = nn.Linear(40, 100), nn.Linear(100, 100), nn.Linear(100, 10)

    def forward(self, x):
        h = F.relu(self.first(x))
        return self.third(h + F.relu(self.second(h)))


class CNN(nn.Module):
    """Three convolutions of 25 channels with stride 2, and a linear layer."""

    def __init__(self):
        self.convolutions = nn.Sequential(
            nn.Conv1d(1, 25, 5, stride=2, padding=1), nn.ReLU(),
            nn.Conv1d(25, 25, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv1d(25, 25, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(),
        )  # fmt: skip
        self.linear = nn.Linear(125, 10)

    def forward(self, x):
        return self.linear(self.convolutions(x.reshape(len(x), 1, 40)))


class GRU(nn.Module):
    """A GRU of 6 units in each direction; a linear layer sees all its 40 states."""

    def __init__(self):
        self.gru = nn.GRU(1, 6, batch_first=True, bidirectional=True)
        self.linear = nn.Linear(480, 10)

    def forward(self, x):
        states, _ = self.gru(x.reshape(len(x), 40, 1))
        return self.linear(states.reshape(len(x), 480))


MODELS = {"logistic": lambda: nn.Linear(40, 10), "MLP": ResidualMLP, "CNN": CNN, "GRU": GRU}


def learn_mnist1d(model, data, steps, bar):
    """Adam at 0.01, batches of 100 in the order of the file, as in the authors' code."""
    X, X_test, y, y_test = data
    optimizer, loss_fn = nn.optim.Adam(model.parameters(), lr=0.01), nn.CrossEntropyLoss()
    seen = []
    for step in range(steps):
        start = 100 * step % len(X)
        loss = loss_fn(model(nn.Tensor(X[start : start + 100])), y[start : start + 100])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        bar.update()
        if (step + 1) % 250 == 0 or step + 1 == steps:
            seen.append(nn.evaluate(model, (X_test, y_test), nn.accuracy))
    return {"test": seen[-1], "highest": max(seen), "train": nn.evaluate(model, (X, y), nn.accuracy)}


def mnist1d(short=False):
    """Four models, pixels in order and shuffled; ten seeds, three for the slow GRU. About eight minutes."""
    steps = 3 if short else 6000
    seeds = dict.fromkeys(MODELS, 1) if short else {"logistic": 10, "MLP": 10, "CNN": 10, "GRU": 3}
    X, X_test, y, y_test = nn.data.mnist1d()
    X, X_test = X.astype("float32"), X_test.astype("float32")
    orders = {"in order": np.arange(40), "shuffled": np.random.RandomState(42).permutation(40)}  # as theirs
    results = {}
    with tqdm(total=2 * steps * sum(seeds.values()), desc="mnist1d") as bar, float32():
        for name, make in MODELS.items():
            results[name] = {"parameters": sum(p.numel() for p in make().parameters())}
            for kind, order in orders.items():
                runs = []
                for seed in range(seeds[name]):
                    nn.manual_seed(seed)
                    runs.append(learn_mnist1d(make(), (X[:, order], X_test[:, order], y, y_test), steps, bar))
                results[name][kind] = {key: [run[key] for run in runs] for key in runs[0]}
    return results


# Hochreiter and Schmidhuber: the adding problem


def adding_sequences(rng, n, T=100):
    """Inputs (L, n, 2) and targets (n,): two marked numbers to be added, one near the start, one in the first half."""
    length, each = int(rng.integers(T, T + T // 10 + 1)), np.arange(n)
    numbers, marks = rng.uniform(-1, 1, (length, n)), np.zeros((length, n))
    marks[0] = marks[-1] = -1
    first = rng.integers(0, min(10, T // 2), n)
    second = rng.integers(0, T // 2 - 2, n)
    second += second >= first  # still unmarked
    marks[first, each] = marks[second, each] = 1
    numbers[0, marks[0] == 1] = 0  # "in the rare case where the first pair gets marked"
    return np.stack([numbers, marks], axis=2), 0.5 + (numbers[first, each] + numbers[second, each]) / 4


def solved(errors, window):
    """The paper's criterion, for each column: the latest errors all below 0.04, and below 0.01 on average."""
    return (errors[-window:].max(axis=0) < 0.04) & (errors[-window:].mean(axis=0) < 0.01)


class LSTM1997:
    """The first LSTM, for several starts at once: two blocks of two cells, no forget gates, learning online.

    Gates and cells, eight units, see 2 inputs, all 8 units a step ago, and a 1; the output sees the cells and a 1.
    The error flows back inside the cells only, so all it needs is kept during the forward pass.
    """

    def __init__(self, starts, rng):
        self.W = rng.uniform(-0.1, 0.1, (starts, 8, 11))  # rows: 2 input gates, 2 output gates, 4 cells
        self.V = rng.uniform(-0.1, 0.1, (starts, 5))
        self.W[:, :2, 10] = -3, -6  # the input gates begin nearly shut

    def forward(self, x):
        """Keep what every unit saw (L, starts, 11) and said (L, starts, 8); return the output (starts,)."""
        self.seen = np.zeros((len(x), len(self.W), 11))
        self.seen[:, :, :2], self.seen[:, :, 10] = x, 1
        self.said, state = np.empty((len(x), len(self.W), 8)), 0
        for t in range(len(x)):
            self.said[t] = said = 1 / (1 + np.exp(-(self.W @ self.seen[t, :, :, None])[:, :, 0]))
            state = state + np.repeat(said[:, :2], 2, axis=1) * (4 * said[:, 4:] - 2)
            self.squashed = 2 / (1 + np.exp(-state)) - 1
            self.cells = np.repeat(said[:, 2:4], 2, axis=1) * self.squashed
            if t + 1 < len(x):
                self.seen[t + 1, :, 2:6], self.seen[t + 1, :, 6:10] = said[:, :4], self.cells
        return 1 / (1 + np.exp(-(self.V[:, :4] * self.cells).sum(axis=1) - self.V[:, 4]))

    def learn(self, output, error, lr):
        """One step, after each sequence; ``lr`` (starts,) is 0 for those that have finished."""
        delta = lr * error * output * (1 - output)
        to_cells = delta[:, None] * self.V[:, :4]
        in_gate, out_gate = self.said[:, :, :2], self.said[-1, :, 2:4]
        to_state = to_cells * np.repeat(out_gate, 2, axis=1) * (1 - self.squashed**2) / 2
        cell = self.said[:, :, 4:]
        d_cell = np.repeat(in_gate, 2, axis=2) * 4 * cell * (1 - cell)
        d_gate = np.repeat(in_gate * (1 - in_gate), 2, axis=2) * (4 * cell - 2)
        sums = [np.einsum("tsc,tsu->scu", d, self.seen) * to_state[:, :, None] for d in (d_cell, d_gate)]
        to_out = (to_cells * self.squashed).reshape(-1, 2, 2).sum(axis=2) * out_gate * (1 - out_gate)
        self.V[:, :4] += delta[:, None] * self.cells
        self.V[:, 4] += delta
        self.W[:, 4:] += sums[0]
        self.W[:, :2] += sums[1].reshape(-1, 2, 2, 11).sum(axis=2)
        self.W[:, 2:4] += to_out[:, :, None] * self.seen[-1][:, None]


def adding1997(short=False):
    """Ten starts of the first LSTM with its own rule of learning, rate 0.5. About five minutes."""
    starts, T, window, most = (2, 20, 50, 100) if short else (10, 100, 2000, 400_000)
    rng = np.random.default_rng(0)
    net, share, latest, needed = LSTM1997(starts, rng), [], [], np.zeros(starts, dtype=int)
    with tqdm(total=most, desc="adding, 1997", unit="sequence") as bar:
        for n in range(1, most + 1):
            x, target = adding_sequences(rng, starts, T)
            output = net.forward(x)
            latest.append(np.abs(target - output))
            net.learn(output, target - output, 0.5 * (needed == 0))
            bar.update()
            if n % 1000 == 0:
                share.append((np.array(latest[-1000:]) < 0.04).mean())
            latest = latest[-window:] if len(latest) >= 2 * window else latest
            if n >= window and n % 10 == 0:
                needed[(needed == 0) & solved(np.array(latest), window)] = n
            if needed.all():
                break
    wrong = np.zeros(starts, dtype=int)
    for _ in range(40 if short else 2560):
        x, target = adding_sequences(rng, starts, T)
        wrong += np.abs(net.forward(x) - target) >= 0.04
    parameters = net.W[0].size + net.V[0].size
    return {"needed": needed, "wrong": wrong, "parameters": parameters, "right": share}


class LSTMToday(nn.Module):
    """nnlib's LSTM, with forget gates, and a linear output that sees its last state."""

    def __init__(self, hidden, forget):
        self.lstm, self.linear = nn.LSTM(2, hidden), nn.Linear(hidden, 1)
        self.lstm.bias_ih_l0.data[hidden : 2 * hidden] = forget

    def forward(self, x):
        _, (h, _) = self.lstm(x)
        return self.linear(h[0])


def adding_today(short=False):
    """Five seeds of nnlib's LSTM with Adam, in batches. About five minutes."""
    seeds, T, window, most = (1, 20, 50, 64) if short else (5, 100, 2000, 400_000)
    batch, needed, curves, wrong = 16, [], [], []
    with tqdm(total=seeds * most, desc="adding, today", unit="sequence") as bar, float32():
        for seed in range(seeds):
            nn.manual_seed(seed)
            rng, model = np.random.default_rng(seed), LSTMToday(16, forget=5)
            optimizer, errors, share, n = nn.optim.Adam(model.parameters(), lr=0.01), np.empty(0), [], 0

            def error(rng, size, model=model):
                x, target = adding_sequences(rng, size, T)
                return model(nn.Tensor(x.astype("float32"))) - target.astype("float32")[:, None]

            while n < most and not (len(errors) == window and solved(errors, window)):
                wide = error(rng, batch)
                loss = (wide * wide).mean()
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                errors = np.concatenate([errors, np.abs(wide.data[:, 0])])[-window:]
                n += batch
                bar.update(batch)
                if n % 2000 == 0:
                    share.append((errors < 0.04).mean())
            needed.append(n if n < most else None)
            curves.append(share)
            wrong.append((np.abs(error(rng, 40 if short else 2560).data) >= 0.04).sum())
    parameters = sum(p.numel() for p in model.parameters())
    return {"needed": needed, "wrong": wrong, "parameters": parameters, "right": curves}


LONG = {f.__name__: f for f in (symmetry, glorot, thirty_layers, mnist1d, adding1997, adding_today)}


def main(names):
    """Compute what is named, or all, and keep it."""
    if unknown := set(names) - set(LONG):
        sys.exit(f"there is no {sorted(unknown)[0]!r}; the results are {', '.join(LONG)}")
    for name in names or LONG:
        start = time.process_time()
        figures = rounded(LONG[name]())
        print(f"{name}: {time.process_time() - start:.0f} s of one core")
        stored = json.loads(STORED.read_text("utf-8")) if STORED.exists() else {}
        stored = {key: (stored | {name: figures})[key] for key in LONG if key in stored or key == name}
        lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in stored.items()]
        STORED.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
