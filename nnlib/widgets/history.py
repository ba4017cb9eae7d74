"""The widgets of chapter 1: a threshold unit as a gate, a memory that recalls, and the machines of the story."""

from functools import cache
from itertools import combinations, product

import numpy as np

import nnlib as nn
from nnlib.colors import light
from nnlib.widgets.explorer import Control, Explorer, Steps
from nnlib.widgets.panels import Bars, Heatmap, Line, Panel, Points, Readout, Rule, Segments, Table, Text, number

GATES = {  # name of each function of two bits: its values for the inputs 00, 01, 10, 11; each beside its opposite
    "never": "0000", "always": "1111", "AND": "0001", "NAND": "1110", "OR": "0111", "NOR": "1000", "x₁": "0011",
    "not x₁": "1100", "x₂": "0101", "not x₂": "1010", "only x₁": "0010", "not only x₁": "1101", "only x₂": "0100",
    "not only x₂": "1011", "XOR": "0110", "equal": "1001",
}  # fmt: skip
MACHINES = {  # year: (name, how many numbers it learned)
    1958: ("perceptron", 512 * 8),
    1982: ("memory of 64", 64 * 63 // 2),
    1986: ("XOR", 2 * 3 + 3),
    1998: ("LeNet-5", 60_000),
    2006: ("deep belief net", 784 * 500 + 500 * 500 + (500 + 10) * 2000),
    2012: ("AlexNet", 60_965_224),
    2017: ("Transformer", 213_000_000),
    2020: ("GPT-3", 175_000_000_000),
}
WINTERS = {"first winter": (1969, 1986), "second winter": (1995, 2006)}


def gates():
    """Two weights and a threshold make a unit; which of the sixteen functions of two bits is it?"""
    corners = np.array(list(product((0, 1), repeat=2)))
    names = {values: name for name, values in GATES.items()}
    places = {name: (1.1 * (i % 2), 7 - i // 2) for i, name in enumerate(GATES)}

    def compute(w1, w2, threshold):
        unit = nn.classic.McCullochPitts([w1, w2], threshold)
        fires = unit(corners)
        name = names["".join(map(str, fires))]
        x, y = places[name]
        return (
            {"x1": corners[:, 0], "x2": corners[:, 1], "sum": corners @ unit.weights, "fires": fires}
            | {"gate": name, "dot_x": x - 0.09, "dot_y": y}
            | _boundary(w1, w2, threshold)
        )

    def says(values, results):
        unit = f"Weights {number(values['w1'], 'd')} and {number(values['w2'], 'd')}, threshold "
        unit += f"{number(values['threshold'], 'd')}: "
        fires = results["fires"].sum()
        if fires in (0, 4):
            return unit + f"the sum {'never' if fires == 0 else 'always'} reaches the threshold."
        unit += f"the unit fires for {fires} of the 4 inputs. This is the function “{results['gate']}”."
        on_line = (results["sum"] == values["threshold"]).any()
        return unit + (" An input on the line has just reached the threshold, and fires." if on_line else "")

    weights, box = [-2, -1, 0, 1, 2], (-0.6, 1.6)
    return Explorer(
        compute,
        [
            Control("w1", weights, label="weight w₁", default=1),
            Control("w2", weights, label="weight w₂", default=1),
            Control("threshold", [-3, -2, -1, 0, 1, 2, 3], label="threshold θ", default=0),
        ],
        [
            Panel(
                Line("line_x", "line_y", color="ink"),
                Points("x1", "x2", color="fires", size=8, label=["silent", "fires"]),
                xlabel="x₁",
                ylabel="x₂",
                xlim=box,
                ylim=box,
                xticks=[0, 1],
                yticks=[0, 1],
                equal=True,
                aspect=1,
            ),
            Table({"x₁": "x1", "x₂": "x2", "sum": "sum", "fires": "fires"}, format="d"),
            Panel(
                Points("dot_x", "dot_y", color="accent", size=6),
                Text([x for x, _ in places.values()], [y for _, y in places.values()], list(places), anchor="start"),
                title="the sixteen functions",
                xlim=(-0.2, 2.2),
                ylim=(-0.6, 7.6),
                axes=False,
                aspect=1,
            ),
        ],
        [Readout("gate", "function")],
        title="Which functions can one unit be?",
        name="one-unit",
        says=says,
        alt="The four inputs as corners of a square, the line at which the unit begins to fire, and sixteen names.",
    )


def recall():
    """The memory recalls a digit of which some pixels were turned over, one unit at a time."""
    digits = first_digits()
    sets = {"0, 1, 7": [0, 1, 7], "0, 1, 4, 7": [0, 1, 4, 7]}
    shown = [0, 1, 4, 7]

    def run(digit, wrong, stored):
        memory = nn.classic.HebbianMemory(64).store(digits[sets[stored]])
        generator = np.random.default_rng(int(digit))
        start = digits[int(digit)].copy()
        start[generator.permutation(64)[:wrong]] *= -1
        memory.recall(start, generator=generator)
        path = np.array(memory.path)
        energy = memory.energy(path)
        frames = []
        for k, state in enumerate(path):
            changed = np.flatnonzero(state != path[k - 1])[0] if k else None
            agree = (digits[shown] == state).sum(axis=1)
            frames.append(
                {"image": (state.reshape(8, 8) + 1) / 2, "wrong": 64 - agree[shown.index(int(digit))]}
                | {"agree": [a if d in sets[stored] else np.nan for a, d in zip(agree, shown, strict=True)]}
                | {"dots": np.where(state == digits[int(digit)], 0, 2.5)}
                | {"change": np.arange(len(path)), "energy": energy, "now": k, "now_energy": energy[k]}
                | {"ring_x": -1 if k == 0 else changed % 8 + 0.5, "ring_y": -1 if k == 0 else changed // 8 + 0.5}
                | {"ring": 0 if k == 0 else 9, "text": _recalled(state, k, len(path), digits, sets[stored], int(digit))}
            )
        return frames

    return Steps(
        run,
        [
            Control("digit", ["0", "1", "4", "7"], label="begin from the"),
            Control("wrong", [4, 10, 16, 22], label="pixels turned over", default=10),
            Control("stored", list(sets), label="digits stored"),
        ],
        [
            Panel(
                Heatmap("image", colors="gray", scale=(0.0, 1.25)),
                Line([0, 8, 8, 0, 0], [0, 0, 8, 8, 0], color="muted", width=1),
                Points(
                    [k % 8 + 0.5 for k in range(64)], [k // 8 + 0.5 for k in range(64)], color="class1", size="dots"
                ),
                Points("ring_x", "ring_y", color="gradient", size="ring", hollow=True),
                title="64 units; a dot: wrong",
                xlim=(-0.1, 8.1),
                ylim=(8.1, -0.1),
                equal=True,
                axes=False,
                aspect=1,
            ),
            Panel(
                Line("change", "energy", color="muted"),
                Points("now", "now_energy", color="accent", size=6),
                xlabel="changes",
                ylabel="energy",
                aspect=1,
            ),
            Panel(
                Bars([str(d) for d in shown], "agree", color="accent", format="d"),
                xlabel="stored digit",
                ylabel="pixels that agree, of 64",
                ylim=(0, 72),
                aspect=1,
            ),
        ],
        [Readout("wrong", "pixels still wrong", "d"), Readout("now_energy", "energy", "d")],
        title="Does the memory find the digit again?",
        name="recall",
        says=lambda values, frame: frame["text"],
        alt="A digit of 8 by 8 pixels with some turned over, its falling energy, and its agreement with four digits.",
    )


def timeline():
    """The years of the story, each as a question first: what was new, what was missing, what can be counted?"""
    told = _told()
    xs, ys = list(MACHINES), [numbers for _, numbers in MACHINES.values()]

    def run():
        frames = []
        for key, (new, lacks, rows) in told.items():
            year, asked = int(key[:4]), [row[0] for row in rows]
            height = MACHINES[year][1] if year in MACHINES else np.nan
            frame = {"at": year, "height": height, "asked": asked}
            question = f"{key}. What was new, and what was still missing? Say it, then press Next."
            frames.append(frame | {"answer": ["?"] * len(rows), "text": question})
            answer = f"{key}. New: {new} Missing: {lacks}"
            frames.append(frame | {"answer": [row[1] for row in rows], "text": answer})
        return frames

    low, high = zip(*WINTERS.values(), strict=True)
    labels = dict.fromkeys(MACHINES, ("end", -1.8, 1))  # anchor, years to the right, times higher
    labels |= {1958: ("middle", 0, 9), 1982: ("end", -1.8, 1), 1986: ("start", 1.8, 1), 2017: ("end", -1.8, 9)}
    names = [
        Text([x + labels[x][1]], [y * labels[x][2]], [MACHINES[x][0]], color="muted", size=11, anchor=labels[x][0])
        for x, y in zip(xs, ys, strict=True)
    ]
    return Steps(
        run,
        [],
        [
            Panel(
                Segments(low, [0.8] * 2, high, [0.8] * 2, color="muted", width=3),
                Text([np.mean(w) for w in WINTERS.values()], [0.1] * 2, ["winter"] * 2, color="muted", size=11),
                Rule(x="at", color="accent"),
                Points(xs, ys, color="ink", size=4),
                Points("at", "height", color="accent", size=8),
                *names,
                ylabel="numbers that are learned (logarithmic)",
                yscale="log",
                xlim=(1938, 2026),
                ylim=(0.03, 1e13),
                yticks={10**k: text for k, text in ((0, "1"), (3, "10³"), (6, "10⁶"), (9, "10⁹"), (12, "10¹²"))},
                xticks={1940: "1940", 1960: "1960", 1980: "1980", 2000: "2000", 2020: "2020"},
                aspect=0.8,
                width=1.2,
            ),
            Table({"what was asked": "asked", "": "answer"}),
        ],
        title="What was new, and what was still missing?",
        name="timeline",
        says=lambda values, frame: frame["text"],
        alt="Eight machines from 1958 to 2020 by the numbers they learn, nine to 175 billion, and two winters.",
    )


def first_digits():
    """The first example of each digit 0 … 9, its pixels −1 and 1, shape (10, 64)."""
    X, y = nn.data.digits()
    first = [np.flatnonzero(y == k)[0] for k in range(10)]
    return np.where(X[first] >= 0.5, 1, -1)


def within_order(n, order):
    """How many of all functions of n bits one threshold unit computes, if it sees the products of up to so many bits.

    Each function asks for weights with (2y − 1)·z ≥ 1 for all inputs; a linear program finds them or says that there
    are none.
    """
    from scipy.optimize import linprog

    inputs = np.array(list(product((0, 1), repeat=n)))
    subsets = [list(s) for size in range(order + 1) for s in combinations(range(n), size)]
    features = np.array([[x[s].prod() for s in subsets] for x in inputs])
    signs = 2 * np.array(list(product((0, 1), repeat=len(inputs)))) - 1
    programs = (linprog(np.zeros(len(subsets)), -s[:, None] * features, -np.ones(len(s)), bounds=(None, None))
                for s in signs)  # fmt: skip
    return sum(program.status == 0 for program in programs)


@cache
def learns_xor(starts, steps=1000, lr=5.0):
    """From how many random starts two hidden sigmoid units and one more learn XOR by backpropagation."""
    X = np.array(list(product((0.0, 1.0), repeat=2)))
    y = np.array([[0.0], [1.0], [1.0], [0.0]])
    learned, loss_fn = 0, nn.BCEWithLogitsLoss()
    for seed in range(starts):
        nn.manual_seed(seed)
        model = nn.Sequential(nn.Linear(2, 2), nn.Sigmoid(), nn.Linear(2, 1))
        optimizer = nn.optim.SGD(model.parameters(), lr=lr)
        for _ in range(steps):
            loss = loss_fn(model(X), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        learned += bool(((model(X).data > 0) == y).all())
    return learned


def _told():
    """For each year: what was new, what was missing, and rows of what was asked and computed."""
    tables = {n: list(product((0, 1), repeat=2**n)) for n in (2, 3)}
    inputs = {n: np.array(list(product((0, 1), repeat=n))) for n in tables}
    built = {n: sum((nn.classic.circuit(t)(inputs[n]) == t).all() for t in tables[n]) for n in tables}
    learned = {
        n: sum(nn.classic.Perceptron(epochs=60).fit(inputs[n], np.array(t)).converged for t in tables[n])
        for n in tables
    }
    orders = [within_order(3, k) for k in (1, 2, 3)]
    digits = first_digits()
    kept = {len(some): _at_rest(digits[some]) for some in ([0, 1, 7], [0, 1, 4, 7])}
    mean, error = _reconstruction()
    weights = {year: f"{size:,}" for year, (_, size) in MACHINES.items()}
    return {
        "1943 McCulloch, Pitts": (
            "a neuron as a sum and a threshold, and networks of them for logic.",
            "learning. Every connection is put in by hand, so there is no dot.",
            [("functions of 2 inputs, built", f"{built[2]} of {len(tables[2])}"),
             ("functions of 3 inputs, built", f"{built[3]} of {len(tables[3])}"), ("numbers learned", "0")],
        ),
        "1949 Hebb": (
            "connections that change with use, by what their two cells do.",
            "a formula, and any notice of mistakes. No machine, no dot.",
            [("3 digits stored, at rest", f"{kept[3]} of 3"), ("4 digits stored, at rest", f"{kept[4]} of 4")],
        ),
        "1958 Rosenblatt": (
            "a machine that learns from examples and corrects its mistakes.",
            "a way to teach any layer but the last.",
            [("functions of 2 inputs, learned", f"{learned[2]} of {len(tables[2])}"),
             ("functions of 3 inputs, learned", f"{learned[3]} of {len(tables[3])}"),
             ("weights of the Mark I, 512 · 8", weights[1958])],
        ),
        "1969 Minsky, Papert": (
            "a theory of what one layer that learns can and cannot compute.",
            "an answer for two layers that learn: a judgement was given, and no proof. A book, no dot.",
            [("of 256, seeing single inputs", str(orders[0])), ("of 256, seeing pairs", str(orders[1])),
             ("of 256, seeing all three", str(orders[2]))],
        ),
        "1982 Hopfield": (
            "an energy, which tells why a memory comes to rest.",
            "room: similar patterns drown each other. And hidden units.",
            [("pairs among 64 units, 64 · 63 / 2", weights[1982])],
        ),
        "1986 Rumelhart, Hinton, Williams": (
            "hidden layers that learn, shown to find useful features by themselves.",
            "data and computers for many layers, and a signal that survives them.",
            [("starts of 20 that learn XOR", str(learns_xor(20))), ("its weights and biases", weights[1986])],
        ),
        "1998 LeCun and others": (
            "LeNet-5, which reads the digits on cheques: convolutions, trained from end to end.",
            "a million labelled pictures, and computers for them.",
            [("learned numbers (LeCun et al.)", weights[1998])],
        ),
        "2006 Hinton, Osindero, Teh": (
            "many layers, each taught alone to explain what the one below it says.",
            "a lasting need for it: with many labels and better units, networks soon learned without.",
            [("error of the mean image", f"{mean:.2f}"), ("error of 32 hidden units", f"{error:.2f}"),
             ("weights between their layers", weights[2006])],
        ),
        "2012 Krizhevsky, Sutskever, Hinton": (
            "a deep convolutional network, a million labelled photographs, and two graphics cards.",
            "a way with sequences; and labels for everything.",
            [("weights and biases", weights[2012])],
        ),
        "2017 Vaswani and others": (
            "attention in place of recurrence, so that all words of a text are worked on at once.",
            "memory beyond the text in view, whose cost grows with the square of its length.",
            [("big Transformer (Vaswani et al.)", weights[2017]),
             ("GPT-3, 2020, in its 96 blocks", f"{12 * 96 * 12_288**2:,}")],
        ),
    }  # fmt: skip


def _at_rest(patterns):
    """How many of the stored patterns the memory leaves as they are."""
    memory = nn.classic.HebbianMemory(patterns.shape[1]).store(patterns)
    return sum((memory.recall(p, generator=np.random.default_rng(0)) == p).all() for p in patterns)


def _reconstruction():
    """Mean squared error on test digits of the mean image, and of a machine with 32 hidden units."""
    X, _ = nn.data.digits()
    bits = (X >= 0.5).astype(float)[np.random.default_rng(0).permutation(len(X))]
    train, test = bits[:1200], bits[1200:]
    rbm = nn.classic.RBM(64, 32, generator=np.random.default_rng(0)).fit(train, epochs=60, lr=0.3)
    return [((test - guess) ** 2).mean() for guess in (train.mean(axis=0), rbm.reconstruct(test))]


def _recalled(state, k, length, digits, stored, digit):
    wrong = {d: int((state != digits[d]).sum()) for d in sorted({*stored, digit})}
    left = f"{wrong[digit]} of 64 pixels {'is' if wrong[digit] == 1 else 'are'} not as in the {digit}."
    if k == 0:
        unknown = "" if digit in stored else f" The {digit} was never stored."
        return f"{left}{unknown} Each unit will now look at what it receives. Press Next."
    if k < length - 1:
        return f"The circled unit has followed what it received. {left}"
    found = [d for d in stored if wrong[d] == 0]
    if found == [digit]:
        return f"At rest: this is the stored {digit}, every pixel of it."
    if found:
        return f"At rest in another memory: this is the {found[0]}."
    if len(stored) == 3 and (state == np.sign(digits[stored].sum(axis=0))).all():
        return f"At rest in a blend: each pixel is as in most of the three stored digits. Nobody stored it. {left}"
    near = min(stored, key=wrong.get)
    return f"At rest in a state that nobody stored; nearest is the {near}, with {wrong[near]} pixels wrong."


def _boundary(w1, w2, c):
    """Two ends of the line w1·x + w2·y = c, well outside the unit square; nan without weights."""
    w = np.array([w1, w2], dtype=float)
    if not w.any():
        return {"line_x": [np.nan] * 2, "line_y": [np.nan] * 2}
    near = c * w / (w @ w)
    ends = near + np.outer([-9, 9], np.array([-w[1], w[0]]) / np.linalg.norm(w))
    return {"line_x": ends[:, 0], "line_y": ends[:, 1]}


def draw_neuron():
    """A figure: a nerve cell, and below it the part of the artificial neuron that each of its parts became."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(6, 5.2))
    _nerve_cell(ax, 3.6)
    _artificial_neuron(ax, 0)
    above = {"dendrites": 0.45, "soma": 3.0, "axon": 5.3, "synapses, on\nother cells": 7.9}
    for text, x in above.items():
        ax.text(x, 5.75, text, ha="center", va="bottom", weight="bold", fontsize=12)
    below = {0.1: "dendrites:\ninputs", 2.1: "synapses:\nweights", 3.65: "soma:\nsum", 5.5: "firing:\nthreshold",
             7.8: "axon:\noutput"}  # fmt: skip
    for x, text in below.items():
        ax.text(x, -1.35, text, ha="center", va="top", fontsize=11.5)
    ax.set(xlim=(-0.9, 9.3), ylim=(-2.6, 6.8), aspect="equal")
    ax.set_axis_off()
    return fig


def _branches(ax, x, y, angle, length, depth, **look):
    """Draw a tree whose stem ends at (x, y), its branches away from it."""
    if depth == 0:
        return
    tip = x + length * np.cos(angle), y + length * np.sin(angle)
    ax.plot([x, tip[0]], [y, tip[1]], lw=0.8 + 0.7 * depth, zorder=1, **look)
    for turn in (-0.42, 0.38):
        _branches(ax, *tip, angle + turn, 0.72 * length, depth - 1, **look)


def _nerve_cell(ax, y):
    from matplotlib.patches import Circle

    look = {"color": light("muted"), "solid_capstyle": "round"}
    for angle in (2.3, np.pi, 3.95):
        _branches(ax, 3.0, y, angle, 0.95, 4, **look)
    ax.plot([3.0, 6.6], [y, y], lw=4, **look)
    for angle in (-0.55, 0.0, 0.55):
        _branches(ax, 6.6, y, angle, 0.75, 3, **look)
    ax.add_patch(Circle((3.0, y), 0.62, color=look["color"], zorder=2))
    ax.add_patch(Circle((3.0, y), 0.2, color="white", zorder=3))


def _artificial_neuron(ax, y):
    from matplotlib.patches import Circle, Rectangle

    ink, accent = light("ink"), light("accent")
    for i, dy in enumerate((0.95, 0.0, -0.95), start=1):
        ax.plot([0.6, 2.95], [y + dy, y + dy / 4], color=ink, lw=1.5)
        ax.text(0.4, y + dy, f"$x_{i}$", ha="right", va="center", fontsize=13)
        ax.text(1.7, y + 0.6 * dy + 0.16, f"$w_{i}$", color=accent, ha="center", fontsize=13)
    ax.add_patch(Circle((3.55, y), 0.62, fill=False, color=ink, lw=1.5))
    ax.text(3.55, y, "add", ha="center", va="center", fontsize=12)
    ax.annotate("", (7.4, y), (6.15, y), arrowprops={"arrowstyle": "->"})
    ax.plot([4.17, 4.85], [y, y], color=ink, lw=1.5)
    ax.add_patch(Rectangle((4.85, y - 0.6), 1.3, 1.2, fill=False, color=ink))
    ax.plot([5.0, 5.5, 5.5, 6.0], y + np.array([-0.3, -0.3, 0.3, 0.3]), lw=2, color=accent)
    ax.text(7.5, y, "$y$: 0 or 1", va="center", fontsize=12)
