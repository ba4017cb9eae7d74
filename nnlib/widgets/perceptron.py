"""The widgets of chapter 2: a line moved by hand, by the perceptron's rule, by gates, and beside a smooth one."""

import numpy as np

import nnlib as nn
from nnlib.widgets.explorer import Control, Explorer, Steps
from nnlib.widgets.panels import Heatmap, Line, Panel, Points, Readout, Segments, Table

FEATURES = ["mean radius", "mean concave points"]
FEW = slice(230, 270)  # forty tumours that a line can separate
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

    steps = np.arange(-2.5, 3, 0.5)
    return Explorer(
        compute,
        [
            Control("w1", steps, label="weight w₁", default=1.0),
            Control("w2", steps, label="weight w₂", default=-1.0),
            Control("b", steps, label="bias b", default=1.0),
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
        frames = [_frame(X, y, w, b, count, text="The line before any correction. Press Next.")]
        clean = 0
        while clean < len(y):
            for i in orders[order]:
                z = X[i] @ w + b
                error = y[i] - (z >= 0)
                clean = clean + 1 if error == 0 else 0
                if error == 0:
                    continue
                said = f"This tumour is {CLASSES[y[i]]} (y = {y[i]}), but z = {z:.2f}, so ŷ = {int(z >= 0)}."
                frames.append(
                    _frame(
                        X, y, w, b, count, i, z, text=f"{said} Which way must the line move? Decide, then press Next."
                    )
                )
                old = w, b
                w, b, count = w + lr * error * X[i], b + lr * error, count + 1
                verb, new_z = "adds" if error > 0 else "subtracts", X[i] @ w + b
                done = f"The rule {verb} η times the point: its z moves from {z:.2f} to {new_z:.2f}."
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
    """The perceptron learns a logic gate from its truth table, or goes round in a circle with XOR."""
    X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    truths = {"AND": [0, 0, 0, 1], "OR": [0, 1, 1, 1], "NAND": [1, 1, 1, 0], "XOR": [0, 1, 1, 0]}

    def run(gate):
        y, seen = np.array(truths[gate]), {}
        p = nn.classic.Perceptron(epochs=6).fit(X, y)
        history = [{"weight": np.zeros(2), "bias": 0.0, "index": None, "epoch": 1}, *p.updates]
        frames = []
        for count, update in enumerate(history):
            w, b, i = update["weight"], update["bias"], update["index"]
            z = X @ w + b
            key = (*w.tolist(), float(b))
            if i is None:
                text = "All weights are 0, so z = 0 and every answer is 1. Press Next."
            else:
                text = f"Epoch {update['epoch']}: the answer for ({X[i][0]:g}, {X[i][1]:g}) was wrong; now corrected."
            if key in seen and i is not None:
                text += f" These are the weights of correction {seen[key]} again."
            elif count == len(history) - 1 and p.converged:
                text += " Now all four are right: learned."
            seen.setdefault(key, count)
            rings = np.where(np.arange(4) == (-1 if i is None else i), 11, 0)
            frames.append(
                {"x1": X[:, 0], "x2": X[:, 1], "class": y, "ring": rings, "z": z, "says": (z >= 0).astype(int)}
                | {"count": count, "right": ((z >= 0) == y).sum(), "w1": w[0], "w2": w[1], "b": b, "text": text}
                | _line("line", w, b, (-0.6, 1.6))
            )
        return frames

    return Steps(
        run,
        [Control("gate", list(truths), label="gate")],
        [
            Panel(
                *_line_marks("line", "ink"),
                Points("x1", "x2", color="class", size=7, label=["0", "1"]),
                Points("x1", "x2", color="ink", size="ring", hollow=True),
                xlabel="x₁",
                ylabel="x₂",
                xlim=(-0.6, 1.6),
                ylim=(-0.6, 1.6),
                xticks=[0, 1],
                yticks=[0, 1],
                equal=True,
            ),
            Table(
                {"x₁": "x1", "x₂": "x2", "z": "z", "ŷ": "says", "y": "class"},
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


def side_by_side():
    """A perceptron and logistic regression learn the same tumours; the reader moves through the epochs."""
    X, y = _tumours()
    split = nn.data.train_test_split(X, y, generator=np.random.default_rng(0))
    X_train, X_test, y_train, y_test = split
    epochs = [0, 1, 2, 3, 5, 8, 12, 20, 30, 40, 50, 60, 61, 62, 63, 64, 65, 80, 90, 100]
    hard = _perceptron_lines(X_train, y_train, max(epochs))
    axis = np.linspace(*BOX, 45)
    plane = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    smooth = {lr: _logistic_lines(X_train, y_train, max(epochs), lr) for lr in (0.05, 0.5, 5.0)}

    def compute(epoch, lr):
        w, b = hard[epoch]
        v, c = smooth[lr][epoch]
        probability = nn.functional.sigmoid(plane @ v + c).data.reshape(len(axis), -1)
        return (
            {"x1": X_test[:, 0], "x2": X_test[:, 1], "class": y_test, "probability": probability}
            | {"hard": ((X_test @ w + b >= 0) == y_test).mean(), "smooth": ((X_test @ v + c >= 0) == y_test).mean()}
            | _line("line", w, b)
            | _line("half", v, c)
        )

    return Explorer(
        compute,
        [
            Control("epoch", epochs, label="epoch", default=100),
            Control("lr", [0.05, 0.5, 5.0], label="learning rate η of logistic regression", default=0.5),
        ],
        [
            _scatter(*_line_marks("line", "ink"), title="perceptron", size=3),
            _scatter(
                Heatmap("probability", extent=(*BOX, *BOX), smooth=True),
                *_line_marks("half", "ink"),
                title="logistic regression: probability",
                size=3,
            ),
        ],
        [
            Readout("hard", "perceptron, test accuracy", ".1%"),
            Readout("smooth", "logistic regression, test accuracy", ".1%"),
        ],
        title="A verdict or a probability?",
        name="verdict-or-probability",
        says="After epoch {epoch}: perceptron {hard:.1%} of the test tumours right, logistic regression {smooth:.1%}.",
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


def _line(name, w, b, box=BOX):
    """The ends of w·x + b = 0 in the square box, and of an arrow along w to the side of class 1; nan where w = 0."""
    w = np.asarray(w, dtype=float)
    if not w.any():
        nowhere = np.full(2, np.nan)
        return _ends(name, np.full((2, 2), np.nan), nowhere, nowhere)
    unit = w / np.linalg.norm(w)
    centre = np.full(2, np.mean(box))
    foot = centre - (unit @ centre + b / np.linalg.norm(w)) * unit  # the point of the line nearest to the middle
    reach = 2 * (box[1] - box[0]) * np.array([-unit[1], unit[0]])
    ends = np.stack([foot - reach, foot + reach], axis=1)
    return _ends(name, ends, foot, foot + 0.13 * (box[1] - box[0]) * unit)


def _ends(name, line, foot, tip):
    values = {"x": line[0], "y": line[1], "fx": foot[0], "fy": foot[1], "tx": tip[0], "ty": tip[1]}
    return {f"{name}_{key}": value for key, value in values.items()}


def _line_marks(name, color, dash=False):
    line = Line(f"{name}_x", f"{name}_y", color=color, dash=dash)
    if dash:
        return [line]
    return [line, Segments(f"{name}_fx", f"{name}_fy", f"{name}_tx", f"{name}_ty", color=color, arrow=True)]


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
