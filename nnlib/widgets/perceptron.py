"""The widgets of chapter 2: a line moved by hand, by the perceptron's rule, by gates, and beside a smooth one."""

import numpy as np

import nnlib as nn
from nnlib.widgets.explorer import Control, Explorer, Steps
from nnlib.widgets.panels import Heatmap, Line, Panel, Points, Readout, Segments, Table, Text, number

FEATURES = ["mean radius", "mean concave points"]
FEW = slice(243, 283)  # forty tumours that a line can separate
BOX = (-2.0, 3.0)  # both axes of every scatter plot of tumours
CLASSES = ["benign", "malignant"]


def line_by_hand():
    """Three sliders set a line; the reader tries to get all forty tumours right."""
    X, y = _tumours()
    X, y = X[FEW], y[FEW]

    def compute(w1, w2, b):
        z = X @ [w1, w2] + b
        right = (z >= 0) == y
        return {
            "x1": X[:, 0],
            "x2": X[:, 1],
            "class": y,
            "ring": np.where(right, 0, 8),
            "right": right.sum(),
        } | _line("line", [w1, w2], b)

    def says(values, results):
        if values["w1"] == values["w2"] == 0:
            return f"Without weights there is no line: z = b = {values['b']:g} for every tumour."
        wrong = 40 - results["right"]
        if wrong == 0:
            return "All forty are on their side of the line."
        circled = "circled one is" if wrong == 1 else f"{wrong} circled ones are"
        return f"The line gets {results['right']} of 40 right; the {circled} wrong."

    weights = np.arange(-3, 3.5, 0.5)
    return Explorer(
        compute,
        [
            Control("w1", weights, label="weight w₁", default=1.0),
            Control("w2", weights, label="weight w₂", default=-1.0),
            Control("b", np.arange(-1.5, 1.75, 0.25), label="bias b", default=0.5),
        ],
        [_scatter(*_line_marks("line", "ink"), ring=True)],
        [Readout("right", "right, of 40", "d")],
        title="Where would you draw the line?",
        name="line-by-hand",
        says=says,
        alt="Forty tumours in the plane, a line across them, and circles around the tumours on the wrong side of it.",
    )


def updates():
    """The perceptron learns the forty tumours, one correction at a time: first the mistake, then the new line."""
    X, y = _tumours()
    X, y = X[FEW], y[FEW]
    orders = {
        "as in the file": np.arange(40),
        "shuffled": np.random.default_rng(1).permutation(40),
        "benign first": np.argsort(y, kind="stable"),
    }
    starts = {"w = 0, b = 0": ([0.0, 0.0], 0.0), "a wrong line": ([-1.5, 1.0], 1.0)}

    def run(lr, order, start):
        (w, b), count = starts[start], 0
        w = np.array(w)
        began = f"{((X @ w + b >= 0) == y).sum()} of 40 are right before any correction."
        if not w.any():
            began = "All weights are 0: there is no line yet, and every answer is 1. " + began
        frames = [_frame(X, y, w, b, count, text=f"{began} Press Next.")]
        clean = 0
        while clean < len(y):
            for i in orders[order]:
                z = X[i] @ w + b
                error = y[i] - (z >= 0)
                clean = clean + 1 if error == 0 else 0
                if error == 0:
                    continue
                said = f"This tumour is {CLASSES[y[i]]} (y = {y[i]}), but z = {_z(z)}, so ŷ = {int(z >= 0)}."
                frames.append(
                    _frame(
                        X, y, w, b, count, i, z, text=f"{said} Which way must the line move? Decide, then press Next."
                    )
                )
                old = w, b
                w, b, count = w + lr * error * X[i], b + lr * error, count + 1
                verb, new_z = "adds" if error > 0 else "subtracts", X[i] @ w + b
                done = f"The rule {verb} η times the point: z moves from {_z(z)} to {_z(new_z)}."
                done += " Dashed: the line before." if old[0].any() else ""
                frames.append(_frame(X, y, w, b, count, i, new_z, old, text=done))
        frames.append(
            _frame(X, y, w, b, count, text=f"A whole pass without a mistake: finished after {count} corrections.")
        )
        return frames

    return Steps(
        run,
        [
            Control("lr", [0.1, 1, 10], label="learning rate η", default=1),
            Control("order", list(orders), label="order of the tumours"),
            Control("start", list(starts), label="start"),
        ],
        [_scatter(*_line_marks("old", "muted", dash=True), *_line_marks("line", "ink"), ring=True)],
        [
            Readout("count", "corrections", "d"),
            Readout("right", "right, of 40", "d"),
            Readout("w1", "w₁", ".2f"),
            Readout("w2", "w₂", ".2f"),
            Readout("b", "b", ".2f"),
        ],
        title="How does each mistake move the line?",
        name="perceptron-updates",
        says=lambda values, frame: frame["text"],
        alt="Forty tumours, the perceptron's line, and a circle around the tumour that it is about to learn from.",
    )


def gates():
    """The perceptron learns a logic gate from its truth table, or goes round in a cycle with XOR."""
    X, _ = nn.data.xor()
    truths = {"AND": [0, 0, 0, 1], "OR": [0, 1, 1, 1], "NAND": [1, 1, 1, 0], "XOR": [0, 1, 1, 0]}
    box = (-1.6, 2.2)  # holds every line that XOR meets

    def run(gate):
        y, seen = np.array(truths[gate]), {}
        p = nn.classic.Perceptron(epochs=6).fit(X, y)
        start = {"weight": np.zeros(2), "bias": 0.0, "index": None, "epoch": 1}
        frames, before = [], None
        for count, update in enumerate([start, *p.updates]):
            w, b, i = update["weight"], update["bias"], update["index"]
            text = "All weights are 0, so z = 0 and every answer is 1."
            if i is not None:
                x1, x2, n1, n2 = *X[i], *X[(i + 1) % 4]
                text = f"Epoch {update['epoch']}: ({x1:g}, {x2:g}) was wrong and has been corrected."
                text += f" The pass goes on at ({n1:g}, {n2:g})."
                if not w.any():
                    text += " Both weights are 0, and there is no line."
            if (place := (i, *w.tolist(), float(b))) in seen:
                text += f" Everything is as it was after correction {seen[place]}."
            elif count == len(p.updates) and p.converged:
                text += " All four are right: learned."
            seen.setdefault(place, count)
            z = X @ w + b
            wrong = (z >= 0) != y
            frames.append(
                {"x1": X[:, 0], "x2": X[:, 1], "class": y, "ring": np.where(wrong, 11, 0), "z": z, "text": text}
                | {"says": (z >= 0).astype(int), "verdict": ["wrong" if bad else "right" for bad in wrong]}
                | {"count": count, "right": 4 - wrong.sum(), "w1": w[0], "w2": w[1], "b": b}
                | _line("line", w, b, box)
                | _line("old", *(before or ([0, 0], 0)), box)
            )
            before = w, b
        return frames

    return Steps(
        run,
        [Control("gate", list(truths), label="gate")],
        [
            Panel(
                *_line_marks("old", "muted", dash=True),
                *_line_marks("line", "ink"),
                Points("x1", "x2", color="class", size=7, label=["0", "1"]),
                Points("x1", "x2", color="ink", size="ring", hollow=True),
                xlabel="x₁",
                ylabel="x₂",
                xlim=box,
                ylim=box,
                xticks=[0, 1],
                yticks=[0, 1],
                equal=True,
            ),
            Table(
                {"x₁": "x1", "x₂": "x2", "z": "z", "ŷ": "says", "y": "class", "": "verdict"},
                format={"x₁": "d", "x₂": "d", "z": ".0f", "ŷ": "d", "y": "d"},
            ),
        ],
        [
            Readout("count", "corrections", "d"),
            Readout("right", "right, of 4", "d"),
            Readout("w1", "w₁", "d"),
            Readout("w2", "w₂", "d"),
            Readout("b", "b", "d"),
        ],
        title="Which gates can one neuron learn?",
        name="gates",
        says=lambda values, frame: frame["text"],
        alt="The four corners of a square, coloured by the gate's truth table, and the perceptron's line.",
    )


def verdict_or_probability():
    """A perceptron and logistic regression learn the same tumours; the reader moves through the epochs."""
    X, y, _ = nn.data.breast_cancer(FEATURES)
    X_train, X_test, y_train, y_test = nn.data.train_test_split(X, y, generator=np.random.default_rng(0))
    X_train, X_test = nn.data.standardize(X_train, X_test)
    epochs = 60
    hard = _perceptron_lines(X_train, y_train, epochs)
    smooth = {lr: _logistic_lines(X_train, y_train, epochs, lr) for lr in (0.1, 1.0, 10.0)}
    axis = np.linspace(*BOX, 32)
    plane = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    tenth = np.log(9)  # σ(z) is 0.9 at z = log 9, and 0.1 at −log 9

    def compute(epoch, lr):
        w, b = hard[epoch]
        v, c = smooth[lr][epoch]
        probability = nn.functional.sigmoid(plane @ v + c).data.reshape(len(axis), -1)
        return (
            {"x1": X_test[:, 0], "x2": X_test[:, 1], "class": y_test, "probability": probability}
            | {"hard": ((X_test @ w + b >= 0) == y_test).mean(), "smooth": ((X_test @ v + c >= 0) == y_test).mean()}
            | _line("line", w, b)
            | _line("half", v, c)
            | _line("low", v, c + tenth)
            | _line("high", v, c - tenth)
        )

    def says(values, results):
        if values["epoch"] == 0:
            return "Before the first epoch all weights are 0, there are no lines, and every answer is 1."
        right = f"the perceptron has {results['hard']:.1%} right, logistic regression {results['smooth']:.1%}"
        return f"After epoch {values['epoch']}, of the 142 test tumours {right}."

    return Explorer(
        compute,
        [
            Control("epoch", range(epochs + 1), label="epoch", default=10),
            Control("lr", [0.1, 1.0, 10.0], label="η of logistic regression", default=1.0),
        ],
        [
            _scatter(*_line_marks("line", "ink"), title="perceptron", size=3),
            _scatter(
                Heatmap("probability", extent=(*BOX, *BOX), smooth=True),
                *_line_marks("low", "muted", dash=True),
                *_line_marks("high", "muted", dash=True),
                *_line_marks("half", "ink"),
                title="logistic regression",
                size=3,
            ),
        ],
        [Readout("hard", "perceptron", ".1%"), Readout("smooth", "logistic regression", ".1%")],
        title="A verdict or a probability?",
        name="verdict-or-probability",
        says=says,
        alt="The test tumours twice: left with the perceptron's line, right shaded by predicted probability.",
    )


def _tumours():
    X, y, _ = nn.data.breast_cancer(FEATURES)
    return nn.data.standardize(X), y


def _frame(X, y, w, b, count, i=None, z=np.nan, old=None, text=""):
    right = (X @ w + b >= 0) == y
    rings = np.where(np.arange(len(y)) == (-1 if i is None else i), 9, 0)
    return (
        {"x1": X[:, 0], "x2": X[:, 1], "class": y, "ring": rings, "count": count, "right": right.sum(), "z": z}
        | {"w1": w[0], "w2": w[1], "b": b, "text": text}
        | _line("line", w, b)
        | _line("old", *(old or ([0, 0], 0)))
    )


def _z(z):
    return number(z, ".2f" if abs(z) >= 0.1 else ".2g")


def _line(name, w, b, box=BOX):
    """The line w·x + b = 0 in the square box, an arrow along w, and where to write what it says; nan where w = 0."""
    w, size = np.asarray(w, dtype=float), box[1] - box[0]
    if not w.any():
        line = foot = tip = side = np.full((2, 2), np.nan)
    else:
        unit = w / np.linalg.norm(w)
        along = np.array([-unit[1], unit[0]])
        centre = np.full(2, np.mean(box))
        near = centre - (unit @ centre + b / np.linalg.norm(w)) * unit  # the point of the line nearest to the middle
        line = near + np.outer([-2 * size, 2 * size], along)
        foot, tip = [near], [near + 0.13 * size * unit]
        side = _upper_end(near, along, box) + np.outer([-0.09 * size, 0.09 * size], unit)
    places = {"": line, "foot": foot, "tip": tip, "side": side}
    values = {f"{name}_{key}{axis}": np.array(at)[:, i] for key, at in places.items() for i, axis in enumerate("xy")}
    return values | {f"{name}_says": ["ŷ = 0", "ŷ = 1"]}


def _upper_end(near, along, box):
    """The upper end of the part of a line that lies well inside the box; nan if none does."""
    size = box[1] - box[0]
    places = near + np.outer(np.linspace(-1, 1, 401) * size, along)
    inside = places[(np.abs(places - np.mean(box)) < 0.33 * size).all(axis=1)]
    return inside[inside[:, 1].argmax()] if len(inside) else np.full(2, np.nan)


def _line_marks(name, color, dash=False):
    """The line; unless it is dashed, with its arrow and what it says on either side."""
    x, y = f"{name}_x", f"{name}_y"
    if dash:
        return [Line(x, y, color=color, dash=True)]
    arrow = Segments(f"{name}_footx", f"{name}_footy", f"{name}_tipx", f"{name}_tipy", color=color, arrow=True)
    says = Text(f"{name}_sidex", f"{name}_sidey", f"{name}_says", color=color)
    return [Line(x, y, color=color), arrow, says]


def _scatter(*marks, title="", ring=False, size=4.5):
    rings = [Points("x1", "x2", color="ink", size="ring", hollow=True)] if ring else []
    return Panel(
        *marks,
        Points("x1", "x2", color="class", size=size, label=CLASSES),
        *rings,
        title=title,
        xlabel="mean radius",
        ylabel="mean concave points",
        xlim=BOX,
        ylim=BOX,
        equal=True,
    )


def _perceptron_lines(X, y, epochs):
    """w and b before the first epoch and after each."""
    p = nn.classic.Perceptron(epochs=epochs).fit(X, y)
    ends = {update["epoch"]: (update["weight"], update["bias"]) for update in p.updates}
    return [(np.zeros(2), 0.0)] + [ends[epoch] for epoch in range(1, epochs + 1)]


def _logistic_lines(X, y, epochs, lr):
    """w and b before the first epoch and after each, by gradient descent from 0."""
    neuron, loss_fn = nn.Linear(2, 1), nn.BCEWithLogitsLoss()
    neuron.apply(lambda layer: (nn.init.zeros_(layer.weight), nn.init.zeros_(layer.bias)))
    optimizer = nn.optim.SGD(neuron.parameters(), lr=lr)
    lines = [(neuron.weight.data[0].copy(), float(neuron.bias.data[0]))]
    for _ in range(epochs):
        loss = loss_fn(neuron(X), y[:, None].astype(float))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        lines.append((neuron.weight.data[0].copy(), float(neuron.bias.data[0])))
    return lines
