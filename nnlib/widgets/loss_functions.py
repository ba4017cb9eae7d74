"""The widgets of chapter 6: what one prediction costs, a unit that starts out wrong, and a line with an outlier."""

from functools import lru_cache

import numpy as np

import nnlib as nn
from nnlib import functional as F
from nnlib.widgets.explorer import Control, Explorer
from nnlib.widgets.panels import Line, Panel, Points, Readout, Rule, Table, Text, number

PROBABILITIES = (0.001, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999)
STEPS = 100
SQUARED, LOG = "squared error", "cross-entropy"


def one_prediction():
    """A probability and a label: both losses, and their slopes with respect to p and, through the sigmoid, to z."""
    losses = (F.mse_loss, F.binary_cross_entropy)
    axis = F.sigmoid(np.linspace(-7, 7, 113)).data

    def both(p, y):
        """Loss, slope in p and slope in z of both losses, at every p."""
        z = nn.Tensor(np.log(p) - np.log1p(-p), requires_grad=True)
        rows = []
        for loss_fn in losses:
            z.grad = None
            said = F.sigmoid(z)
            said.retain_grad()
            loss = loss_fn(said, np.full_like(p, y), reduction="none")
            loss.sum().backward()
            rows.append((loss.data, said.grad, z.grad))
        return np.array(rows).transpose(1, 0, 2)  # what is shown, loss function, p

    curves = {truth: both(axis, float(truth[-1])) for truth in ("y = 1", "y = 0")}

    def compute(truth, p):
        loss, slope_p, slope_z = curves[truth]
        at = both(np.array([p]), float(truth[-1]))[:, :, 0]
        steep, edge = at[1, 1], 12  # the slope of cross-entropy in p, and where the picture ends
        inside, side = abs(steep) <= edge, 1 if truth == "y = 1" else -1
        return {
            "p": axis,
            "loss": loss,
            "slope_p": slope_p,
            "slope_z": slope_z,
            "here": p,
            "twice": [p, p],
            "at_loss": at[0],
            "at_p": np.where(np.abs(at[1]) <= edge, at[1], np.nan),
            "beyond": [f"{'↓' if side > 0 else '↑'} {plain(steep)}"],
            "beyond_x": p + 0.27 * side,
            "beyond_y": np.nan if inside else -0.93 * edge * side,
            "at_z": at[2],
            **{f"{name}_text": [plain(v) for v in row] for name, row in zip(("loss", "p", "z"), at, strict=True)},
            "names": [SQUARED, LOG],
            "names_x": 0.5 + 0.16 * side,
            "names_loss": [5.4, 6.3],
            "names_p": np.array([7, 9.5]) * side,
            "names_z": np.array([0.13, -0.72]) * side,
        }

    def says(values, results):
        p, y = values["p"], int(values["truth"][-1])
        given = p if y else 1 - p
        state = "right" if given > 0.9 else "confidently wrong" if given < 0.1 else "unsure" if given > 0.3 else "wrong"
        (mse, bce) = np.abs(results["at_z"])
        return (
            f"The truth is {y} and p = {p:g}: {state}. Gradient descent pulls z by "
            f"{plain(mse)} with the squared error and by {plain(bce)} with cross-entropy."
        )

    def panel(curve, points, names_y, ylabel, ylim, *more):
        return Panel(
            *more,
            Text("names_x", names_y, "names", color=["negative", "accent"]),
            Rule(x="here"),
            Rule(y=0, dash=False),
            Line("p", curve, color=["negative", "accent"], width=2.5),
            Points("twice", points, color=["negative", "accent"], size=5),
            xlabel="predicted probability p",
            ylabel=ylabel,
            xlim=(0, 1),
            ylim=ylim,
            xticks=[0, 0.5, 1],
            aspect=1,
        )

    return Explorer(
        compute,
        [
            Control("truth", ["y = 1", "y = 0"], label="the truth"),
            Control("p", PROBABILITIES, label="predicted probability p", default=0.05),
        ],
        [
            panel("loss", "at_loss", "names_loss", "loss", (-0.3, 7)),
            panel(
                "slope_p",
                "at_p",
                "names_p",
                "slope with respect to p",
                (-12, 12),
                Text("beyond_x", "beyond_y", "beyond", color="accent"),
            ),
            panel("slope_z", "at_z", "names_z", "slope with respect to z", (-1.1, 1.1)),
            Table({"": "names", "loss": "loss_text", "∂L/∂p": "p_text", "∂L/∂z": "z_text"}),
        ],
        title="What does one prediction cost, and how hard does it pull?",
        name="one-prediction",
        says=says,
        alt="Squared error and cross-entropy of one prediction over its probability, and their slopes in p and in z.",
    )


def stall():
    """One sigmoid unit, started wrong, learns the tumours with either loss, each at a learning rate of its own."""
    X, y, _ = nn.data.breast_cancer(["mean radius"])
    X = nn.data.standardize(X)
    rates, kept = [0.1, 0.3, 1, 3, 10, 30, 100], np.arange(0, STEPS + 1, 2)
    axis = np.linspace(-2.2, 4.2, 81)
    lift = np.random.default_rng(0).uniform(-0.03, 0.03, len(y))  # so that points do not hide each other
    few = np.arange(0, len(y), 4)

    @lru_cache
    def learned(loss, w, lr):
        unit = unit_at(w)
        right = train_unit(unit, X, y, loss, lr)
        return right[kept], F.sigmoid(unit(axis[:, None])).data[:, 0], right[-1], -np.diff(right[-20:]).min()

    def compute(w, lr_mse, lr_ce):
        mse, mse_curve, mse_right, mse_falls = learned(SQUARED, w, lr_mse)
        ce, ce_curve, ce_right, ce_falls = learned(LOG, w, lr_ce)
        return {
            "x": X[few, 0],
            "label": y[few] + lift[few],
            "class": y[few],
            "axis": axis,
            "start": F.sigmoid(unit_at(w)(axis[:, None])).data[:, 0],
            "mse_curve": mse_curve,
            "ce_curve": ce_curve,
            "step": kept,
            "mse": 100 * mse,
            "ce": 100 * ce,
            "mse_right": mse_right,
            "ce_right": ce_right,
            "mse_falls": mse_falls,  # the deepest fall in one of the last steps
            "ce_falls": ce_falls,
        }

    def says(values, results):
        def outcome(name):
            right = results[f"{name}_right"]
            if results[f"{name}_falls"] > 0.015:
                return f"overshoots ({number(right, '.0%')} right at the last step)"
            state = "has recovered" if right > 0.85 else "is on its way" if right > 0.65 else "is stuck, or too slow"
            return f"{state} ({number(right, '.0%')} right)"

        return (
            f"Started at w = {number(values['w'], '.3g')}, after {STEPS} steps: "
            f"squared error at η = {values['lr_mse']:g} {outcome('mse')}, "
            f"cross-entropy at η = {values['lr_ce']:g} {outcome('ce')}."
        )

    return Explorer(
        compute,
        [
            Control("w", [-10, -7, -5, -4, -2, -1, 0], label="start at weight w", default=-5),
            Control("lr_mse", rates, label="η with squared error", default=1),
            Control("lr_ce", rates, label="η with cross-entropy", default=1),
        ],
        [
            Panel(
                Rule(y=0.5, dash=False),
                Line("axis", "start", color="muted", dash=True),
                Line("axis", "mse_curve", color="negative", width=2.5, label="sq. error"),
                Line("axis", "ce_curve", color="accent", width=2.5, label="cross-ent."),
                Points("x", "label", color="class", size=2.5, label=["benign", "malignant"]),
                xlabel="mean radius, standardised",
                ylabel="the unit after 100 steps (dashed: before)",
                xlim=(-2.2, 4.2),
                ylim=(-0.08, 1.08),
                aspect=0.85,
            ),
            Panel(
                Line("step", "mse", color="negative", width=2.5, label="sq. error"),
                Line("step", "ce", color="accent", width=2.5, label="cross-ent."),
                xlabel="step",
                ylabel="tumours right, in %",
                ylim=(0, 100),
                aspect=0.85,
            ),
        ],
        [Readout("mse_right", "squared error, right", ".1%"), Readout("ce_right", "cross-entropy, right", ".1%")],
        title="Can a unit that is sure and wrong still learn?",
        name="stall",
        says=says,
        alt="A sigmoid over tumours before and after training with two losses, and the share of right answers by step.",
    )


def outlier():
    """Seven points on a line and one that the reader moves away: the lines of squared, absolute and Huber loss."""
    x = np.arange(8.0)
    base = 1 + 0.5 * x + np.array([0.2, -0.3, 0.1, 0.3, -0.2, -0.1, 0.0, 0.1])
    residuals, edge = np.linspace(-16, 16, 129), 6  # where the picture of the pulls ends

    @lru_cache
    def fitted(height, delta):
        y = np.append(base[:-1], height)
        return y, {"mse": line_mse(x, y), "mae": line_mae(x, y), "huber": line_huber(x, y, delta)}

    def compute(height, delta):
        y, lines = fitted(height, delta)
        at = {name: y[-1] - (a * x[-1] + b) for name, (a, b) in lines.items()}
        pulls = {"mse": lambda r: 2 * r, "mae": np.sign, "huber": lambda r: np.clip(r, -delta, delta)}
        here = {name: pull(at[name]) for name, pull in pulls.items()}
        return (
            {"x": x, "y": y, "ends": [-0.5, 7.5], "outlier": [x[-1]], "height": [height], "r": residuals}
            | {f"here_{name}": pull if abs(pull) <= edge else np.nan for name, pull in here.items()}
            | {f"beyond_{name}": [f"{'↑' if here[name] > 0 else '↓'} {plain(here[name])}"] for name in ("mse", "huber")}
            | {
                f"beyond_{name}_y": share * edge * np.sign(here[name]) if abs(here[name]) > edge else np.nan
                for name, share in (("mse", 0.7), ("huber", 0.5))
            }
            | {name: a * np.array([-0.5, 7.5]) + b for name, (a, b) in lines.items()}
            | {f"pull_{name}": pull(residuals) for name, pull in pulls.items()}
            | {f"at_{name}": at[name] for name in pulls}
            | {f"slope_{name}": a for name, (a, _) in lines.items()}
        )

    def says(values, results):
        slopes = [number(results[f"slope_{name}"], ".2f") for name in ("mse", "mae", "huber")]
        return (
            f"With the last point at {number(values['height'], '.3g')}, the slope is {slopes[0]} by squares, "
            f"{slopes[1]} by absolute errors, and {slopes[2]} by Huber's loss with δ = {values['delta']:g}."
        )

    return Explorer(
        compute,
        [
            Control("height", np.arange(-10, 21, 1.0), label="height of the last point", default=5.0),
            Control("delta", [0.1, 0.3, 1, 3, 10, 30], label="Huber's δ", default=1),
        ],
        [
            Panel(
                Line("ends", "mse", color="negative", width=2.5, label="squared"),
                Line("ends", "mae", color="test", width=2.5, label="absolute"),
                Line("ends", "huber", color="class0", width=2, dash=True, label="Huber"),
                Points("x", "y", color="ink", size=4.5),
                Points("outlier", "height", color="gradient", size=9, hollow=True),
                xlabel="x",
                ylabel="y, and three fitted lines",
                xlim=(-0.7, 7.7),
                ylim=(-13, 23),
                aspect=0.9,
            ),
            Panel(
                Rule(y=0, dash=False),
                Line("r", "pull_mse", color="negative", width=2.5, label="squared"),
                Line("r", "pull_mae", color="test", width=2.5, label="absolute"),
                Line("r", "pull_huber", color="class0", width=2, dash=True, label="Huber"),
                Points("at_mse", "here_mse", color="negative", size=5),
                Points("at_mae", "here_mae", color="test", size=5),
                Points("at_huber", "here_huber", color="class0", size=5),
                Text("at_mse", "beyond_mse_y", "beyond_mse", color="negative"),
                Text("at_huber", "beyond_huber_y", "beyond_huber", color="class0"),
                xlabel="distance of a point from the line",
                ylabel="how hard it pulls (points: the last one)",
                xlim=(-16, 16),
                ylim=(-edge, edge),
                aspect=0.9,
            ),
        ],
        [
            Readout("slope_mse", "slope, squared", ".2f"),
            Readout("slope_mae", "slope, absolute", ".2f"),
            Readout("slope_huber", "slope, Huber", ".2f"),
        ],
        title="How far can one point drag a line?",
        name="outlier",
        says=says,
        alt="Eight points and three lines through them, which part when the last point is moved up or down.",
    )


def plain(value):
    """A number with two or three digits and no power of ten, however small."""
    digits = 3 if abs(value) >= 0.001 else 1
    text = np.format_float_positional(value, precision=digits, fractional=False, trim="-")
    return text.replace("-", "−")


def unit_at(w):
    """A neuron with one input, weight w and bias 0."""
    unit = nn.Linear(1, 1)
    nn.init.constant_(unit.weight, float(w))
    nn.init.zeros_(unit.bias)
    return unit


def train_unit(unit, X, y, loss, lr, steps=STEPS):
    """Train on all points at once; the share of right answers before each step and after the last."""
    targets, right = y[:, None].astype(float), []
    optimizer = nn.optim.SGD(unit.parameters(), lr=lr)
    for _ in range(steps + 1):
        z = unit(X)
        right.append(((z.data[:, 0] >= 0) == y).mean())
        cost = F.binary_cross_entropy_with_logits(z, targets) if loss == LOG else F.mse_loss(F.sigmoid(z), targets)
        optimizer.zero_grad()
        cost.backward()
        if len(right) <= steps:
            optimizer.step()
    return np.array(right)


def line_mse(x, y):
    """Slope and intercept of the line with the least mean squared error."""
    a = ((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum()
    return a, y.mean() - a * x.mean()


def line_mae(x, y):
    """Slope and intercept of a line with the least mean absolute error: some such line passes through two points."""
    best = None
    for i in range(len(x)):
        for j in range(i):
            a = (y[i] - y[j]) / (x[i] - x[j])
            b = y[i] - a * x[i]
            error = F.l1_loss(a * x + b, y).item()
            if best is None or error < best[0] - 1e-12:
                best = error, a, b
    return best[1:]


def line_huber(x, y, delta, rounds=500):
    """Slope and intercept of the line with the least Huber loss: least squares with weights, found again and again."""
    weight = np.ones_like(x)
    for _ in range(rounds):
        mean_x, mean_y = np.average(x, weights=weight), np.average(y, weights=weight)
        a = (weight * (x - mean_x) * (y - mean_y)).sum() / (weight * (x - mean_x) ** 2).sum()
        b = mean_y - a * mean_x
        weight = delta / np.maximum(np.abs(y - a * x - b), delta)
    return a, b
