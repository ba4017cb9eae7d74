"""The widgets of chapter 7: a computation graph walked forwards and backwards, and gradients through depth."""

import math
from functools import cache

import numpy as np

import nnlib as nn
from nnlib.widgets.explorer import Control, Explorer, Steps
from nnlib.widgets.panels import Line, Panel, Points, Readout, Rule, Segments, Text, number

ACTIVATIONS = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "ReLU": nn.ReLU}
STARTS = {
    "small, 0.01": lambda weight: nn.init.normal_(weight, std=0.01),
    "Xavier": nn.init.xavier_normal_,
    "He": lambda weight: nn.init.kaiming_normal_(weight, nonlinearity="relu"),
    "wide, gain 6": lambda weight: nn.init.normal_(weight, std=6 / math.sqrt(weight.shape[1])),
}
REMEDIES = ["none", "batch norm", "residual", "clipping to 1"]
WIDTH, EXAMPLES, DEEPEST, FLOOR = 32, 64, 30, 1e-14
MUTED, FORWARDS, BACKWARDS = 7, 2, 5  # places in the book's series of colours


class Graph:
    """A computation written down by hand: nodes in order, and on each edge the slope of its upper end in its lower.

    `nodes` is name: (x, y, value); `edges` is (lower, upper): (slope, rule), where the rule says in words what the
    slope is; `weights` is (lower, upper): (name, value) for edges that carry a weight; `biased` names the nodes that
    add a bias.
    """

    def __init__(self, nodes, edges, formulas, weights=(), biased=()):
        self.nodes, self.edges, self.formulas = nodes, edges, formulas
        self.weights, self.biased = dict(weights), biased

    def frames(self):
        names, edges = list(self.nodes), list(self.edges)
        values, gradients, frames = {}, {}, []
        labels = {edge: (_n(value), MUTED) for edge, (_, value) in self.weights.items()}  # on the edges, to stay

        def show(text, now=(), color=MUTED, ring=None, carries=None):
            shown = labels | {edge: (labels[edge][0] if edge in labels else "", color) for edge in now}
            if carries:
                shown[now[0]] = carries, color
            frames.append(self._frame(values, gradients, shown, now, color, ring, text))

        fed = {upper for _, upper in edges}
        values |= {name: self.nodes[name][2] for name in names if name not in fed}
        show("The inputs are given. Press Next to compute, node by node, what follows from them.")
        for name in names:
            if name in fed:
                values[name] = self.nodes[name][2]
                show(f"Forwards: {self.formulas[name]}", [e for e in edges if e[1] == name], FORWARDS, name)
        last = names[-1]
        gradients[last] = 1.0
        show(f"Backwards. How fast does {last} change with itself? ∂{last}/∂{last} = 1.", ring=last)
        for upper in reversed(names):
            for lower in [low for low, up in edges if up == upper]:
                slope, rule = self.edges[lower, upper]
                carried, before = slope * gradients[upper], gradients.get(lower)
                product = f"{_n(gradients[upper])} × {_n(slope)} = {_n(carried)}"
                text = f"Backwards from {upper} to {lower}: {rule}. {product}"
                gradients[lower] = carried + (before or 0.0)
                if before is None:
                    text += f" arrives at {lower}."
                else:
                    text += f" is added to the {_n(before)} that is there: {_n(gradients[lower])}."
                show(text, [(lower, upper)], BACKWARDS, lower, carries=_n(slope))
        for (lower, upper), (name, _) in self.weights.items():
            slope = gradients[upper] * values[lower]
            labels[lower, upper] = _n(slope), BACKWARDS
            text = f"The weight {name}: the gradient at its upper end times the value at its lower, "
            text += f"{_n(gradients[upper])} × {_n(values[lower])} = {_n(slope)}."
            show(text, [(lower, upper)], BACKWARDS)
        if self.biased:
            slopes = ", ".join(f"{_n(gradients[name])} in {name}" for name in self.biased)
            show(f"A bias is added, so its slope is that of the sum in which it stands: {slopes}.")
        weights = ", and on every edge with a weight the slope with respect to the weight" if self.weights else ""
        show(
            f"Done: every edge was used once in each direction. "
            f"Below every node stands the slope of {last} with respect to it{weights}."
        )
        return frames

    def _frame(self, values, gradients, labels, now, color, ring, text):
        names, edges = list(self.nodes), list(self.edges)
        x, y = ({name: self.nodes[name][i] for name in names} for i in (0, 1))
        ends = np.array([_shortened(x[a], y[a], x[b], y[b]) for a, b in edges])
        back = color == BACKWARDS
        middle = [self._label_place(edge) for edge in edges]
        return {
            "x": [x[name] for name in names],
            "y": [y[name] for name in names],
            "name": names,
            "value_y": [y[name] + 0.36 for name in names],
            "value": [_n(values[name]) if name in values else "" for name in names],
            "gradient_y": [y[name] - 0.36 for name in names],
            "gradient": [_n(gradients[name]) if name in gradients else "" for name in names],
            "ring": [17 if name == ring else 0 for name in names],
            "x0": ends[:, 2 if back else 0],
            "y0": ends[:, 3 if back else 1],
            "x1": ends[:, 0 if back else 2],
            "y1": ends[:, 1 if back else 3],
            "edge_color": [color if edge in now else MUTED for edge in edges],
            "edge_width": [3.0 if edge in now else 1.0 for edge in edges],
            "label_x": [p[0] for p in middle],
            "label_y": [p[1] for p in middle],
            "label": [labels[edge][0] if edge in labels else "" for edge in edges],
            "label_color": [labels[edge][1] if edge in labels else MUTED for edge in edges],
            "text": text,
        }

    def _label_place(self, edge):
        (x0, y0, _), (x1, y1, _) = (self.nodes[name] for name in edge)
        share = 0.5 if y0 == y1 else 0.36
        return x0 + share * (x1 - x0), y0 + share * (y1 - y0) + 0.15


def graph_steps():
    """A computation graph, step by step: values forwards, then gradients backwards along each edge once."""
    graphs = {"two paths": _two_paths, "one neuron": _one_neuron, "a small network": _small_network}

    def run(graph):
        frames = graphs[graph]().frames()
        return [_padded(frame, 9, 10) for frame in frames]

    return Steps(
        run,
        [Control("graph", list(graphs), label="computation")],
        [
            Panel(
                Segments("x0", "y0", "x1", "y1", color="edge_color", width="edge_width", arrow=True),
                Points("x", "y", color="paper", size=14),
                Points("x", "y", color="muted", size=14, hollow=True),
                Points("x", "y", color="ink", size="ring", hollow=True),
                Text("x", "y", "name", size=13),
                Text("x", "value_y", "value", size=12),
                Text("x", "gradient_y", "gradient", color="gradient", size=12),
                Text("label_x", "label_y", "label", color="label_color", size=11),
                axes=False,
                xlim=(-0.5, 5.5),
                ylim=(-0.55, 2.55),
                aspect=0.68,
            )
        ],
        title="What does each edge carry, forwards and backwards?",
        name="graph-steps",
        says=lambda values, frame: frame["text"],
        alt="A graph of x, u, v and L: x feeds u and v, both feed L; values stand above the nodes, gradients below.",
    )


def gradient_through_depth():
    """The gradient of each layer's weights before training, over activation, start, depth and remedy."""

    def compute(activation, start, depth, remedy):
        gradient, signal = norms(activation, start, depth, remedy)
        layers = np.arange(1.0, DEEPEST + 2)
        padding = np.full(DEEPEST - depth, np.nan)
        return {
            "layer": layers,
            "gradient": np.append(np.maximum(gradient, FLOOR), padding),
            "signal": np.append(np.maximum(signal, FLOOR), padding),
            "first": gradient[0],
            "last": gradient[-1],
            "of_layer": gradient,
        }

    def says(values, results):
        helped = "no remedy" if values["remedy"] == "none" else f"with {values['remedy']}"
        what = f"{values['activation']}, {values['start']}, {values['depth']} hidden layers, {helped}"
        gradient = results["of_layer"]
        low, high = gradient.min(), gradient.max()
        if high < 1e-4:
            judged = f"the gradient is tiny everywhere, {_n(high)} at most"
        elif results["first"] < 1e-3 * high:
            judged = f"the gradient shrinks on its way back, from {_n(results['last'])} to {_n(results['first'])}"
        elif high > 30:
            judged = f"the gradient is large, {_n(high)} in layer {gradient.argmax() + 1}"
        else:
            judged = f"the gradient of every layer lies between {_n(low)} and {_n(high)}"
        return f"{what}: {judged}."

    def panel(ylabel, *marks, **kwargs):
        return Panel(
            *marks,
            xlabel="layer, from the input",
            ylabel=ylabel,
            yscale="log",
            ylim=(FLOOR, 1e8),
            yticks={1e-12: "10⁻¹²", 1e-8: "10⁻⁸", 1e-4: "10⁻⁴", 1: "1", 1e4: "10⁴", 1e8: "10⁸"},
            xlim=(0.5, DEEPEST + 1.5),
            xticks=[1, 10, 20, 30],
            aspect=0.8,
            **kwargs,
        )

    return Explorer(
        compute,
        [
            Control("activation", list(ACTIVATIONS), default="sigmoid"),
            Control("start", list(STARTS), label="initial weights", default="Xavier"),
            Control("depth", [2, 5, 10, 20, 30], label="hidden layers", default=10),
            Control("remedy", REMEDIES, label="remedy"),
        ],
        [
            panel(
                "size of the gradient, ‖∂L/∂W‖",
                Rule(y=1),
                Line("layer", "gradient", color="gradient", width=2.5),
            ),
            panel(
                "size of the signal (rms of the outputs)",
                Rule(y=1),
                Line("layer", "signal", color="accent", width=2.5),
            ),
        ],
        [Readout("first", "first layer", ".2g"), Readout("last", "last layer", ".2g")],
        title="How much of the gradient reaches the first layer?",
        name="gradient-through-depth",
        says=says,
        alt="The gradient of eleven layers of a sigmoid network falls steadily towards the first layer.",
    )


digits = cache(nn.data.digits)


@cache
def norms(activation, start, depth, remedy="none", seed=0):
    """The norm of ∂L/∂W of each layer, from the first to the output, and the rms of each layer's outputs."""
    images, classes = digits()
    model = deep_network(ACTIVATIONS[activation], STARTS[start], depth, remedy, seed)
    signal, a = [], nn.Tensor(images[:EXAMPLES])
    with np.errstate(all="ignore"):
        for block in model:
            a = block(a)
            signal.append(np.sqrt((a.data**2).mean()))
        nn.CrossEntropyLoss()(a, classes[:EXAMPLES]).backward()
        if remedy == "clipping to 1":
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        gradient = [np.sqrt((p.grad**2).sum()) for p in model.parameters() if p.ndim == 2]
    return np.array(gradient), np.array(signal)


def deep_network(activation, initialise, depth, remedy="none", seed=0):
    """A network for the digits with `depth` hidden layers, each a block; the output layer starts with Xavier."""
    nn.manual_seed(seed)
    blocks, n = [], 64
    for _ in range(depth):
        linear = nn.Linear(n, WIDTH)
        initialise(linear.weight)
        nn.init.zeros_(linear.bias)
        norm = [nn.BatchNorm1d(WIDTH)] if remedy == "batch norm" else []
        block = nn.Sequential(linear, *norm, activation())
        blocks.append(nn.Residual(block) if remedy == "residual" and n == WIDTH else block)
        n = WIDTH
    output = nn.Linear(n, 10)
    nn.init.xavier_normal_(output.weight)
    nn.init.zeros_(output.bias)
    return nn.Sequential(*blocks, output)


def _two_paths():
    x = 2.0
    u, v = x**2, 3 * x
    nodes = {"x": (0.5, 1, x), "u": (2.5, 2, u), "v": (2.5, 0, v), "L": (4.5, 1, u * v)}
    edges = {
        ("x", "u"): (2 * x, "the slope of x² is 2x = 4"),
        ("x", "v"): (3.0, "the slope of 3x is 3"),
        ("u", "L"): (v, "a product passes on the other factor, v = 6"),
        ("v", "L"): (u, "a product passes on the other factor, u = 4"),
    }
    formulas = {"u": "u = x² = 4.", "v": "v = 3x = 6.", "L": "L = u·v = 24."}
    return Graph(nodes, edges, formulas)


def _one_neuron():
    w, x, b, y = 0.8, 1.5, -0.5, 1.0
    u = w * x
    z = u + b
    a = math.tanh(z)
    nodes = {
        "w": (0, 2, w), "x": (0, 0.6, x), "u": (1.2, 1.3, u), "b": (1.2, 0, b),
        "z": (2.4, 0.8, z), "a": (3.6, 0.8, a), "L": (4.8, 0.8, (a - y) ** 2),
    }  # fmt: skip
    edges = {
        ("w", "u"): (x, "a product passes on the other factor, x = 1.5"),
        ("x", "u"): (w, "a product passes on the other factor, w = 0.8"),
        ("u", "z"): (1.0, "a sum passes on what it gets, times 1"),
        ("b", "z"): (1.0, "a sum passes on what it gets, times 1"),
        ("z", "a"): (1 - a * a, f"the slope of tanh is 1 − a² = {_n(1 - a * a)}"),
        ("a", "L"): (2 * (a - y), f"the slope of (a − 1)² is 2(a − 1) = {_n(2 * (a - y))}"),
    }
    formulas = {
        "u": f"u = w·x = {_n(u)}.", "z": f"z = u + b = {_n(z)}.", "a": f"a = tanh(z) = {_n(a)}.",
        "L": f"L = (a − 1)² = {_n((a - y) ** 2)}, for the truth is 1.",
    }  # fmt: skip
    return Graph(nodes, edges, formulas)


def _small_network():
    W1, b1 = np.array([[0.3, 0.5], [0.7, -0.2]]), np.array([0.1, -0.1])
    w2, b2, x = np.array([0.6, -0.4]), 0.2, np.array([1.0, 0.5])
    z = W1 @ x + b1
    a = np.maximum(z, 0)
    s = w2 @ a + b2
    p = 1 / (1 + math.exp(-s))
    nodes = {
        "x₁": (0, 2, x[0]), "x₂": (0, 0, x[1]), "z₁": (1.3, 2, z[0]), "z₂": (1.3, 0, z[1]),
        "a₁": (2.4, 2, a[0]), "a₂": (2.4, 0, a[1]), "s": (3.4, 1, s), "p": (4.3, 1.6, p), "L": (5.2, 1, -math.log(p)),
    }  # fmt: skip
    weights = {}
    for j, upper in enumerate(("z₁", "z₂")):
        for i, lower in enumerate(("x₁", "x₂")):
            weights[lower, upper] = (f"from {lower} to {upper}", W1[j, i])
    for lower, weight in zip(("a₁", "a₂"), w2, strict=True):
        weights[lower, "s"] = (f"from {lower} to s", weight)
    edges = {edge: (weight, f"the weight is {_n(weight)}") for edge, (_, weight) in weights.items()}
    edges |= {(f"z{i}", f"a{i}"): (1.0, f"z{i} is positive, so the slope of ReLU is 1") for i in "₁₂"}
    edges["s", "p"] = (p * (1 - p), f"the slope of the sigmoid is p(1 − p) = {_n(p * (1 - p))}")
    edges["p", "L"] = (-1 / p, f"the slope of −log p is −1/p = {_n(-1 / p)}")
    formulas = {
        "z₁": f"z₁ = 0.3 x₁ + 0.5 x₂ + 0.1 = {_n(z[0])}.", "z₂": f"z₂ = 0.7 x₁ − 0.2 x₂ − 0.1 = {_n(z[1])}.",
        "a₁": f"a₁ = ReLU(z₁) = {_n(a[0])}.", "a₂": f"a₂ = ReLU(z₂) = {_n(a[1])}.",
        "s": f"s = 0.6 a₁ − 0.4 a₂ + 0.2 = {_n(s)}.", "p": f"p = σ(s) = {_n(p)}.",
        "L": f"L = −log p = {_n(-math.log(p))}, for the truth is 1.",
    }  # fmt: skip
    return Graph(nodes, edges, formulas, weights, biased=("z₁", "z₂", "s"))


def _n(value):
    return number(value, ".3g")


def _shortened(x0, y0, x1, y1, gap=0.26):
    """The ends of an edge, kept clear of the nodes."""
    length = math.hypot(x1 - x0, y1 - y0)
    ux, uy = gap * (x1 - x0) / length, gap * (y1 - y0) / length
    return x0 + ux, y0 + uy, x1 - ux, y1 - uy


def _padded(frame, nodes, edges):
    """A frame whose lists are as long as in the largest graph: nan where there is nothing to draw."""
    node_keys = {"x", "y", "name", "value_y", "value", "gradient_y", "gradient", "ring"}
    padded = {}
    for key, values in frame.items():
        if key == "text":
            padded[key] = values
            continue
        missing = (nodes if key in node_keys else edges) - len(values)
        filler = "" if isinstance(values[0], str) else 0 if "color" in key or key == "ring" else np.nan
        padded[key] = [*values, *[filler] * missing]
    return padded
