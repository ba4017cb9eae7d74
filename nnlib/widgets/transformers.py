"""The widgets of chapter 10: convolution, scaled scores, and what a trained decoder attends to, with its models."""

import gzip
from functools import lru_cache
from pathlib import Path

import numpy as np

import nnlib as nn
from nnlib import functional as F
from nnlib.widgets.explorer import Control, Explorer, Steps
from nnlib.widgets.panels import Bars, Heatmap, Panel, Points, Readout, Rule, Segments, Text, number

TRAINED = Path(__file__).parents[2] / "trained"  # what `python trained/transformers.py` wrote
LENGTH = 64  # characters that a language model sees at once


class LanguageModel(nn.Module):
    """A transformer over characters: with ``causal`` a decoder as in GPT, without it an encoder as in BERT.

    ``forward`` takes integers of shape (N, T) and returns scores of shape (N, T, vocabulary).
    """

    def __init__(self, vocabulary, length=LENGTH, d_model=64, heads=4, layers=2, causal=True):
        Block = nn.CausalBlock if causal else nn.TransformerEncoderLayer
        options = {"dropout": 0.0, "activation": "gelu", "batch_first": True, "norm_first": True}
        self.token = nn.Embedding(vocabulary, d_model)
        self.place = nn.Embedding(length, d_model)
        self.blocks = nn.ModuleList([Block(d_model, heads, 4 * d_model, **options) for _ in range(layers)])
        self.norm = nn.LayerNorm(d_model)
        self.head = nn.Linear(d_model, vocabulary)
        nn.init.normal_(self.token.weight, std=0.1)
        nn.init.normal_(self.place.weight, std=0.1)

    def forward(self, ids):
        x = self.token(ids) + self.place(np.arange(ids.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


class VisionTransformer(nn.Module):
    """A transformer over the sixteen patches of 2 × 2 pixels of a digit; ``forward`` takes rows of 64 grey values."""

    def __init__(self, d_model=32, heads=4, layers=2, classes=10):
        options = {"dropout": 0.1, "activation": "gelu", "batch_first": True, "norm_first": True}
        self.patch = nn.Linear(4, d_model)
        self.place = nn.Embedding(16, d_model)
        self.blocks = nn.ModuleList(
            [nn.TransformerEncoderLayer(d_model, heads, 2 * d_model, **options) for _ in range(layers)]
        )
        self.norm = nn.LayerNorm(d_model)
        self.head = nn.Linear(d_model, classes)
        nn.init.normal_(self.place.weight, std=0.1)

    def forward(self, images):
        x = self.patch(patches(images)) + self.place(np.arange(16))
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x).mean(dim=1))


def patches(images):
    """The sixteen patches of 2 × 2 pixels of digits with 64 pixels in a row, shape (N, 16, 4)."""
    pixels = nn.Tensor(images).data.reshape(-1, 4, 2, 4, 2)  # (N, row, y, column, x)
    return pixels.swapaxes(2, 3).reshape(-1, 16, 4)


@lru_cache
def topics():
    """The text of chapter 10, Python's documentation of its own language: characters, training and held-out topics.

    The topics come one after another as integers, places in the list of characters; every eighth topic is held out.
    """
    _, *texts = gzip.decompress((TRAINED / "topics.txt.gz").read_bytes()).decode().split("\n\f")
    characters = sorted(set("".join(texts)))
    number = {character: i for i, character in enumerate(characters)}
    parts = [[t for i, t in enumerate(texts) if (i % 8 == 7) == held] for held in (False, True)]
    train, held_out = (np.array([number[c] for c in "\n".join(part)]) for part in parts)
    return characters, train, held_out


@lru_cache
def trained(name):
    """What ``python trained/transformers.py`` stored of a training: weights, curves and figures by name."""
    return nn.load(TRAINED / f"transformers_{name}.npz")


def language_model(name):
    """The stored decoder, "gpt", or encoder, "bert", in float32."""
    model = LanguageModel(len(topics()[0]) + (name == "bert"), causal=name == "gpt")
    model.load_state_dict(trained(name)["weights"])
    return model.to("float32").eval()


def attention_maps(model, ids):
    """What each place looks at in every layer and head of a language model, shape (layers, heads, T, T)."""
    maps, x = [], (model.token(ids[None]) + model.place(np.arange(len(ids)))).detach()
    for block in model.blocks:
        h = block.norm1(x)
        _, weights = block.self_attn(h, h, h, average_attn_weights=False, is_causal=block.causal)
        maps.append(weights.data[0])
        x = block(x)
    return np.array(maps)


FILTERS = {  # name: nine weights
    "left − right edge": np.array([[1, 0, -1]] * 3),
    "upper − lower edge": np.array([[1, 0, -1]] * 3).T,
    "mean of nine": np.full((3, 3), 1 / 9),
    "spot": np.array([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]]) / 10,
}


def window():
    """A window of 3 × 3 pixels walks over a digit: what it sees, the filter, and the map that their products make."""
    X, y = nn.data.digits()
    images = {f"a {digit}": X[np.flatnonzero(y == digit)[0]].reshape(8, 8) for digit in (0, 4, 7)}

    def run(filter, digit):
        image, weights = images[digit], FILTERS[filter]
        full = F.conv2d(image[None, None], weights[None, None].astype(float)).data[0, 0]
        frames = []
        for place in range(36):
            row, column = divmod(place, 6)
            seen = image[row : row + 3, column : column + 3]
            made = np.where(np.arange(36).reshape(6, 6) <= place, full, np.nan)
            frames.append(
                {"image": image, "weights": weights, "products": seen * weights, "map": made, "sum": full[row, column]}
                | {"left": [column, column + 3, column + 3, column], "top": [row, row, row + 3, row + 3]}
                | {"right": [column + 3, column + 3, column, column], "bottom": [row, row + 3, row + 3, row]}
                | {"x": column + 0.5, "y": row + 0.5, "row": row, "column": column}
                | {"most": np.abs(seen * weights).max(), "highest": np.nanmax(made), "lowest": np.nanmin(made)}
            )
        return frames

    square = {"equal": True, "axes": False}
    return Steps(
        run,
        [Control("filter", list(FILTERS), label="filter"), Control("digit", list(images), label="digit")],
        [
            Panel(
                Heatmap("image", colors="gray", scale=(0.0, 1.0)),
                Segments("left", "top", "right", "bottom", color="gradient", width=3),
                title="the digit, and the window",
                **square,
            ),
            Panel(
                Heatmap("weights", colors="signed", scale=(-2.0, 2.0), format=".2f"),
                title="the nine weights",
                **square,
            ),
            Panel(
                Heatmap("products", colors="signed", scale=(-1.0, 1.0), format=".2f"),
                title="pixels times weights",
                **square,
            ),
            Panel(
                Heatmap("map", colors="signed", scale=(-3.0, 3.0)),
                Points("x", "y", color="gradient", size=9, hollow=True),
                title="the map of sums",
                **square,
            ),
        ],
        [
            Readout("sum", "sum of the nine products", ".2f"),
            Readout("highest", "highest so far", ".2f"),
            Readout("lowest", "lowest so far", ".2f"),
        ],
        title="What does a filter answer, place by place?",
        name="walking-window",
        says=lambda values, frame: (
            f"Row {frame['row']}, column {frame['column']} of the map (counted from 0): "
            f"the nine products sum to {number(frame['sum'], '.2f')}. "
            + (
                "The positive products outweigh the negative."
                if frame["sum"] > 0.05
                else "The negative products outweigh the positive."
                if frame["sum"] < -0.05
                else "Positive and negative products cancel, or nearly."
                if frame["most"] > 0.05
                else "No ink, or hardly any, meets a weight."
            )
        ),
        alt="A digit of 8 by 8 pixels with a window of 3 by 3, the nine weights, their products, the first sums.",
    )


def scores():
    """Eight random keys and a query: their softmax and what gradient it lets through, with and without √d."""

    def compute(d, scaled, draw):
        random = np.random.default_rng(draw)
        q, k = random.normal(size=(1, d)), random.normal(size=(8, d))
        scale = 1 / np.sqrt(d) if scaled == "divided by √d" else 1.0
        z = (q @ k.T)[0] * scale
        p = F.softmax(z, dim=0).data
        return {
            "z": z,
            "p": p,
            "slope": p * (1 - p),
            "largest": p.max(),
            "entropy": -(p[p > 0] * np.log2(p[p > 0])).sum(),
            "passes": (p * (1 - p)).max(),
        }

    keys = [f"k{chr(8321 + i)}" for i in range(8)]
    return Explorer(
        compute,
        [
            Control("d", [1, 4, 16, 64, 256], label="length d", default=64),
            Control("scaled", ["not divided", "divided by √d"], label="scores"),
            Control("draw", list(range(1, 9)), label="draw of query and keys", default=4),
        ],
        [
            Panel(Bars(keys, "z"), ylabel="scores", yticks=[-20, 0, 20], aspect=0.8),
            Panel(Bars(keys, "p", color="class0"), ylabel="softmax of the scores", ylim=(0, 1.1), aspect=0.8),
            Panel(
                Rule(y=0.25, label="largest possible: ¼"),
                Bars(keys, "slope", color="gradient"),
                ylabel="slope p(1 − p)",
                ylim=(0, 0.28),
                aspect=0.8,
            ),
        ],
        [
            Readout("largest", "largest weight", ".2f"),
            Readout("entropy", "entropy, of 3 bits", ".2f"),
            Readout("passes", "largest slope", ".4f"),
        ],
        title="How long must vectors be before softmax stops learning?",
        name="scores-and-length",
        says="d = {d}, {scaled}: the best key takes {largest:.0%}, and the steepest slope is {passes:.4f}.",
        alt="Bars of eight scores, of their softmax, in which one key takes nearly all, and of its slopes, nearly 0.",
    )


SENTENCES = ("a list of names, a list of names", "if x is None: return (x, (y, z))", "Changed in version 3.8: Added th")


def attention():
    """What each head of the trained decoder looks at, from any place of a few sentences."""
    characters, _, _ = topics()
    model, texts = language_model("gpt"), {text: np.array([characters.index(c) for c in text]) for text in SENTENCES}
    maps = {text: attention_maps(model, ids) for text, ids in texts.items()}
    with nn.no_grad():
        expects = {text: F.softmax(model(ids[None]), dim=2).data[0] for text, ids in texts.items()}
    layers, heads, length, _ = maps[SENTENCES[0]].shape
    names = {f"layer {i + 1}, head {j + 1}": (i, j) for i in range(layers) for j in range(heads)}

    def shown(character):
        return {" ": "␣", "\n": "↵"}.get(character, character)

    def compute(text, head, place):
        weights = maps[text][names[head]]
        row, letters = weights[place], [shown(c) for c in text]
        best = np.argsort(-expects[text][place])[:3]
        return {
            "letters": letters,
            "x": np.arange(length),
            "from": np.full(length, place),
            "row": row,
            "to": np.where(row >= 0.01, np.arange(length), np.nan),  # lines of less than one in a hundred: none
            "map": weights,
            "here": place,
            "letter": [letters[place]],
            "most": letters[row.argmax()],
            "back": place - int(row.argmax()),
            "share": row.max(),
            "next": ", ".join(f"{shown(characters[k])} {expects[text][place][k]:.0%}" for k in best),
        }

    return Explorer(
        compute,
        [
            Control("text", list(SENTENCES), label="text"),
            Control("head", list(names), label="head"),
            Control("place", list(range(length)), label="look from place", default=length - 5),
        ],
        [
            Panel(
                Segments("from", [0.86] * length, "to", [0.14] * length, weight="row", largest=1.0),
                Text("x", [0.0] * length, "letters", size=12),
                Text("here", [1.0], "letter", size=16, color="gradient"),
                xlim=(-0.5, length - 0.5),
                ylim=(-0.15, 1.15),
                axes=False,
                aspect=0.45,
                title="from one character to those it takes from",
                width=1.6,
            ),
            Panel(
                Heatmap(
                    "map",
                    extent=(-0.5, length - 0.5, length - 0.5, -0.5),  # a cell's middle is its place
                    colors="gray",
                    scale=(0.0, 1.0),
                ),
                Rule(y="here", color="gradient"),
                xlabel="place looked at",
                ylabel="place looked from",
                title="all weights: paper 0, ink 1",
                equal=True,
            ),
        ],
        [
            Readout("share", "largest weight", ".0%"),
            Readout("back", "characters back", "d"),
            Readout("next", "whole decoder expects"),
        ],
        title="What does each head look at?",
        name="attention-maps",
        says=lambda values, r: (
            f"{values['head']}, from “{r['letter'][0]}” at place {values['place']}: "
            f"most weight, {r['share']:.0%}, goes to "
            f"“{r['most']}”, {r['back']} back. The whole decoder expects next: {r['next']}."
        ),
        alt="A line of text, lines from one character to earlier ones, thicker for more weight, and the whole map.",
    )
