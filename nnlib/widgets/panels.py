"""What a widget can show, marks in panels, tables and readouts: described for the browser, drawn by Matplotlib.

A mark's positions, sizes and texts are names of results (`"loss"`) or fixed values (`[0, 1]`). Its colour is a meaning
from `nnlib.colors` (`"train"`), a list of meanings (one for each line), or integers, fixed or the name of a result:
0 is class 0, 1 is class 1, and so on through the series.
"""

import math
import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from nnlib.colors import MARKERS, PALETTE, light

BOOK_STYLE = Path(__file__).parents[1] / "book.mplstyle"
FORMAT = re.compile(r"\+?(\.\d+[fge%]|d)")


def number(value, spec):
    """A number as every widget writes it: Python's format with a true minus sign, no negative zero, ∞ and –."""
    check_format(spec)
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    sign, spec = ("+", spec[1:]) if spec.startswith("+") else ("", spec)
    return format(float(value), f"{sign}z{spec.replace('d', '.0f')}").replace("-", "−")


def check_format(spec):
    if not (isinstance(spec, str) and FORMAT.fullmatch(spec)):
        raise ValueError(f"format must look like '.2f', '.3g', '.2e', '.0%', 'd' or '+.2f', got {spec!r}")


class Mark:
    """What all marks share. `refers` lists the fields that name results, `x` and `y` those that span the axes."""

    refers: ClassVar = ()
    spans: ClassVar = {"x": (), "y": ()}
    loose: ClassVar = True  # keeps a distance from the sides of the panel

    def bound(self, literals):
        """A copy in which each fixed value has become the name of a constant result, added to `literals`."""
        names = {}
        for key in self.refers:
            value = getattr(self, key)
            meanings = key == "color" and is_meanings(value)
            if value is not None and not isinstance(value, str) and not meanings:
                names[key] = f"#{len(literals)}"
                literals[names[key]] = list(value) if isinstance(value, range) else value
        return replace(self, **names)

    def names(self):
        """The names of the results that the mark needs."""
        values = ((key, getattr(self, key)) for key in self.refers)
        return {v for key, v in values if isinstance(v, str) and not (key == "color" and v in PALETTE)}

    def limits(self, axis, every):
        """All numbers that the mark needs along the axis, in any state."""
        return np.concatenate([every(getattr(self, key)) for key in self.spans[axis] if getattr(self, key)] or [[]])

    def fitted(self, every, cell):
        """A copy with the scales that depend on all states; `every(name)` are all values, `cell(name)` the shape."""
        names = [getattr(self, key) for axis in self.spans.values() for key in axis if getattr(self, key)]
        lengths = {name: cell(name)[-1] for name in names if cell(name) and cell(name)[-1] > 1}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"{type(self).__name__}: positions must have equal lengths, got {lengths}")
        return self

    def spec(self):
        return {"mark": type(self).__name__} | {k: v for k, v in asdict(self).items() if v not in (None, False, "")}


def is_meanings(value):
    return (
        isinstance(value, list | tuple) and len(value) > 0 and all(isinstance(v, str) and v in PALETTE for v in value)
    )


def hexes(color, get, n):
    """The light colours of `n` things."""
    if isinstance(color, str) and color in PALETTE:
        return [light(color)] * n
    if not isinstance(color, str):
        return [light(color[i % len(color)]) for i in range(n)]
    places = np.broadcast_to(np.nan_to_num(get(color)).astype(int), n)
    return [light(int(i)) for i in places]


@dataclass(frozen=True)
class Line(Mark):
    """A curve y over x, or one for each row of a two-dimensional y.

    Each `label` stands at its curve's end; `dash` breaks the line, `width` is its thickness in pixels. Positions are
    names of results or fixed values; `color` is a meaning (`"train"`), one for each curve, or whole numbers: classes.
    """

    x: object
    y: object
    color: object = "accent"
    label: object = None
    dash: bool = False
    width: float = 2

    refers: ClassVar = ("x", "y", "color")
    spans: ClassVar = {"x": ("x",), "y": ("y",)}
    loose: ClassVar = False

    def draw(self, ax, get):
        ys = np.atleast_2d(get(self.y))
        xs = np.broadcast_to(get(self.x), ys.shape)
        labels = [self.label] if isinstance(self.label, str) else self.label or []
        for i, (x, y, c) in enumerate(zip(xs, ys, hexes(self.color, get, len(ys)), strict=True)):
            y = np.where(np.isfinite(y), y, np.nan)
            (line,) = ax.plot(x, y, color=c, lw=0.8 * self.width, ls="--" if self.dash else "-", zorder=3)
            if i < len(labels) and np.isfinite(y).any():
                line.set_label(labels[i])


@dataclass(frozen=True)
class Points(Mark):
    """Symbols at (x, y) with radius `size`, 0 for none; integer colours also change the shape.

    `hollow` draws rings. `color` is as for :class:`Line`. `label` is one name, or the names of the classes; they stand
    above the panel.
    """

    x: object
    y: object
    color: object = "accent"
    size: object = 4.5
    hollow: bool = False
    label: object = None

    refers: ClassVar = ("x", "y", "color", "size")
    spans: ClassVar = {"x": ("x",), "y": ("y",)}

    def draw(self, ax, get):
        x, y = np.broadcast_arrays(np.atleast_1d(get(self.x)), np.atleast_1d(get(self.y)))
        size = np.broadcast_to(get(self.size), x.shape)
        colors = np.array(hexes(self.color, get, x.size))
        shape = np.zeros(x.shape, int)
        if isinstance(self.color, str) and self.color not in PALETTE:
            shape += np.nan_to_num(get(self.color)).astype(int)
        labels = [self.label] if isinstance(self.label, str) else self.label or []
        for k in np.unique(shape):
            here = (shape == k) & (size > 0)
            face, edge = ("none", colors[here]) if self.hollow else (colors[here], light("paper"))
            label = labels[k] if k < len(labels) else None
            marker = MARKERS[k % len(MARKERS)]
            ax.scatter(x[here], y[here], (1.7 * size[here]) ** 2, c=face, marker=marker, edgecolors=edge,
                       linewidths=1.5 if self.hollow else 0.7, zorder=5, label=label)  # fmt: skip


@dataclass(frozen=True)
class Segments(Mark):
    """Straight lines from (x0, y0) to (x1, y1); `weight` sets thickness by size and colour by sign.

    `largest` is the weight drawn thickest, the largest of all states if not given. `color`, `dash` and, without a
    weight, `width` are as for :class:`Line`; `arrow` puts a head at (x1, y1).
    """

    x0: object
    y0: object
    x1: object
    y1: object
    color: object = "ink"
    width: object = 1.5
    weight: object = None
    arrow: bool = False
    dash: bool = False
    largest: float = None

    refers: ClassVar = ("x0", "y0", "x1", "y1", "color", "width", "weight")
    spans: ClassVar = {"x": ("x0", "x1"), "y": ("y0", "y1")}

    def fitted(self, every, cell):
        super().fitted(every, cell)
        if not self.weight or self.largest:
            return self
        return replace(self, largest=float(np.nanmax(np.abs(every(self.weight)))) or 1.0)

    def draw(self, ax, get):
        ends = [np.atleast_1d(get(key)) for key in (self.x0, self.y0, self.x1, self.y1)]
        ends = np.stack(np.broadcast_arrays(*ends), -1)
        width = np.broadcast_to(get(self.width), len(ends))
        colors = hexes(self.color, get, len(ends))
        if self.weight:
            weight = np.broadcast_to(get(self.weight), len(ends))
            width = 0.5 + 4 * np.abs(np.nan_to_num(weight)) / self.largest
            colors = [light("positive" if w > 0 else "negative") for w in weight]
        for (x0, y0, x1, y1), w, c in zip(ends, width, colors, strict=True):
            if np.isfinite([x0, y0, x1, y1]).all():
                style = "-|>,head_width=.25,head_length=.5" if self.arrow else "-"
                arrow = {"arrowstyle": style, "color": c, "lw": 0.8 * w, "ls": "--" if self.dash else "-"}
                arrow |= {"shrinkA": 0, "shrinkB": 0, "clip_on": True}
                ax.annotate("", (x1, y1), (x0, y0), arrowprops=arrow, zorder=4, annotation_clip=False)


@dataclass(frozen=True)
class Bars(Mark):
    """Bars from 0 to `height` at x (numbers, or a list of names); `format` writes each height above its bar.

    `color` is as for :class:`Line`; `width` is in units of x.
    """

    x: object
    height: object
    color: object = "accent"
    width: float = 0.8
    format: str | None = None

    refers: ClassVar = ("x", "height", "color")
    spans: ClassVar = {"x": ("x",), "y": ("height",)}
    loose: ClassVar = False

    def limits(self, axis, every):
        values = super().limits(axis, every)
        if axis == "y":
            return np.append(values, 0)
        return np.concatenate([values - 0.6 * self.width, values + 0.6 * self.width])

    def draw(self, ax, get):
        height = np.atleast_1d(get(self.height))
        height = np.where(np.isfinite(height), height, np.nan)
        bars = ax.bar(get(self.x), height, self.width, color=hexes(self.color, get, len(height)), zorder=2)
        if self.format:
            ax.bar_label(bars, [number(h, self.format) for h in height], padding=2, fontsize=8)


@dataclass(frozen=True)
class Heatmap(Mark):
    """The matrix `values` as coloured cells; `extent` (left, right, bottom, top) is its place, row 0 at the least y.

    Without an extent a cell is one unit wide and row 0 is the upper one, as in an image.
    `colors`: "classes" (0 class 0, ½ neutral, 1 class 1), "signed" (negative, 0 neutral, positive), "gray" (low is
    paper, high ink). `scale` (low, high) fixes the scale. `format` writes each number in its cell; `smooth` lets
    colours flow from cell to cell.
    """

    values: object
    extent: tuple = None
    colors: str = "classes"
    scale: tuple = None
    format: str | None = None
    smooth: bool = False

    refers: ClassVar = ("values",)
    loose: ClassVar = False

    def __post_init__(self):
        if self.colors not in ("classes", "signed", "gray"):
            raise ValueError(f"Heatmap: colors must be 'classes', 'signed' or 'gray', got {self.colors!r}")

    def fitted(self, every, cell):
        if len(cell(self.values)) != 2:
            raise ValueError(f"Heatmap: {self.values!r} must have two axes, its shape is {tuple(cell(self.values))}")
        rows, columns = cell(self.values)
        values = every(self.values)
        values = values[np.isfinite(values)] if np.isfinite(values).any() else np.array([0.0, 1.0])
        largest = float(np.abs(values).max()) or 1.0
        scale = self.scale or {
            "classes": (0, 1),
            "signed": (-largest, largest),
            "gray": (float(values.min()), float(values.max())),
        }.get(self.colors)
        return replace(self, extent=self.extent or (0, columns, rows, 0), scale=scale)

    def limits(self, axis, every):
        return np.array(self.extent[:2] if axis == "x" else self.extent[2:], float)

    def draw(self, ax, get):
        from matplotlib.colors import LinearSegmentedColormap

        ends = {"classes": ("class0", "paper", "class1"), "signed": ("negative", "paper", "positive")}
        strength = 0.5 if self.colors == "classes" else 1
        steps = [blend(c, strength) for c in ends.get(self.colors, ("paper", "ink"))]
        cmap = LinearSegmentedColormap.from_list(self.colors, steps)
        values, (low, high) = get(self.values), self.scale
        x0, x1, y0, y1 = *sorted(self.extent[:2]), *sorted(self.extent[2:])
        kind = "bilinear" if self.smooth else "nearest"
        ax.imshow(values, cmap, vmin=low, vmax=high, extent=(x0, x1, y0, y1), origin="lower", aspect="auto",
                  interpolation=kind, zorder=1)  # fmt: skip
        if self.format:
            rows, columns = values.shape
            for i, j in np.ndindex(rows, columns):
                x, y = x0 + (j + 0.5) * (x1 - x0) / columns, y0 + (i + 0.5) * (y1 - y0) / rows
                dark = self.colors == "gray" and (values[i, j] - low) / (high - low or 1) > 0.5
                style = {"ha": "center", "va": "center", "fontsize": 8, "color": light("paper" if dark else "ink")}
                ax.text(x, y, number(values[i, j], self.format), zorder=6, **style)


def blend(meaning, strength):
    """A colour mixed into the paper."""
    rgb = [int(light(meaning)[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return [1 - strength * (1 - c) for c in rgb]


@dataclass(frozen=True)
class Rule(Mark):
    """Straight lines across the panel at x or at y; `color`, `label` and `dash` are as for :class:`Line`."""

    x: object = None
    y: object = None
    color: str = "muted"
    label: str | None = None
    dash: bool = True

    refers: ClassVar = ("x", "y", "color")
    spans: ClassVar = {"x": ("x",), "y": ("y",)}
    loose: ClassVar = False

    def __post_init__(self):
        if (self.x is None) == (self.y is None):
            raise ValueError("Rule: give x or y, not both")

    def draw(self, ax, get):
        line = ax.axvline if self.x is not None else ax.axhline
        values = np.atleast_1d(get(self.x if self.x is not None else self.y))
        for value, color in zip(values, hexes(self.color, get, len(values)), strict=True):
            if np.isfinite(value):
                line(value, color=color, lw=1, ls=(0, (4, 3)) if self.dash else "-", zorder=2)
        if self.label and self.x is not None:
            ax.text(values[0], 0.98, f" {self.label}", transform=ax.get_xaxis_transform(), va="top", fontsize=8)
        elif self.label:
            ax.text(0.01, values[0], self.label, transform=ax.get_yaxis_transform(), va="bottom", fontsize=8)


@dataclass(frozen=True)
class Text(Mark):
    """`text` (or numbers, with `format`) at (x, y), `size` pixels high; `anchor` is "start", "middle" or "end".

    `color` is as for :class:`Line`.
    """

    x: object
    y: object
    text: object
    color: object = "ink"
    size: float = 13
    anchor: str = "middle"
    format: str | None = None

    refers: ClassVar = ("x", "y", "text", "color")
    spans: ClassVar = {"x": ("x",), "y": ("y",)}

    def draw(self, ax, get):
        texts = get(self.text)
        texts = [texts] if isinstance(texts, str) else np.atleast_1d(texts)
        xs, ys = (np.broadcast_to(get(key), len(texts)) for key in (self.x, self.y))
        side = {"start": "left", "middle": "center", "end": "right"}[self.anchor]
        for x, y, text, color in zip(xs, ys, texts, hexes(self.color, get, len(texts)), strict=True):
            if np.isfinite([x, y]).all():
                shown = text if isinstance(text, str) else number(text, self.format or ".3g")
                ax.text(x, y, shown, color=color, fontsize=0.72 * self.size, ha=side, va="center", zorder=6)


class Panel:
    """Marks that share a pair of axes.

    `title` stands above, `xlabel` and `ylabel` beside the axes; `xscale` and `yscale` are "linear" or "log"; `xticks`
    and `yticks` are numbers, or a dict number → text. Limits (`xlim`, `ylim`) that are not given hold all states, so
    that the axes stay still while the controls move. `equal` gives both axes one scale; `axes=False` hides them
    (diagrams); `aspect` is height over width; `width` the share of the row.
    """

    def __init__(self, *marks, title="", xlabel="", ylabel="", xscale="linear", yscale="linear", xlim=None, ylim=None,
                 xticks=None, yticks=None, equal=False, axes=True, aspect=0.66, width=1):  # fmt: skip
        for mark in marks:
            if not isinstance(mark, Mark):
                raise ValueError(f"Panel: expected marks such as Line or Points, got {mark!r}")
            if getattr(mark, "format", None):
                check_format(mark.format)
        for key, scale in (("xscale", xscale), ("yscale", yscale)):
            if scale not in ("linear", "log"):
                raise ValueError(f"Panel: {key} must be 'linear' or 'log', got {scale!r}")
        self.marks = list(marks)
        self.title, self.equal, self.axes, self.aspect, self.width = title, equal, axes, aspect, width
        self.x = {"label": xlabel, "scale": xscale, "limits": xlim, "ticks": _ticks(xticks)}
        self.y = {"label": ylabel, "scale": yscale, "limits": ylim, "ticks": _ticks(yticks)}
        for i, mark in enumerate(self.marks):
            if isinstance(mark, Bars) and not isinstance(mark.x, str) and all(isinstance(v, str) for v in mark.x):
                self.marks[i] = replace(mark, x=list(range(len(mark.x))))
                self.x["ticks"] = [[place, name] for place, name in enumerate(mark.x)]

    def bound(self, literals):
        self.marks = [mark.bound(literals) for mark in self.marks]
        return self

    def names(self):
        return set().union(*(mark.names() for mark in self.marks))

    def fit(self, every, cell):
        """Fix what depends on all states: limits of the axes, extents and scales of heat maps."""
        self.marks = [mark.fitted(every, cell) for mark in self.marks]
        for name, axis in (("x", self.x), ("y", self.y)):
            if axis["limits"] is None:
                axis["limits"] = self._limits(name, axis["scale"] == "log", every)
            axis["limits"] = [float(v) for v in axis["limits"]]

    def _limits(self, axis, log, every):
        values = np.concatenate([mark.limits(axis, every) for mark in self.marks] or [[]])
        values = values[np.isfinite(values) & ((values > 0) | (not log))]
        if not values.size:
            return (0.1, 1) if log else (0, 1)
        if any(isinstance(mark, Heatmap) for mark in self.marks):
            heatmap = next(mark for mark in self.marks if isinstance(mark, Heatmap))
            return heatmap.limits(axis, every)
        values = np.log10(values) if log else values
        low, high = values.min(), values.max()
        if low == high:
            low, high = low - 0.5, high + 0.5
        pad = 0.06 * (high - low) if axis == "y" or any(mark.loose for mark in self.marks) else 0
        keep_zero = axis == "y" and any(isinstance(mark, Bars) for mark in self.marks)
        low, high = low - pad * (not (keep_zero and low == 0)), high + pad * (not (keep_zero and high == 0))
        return (10**low, 10**high) if log else (low, high)

    def spec(self):
        keys = ("title", "equal", "axes", "aspect", "width", "x", "y")
        return {"marks": [mark.spec() for mark in self.marks]} | {key: getattr(self, key) for key in keys}

    def draw(self, ax, get):
        for mark in self.marks:
            mark.draw(ax, get)
        ax.set(xscale=self.x["scale"], yscale=self.y["scale"], xlim=self.x["limits"], ylim=self.y["limits"])
        ax.set_xlabel(self.x["label"])
        ax.set_title("\n".join(filter(None, [self.title, self.y["label"]])), loc="left")
        for axis, shown in ((self.x, ax.set_xticks), (self.y, ax.set_yticks)):
            if axis["ticks"]:
                shown(*zip(*axis["ticks"], strict=True))
        if self.equal:
            ax.set_aspect("equal")
        if not self.axes:
            ax.set_axis_off()
        if any(label for label in ax.get_legend_handles_labels()[1]):
            ax.legend(loc="best")


def _ticks(ticks):
    """Given ticks, numbers or a dict number → text, as pairs."""
    if ticks is None:
        return None
    pairs = ticks.items() if isinstance(ticks, dict) else ((t, number(t, ".4g")) for t in ticks)
    return [[float(place), str(text)] for place, text in pairs]


@dataclass(frozen=True)
class Table:
    """Columns of numbers or texts under their headers; `format` is one for all or a dict by header.

    `columns` is a dict header → name of a result; `title` stands above, `width` is the share of the row. `highlight`
    names a result that holds the number of the row to emphasise.
    """

    columns: dict
    format: object = ".3g"
    highlight: str | None = None
    title: str = ""
    width: float = 1

    def __post_init__(self):
        for spec in self.format.values() if isinstance(self.format, dict) else [self.format]:
            check_format(spec)

    def names(self):
        return set(self.columns.values()) | ({self.highlight} if self.highlight else set())

    def spec(self):
        formats = self.format if isinstance(self.format, dict) else dict.fromkeys(self.columns, self.format)
        columns = [[header, name, formats.get(header, ".3g")] for header, name in self.columns.items()]
        return {"columns": columns, "highlight": self.highlight, "title": self.title, "width": self.width}

    def rows(self, get):
        """The texts of all cells, headers first."""
        columns = []
        for _, name, spec in self.spec()["columns"]:
            cells = get(name)
            cells = [cells] if isinstance(cells, str) else np.atleast_1d(cells)
            columns.append([c if isinstance(c, str) else number(c, spec) for c in cells])
        length = max(map(len, columns))
        rows = [[c[i] if i < len(c) else "" for c in columns] for i in range(length)]
        return [list(self.columns), *(row for row in rows if set(row) - {"", "–"})]


@dataclass(frozen=True)
class Readout:
    """The result `key`, a number in the given `format` or a text, written large under its `label`."""

    key: str
    label: str | None = None
    format: str = ".3g"

    def __post_init__(self):
        check_format(self.format)

    def spec(self):
        return {"key": self.key, "label": self.label or self.key, "format": self.format}

    def text(self, get):
        value = get(self.key)
        return value if isinstance(value, str) else number(value, self.format)


STYLE = {  # what small pictures need besides the book's style
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.titlecolor": light("muted"),
    "axes.labelsize": 9,
    "axes.labelcolor": light("muted"),
    "axes.edgecolor": light("grid"),
    "axes.grid": True,
    "grid.color": light("grid"),
    "grid.linewidth": 0.6,
    "legend.fontsize": 8,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "xtick.labelcolor": light("muted"),
    "ytick.labelcolor": light("muted"),
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "text.color": light("ink"),
    "figure.facecolor": light("paper"),
    "savefig.facecolor": light("paper"),
}


def picture(panels, get, title, sentence, readouts):
    """The PNG bytes of one state, and its width and height in points of the page."""
    import io

    import matplotlib.style
    from matplotlib.figure import Figure
    from PIL import Image

    shown = [panel for panel in panels if isinstance(panel, Panel)] or panels
    columns = 2 if len(shown) == 4 else max(1, min(len(shown), 3))
    rows = -(-len(shown) // columns)
    with matplotlib.style.context([BOOK_STYLE, STYLE]):
        figure = Figure((7, 0.9 + rows * min(3.4, 7 / columns * 0.8)), layout="constrained")
        for i, panel in enumerate(shown):
            ax = figure.add_subplot(rows, columns, i + 1)
            if isinstance(panel, Panel):
                panel.draw(ax, get)
            else:
                ax.set_axis_off()
                ax.table(panel.rows(get), loc="upper left", edges="horizontal", cellLoc="right")
        figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold", wrap=True)
        numbers = "    ".join(f"{r.label or r.key}: {r.text(get)}" for r in readouts)
        figure.supxlabel("\n".join(filter(None, [numbers, sentence])), x=0.01, ha="left", fontsize=9, wrap=True)
        buffer = io.BytesIO()
        figure.savefig(buffer, dpi=160, metadata={"Software": None})
    image = Image.open(buffer).convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE)
    small = io.BytesIO()
    image.save(small, "png", optimize=True)
    return small.getvalue(), (image.width // 2, image.height // 2)
