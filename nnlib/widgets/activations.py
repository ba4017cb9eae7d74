"""The widgets of chapter 4: the curves, softmax, and one network trained over a whole grid of choices."""

import math
from functools import lru_cache

import numpy as np

import nnlib as nn
from nnlib import functional as F
from nnlib.widgets.explorer import Control, Explorer
from nnlib.widgets.panels import Bars, Heatmap, Line, Panel, Points, Readout, Rule, Text, number

CURVES = {  # name: the function of z and its parameter α
    "identity": lambda z, alpha: z,
    "sigmoid": lambda z, alpha: F.sigmoid(z),
    "tanh": lambda z, alpha: F.tanh(z),
    "ReLU": lambda z, alpha: F.relu(z),
    "leaky ReLU": F.leaky_relu,
    "ELU": F.elu,
    "GELU": lambda z, alpha: F.gelu(z),
    "SiLU": lambda z, alpha: F.silu(z),
    "softplus": lambda z, alpha: F.softplus(z),
}
WITH_ALPHA = ("leaky ReLU", "ELU")
ACTIVATIONS = {
    "none": nn.Identity,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "ReLU": nn.ReLU,
    "leaky ReLU": nn.LeakyReLU,
    "GELU": nn.GELU,
}
INITIALISATIONS = {
    "all zeros": nn.init.zeros_,
    "tiny, 0.01": lambda weight: nn.init.normal_(weight, std=0.01),
    "Xavier": nn.init.xavier_normal_,
    "He": lambda weight: nn.init.kaiming_normal_(weight, nonlinearity="relu"),
    "wide, 3": lambda weight: nn.init.normal_(weight, std=3.0),
}
STEPS = 300


def curves():
    """Any activation and its derivative, with the tangent at a z that the reader chooses."""
    axis = np.linspace(-6, 6, 241)

    def value_and_slope(name, alpha, z):
        z = nn.Tensor(np.atleast_1d(z), requires_grad=True)
        value = CURVES[name](z, alpha)
        value.sum().backward()
        return value.data, z.grad

    def compute(activation, alpha, z):
        value, slope = value_and_slope(activation, alpha, axis)
        (at,), (slope_at,) = value_and_slope(activation, alpha, float(z))
        reach = 1.5 / math.hypot(1, slope_at)
        return {
            "z": axis,
            "value": value,
            "slope": slope,
            "here": z,
            "at": at,
            "slope_at": slope_at,
            "tangent_z": z + reach * np.array([-1, 1]),
            "tangent": at + slope_at * reach * np.array([-1, 1]),
        }

    def says(values, results):
        name = values["activation"] + (f" with α = {values['alpha']:g}" if values["activation"] in WITH_ALPHA else "")
        z, at, slope = (number(v, ".4g") for v in (values["z"], results["at"], results["slope_at"]))
        return f"At z = {z}, {name} gives {at}; a gradient of 1 that arrives from later layers leaves as {slope}."

    panel = {"xlabel": "z", "xlim": (-6.3, 6.3), "xticks": [-6, -4, -2, 0, 2, 4, 6], "aspect": 0.8}
    return Explorer(
        compute,
        [
            Control("activation", list(CURVES), default="sigmoid"),
            Control("alpha", [0.01, 0.1, 0.25, 0.5, 1.0], label="α (leaky, ELU)", default=0.1),
            Control("z", np.arange(-6, 6.5, 0.5), label="look at z", default=1.0),
        ],
        [
            Panel(
                Rule(x="here"),
                Line("z", "value", color="accent", width=2.5),
                Line("tangent_z", "tangent", color="gradient"),
                Points("here", "at", color="ink", size=5),
                ylabel="activation g(z)",
                ylim=(-2, 6.3),
                **panel,
            ),
            Panel(
                Rule(x="here"),
                Line("z", "slope", color="gradient", width=2.5),
                Points("here", "slope_at", color="ink", size=5),
                ylabel="derivative g′(z)",
                ylim=(-0.25, 1.25),
                **panel,
            ),
        ],
        [Readout("at", "g(z)", ".4g"), Readout("slope_at", "g′(z)", ".4g")],
        title="What does each activation let through, forwards and backwards?",
        name="activation-curves",
        says=says,
        alt="The sigmoid curve with its tangent at z = 1, and beside it the sigmoid's derivative, a low bell.",
    )


def softmax():
    """Three scores, one of them moved, a number added to all of them, and a temperature."""
    fixed = np.array([1.0, 0.1])

    def compute(first, shift, temperature):
        scores = np.array([first, *fixed]) + shift
        p = F.softmax(scores / temperature, dim=0).data
        return {"scores": scores, "p": p, "p1": p[0], "sum": p.sum()}

    return Explorer(
        compute,
        [
            Control("first", np.arange(-3, 6.5, 0.5), label="first score z₁", default=2.0),
            Control("shift", [-3, -2, -1, 0, 1, 2, 3], label="added to all three", default=0),
            Control("temperature", [0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 20.0], label="temperature T", default=1.0),
        ],
        [
            Panel(
                Bars(["z₁", "z₂", "z₃"], "scores", color=[0, 1, 2], format=".1f"),
                ylabel="scores",
                ylim=(-7, 11),
                aspect=0.8,
            ),
            Panel(
                Bars(["p₁", "p₂", "p₃"], "p", color=[0, 1, 2], format=".3f"),
                ylabel="softmax of scores / T",
                ylim=(0, 1.1),
                aspect=0.8,
            ),
        ],
        [Readout("p1", "p₁", ".3f"), Readout("sum", "sum of all three", ".3f")],
        title="How do scores share out one unit of probability?",
        name="softmax",
        says="z₁ = {first}, {shift} added to all three, temperature {temperature}: the first class gets {p1:.1%}.",
        alt="Bars of three scores, 2, 1 and 0.1, and bars of their softmax, 0.659, 0.242 and 0.099.",
    )


def training_grid():
    """One network on the two moons, trained once for every activation, learning rate and initialisation."""
    X, y = moons()
    axis = np.linspace(-2.6, 2.6, 32)
    plane = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    rates, starts = [0.01, 0.03, 0.1, 0.3, 1.0, 3.0], list(INITIALISATIONS)

    @lru_cache
    def trained(activation, lr, initialisation):
        model = network(ACTIVATIONS[activation], INITIALISATIONS[initialisation])
        losses = train(model, X, y, lr, STEPS)
        if not np.isfinite(losses[-1]):
            return losses, np.full((len(axis), len(axis)), 0.5), np.nan, np.nan
        p = F.softmax(model(plane), dim=1).data[:, 1].reshape(len(axis), -1)
        idle = sum((np.ptp(hidden, axis=0) < 1e-3).sum() for hidden in hidden_outputs(model, X))
        return losses, p, (model(X).data.argmax(axis=1) == y).mean(), idle

    def compute(activation, lr, initialisation):
        losses, p, accuracy, idle = trained(activation, lr, initialisation)
        kept = np.arange(0, STEPS + 1, 5)
        return {
            "x1": X[:, 0],
            "x2": X[:, 1],
            "class": y,
            "step": kept,
            "loss": losses[kept],
            "p": p,
            "final": losses[-1],
            "accuracy": accuracy,
            "idle": idle,
            "diverged": "" if np.isfinite(losses[-1]) else "diverged",
            "map": [[100 * trained(activation, rate, start)[2] for rate in rates] for start in starts],
            "column": rates.index(lr),
            "row": starts.index(initialisation),
        }

    def says(values, results):
        named = f"{values['activation']}, η = {values['lr']:g}, {values['initialisation']}"
        if not np.isfinite(results["final"]):
            return f"{named}: training diverged; the loss is no longer a number."
        right, idle = f"{results['accuracy']:.0%} of the points right", results["idle"]
        units = f"{idle} of the 32 hidden units idle" if idle else "no hidden unit idle"
        return f"{named}: loss {results['final']:.3f} after {STEPS} steps, {right}, {units}."

    return Explorer(
        compute,
        [
            Control("activation", list(ACTIVATIONS), default="ReLU"),
            Control("lr", rates, label="learning rate η", default=0.3),
            Control("initialisation", starts, label="initial weights", default="He"),
        ],
        [
            Panel(
                Rule(y=math.log(2), label="guessing: ln 2"),
                Line("step", "loss", color="train"),
                Text([STEPS / 2], [0.05], "diverged"),
                xlabel="step",
                ylabel="training loss (logarithmic)",
                yscale="log",
                ylim=(0.001, 100),
                aspect=1,
            ),
            Panel(
                Heatmap("p", extent=(-2.6, 2.6, -2.6, 2.6), smooth=True),
                Points("x1", "x2", color="class", size=3, label=["class 0", "class 1"]),
                xlabel="x₁",
                xlim=(-2.6, 2.6),
                ylim=(-2.6, 2.6),
                equal=True,
                ylabel="x₂",
            ),
            Panel(
                Heatmap("map", extent=(-0.5, 5.5, -0.5, 4.5), colors="gray", scale=(0.0, 400.0), format=".0f"),
                Points("column", "row", color="gradient", size=12, hollow=True),
                xlabel="learning rate η",
                ylabel="accuracy of all, in %",
                xticks={i: f"{rate:g}" for i, rate in enumerate(rates)},
                yticks={i: start.split(",")[0] for i, start in enumerate(starts)},
                aspect=1,
            ),
        ],
        [
            Readout("final", "final loss", ".3f"),
            Readout("accuracy", "accuracy", ".0%"),
            Readout("idle", "idle units, of 32", "d"),
        ],
        title="Which choices let this network learn?",
        name="training-grid",
        says=says,
        alt="The loss of a small ReLU network over 300 steps, its boundary between two moons, and a map of accuracies.",
    )


def moons():
    """The 200 points of this chapter, standardised."""
    X, y = nn.data.moons(200, 0.15, generator=np.random.default_rng(0))
    return nn.data.standardize(X), y


def network(activation, initialise):
    """A 2-16-16-2 network with biases 0, its weights drawn with seed 0."""
    nn.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 16), activation(), nn.Linear(16, 16), activation(), nn.Linear(16, 2))
    for layer in (model[0], model[2], model[4]):
        initialise(layer.weight)
        nn.init.zeros_(layer.bias)
    return model


def hidden_outputs(model, X):
    """What the units of both hidden layers say for each row of X."""
    first = model[1](model[0](X))
    return first.data, model[3](model[2](first)).data


def train(model, X, y, lr, steps):
    """The losses of so many steps of gradient descent on all points, and after the last; inf once it diverges."""
    loss_fn, optimizer = nn.CrossEntropyLoss(), nn.optim.SGD(model.parameters(), lr=lr)
    losses = np.full(steps + 1, np.inf)
    with np.errstate(all="ignore"):  # a run that diverges
        for step in range(steps + 1):
            loss = loss_fn(model(X), y)
            if not np.isfinite(loss.item()):
                break
            losses[step] = loss.item()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return losses
