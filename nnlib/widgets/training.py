"""The widgets of chapter 8: optimisers on a bowl, batches and noise, variance through layers, and runs to diagnose."""

import math
from functools import cache

import numpy as np

import nnlib as nn
from nnlib.widgets.explorer import Control, Explorer
from nnlib.widgets.panels import Bars, Line, Panel, Points, Readout, Rule, Text, number

OPTIMIZERS = {
    "gradient descent": lambda p, lr: nn.optim.SGD(p, lr=lr),
    "momentum 0.9": lambda p, lr: nn.optim.SGD(p, lr=lr, momentum=0.9),
    "Nesterov 0.9": lambda p, lr: nn.optim.SGD(p, lr=lr, momentum=0.9, nesterov=True),
    "Adagrad": lambda p, lr: nn.optim.Adagrad(p, lr=lr),
    "RMSProp": lambda p, lr: nn.optim.RMSprop(p, lr=lr),
    "Adam": lambda p, lr: nn.optim.Adam(p, lr=lr),
}
BOWLS = {  # name: (curvature along its two axes, by how much it is turned)
    "round, κ = 1": ((6, 6), 0.0),
    "x² + 3y², κ = 3": ((2, 6), 0.0),
    "valley, κ = 100": ((0.06, 6), 0.0),
    "valley, turned 30°": ((0.06, 6), math.pi / 6),
}
ACTIVATIONS = {"none": nn.Identity, "tanh": nn.Tanh, "ReLU": nn.ReLU}
SCHEMES = {  # name: n times the variance of a weight
    "small, std 0.01": None,
    "Xavier, 1/n": 1.0,
    "He, 2/n": 2.0,
    "wide, 4/n": 4.0,
}
LAYERS, WIDTH, EXAMPLES = 30, 100, 200
PATIENTS = ("A", "B", "C", "D", "E")
EPOCHS = 30


def bowl(curvatures, turn=0.0):
    """The matrix H of the loss ½ θ·Hθ with these curvatures along two axes, turned by an angle."""
    axes = turned(np.eye(2), turn).T
    return axes @ np.diag(np.array(curvatures, float)) @ axes.T


def turned(points, angle):
    """Points, in rows, turned about the origin."""
    cos, sin = math.cos(angle), math.sin(angle)
    return np.asarray(points) @ np.array([[cos, sin], [-sin, cos]])


def contours(curvatures, turn=0.0, losses=(0.3, 3.0, 12.0, 27.5)):
    """Lines of equal loss on a bowl, one after another with a gap between: rows of points."""
    angle = np.linspace(0, 2 * math.pi, 61)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    gap = np.full((1, 2), np.nan)
    rings = [np.r_[circle * np.sqrt(2 * loss / np.array(curvatures)), gap] for loss in losses]
    return turned(np.concatenate(rings), turn)


def descend(make, H, start=(4.0, 3.0), steps=20):
    """The path of an optimiser on ½ θ·Hθ, and its losses: ``make`` takes the parameters and returns the optimiser."""
    theta = nn.Parameter(np.array(start, float))
    optimizer, path = make([theta]), [theta.data.copy()]
    for _ in range(steps):
        theta.grad = H @ theta.data
        optimizer.step()
        path.append(theta.data.copy())
    path = np.array(path)
    return path, (path @ H * path).sum(axis=1) / 2


def optimizers():
    """Six optimisers on four bowls at nine learning rates: the path, and the loss after each step."""
    steps = 40

    def compute(optimizer, lr, shape):
        curvatures, turn = BOWLS[shape]
        H = bowl(curvatures, turn)
        start = turned((4.0, 3.0), turn)
        with np.errstate(all="ignore"):
            path, loss = descend(lambda p: OPTIMIZERS[optimizer](p, lr), H, start, steps)
        near = np.abs(path).max(axis=1) < 1e3
        path = np.where(near[:, None], path, np.nan)
        rings = contours(curvatures, turn)
        return {
            "x": path[:, 0],
            "y": path[:, 1],
            "ring_x": rings[:, 0],
            "ring_y": rings[:, 1],
            "step": np.arange(steps + 1.0),
            "loss": np.where(near, np.maximum(loss, 1e-12), np.nan),
            "at20": loss[20] if loss[20] < 1e6 else np.inf,
            "at40": loss[40] if loss[40] < 1e6 else np.inf,
        }

    def says(values, results):
        name = values["optimizer"][0].upper() + values["optimizer"][1:]
        what = f"{name} at η = {values['lr']:g} on {values['shape']}"
        start, at40 = results["loss"][0], results["at40"]
        if not at40 < 1e3:
            return f"{what}: it leaves the bowl."
        if at40 > 0.5 * start:
            return f"{what}: after forty steps more than half of the loss is left."
        if at40 < 1e-6 * start:
            return f"{what}: it has arrived, with less than a millionth of the loss left after forty steps."
        return f"{what}: it is on its way or swings, with a loss of {number(at40, '.2g')} after forty steps."

    return Explorer(
        compute,
        [
            Control("optimizer", list(OPTIMIZERS), label="optimiser"),
            Control("lr", [0.003, 0.01, 0.03, 0.1, 0.25, 0.32, 0.35, 1.0, 3.0], label="η", default=0.1),
            Control("shape", list(BOWLS), label="bowl", default="x² + 3y², κ = 3"),
        ],
        [
            Panel(
                Line("ring_x", "ring_y", color="muted", width=0.8),
                Line("x", "y", color="class1", width=1.5),
                Points("x", "y", color="class1", size=2.5),
                Points([0], [0], color="ink", size=5, hollow=True),
                Text([-5.8], [4.3], ["ring: lowest point"], size=12, anchor="start"),
                xlabel="x",
                ylabel="y",
                xlim=(-6, 6),
                ylim=(-5, 5),
                equal=True,
            ),
            Panel(
                Line("step", "loss", color="class1"),
                xlabel="steps",
                ylabel="loss",
                yscale="log",
                ylim=(1e-10, 1e4),
                yticks={1e-8: "10⁻⁸", 1e-4: "10⁻⁴", 1: "1", 1e4: "10⁴"},
                xlim=(0, steps),
                aspect=0.83,
            ),
        ],
        [Readout("at20", "loss after 20 steps", ".2g"), Readout("at40", "after 40", ".2g")],
        title="Which way, and how fast, down the bowl?",
        name="path-on-the-bowl",
        says=says,
        alt="The path of gradient descent on an elliptic bowl, and its loss, a falling line on a logarithmic axis.",
    )


def batch_size():
    """Two weights learn from 442 patients in batches: the path, and what is left of the loss."""
    X, y, _ = nn.data.diabetes(["bmi", "s5"])
    X, y = nn.data.standardize(X), nn.data.standardize(y[:, None])[:, 0]
    H = X.T @ X / len(X)
    best = np.linalg.solve(H, X.T @ y / len(X))
    passes, n = 4, len(X)

    def compute(batch, lr):
        rng, w = np.random.default_rng(0), np.array([-0.6, 0.9])
        path, seen = [w], [0]
        for _ in range(passes):
            order = rng.permutation(n)
            for start in range(0, n - batch + 1, batch):
                rows = order[start : start + batch]
                w = w - lr * X[rows].T @ (X[rows] @ w - y[rows]) / batch
                path.append(w)
                seen.append(seen[-1] + batch)
        away = np.array(path) - best
        left = (away @ H * away).sum(axis=1) / 2
        tail = left[len(left) // 2 :]
        kept = np.unique(np.linspace(0, len(path) - 1, 222).astype(int))
        return {
            "w1": np.array(path)[kept, 0],
            "w2": np.array(path)[kept, 1],
            "seen": np.array(seen)[kept],
            "left": np.maximum(left[kept], 1e-6),
            "steps": len(path) - 1,
            "floor": tail.mean() if tail.mean() < 1e3 else np.inf,
        }

    def says(values, results):
        steps, floor = int(results["steps"]), results["floor"]
        each = "1 example" if values["batch"] == 1 else f"{values['batch']} examples"
        what = f"{steps} steps of {each} at η = {values['lr']:g}"
        if not floor < 1e3:
            return f"{what}: the path leaves the picture and does not come back."
        where = "far from the lowest point" if floor > 0.05 else "around the lowest point" if floor > 5e-4 else "at it"
        return (
            f"{what}: in the second half the path is {where}, on average {number(floor, '.1g')} above the least loss."
        )

    angle = np.linspace(0, 2 * math.pi, 61)
    axes = np.linalg.cholesky(np.linalg.inv(H))
    rings = [np.r_[best + math.sqrt(2 * r) * np.c_[np.cos(angle), np.sin(angle)] @ axes.T, [[np.nan] * 2]]
             for r in (0.005, 0.05, 0.2, 0.5)]  # fmt: skip
    rings = np.concatenate(rings)
    return Explorer(
        compute,
        [
            Control("batch", [1, 4, 16, 64, 221, 442], label="batch size", default=16),
            Control("lr", [0.003, 0.01, 0.03, 0.1, 0.3, 1.0], label="η", default=0.1),
        ],
        [
            Panel(
                Line(rings[:, 0], rings[:, 1], color="muted", width=0.8),
                Line("w1", "w2", color="class1", width=1.2),
                Points("w1", "w2", color="class1", size=1.8),
                Points([best[0]], [best[1]], color="ink", size=5, hollow=True),
                Text([-0.6], [0.97], ["start"], size=12),
                Text([-0.75], [1.36], ["ring: least loss"], size=12, anchor="start"),
                xlabel="weight of the body mass index",
                ylabel="weight of a blood value",
                xlim=(-0.8, 1.2),
                ylim=(-0.5, 1.5),
                equal=True,
            ),
            Panel(
                Line("seen", "left", color="class1"),
                xlabel="examples seen",
                ylabel="loss above the least",
                yscale="log",
                ylim=(1e-5, 3),
                yticks={1e-4: "10⁻⁴", 1e-2: "0.01", 1: "1"},
                xlim=(0, passes * n),
                aspect=0.83,
            ),
        ],
        [Readout("steps", "steps", "d"), Readout("floor", "mean above the least, second half of the path", ".1g")],
        title="What does a small batch cost, and what does it buy?",
        name="batch-and-noise",
        says=says,
        alt="A path on the plane of two weights that goes to the lowest point and then trembles about it.",
    )


def signal(activation, scheme, seed=0):
    """The pre-activations of thirty layers, a hundred units each, for inputs of variance 1: (layer, example, unit)."""
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(EXAMPLES, WIDTH))
    layer, zs = ACTIVATIONS[activation](), []
    for _ in range(LAYERS):
        z = a @ rng.normal(scale=spread(scheme), size=(WIDTH, WIDTH))
        zs.append(z)
        a = layer(nn.Tensor(z)).data
    return np.array(zs)


@cache
def first_signal(activation, scheme):
    """The signal of the network that is shown."""
    return signal(activation, scheme)


@cache
def other_variances(activation, scheme):
    """The variance of each layer's sums in four other networks, in rows."""
    return np.array([(signal(activation, scheme, seed) ** 2).mean(axis=(1, 2)) for seed in range(1, 5)])


def spread(scheme, n=WIDTH):
    """The standard deviation of a weight under an initialisation, for n inputs and n outputs."""
    return 0.01 if SCHEMES[scheme] is None else math.sqrt(SCHEMES[scheme] / n)


def initialisation():
    """The variance of the pre-activations through thirty layers, in five networks and by formula, and outputs."""
    edges = np.linspace(-4, 4, 41)

    def compute(activation, scheme, layer):
        zs = first_signal(activation, scheme)
        kept = 0.5 if activation == "ReLU" else 1.0
        gain = WIDTH * spread(scheme) ** 2
        layers = np.arange(1.0, LAYERS + 1)
        formula = gain * (gain * kept) ** (layers - 1)
        measured = (zs**2).mean(axis=(1, 2))
        others = other_variances(activation, scheme)
        out = ACTIVATIONS[activation]()(nn.Tensor(zs[layer - 1])).data.ravel()
        size = math.sqrt((out**2).mean())
        counts = np.histogram(out / size, edges)[0] / out.size if size > 0 else np.zeros(40)
        return {
            "layers": layers,
            "formula": np.clip(formula, 1e-30, 1e30),
            "measured": np.clip(measured, 1e-30, 1e30),
            "others": np.clip(others, 1e-30, 1e30),
            "here_x": [float(layer)],
            "here_y": [measured[layer - 1]],
            "middle": (edges[1:] + edges[:-1]) / 2,
            "share": counts,
            "size": size,
            "factor": gain * kept,
            "last": measured[-1],
        }

    def says(values, results):
        factor, last, others = results["factor"], results["last"], results["others"][:, -1]
        what = {"none": "No activation", "tanh": "Tanh", "ReLU": "ReLU"}[values["activation"]]
        what = f"{what}, {values['scheme']}: the formula multiplies the variance by {number(factor, '.2g')} a layer"
        if values["activation"] == "tanh" and factor > 1.5:
            return f"{what}, and tanh, which is flat outside, holds it at {number(last, '.2g')}."
        if values["activation"] == "tanh" and factor > 0.9:
            return f"{what}; tanh shrinks it slowly, to {number(last, '.2g')} in layer 30."
        low, high = number(others.min(), ".2g"), number(others.max(), ".2g")
        between = f"about {low}" if low == high else f"between {low} and {high}"
        return f"{what}; in layer 30 it is {number(last, '.2g')}, in four other networks {between}."

    return Explorer(
        compute,
        [
            Control("activation", list(ACTIVATIONS), default="ReLU"),
            Control("scheme", list(SCHEMES), label="variance of a weight", default="Xavier, 1/n"),
            Control("layer", [1, 2, 3, 5, 10, 20, 30], label="layer to look at", default=10),
        ],
        [
            Panel(
                Rule(y=1),
                Line("layers", "formula", color="ink", dash=True, label="formula"),
                Line("layers", "others", color="muted", width=0.8),
                Points("layers", "measured", color="accent", size=2.5, label="measured (grey: four other networks)"),
                Points("here_x", "here_y", color="class1", size=8, hollow=True),
                xlabel="layer",
                ylabel="variance of the sums z",
                yscale="log",
                ylim=(1e-10, 1e10),
                yticks={1e-10: "10⁻¹⁰", 1e-5: "10⁻⁵", 1: "1", 1e5: "10⁵", 1e10: "10¹⁰"},
                xlim=(0, LAYERS + 1),
                xticks=[1, 10, 20, 30],
                aspect=0.83,
            ),
            Panel(
                Bars("middle", "share", color="accent", width=0.2),
                xlabel="output / typical size",
                ylabel="share of the outputs",
                xlim=(-4, 4),
                xticks=[-4, -2, 0, 2, 4],
                ylim=(0, 1),
                aspect=0.83,
            ),
        ],
        [Readout("size", "typical size of an output", ".2g"), Readout("last", "variance in layer 30", ".2g")],
        title="Does the signal survive thirty layers?",
        name="variance-through-layers",
        says=says,
        alt="The variance of a ReLU network's sums, with Xavier's weights, falls by half a layer, as the formula says.",
    )


@cache
def digits():
    """The chapter's digits: training, validation and test images with their classes."""

    def split(X, y, seed):
        return nn.data.train_test_split(X, y, generator=np.random.default_rng(seed))

    X_rest, X_test, y_rest, y_test = split(*nn.data.digits(), seed=0)
    X_train, X_valid, y_train, y_valid = split(X_rest, y_rest, seed=1)
    return X_train, y_train, X_valid, y_valid, X_test, y_test


def _patient(name):
    """The model, optimiser, data and batch size of one of the runs to diagnose."""
    X, y, *_ = digits()
    nn.manual_seed(3)
    width, lr, batch = 64, 0.3, 64
    if name == "A":  # a learning rate that is too low
        lr = 0.001
    if name == "B":  # too few examples, some with wrong labels
        X, y, width, lr, batch = X[:100], y[:100].copy(), 256, 0.3, 10
        y[::5] = (y[::5] + 1 + np.arange(20) % 9) % 10
    if name == "C":  # a learning rate that is too high
        lr = 2.5
    model = nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 10))
    if name == "E":  # dead units
        model[0].bias.data[...] = -2.0
    return model, nn.optim.SGD(model.parameters(), lr=lr), X, y, batch


@cache
def watched(name):
    """What can be seen of a run after each epoch, from before the first: lists by name."""
    model, optimizer, X, y, batch = _patient(name)
    _, _, X_valid, y_valid, *_ = digits()
    loss_fn, seen = nn.CrossEntropyLoss(), {}
    steps = max(1, len(X) // batch)
    for epoch in range(EPOCHS + 1):
        lengths, updates = [], []
        for images, classes in nn.data.batches(X, y, batch, drop_last=True) if epoch else ():
            loss = loss_fn(model(images), classes)
            optimizer.zero_grad()
            loss.backward()
            before = model[0].weight.data.copy()
            lengths.append(math.sqrt(sum((p.grad**2).sum() for p in model.parameters())))
            optimizer.step()
            change = np.linalg.norm(model[0].weight.data - before)
            updates.append(change / np.linalg.norm(before))
        hidden = model[1](model[0](nn.Tensor(X))).data
        with nn.no_grad():
            now = {
                "train": loss_fn(model(X), y).item(),
                "valid": loss_fn(model(X_valid), y_valid).item(),
                "train_right": nn.accuracy(model(X), y),
                "valid_right": nn.accuracy(model(X_valid), y_valid),
                "gradient": float(np.mean(lengths)) if lengths else np.nan,
                "update": float(np.mean(updates)) if updates else np.nan,
                "dead": float((hidden <= 0).all(axis=0).mean()),
                "weights": model[0].weight.data.ravel().copy(),
            }
        for key, value in now.items():
            seen.setdefault(key, []).append(value)
    return seen | {"steps": steps}


def monitoring():
    """Five runs on the digits, one healthy, and what their curves and weights show."""
    edges = np.linspace(-1, 1, 41)

    def compute(patient, epoch):
        seen = watched(patient)
        counts = np.histogram(np.clip(seen["weights"][epoch], -0.999, 0.999), edges)[0]
        return {
            "epochs": np.arange(EPOCHS + 1.0),
            "losses": np.array([seen["train"], seen["valid"]]),
            "gradient": np.array(seen["gradient"]),
            "update": np.array(seen["update"]),
            "shown": np.maximum(seen["update"], 1e-7),  # 0 has no place on the axis
            "now": [float(epoch)],
            "middle": (edges[1:] + edges[:-1]) / 2,
            "share": np.minimum(counts / counts.sum(), 0.3),
            "train_right": seen["train_right"][epoch],
            "valid_right": seen["valid_right"][epoch],
            "dead": seen["dead"][epoch],
            "train": seen["train"][epoch],
            "valid": seen["valid"][epoch],
            "spread": seen["weights"][epoch].std(),
        }

    def says(values, results):
        when = "Before the first epoch" if values["epoch"] == 0 else f"After epoch {values['epoch']}"
        return (
            f"{when}, patient {values['patient']} has a training loss of {number(results['train'], '.2g')} and a "
            f"validation loss of {number(results['valid'], '.2g')}. The weights of its first layer have a spread of "
            f"{number(results['spread'], '.2g')}, and {number(results['dead'], '.0%')} of its hidden units are 0 for "
            "every training image."
        )

    return Explorer(
        compute,
        [
            Control("patient", list(PATIENTS), label="patient"),
            Control("epoch", [0, 1, 2, 5, 10, 20, 30], label="weights after epoch", default=30),
        ],
        [
            Panel(
                Line("epochs", "losses", color=["train", "test"], label=["training", "validation"]),
                Rule(x="now"),
                xlabel="epoch",
                ylabel="loss",
                yscale="log",
                ylim=(1e-3, 10),
                yticks={1e-3: "0.001", 1e-2: "0.01", 0.1: "0.1", 1: "1", 10: "10"},
                xlim=(0, EPOCHS),
                xticks=[0, 10, 20, 30],
                aspect=0.75,
            ),
            Panel(
                Line("epochs", "gradient", color="gradient"),
                Rule(x="now"),
                xlabel="epoch",
                ylabel="length of the gradient",
                yscale="log",
                ylim=(1e-3, 30),
                yticks={1e-3: "0.001", 1e-2: "0.01", 0.1: "0.1", 1: "1", 10: "10"},
                xlim=(0, EPOCHS),
                xticks=[0, 10, 20, 30],
                aspect=0.75,
            ),
            Panel(
                Line("epochs", "shown", color="ink"),
                Rule(x="now"),
                xlabel="epoch",
                ylabel="step / weights, first layer",
                yscale="log",
                ylim=(1e-7, 1),
                yticks={1e-7: "0", 1e-6: "10⁻⁶", 1e-4: "10⁻⁴", 1e-2: "0.01", 1: "1"},
                xlim=(0, EPOCHS),
                xticks=[0, 10, 20, 30],
                aspect=0.75,
            ),
            Panel(
                Bars("middle", "share", color="accent", width=0.05),
                xlabel="weight, first layer",
                ylabel="share of the weights",
                xlim=(-1, 1),
                xticks={-1: "≤ −1", 0: "0", 1: "≥ 1"},
                ylim=(0, 0.3),
                aspect=0.75,
            ),
        ],
        [
            Readout("train_right", "training accuracy", ".0%"),
            Readout("valid_right", "validation accuracy", ".0%"),
            Readout("dead", "hidden units at 0", ".0%"),
        ],
        title="What ails this run?",
        name="what-ails-the-run",
        says=says,
        alt="Four panels of a training run: losses, gradient lengths, relative step sizes, and a weight histogram.",
    )
