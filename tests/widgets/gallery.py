"""Small widgets, one for each kind of mark, and the ready-made widgets of the chapters."""

import functools
import importlib
import inspect
import pkgutil

import numpy as np

import nnlib.widgets
from nnlib.widgets import (
    Bars,
    Control,
    Explorer,
    Heatmap,
    Line,
    Panel,
    Points,
    Readout,
    Rule,
    Segments,
    Steps,
    Table,
    Text,
)


def curves():
    """Two lines that depend on both controls, one of which diverges, on a log axis."""

    def compute(rate, kind):
        x = np.arange(30.0)
        loss = np.exp(-rate * x) if kind == "good" else np.where(x > 9, np.inf, 2.0**x)
        both = np.stack([loss, loss / 2 + 0.01])
        return {"x": x, "both": both, "final": loss[-1], "rate2": rate / 8, "half": rate - 0.125}

    return Explorer(
        compute,
        [Control("rate", [-0.25, 0, 0.125, 0.5], label="rate", default=0.125), Control("kind", ["good", "bad"])],
        [
            Panel(
                Line("x", "both", color=["train", "test"], label=["training", "test"]),
                yscale="log",
                ylim=(1e-6, 1e4),
                xlabel="epoch",
                ylabel="loss",
            )
        ],
        [Readout("final", "final loss", ".3g"), Readout("rate2", "an eighth", ".2f"), Readout("half", format="+.1%")],
        title="Does the loss fall?",
        name="curves",
        says="At rate {rate} ({kind}) the loss ends at {final:.2e}.",
    )


def plane():
    """Points of two classes, a line and an arrow over a heat map."""
    points = np.random.default_rng(0).uniform(-1, 1, (20, 2))
    side = np.linspace(-1, 1, 9)

    def compute(slope, shift):
        label = (points[:, 1] > slope * points[:, 0]).astype(int)
        p = 1 / (1 + np.exp(-4 * (side[:, None] - slope * side - shift)))
        return {
            "x": points[:, 0],
            "y": points[:, 1],
            "label": label,
            "p": p,
            "ends": [-1, 1],
            "line": [shift - slope, shift + slope],
            "tip": shift + 0.5,
            "shift": shift,
            "above": label.sum(),
        }

    return Explorer(
        compute,
        [Control("slope", np.linspace(-1, 1, 5), default=0), Control("shift", np.linspace(-0.5, 0.5, 11), default=0)],
        [
            Panel(
                Heatmap("p", extent=(-1, 1, -1, 1)),
                Line("ends", "line", color="ink"),
                Segments(0, "shift", 0, "tip", arrow=True),
                Points("x", "y", color="label", label=["below", "above"]),
                equal=True,
            )
        ],
        [Readout("above", "points above", "d")],
        title="Where is the boundary?",
        name="plane",
        says=lambda values, results: f"{results['above']} points lie above the line.",
    )


def bars():
    """Bars with names, a histogram, reference lines and a table with texts."""

    def compute(t):
        p = np.exp(np.array([2, 1, 0.1]) / t)
        p /= p.sum()
        return {"p": p, "top": p.argmax(), "t": t, "word": "sharp" if t < 1 else "soft", "names": ["cat", "dog", "fox"]}

    return Explorer(
        compute,
        [Control("t", [0.25, 1, 4], label="T", default=1)],
        [
            Panel(Bars(["cat", "dog", "fox"], "p", color=[0, 1, 2], format=".0%"), Rule(y=0.5, label="half")),
            Panel(Bars([0, 1, 2], "p", width=1), Rule(x="t")),
            Table({"class": "names", "p": "p"}, format=".3f", highlight="top"),
        ],
        [Readout("word", "it is")],
        title="How sharp is softmax?",
        name="bars",
        says="At T = {t:.2f} it is {word}.",
    )


def network():
    """Runs of different lengths: a small network, its weights changing step by step."""

    def run(seed):
        weights = np.random.default_rng(seed).normal(size=(3 + 2 * seed, 4))
        return [
            {"w": w, "n": k, "largest": np.abs(w).max(), "shown": [f"{v:.1f}" for v in w[:2]], "row": np.arange(k + 1)}
            for k, w in enumerate(weights)
        ]

    return Steps(
        run,
        [Control("seed", [0, 1, 2])],
        [
            Panel(
                Segments([0, 0, 0, 0], [0, 0, 1, 1], [1, 1, 1, 1], [0, 1, 0, 1], weight="w"),
                Points([0, 0, 1, 1], [0, 1, 0, 1], size=14, color="paper"),
                Points([0, 0, 1, 1], [0, 1, 0, 1], size=14, color="ink", hollow=True),
                Text([0, 0], [0, 1], "shown", size=11),
                axes=False,
                width=2,
            ),
            Table({"step": "row"}, format="d", highlight="n"),
        ],
        [Readout("largest", "largest weight", "+.3f")],
        title="How do the weights change?",
        name="network",
        says="Step {step} of seed {seed}: the largest weight is {largest:.3f}.",
    )


def images():
    """Heat maps: grey, signed, and with numbers in the cells."""
    weights = np.random.default_rng(1).normal(size=(3, 4))

    def compute(k):
        return {"w": k * weights, "low": (k * weights).min()}

    return Explorer(
        compute,
        [Control("k", [0, 1, 2], default=1)],
        [
            Panel(Heatmap("w", colors="gray"), equal=True, axes=False, title="grey"),
            Panel(Heatmap("w", colors="signed", format=".2f"), equal=True, title="signed"),
        ],
        [Readout("low", "least", ".2f")],
        title="What do the weights look like?",
        name="images",
        says="k = {k}",
    )


SYNTHETIC = {make.__name__: make for make in (curves, plane, bars, network, images)}


def _ready_made():
    """The functions of nnlib.widgets' chapter modules that make a widget."""
    functions = {}
    for found in pkgutil.iter_modules(nnlib.widgets.__path__):
        module = importlib.import_module(f"nnlib.widgets.{found.name}")
        for name, function in vars(module).items():
            ours = inspect.isfunction(function) and function.__module__ == module.__name__ and name[0] != "_"
            if ours and {"Explorer", "Steps"} & set(function.__code__.co_names):
                functions[f"{found.name}.{name}"] = function
    return functions


READY_MADE = _ready_made()


@functools.cache
def widget(key):
    """The widget called `key` in SYNTHETIC or READY_MADE, made once."""
    return (SYNTHETIC | READY_MADE)[key]()
