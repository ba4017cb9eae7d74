"""The widgets of chapter 5: a point pushed through a network, the arrays of a batch, and a plane that is bent."""

from functools import cache

import numpy as np

import nnlib as nn
from nnlib import functional as F
from nnlib.widgets.explorer import Control, Explorer, Steps
from nnlib.widgets.panels import Line, Panel, Points, Readout, Rule, Segments, Text, number

ACTIVATIONS = {
    "ReLU": (F.relu, "ReLU turns what is negative into 0 and lets the rest pass:"),
    "tanh": (F.tanh, "Tanh presses each sum into the band from −1 to 1:"),
    "none": (lambda z: nn.Tensor(z), "Without an activation the sums pass as they are:"),
}
MINUS, TIMES = "−", "·"


def small_network():
    """W1, b1, W2 and b2 of the 2-3-1 network that the chapter computes by hand: a row of weights for each unit."""
    W1, b1 = np.array([[0.1, 0.4], [0.3, -0.5], [-0.2, 0.6]]), np.array([0.1, -0.1, 0.2])
    return W1, b1, np.array([[0.7, -0.3, 0.5]]), np.array([0.1])


def push():
    """One point through the 2-3-1 network, a number at a time."""
    W1, b1, W2, b2 = small_network()
    inputs, hidden = np.array([2.1, -0.1]), np.array([2.0, 1.0, 0.0])  # the heights of the units
    at = 0, 1.25, 2.0, 3.15, 3.95  # where x, z, a, z and ŷ stand
    first = [(at[0], inputs[i], at[1], hidden[j]) for j in range(3) for i in range(2)]
    second = [(at[2], hidden[j], at[3], 1.0) for j in range(3)]
    edges = np.array(first + second)
    weights = np.concatenate([W1.ravel(), W2.ravel()])
    near = edges[:, :2] + 0.42 * (edges[:, 2:] - edges[:, :2])  # where a weight is written: before the lines cross
    places = [(at[0], y) for y in inputs] + [(x, y) for x in at[1:3] for y in hidden] + [(x, 1.0) for x in at[3:]]
    places = np.array(places)

    def run(x1, x2, activation):
        g, verb = ACTIVATIONS[activation]
        x = np.array([x1, x2])
        z1 = W1 @ x + b1
        a1 = g(z1).data
        z2 = W2 @ a1 + b2
        out = F.sigmoid(z2).data
        values = np.concatenate([x, z1, a1, z2, out])
        verdict = "above ½: class 1" if out[0] > 0.5 else "½ or less: class 0"
        says = [f"The point ({_n(x1)}, {_n(x2)}) is at the input. Compute the first sum, then press Next."]
        says += [f"Unit {j + 1}: {_sum(W1[j], x, b1[j])} = {_n(z1[j])}." for j in range(3)]
        says.append(f"{verb} ({', '.join(map(_n, a1))}).")
        says.append(f"Output: {_sum(W2[0], a1, b2[0])} = {_n(z2[0])}.")
        says.append(f"The sigmoid turns {_n(z2[0])} into {_n(out[0])}, {verdict}.")
        frames = []
        for step, (known, text) in enumerate(zip((2, 3, 4, 5, 8, 9, 10), says, strict=True)):
            new = range({0: 0, 4: 5}.get(step, known - 1), known)
            seen = np.where(np.arange(10) < known, values, np.nan)
            frames.append(
                {"shown": [number(v, ".3g") if np.isfinite(v) else "" for v in _clean(seen)]}
                | {"ring": np.where(np.isin(np.arange(10), new), 23, 0), "text": text}
                | {"out": seen[9]}
            )
        return frames

    heads = ["x", "z", "a = g(z)", "z", "σ(z)"]
    return Steps(
        run,
        [
            Control("x1", np.arange(-2, 2.5, 0.5), label="x₁", default=0.5),
            Control("x2", np.arange(-4, 5) * 0.4, label="x₂", default=0.8),
            Control("activation", list(ACTIVATIONS), label="hidden activation"),
        ],
        [
            Panel(
                Segments(*edges.T, weight=weights),
                Segments(
                    [at[1]] * 3 + [at[3]], [*hidden, 1], [at[2]] * 3 + [at[4]], [*hidden, 1], color="muted", dash=True
                ),
                Points(*near.T, color="paper", size=9),
                Text(*near.T, [number(w, ".1f") for w in weights], color="muted", size=11),
                Points(*places.T, color="paper", size=20),
                Points(*places.T, color="muted", size=20, hollow=True),
                Points(*places.T, color="gradient", size="ring", hollow=True),
                Text(*places.T, "shown", size=11),
                Text(at, [2.65] * 5, heads, color="muted", size=12),
                Text(
                    [at[1]] * 3 + [at[3]],
                    [*(hidden - 0.5), 0.5],
                    [f"b = {number(b, '.1f')}" for b in [*b1, *b2]],
                    color="muted",
                    size=11,
                ),
                xlim=(-0.42, 4.37),
                ylim=(-0.65, 2.9),
                axes=False,
                aspect=0.72,
            )
        ],
        [Readout("out", "output ŷ", ".4f")],
        title="What does the network say about this point?",
        name="push-a-point",
        says=lambda values, frame: frame["text"],
        alt="Two inputs, 0.5 and 0.8, joined by coloured lines to three units, and these to one output.",
    )


def arrays():
    """Every array of a forward pass as a rectangle, for a batch and a hidden width that the reader chooses."""
    inputs, outputs = 64, 10

    def compute(m, width, layout):
        rows = layout == "rows"
        products = []
        for layer, (n_in, n_out) in enumerate([(inputs, width), (width, outputs)], start=1):
            a, w, z = (m, n_in), (n_out, n_in), (m, n_out)
            if rows:
                named = [(f"A{_sup(layer - 1)}", a, 1), (f"W{_sup(layer)}ᵀ", w[::-1], 0), (f"Z{_sup(layer)}", z, 1)]
            else:
                named = [
                    (f"W{_sup(layer)}", w, 0),
                    (f"A{_sup(layer - 1)}", a[::-1], 1),
                    (f"Z{_sup(layer)}", z[::-1], 1),
                ]
            products.append(named)
        boxes, texts, batch = [], [], []
        for row, named in enumerate(products):
            for column, (name, shape, grows) in enumerate(named):
                x, y = 1.2 * column, -1.6 * row
                h, w = 0.9 * np.array(shape) / 128
                boxes.append([x - w / 2, x + w / 2, y - h / 2, y + h / 2])
                texts.append((x, y + h / 2 + 0.12, name))
                texts.append((x, y - h / 2 - 0.14, f"{shape[0]} × {shape[1]}"))
                batch.append(grows)
        left, right, low, high = np.array(boxes).T
        lines = np.concatenate(
            [[left, low, right, low], [right, low, right, high], [right, high, left, high], [left, high, left, low]], 1
        )
        grows = np.tile(np.array(batch, bool), 4)
        place = {"x0": 0, "y0": 1, "x1": 2, "y1": 3}
        result = {}
        for kind, chosen in (("batch", grows), ("weight", ~grows)):
            result |= {f"{kind}_{k}": lines[i, chosen] for k, i in place.items()}
        parameters = width * inputs + width + outputs * width + outputs
        kept = m * (inputs + 2 * width + outputs)
        return result | {
            "name_x": [x for x, _, _ in texts],
            "name_y": [y for _, y, _ in texts],
            "names": [t for _, _, t in texts],
            "parameters": parameters,
            "kept": kept,
        }

    def says(values, results):
        more = "more" if results["kept"] > results["parameters"] else "fewer"
        noun = "1 example" if values["m"] == 1 else f"{values['m']} examples"
        return (
            f"With {noun} and {values['width']} hidden units the teal arrays, which grow with the batch, "
            f"hold {results['kept']:,} numbers, {more} than the {results['parameters']:,} weights and biases."
        )

    return Explorer(
        compute,
        [
            Control("m", [1, 4, 8, 16, 20, 24, 28, 32, 64, 128], label="batch m", default=16),
            Control("width", [8, 16, 32, 64, 128], label="hidden units", default=64),
            Control("layout", ["rows", "columns"], label="examples as"),
        ],
        [
            Panel(
                Segments("batch_x0", "batch_y0", "batch_x1", "batch_y1", color="accent", width=2.5),
                Segments("weight_x0", "weight_y0", "weight_x1", "weight_y1", color="ink", width=2.5),
                Text("name_x", "name_y", "names", size=12),
                Text([0.6, 0.6, 1.8, 1.8], [0, -1.6, 0, -1.6], ["×", "×", "=", "="], color="muted", size=18),
                xlim=(-0.6, 3.0),
                ylim=(-2.4, 0.8),
                axes=False,
                equal=True,
                aspect=0.8,
            )
        ],
        [
            Readout("parameters", "weights and biases", "d"),
            Readout("kept", "numbers in the teal arrays", "d"),
        ],
        title="Which of these arrays grow with the batch?",
        name="arrays-of-a-batch",
        says=says,
        alt="Rectangles for the arrays of a 64-64-10 network: those of the batch have 16 rows, the weights do not.",
    )


def sheet():
    """A plane of points laid into space by a layer's sums and bent by its activation, turned by the reader."""
    ticks, fine = np.linspace(-2.2, 2.2, 15), np.linspace(-2.2, 2.2, 29)
    along = np.stack(np.meshgrid(ticks, fine, indexing="ij"), -1)  # 15 lines of 29 points
    lines = np.concatenate([along, along[..., ::-1]])
    corners = np.array([[i, j, k] for i in (-1, 1) for j in (-1, 1) for k in (-1, 1)])
    cube = [(p, q) for n, p in enumerate(corners) for q in corners[n + 1 :] if (p != q).sum() == 1]

    @cache
    def scene(data, stage):
        X, y, model = bent(data)
        z, grid = model[0](X).data, model[0](lines.reshape(-1, 2)).data
        if stage == "the sums z":
            W, (normal, _) = model[0].weight.data, _best_line(X, y)
            frame = _frame(np.linalg.pinv(W).T @ normal, z)
            size = np.abs(grid @ frame).max() / 1.7  # so that all of the sheet is seen
            return z @ frame / size, grid @ frame / size, np.full((24, 3), np.nan), frame
        frame = _frame(model[2].weight.data[0], np.tanh(z))
        return np.tanh(z) @ frame, np.tanh(grid) @ frame, np.concatenate(cube).reshape(-1, 3) @ frame, frame

    def compute(data, stage, turn):
        X, y, _ = bent(data)
        angle = np.deg2rad(turn)

        def seen(points):
            return np.cos(angle) * points[..., 2] + np.sin(angle) * points[..., 0], points[..., 1]

        points, grid, edges, axes = scene(data, stage)
        (px, py), (gx, gy), (ex, ey), (ax, ay) = (seen(p) for p in (points, grid, edges, axes))
        cut, right = _best_cut(px, y)
        gap = np.full(len(lines), np.nan)[:, None]
        return {
            "x1": X[:, 0],
            "x2": X[:, 1],
            "class": y,
            "px": px,
            "py": py,
            "gx": np.c_[gx.reshape(len(lines), -1), gap].ravel(),
            "gy": np.c_[gy.reshape(len(lines), -1), gap].ravel(),
            "ex0": ex[::2],
            "ey0": ey[::2],
            "ex1": ex[1::2],
            "ey1": ey[1::2],
            "axis_x": ax,
            "axis_y": ay,
            "name_x": 1.15 * ax,
            "name_y": 1.15 * ay,
            "names": [f"{stage[-1]}{k}" for k in "₁₂₃"],
            "cut": cut,
            "right": right,
        }

    def says(values, results):
        share = f"{results['right']} of 80" if results["right"] < 80 else "all 80"
        return f"Turned by {values['turn']}°: the best vertical cut gets {share} points right."

    flat = np.concatenate([lines, np.full((len(lines), 1, 2), np.nan)], axis=1).reshape(-1, 2)
    faint = {"color": "muted", "width": 0.6}
    return Explorer(
        compute,
        [
            Control("stage", ["the sums z", "the activations a"], label="look at"),
            Control("turn", range(0, 181, 15), label="turn by (degrees)", default=30),
            Control("data", list(SETS), label="points"),
        ],
        [
            Panel(
                Line(*flat.T, **faint),
                Points("x1", "x2", color="class", size=3.5, label=["class 0", "class 1"]),
                xlim=(-2.3, 2.3),
                ylim=(-2.3, 2.3),
                equal=True,
                axes=False,
                aspect=1,
                title="the inputs",
            ),
            Panel(
                Segments("ex0", "ey0", "ex1", "ey1", color="muted", width=1, dash=True),
                Line("gx", "gy", **faint),
                Segments([0] * 3, [0] * 3, "axis_x", "axis_y", color="accent", width=1.5, arrow=True),
                Text("name_x", "name_y", "names", color="accent", size=12),
                Rule(x="cut", color="ink", dash=False),
                Points("px", "py", color="class", size=3.5),
                xlim=(-1.85, 1.85),
                ylim=(-1.85, 1.85),
                equal=True,
                axes=False,
                aspect=1,
                title="in the space of the three units",
            ),
        ],
        [Readout("right", "right, of 80", "d")],
        title="From where can one straight cut part the classes?",
        name="bent-plane",
        says=says,
        alt="Two half moons on a square sheet, and the same sheet as it lies, flat and tilted, in space.",
    )


SETS = {"moons": nn.data.moons, "circles": nn.data.circles}


@cache
def bent(data):
    """80 points of a toy set, standardised, their classes, and a 2-3-1 tanh network that has learned them."""
    X, y = SETS[data](80, 0.08, generator=np.random.default_rng(0))
    X = nn.data.standardize(X)
    nn.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    train(model, X, y)
    return X, y, model


def train(model, X, y, steps=1000):
    """Gradient descent on all points, with momentum and a small penalty on large weights."""
    loss_fn = nn.BCEWithLogitsLoss()
    optimizer = nn.optim.SGD(model.parameters(), lr=0.5, momentum=0.9, weight_decay=0.001)
    for _ in range(steps):
        loss = loss_fn(model(X), y[:, None].astype(float))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def _best_line(X, y):
    """The weights and the bias of logistic regression."""
    nn.manual_seed(0)
    neuron = nn.Linear(2, 1)
    train(neuron, X, y)
    return neuron.weight.data[0], neuron.bias.data[0]


def _frame(normal, points):
    """Three directions as columns: across the cut, upwards, and towards the reader when nothing is turned."""
    across = normal / np.linalg.norm(normal)
    rest = points - points.mean(axis=0)
    rest = rest - np.outer(rest @ across, across)
    up = np.linalg.svd(rest, full_matrices=False)[2][0]
    up *= np.sign(up[np.abs(up).argmax()])
    return np.stack([across, up, np.cross(across, up)], axis=1)


def _best_cut(x, y):
    """The place of the vertical line that parts the classes best, and how many points it has right."""
    places = np.unique(x.round(6))
    cuts = np.r_[places[0] - 0.1, (places[1:] + places[:-1]) / 2, places[-1] + 0.1]
    right = ((x > cuts[:, None]) == y).sum(axis=1)
    right = np.maximum(right, len(y) - right)  # either class may stand on the left
    return cuts[right.argmax()], right.max()


def _clean(values):
    return np.round(values, 10)


def _n(value):
    return number(np.round(value, 10), ".4g")


def _sum(weights, inputs, bias):
    """A weighted sum as it is written by hand."""
    terms = [
        (w, f"{_n(abs(w))}{TIMES}{_n(x) if x >= 0 else f'({_n(x)})'}") for w, x in zip(weights, inputs, strict=True)
    ]
    terms.append((bias, _n(abs(bias))))
    text = "".join(f" {'+' if sign >= 0 else MINUS} {term}" for sign, term in terms)
    return text[3:] if terms[0][0] >= 0 else MINUS + text[3:]


def _sup(number):
    """The number of a layer as it is written after a letter: [1]."""
    return f"[{number}]"
