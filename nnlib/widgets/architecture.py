"""The widgets of chapter 3: layer sizes, regions from lines, curves by width, and a sawtooth that depth folds."""

from itertools import pairwise

import numpy as np
from scipy.ndimage import label

import nnlib as nn
from nnlib import functional as F
from nnlib.widgets.explorer import Control, Explorer
from nnlib.widgets.panels import Heatmap, Line, Panel, Points, Readout, Rule, Segments, Table, Text, number

TARGETS = {
    "one wave": lambda x: np.sin(2 * np.pi * x),
    "three waves": lambda x: np.sin(6 * np.pi * x),
    "a corner": lambda x: 3 * np.abs(x - 1 / 3) - 1,
    "a jump": lambda x: np.where(x < 0.25, -0.5, 0.5),
}
WAYS = ["steps, by hand", "hinges, by hand", "hinges, learned"]
WIDTHS = [1, 2, 4, 8, 16, 32, 64]
STAR = 0.45  # the distance of a ring's lines from its centre


def layer_sizes():
    """A dense network with four inputs and one output, whose hidden layers the reader sizes."""

    def compute(first, second, third):
        sizes = [4, *(n for n in (first, second, third) if n), 1]
        pairs = list(pairwise(sizes))
        model = nn.Sequential(*(nn.Linear(n, m) for n, m in pairs))
        counts = [sum(p.numel() for p in layer.parameters()) for layer in model]
        names = [f"{k}" for k in range(1, len(counts))] + ["output"]
        return _diagram(sizes, int(np.argmax(counts))) | {
            "layer": names,
            "shape": ["{}\u00a0×\u00a0{}".format(*layer.weight.shape) for layer in model],
            "weights": [layer.weight.numel() for layer in model],
            "biases": [layer.bias.numel() for layer in model],
            "counts": counts,
            "most": int(np.argmax(counts)),
            "total": sum(counts),
            "products": sum(layer.weight.numel() for layer in model),
            "share": max(counts) / sum(counts),
            "sizes": ", ".join(map(str, sizes)),
        }

    def says(values, results):
        added = " + ".join(map(str, results["counts"]))
        most = results["layer"][results["most"]]
        where = "the output layer" if most == "output" else f"hidden layer {most}"
        return (
            f"[{results['sizes']}]: {added} = {results['total']} parameters, "
            f"{results['share']:.0%} of them in {where}, whose weights are teal."
        )

    return Explorer(
        compute,
        [
            Control("first", [1, 2, 4, 6, 8], label="units in hidden layer 1", default=8),
            Control("second", [0, 1, 2, 4, 6, 8], label="in layer 2 (0: none)", default=6),
            Control("third", [0, 2, 4, 8], label="in layer 3 (0: none)", default=0),
        ],
        [
            Panel(
                Segments("x0", "y0", "x1", "y1", color="tone", width=0.8),
                Points("unit_x", "unit_y", color="paper", size="unit"),
                Points("unit_x", "unit_y", color="ink", size="unit", hollow=True),
                Text([0.0, 12.0], [17.6, 17.6], ["inputs", "output"], color="muted"),
                axes=False,
                xlim=(-1.6, 13.6),
                ylim=(-0.5, 18.6),
                aspect=0.75,
            ),
            Table(
                {"layer": "layer", "W": "shape", "weights": "weights", "biases": "biases", "sum": "counts"},
                format="d",
                highlight="most",
            ),
        ],
        [Readout("total", "parameters", "d"), Readout("products", "multiplications for one example", "d")],
        title="Where do a network's parameters sit?",
        name="layer-sizes",
        says=says,
        alt="A network of 4 inputs, 8 and 6 hidden units and one output, and a table of its 40, 54 and 7 parameters.",
    )


def lines_and_votes():
    """A layer of threshold units draws lines; one unit above fires where enough of them do."""
    reach, cells, fine = 1.6, 96, 2
    axis = np.linspace(-reach, reach, cells * fine + 1)
    axis = (axis[1:] + axis[:-1]) / 2
    plane = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)

    def compute(lines, votes, layout):
        W, b = _ring(lines) if layout == "in a ring" else _row(lines)
        counted = (plane @ W.T + b >= 0).sum(axis=1).reshape(len(axis), -1)
        fired = counted >= min(votes, lines)
        near, along = -b[:, None] * W, np.stack([-W[:, 1], W[:, 0]], axis=1)
        foot = near + 0.9 * along if layout == "in a ring" else near
        start, end = _inside(near, along, reach)
        return {
            "region": _coarse(fired, fine),
            "counted": np.round(_coarse(counted, fine)) / lines,
            "ax": start[:, 0],
            "ay": start[:, 1],
            "bx": end[:, 0],
            "by": end[:, 1],
            "foot_x": foot[:, 0],
            "foot_y": foot[:, 1],
            "tip_x": (foot + 0.22 * W)[:, 0],
            "tip_y": (foot + 0.22 * W)[:, 1],
            "pieces": label(fired, np.ones((3, 3)))[1],  # cells that touch at a corner belong together
            "share": fired.mean(),
            "units": lines + 1,
            "parameters": 3 * lines + lines + 1,
        }

    def says(values, results):
        n, k, pieces = values["lines"], values["votes"], results["pieces"]
        rule = "any line says yes" if k == 1 else "all lines say yes" if k == n else f"at least {k} of {n} say yes"
        if k > n:
            rule = f"all {n} lines say yes (more than {n} there are not)"
        if results["share"] == 1:
            return f"The output is 1 where {rule}: that is everywhere in view."
        if not pieces:
            return f"The output is 1 where {rule}: that is nowhere."
        return f"The output is 1 where {rule}: a region of {pieces} piece{'s' * (pieces > 1)} in view."

    square = (-reach, reach, -reach, reach)
    panel = {"xlim": square[:2], "ylim": square[2:], "xlabel": "x₁", "ylabel": "x₂", "equal": True}
    return Explorer(
        compute,
        [
            Control("lines", range(3, 8), label="lines n (hidden units)", default=5),
            Control("votes", range(1, 8), label="votes needed k", default=5),
            Control("layout", ["in a ring", "side by side, in turns"], label="the lines"),
        ],
        [
            Panel(
                Heatmap("counted", extent=square, colors="gray", scale=(0.0, 1.3)),
                Segments("ax", "ay", "bx", "by", color="accent", width=1.6),
                Segments("foot_x", "foot_y", "tip_x", "tip_y", color="accent", width=2, arrow=True),
                title="votes: the darker, the more lines say yes",
                **panel,
            ),
            Panel(
                Heatmap("region", extent=square),
                Segments("ax", "ay", "bx", "by", color="ink", width=0.6),
                title="output: vermilion 1, blue 0",
                **panel,
            ),
        ],
        [
            Readout("units", "threshold units", "d"),
            Readout("parameters", "parameters", "d"),
            Readout("pieces", "pieces in view", "d"),
        ],
        title="What can one unit make of a few lines?",
        name="lines-and-votes",
        says=says,
        alt="Five lines around a point, arrows inwards; the pentagon in the middle, where all five agree, is filled.",
    )


def curve_by_width():
    """A curve, built or learned by one hidden layer of a chosen width, and the error of every width."""
    axis, fine, least = np.linspace(0, 1, 161), np.linspace(0, 1, 2001), 0.0005  # smaller errors are drawn as this
    networks = {(t, w, n): _network(t, w, n) for t in TARGETS for w in WAYS for n in WIDTHS}
    built = {key: network(axis[:, None]) for key, network in networks.items()}
    errors = {key: max(least, _error(net(fine[:, None]), TARGETS[key[0]](fine))) for key, net in networks.items()}

    def compute(target, way, width):
        return {
            "x": axis,
            "target": TARGETS[target](axis),
            "y": built[target, way, width],
            "width": WIDTHS,
            "errors": [[errors[target, w, n] for n in WIDTHS] for w in WAYS],
            "here": width,
            "error": errors[target, way, width],
            "ring": WAYS.index(way),
        }

    def says(values, results):
        noun = "unit" if values["width"] == 1 else "units"
        start = " (the better of two random starts)" if values["way"] == WAYS[2] else ""
        error = f"at most {least:g}" if results["error"] <= least else number(results["error"], ".2g")
        return f"{values['target'].capitalize()}, {values['width']} {noun}, {values['way']}{start}: error {error}."

    return Explorer(
        compute,
        [
            Control("target", list(TARGETS), label="the curve"),
            Control("way", WAYS, label="how the units are set", default=WAYS[1]),
            Control("width", WIDTHS, label="hidden units", default=4),
        ],
        [
            Panel(
                Line("x", "target", color="muted", width=5),
                Line("x", "y", color="ink"),
                xlabel="x",
                ylabel="curve (grey) and network (black)",
                ylim=(-1.6, 1.6),
                aspect=0.85,
            ),
            Panel(
                Line("width", "errors", color=[0, 1, 2], label=["steps", "hinges", "learned"]),
                Points("here", "error", color="ink", size=8, hollow=True),
                xlabel="hidden units (logarithmic)",
                ylabel="error (logarithmic)",
                xscale="log",
                yscale="log",
                xlim=(0.85, 200),
                ylim=(0.0004, 2),
                xticks=[1, 4, 16, 64],
                aspect=0.85,
            ),
        ],
        [Readout("error", "error (root mean square)", ".2g")],
        title="How many units does a curve need?",
        name="curve-by-width",
        says=says,
        alt="One wave and the polygon that four hinges make of it; beside it the errors of three ways by width.",
    )


def folding():
    """The interval folded by each layer of two units, the zigzag this makes, and the inputs that end in one place."""
    axis = np.arange(129) / 128

    def compute(depth, x):
        model = sawtooth(depth)
        value = model(np.array([[x]])).data[0, 0]
        here = np.array([(2 * k + s * value) / 2**depth for k in range(2 ** (depth - 1) + 1) for s in (-1, 1)])
        here = np.unique(here[(here >= 0) & (here <= 1)])
        depths = np.arange(1, 7)
        start = np.array([(-k, i / 2**k) for k in range(7) for i in range(2**k)])
        end = np.array([(-k, (i + 1) / 2**k) for k in range(7) for i in range(2**k)])
        shown = start[:, 0] >= -depth
        ways = [x]  # where x is after each fold
        for _ in range(depth):
            ways.append(1 - abs(2 * ways[-1] - 1))
        turns = np.array([i % 2 for k in range(7) for i in range(2**k)])
        return {
            "fold_x0": np.where(shown, turns, np.nan),
            "fold_x1": np.where(shown, 1 - turns, np.nan),
            "fold_y0": start[:, 0] + 0.6 * start[:, 1] * (start[:, 0] < 0),
            "fold_y1": end[:, 0] + 0.6 * end[:, 1] * (end[:, 0] < 0),
            "way_x": ways + ways[-1:] * (6 - depth),
            "way_y": [-k + 0.6 * x * (k > 0) for k in range(depth + 1)] + [-depth + 0.6 * x] * (6 - depth),
            "dot": 3.5 if depth < 5 else 5.5 - depth * 0.6,
            "x": axis,
            "y": model(axis[:, None]).data[:, 0],
            "same_x": here,
            "same_y": np.full(len(here), value),
            "at": x,
            "value": value,
            "same": len(here),
            "pieces": 2**depth,
            "units": 2 * depth,
            "all_units": 2 * depths,
            "all_pieces": [2.0**depths, 2.0 * depths + 1],
            "ring": 2.0**depth,
        }

    def says(values, results):
        layers, others = "layer" if values["depth"] == 1 else "layers", results["same"] - 1
        also = f"so do {others} other inputs" if others > 1 else ("no", "one")[others] + " other input does"
        units, pieces = results["units"], results["pieces"]
        wide = f"A single layer of {units} units has at most {units + 1}" + (
            ", so it is ahead." if units >= pieces else "." if units + 1 < pieces else ", as many."
        )
        return (
            f"{values['depth']} {layers} of two units: {pieces} sheets, {pieces} straight pieces. {wide} "
            f"x = {values['x']:g} gives {results['value']:g}, and {also}."
        )

    return Explorer(
        compute,
        [
            Control("depth", range(1, 7), label="hidden layers of 2 units", default=3),
            Control("x", np.arange(1, 20) / 20, label="look at x", default=0.15),
        ],
        [
            Panel(
                Segments("fold_x0", "fold_y0", "fold_x1", "fold_y1", color="accent", width=1.2),
                Points("way_x", "way_y", color="gradient", size=5, hollow=True),
                title="folded, seen from the edge",
                xlabel="output (ring: where your x lies)",
                ylabel="after so many layers",
                xlim=(-0.06, 1.06),
                ylim=(-6.3, 0.8),
                yticks={-k: str(k) for k in range(7)},
                aspect=1.1,
            ),
            Panel(
                Rule(y="value"),
                Line("x", "y", color="accent"),
                Points("same_x", "same_y", color="ink", size="dot"),
                Points("at", "value", color="gradient", size=8, hollow=True),
                xlabel="x (ring: the x you look at)",
                ylabel="output",
                xlim=(-0.02, 1.02),
                ylim=(-0.05, 1.1),
                title="unfolded",
                width=1.2,
                aspect=0.9,
            ),
            Panel(
                Line("all_units", "all_pieces", color=["accent", "muted"], label=["deep", "one layer, at most"]),
                Points("units", "ring", color="gradient", size=8, hollow=True),
                xlabel="hidden units in all",
                ylabel="straight pieces (logarithmic)",
                yscale="log",
                ylim=(1.5, 100),
                xlim=(1.5, 19),
                xticks=[2, 4, 6, 8, 10, 12],
                aspect=1.1,
            ),
        ],
        [
            Readout("units", "hidden units", "d"),
            Readout("pieces", "straight pieces", "d"),
            Readout("same", "inputs with this output", "d"),
        ],
        title="What does one more layer do to a zigzag?",
        name="folding",
        says=says,
        alt="An interval folded three times into eight sheets, and the zigzag of four teeth that this makes; dots mark "
        "the eight inputs that give the same output.",
    )


def sawtooth(depth):
    """The network 1-2-…-2-1 whose output on [0, 1] is the fold 1 − |2x − 1|, applied so many times."""
    layers = []
    for k in range(depth):
        layer = nn.Linear(2 if k else 1, 2)
        layer.weight.data[:] = [[2, -4], [2, -4]] if k else [[1], [1]]
        layer.bias.data[:] = [0, -0.5]
        layers += [layer, nn.ReLU()]
    top = nn.Linear(2, 1)
    top.weight.data[:], top.bias.data[:] = [[2, -4]], 0
    return nn.Sequential(*layers, top)


def _diagram(sizes, most):
    """The units and connections as whole numbers; filled up with units of size 0 and connections of length 0."""
    last = len(sizes) - 1
    columns = [[(12 * k // last, 2 * j - n + 9) for j in range(n)] for k, n in enumerate(sizes)]
    units = [unit for column in columns for unit in column]
    edges = [(*a, *b, 2 if k == most else 7) for k in range(last) for a in columns[k] for b in columns[k + 1]]
    size = [7] * len(units) + [0] * (29 - len(units))
    units += units[-1:] * (29 - len(units))
    edges += [(*units[-1], *units[-1], 7)] * (168 - len(edges))
    ends, units = np.array(edges).T, np.array(units).T
    named = dict(zip(("x0", "y0", "x1", "y1", "tone"), ends, strict=True))
    return named | {"unit_x": units[0], "unit_y": units[1], "unit": size}


def _ring(n):
    """Unit normals that point inwards from n places around the origin, and the biases."""
    turn = np.pi / 2 + 2 * np.pi * np.arange(n) / n
    return -np.stack([np.cos(turn), np.sin(turn)], axis=1), np.full(n, STAR)


def _row(n):
    """Vertical lines whose normals point right and left in turns, and the biases."""
    places = np.linspace(-1.1, 1.1, n)
    signs = np.where(np.arange(n) % 2, -1.0, 1.0)
    return np.stack([signs, np.zeros(n)], axis=1), -signs * places


def _coarse(values, fine):
    """The means of squares of so many cells by as many."""
    cells = len(values) // fine
    return values.reshape(cells, fine, cells, fine).mean(axis=(1, 3))


def _inside(near, along, reach):
    """The two ends of each line, a point and a direction, in the square from −reach to reach."""
    with np.errstate(divide="ignore"):
        to_sides = np.stack([(side * reach - near) / along for side in (-1, 1)])
    first, last = to_sides.min(axis=0).max(axis=1), to_sides.max(axis=0).min(axis=1)
    return near + first[:, None] * along, near + last[:, None] * along


def _error(y, target):
    return float(np.sqrt(np.mean((y - target) ** 2)))


def _network(target, way, n):
    """A function of a column of x: one hidden layer of n units for the target, built or learned."""
    f = TARGETS[target]
    if way == WAYS[0]:
        places = np.arange(1, n + 1) / (n + 1)  # n jumps make n + 1 levels, each the curve's value in its middle
        heights = f((np.arange(n + 1) + 0.5) / (n + 1))
        jumps = np.diff(heights)
        return lambda x: heights[0] + (x >= places) @ jumps
    if way == WAYS[1]:
        knots = np.linspace(0, 1, n + 1)
        slopes = np.diff(f(knots)) * n
        bends = np.diff(slopes, prepend=0)
        return lambda x: f(knots[0]) + F.relu(x - knots[:-1]).data @ bends
    x, runs = np.linspace(0, 1, 101)[:, None], []
    for seed in (0, 1):
        nn.manual_seed(seed)
        model = nn.Sequential(nn.Linear(1, n), nn.ReLU(), nn.Linear(n, 1))
        optimizer = nn.optim.Adam(model.parameters(), lr=0.03)
        for t in range(1000):
            if t == 800:
                optimizer.param_groups[0]["lr"] = 0.003
            loss = F.mse_loss(model(2 * x - 1), f(x))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        runs.append((loss.item(), seed, model))
    best = min(runs)[2]
    return lambda x: best(2 * x - 1).data[:, 0]
