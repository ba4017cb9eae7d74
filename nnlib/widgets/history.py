"""The widgets of chapter 1: a threshold unit as a gate, a memory that recalls, and the machines of the story."""

from itertools import combinations, product

import numpy as np

import nnlib as nn
from nnlib.widgets.explorer import Control, Explorer, Steps
from nnlib.widgets.panels import Bars, Heatmap, Line, Panel, Points, Readout, Rule, Segments, Table, Text, number

GATES = {  # name of each function of two bits: its values for the inputs 00, 01, 10, 11; each beside its opposite
    "never": "0000", "always": "1111", "AND": "0001", "NAND": "1110", "OR": "0111", "NOR": "1000", "x₁": "0011",
    "not x₁": "1100", "x₂": "0101", "not x₂": "1010", "only x₁": "0010", "not only x₁": "1101", "only x₂": "0100",
    "not only x₂": "1011", "XOR": "0110", "equal": "1001",
}  # fmt: skip
MACHINES = {  # year: (name, how many numbers it learned)
    1958: ("perceptron", 512 * 8),
    2006: ("deep belief net", 784 * 500 + 500 * 500 + (500 + 10) * 2000),
    2012: ("AlexNet", 60_965_224),
    2017: ("Transformer", 213_000_000),
    2020: ("GPT-3", 175_000_000_000),
}
SYNAPSES = 100e12  # in a human brain, roughly
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
            | _boundary(w1, w2, threshold - 0.5)
        )

    def says(values, results):
        unit = f"Weights {number(values['w1'], 'd')} and {number(values['w2'], 'd')}, threshold "
        unit += f"{number(values['threshold'], 'd')}: "
        fires = results["fires"].sum()
        if fires in (0, 4):
            return unit + f"the sum {'never' if fires == 0 else 'always'} reaches the threshold."
        return unit + f"the unit fires for {fires} of the 4 inputs. This is the function “{results['gate']}”."

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
                {"image": (state.reshape(8, 8) + 1) / 2, "agree": agree, "wrong": 64 - agree[shown.index(int(digit))]}
                | {"change": np.arange(len(path)), "energy": energy, "now": k, "now_energy": energy[k]}
                | {"ring_x": -1 if k == 0 else changed % 8 + 0.5, "ring_y": -1 if k == 0 else changed // 8 + 0.5}
                | {"ring": 0 if k == 0 else 9, "text": _recalled(k, len(path), 64 - agree, shown, int(digit))}
            )
        return frames

    return Steps(
        run,
        [
            Control("digit", ["0", "1", "7"], label="begin from the"),
            Control("wrong", [4, 10, 16, 22], label="pixels turned over", default=10),
            Control("stored", list(sets), label="digits stored"),
        ],
        [
            Panel(
                Heatmap("image", colors="gray", scale=(0.0, 1.25)),
                Line([0, 8, 8, 0, 0], [0, 0, 8, 8, 0], color="muted", width=1),
                Points("ring_x", "ring_y", color="gradient", size="ring", hollow=True),
                title="state of the 64 units",
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
                xlabel="digit",
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
    """A year of the story: what was new, what it could not do, and what this notebook computes of it."""
    told = _told()
    years = {key: int(key[:4]) for key in told}
    xs, ys = list(MACHINES), [numbers for _, numbers in MACHINES.values()]

    def compute(year):
        at = years[year]
        new, lacks, rows = told[year]
        return {
            "at": at,
            "height": MACHINES[at][1] if at in MACHINES else np.nan,
            "asked": [row[0] for row in rows],
            "answer": [row[1] for row in rows],
            "text": f"New: {new} Missing: {lacks}",
        }

    low, high = zip(*WINTERS.values(), strict=True)
    labels = dict.fromkeys(MACHINES, ("end", -1.8, 1))  # anchor, years to the right, times higher
    labels |= {1958: ("middle", 0, 8), 2017: ("end", 0, 9)}
    names = [
        Text([x + labels[x][1]], [y * labels[x][2]], [MACHINES[x][0]], color="muted", size=11, anchor=labels[x][0])
        for x, y in zip(xs, ys, strict=True)
    ]
    return Explorer(
        compute,
        [Control("year", list(told), label="year")],
        [
            Panel(
                Rule(y=SYNAPSES, label="synapses of a brain, roughly"),
                Segments(low, [2.5] * 2, high, [2.5] * 2, color="grid", width=9),
                Text([np.mean(w) for w in WINTERS.values()], [12] * 2, ["winter"] * 2, color="muted", size=11),
                Rule(x="at", color="accent"),
                Points(xs, ys, color="ink", size=4),
                Points("at", "height", color="accent", size=8),
                *names,
                ylabel="numbers that are learned (logarithmic)",
                yscale="log",
                xlim=(1938, 2026),
                ylim=(0.3, 1e16),
                yticks={10**k: text for k, text in ((0, "1"), (3, "10³"), (6, "10⁶"), (9, "10⁹"), (12, "10¹²"))},
                xticks={1940: "1940", 1960: "1960", 1980: "1980", 2000: "2000", 2020: "2020"},
                aspect=0.8,
                width=1.2,
            ),
            Table({"computed for this page": "asked", "": "answer"}),
        ],
        title="What was new, and what was still missing?",
        name="timeline",
        says=lambda values, results: results["text"],
        alt="Five machines from 1958 to 2020 by the numbers they learn, thousands to 175 billion, and two winters.",
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
    blocks = 12 * 96 * 12_288**2
    return {
        "1943 McCulloch, Pitts": (
            "a neuron as a sum and a threshold, and circuits of them for every function of logic.",
            "learning. Every weight is put in by hand.",
            [("functions of 2 inputs, built", f"{built[2]} of {len(tables[2])}"),
             ("functions of 3 inputs, built", f"{built[3]} of {len(tables[3])}"),
             ("functions learned", "0")],
        ),
        "1949 Hebb": (
            "connections that change with use, by a rule that each can follow alone.",
            "any notice of mistakes. What is stored is stored, well or badly.",
            [("3 digits stored, at rest", f"{kept[3]} of 3"), ("4 digits stored, at rest", f"{kept[4]} of 4"),
             ("weights between 64 units", f"{64 * 63 // 2:,}")],
        ),
        "1958 Rosenblatt": (
            "a machine that learns from examples and corrects its mistakes.",
            "a way to teach any layer but the last.",
            [("functions of 2 inputs, learned", f"{learned[2]} of {len(tables[2])}"),
             ("functions of 3 inputs, learned", f"{learned[3]} of {len(tables[3])}")],
        ),
        "1969 Minsky, Papert": (
            "a theory of what one layer that learns can and cannot compute.",
            "an answer for two layers that learn: a judgement was given, and no proof.",
            [("of 256, seeing single inputs", str(orders[0])), ("of 256, seeing pairs", str(orders[1])),
             ("of 256, seeing all three", str(orders[2]))],
        ),
        "1986 Rumelhart, Hinton, Williams": (
            "hidden layers that learn, shown to find useful features by themselves.",
            "data and computers for many layers, and gradients that survive them.",
            [("starts of 20 that learn XOR", str(learns_xor(20))), ("weights and biases used", str(2 * 3 + 3))],
        ),
        "2006 Hinton and others": (
            "many layers, each taught alone to explain what the one below it says.",
            "a lasting need for it: with many labels and better units, networks soon learned without.",
            [("error of the mean image", f"{mean:.2f}"), ("error of 32 hidden units", f"{error:.2f}"),
             ("weights in their network", f"{MACHINES[2006][1]:,}")],
        ),
        "2012 Krizhevsky, Sutskever, Hinton": (
            "a deep convolutional network, a million labelled photographs, and two graphics cards.",
            "a way with sequences; and labels for everything.",
            [("weights and biases", f"{MACHINES[2012][1]:,}"), ("weights of the brain for each", _round(2012))],
        ),
        "2017 Vaswani and others": (
            "attention in place of recurrence, so that all words of a text are worked on at once.",
            "memory beyond the text in view, whose cost grows with the square of its length.",
            [("weights of the Transformer (big)", f"{MACHINES[2017][1]:,}"),
             ("weights in GPT-3's 96 blocks", f"{blocks:,}"), ("synapses for each of GPT-3's", _round(2020))],
        ),
    }  # fmt: skip


def _round(year):
    return f"{float(f'{SYNAPSES / MACHINES[year][1]:.1g}'):,.0f}"


def _at_rest(patterns):
    """How many of the stored patterns the memory leaves as they are."""
    memory = nn.classic.HebbianMemory(patterns.shape[1]).store(patterns)
    return sum((memory.recall(p, generator=np.random.default_rng(0)) == p).all() for p in patterns)


def _reconstruction():
    """Mean squared error on test digits of the mean image, and of a machine with 32 hidden units."""
    X, _ = nn.data.digits()
    bits = (X >= 0.5).astype(float)[np.random.default_rng(0).permutation(len(X))]
    train, test = bits[:1200], bits[1200:]
    rbm = nn.classic.RBM(64, 32, generator=np.random.default_rng(0)).fit(train, epochs=30, lr=0.3)
    return [((test - guess) ** 2).mean() for guess in (train.mean(axis=0), rbm.reconstruct(test))]


def _recalled(k, length, wrong, shown, digit):
    left = f"{wrong[shown.index(digit)]} of 64 pixels are not as in the {digit}."
    if k == 0:
        return f"{left} Each unit will now look at what it receives. Press Next."
    if k < length - 1:
        return f"The circled unit has followed what it received. {left}"
    if wrong[shown.index(digit)] == 0:
        return f"At rest: this is the stored {digit}, every pixel of it."
    found = [d for d, w in zip(shown, wrong, strict=True) if w == 0]
    if found:
        return f"At rest, but in another memory: this is the {found[0]}."
    if 64 in wrong:
        return f"At rest in the negative of the {shown[list(wrong).index(64)]}: every pixel is turned over."
    return f"At rest in a state that nobody stored. {left}"


def _boundary(w1, w2, c):
    """Two ends of the line w1·x + w2·y = c, well outside the unit square; nan without weights."""
    w = np.array([w1, w2], dtype=float)
    if not w.any():
        return {"line_x": [np.nan] * 2, "line_y": [np.nan] * 2}
    near = c * w / (w @ w)
    ends = near + np.outer([-9, 9], np.array([-w[1], w[0]]) / np.linalg.norm(w))
    return {"line_x": ends[:, 0], "line_y": ends[:, 1]}
