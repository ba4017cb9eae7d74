"""The figures of the book: each function takes the axes to draw on, draws one thing, and returns them."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LinearSegmentedColormap, to_rgb

from nnlib.colors import MARKERS, light

PALE = [0.5 + 0.5 * np.array(to_rgb(light(name))) for name in ("class0", "class1")]
CLASSES = LinearSegmentedColormap.from_list("classes", [PALE[0], "#f7f7f7", PALE[1]])


def use_style():
    """Draw every figure from now on in the book's style, and sharp on dense screens."""
    plt.style.use(Path(__file__).with_name("book.mplstyle"))
    try:
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("retina")
    except ImportError:  # not in a notebook
        pass


def points(ax, X, y, names=None, size=36):
    """Draw the rows of X, shape (n, 2), coloured and shaped by their class y; ``names`` makes a legend."""
    for k in np.unique(y):
        label = names[k] if names else None
        look = {"color": light(int(k)), "marker": MARKERS[k % len(MARKERS)], "edgecolors": "white", "linewidths": 0.6}
        ax.scatter(*X[y == k].T, s=size, label=label, zorder=3, **look)
    if names:
        ax.legend(loc="upper left", handletextpad=0.2)
    return ax


def regions(ax, predict, xlim, ylim, steps=200, levels=(0.5,)):
    """Colour the plane in steps of a tenth by ``predict``, a function from points (n, 2) to numbers from 0 to 1.

    ``levels`` are drawn as lines, labelled if there is more than one.
    """
    xx, yy = np.meshgrid(np.linspace(*xlim, steps), np.linspace(*ylim, steps))
    values = np.asarray(predict(np.c_[xx.ravel(), yy.ravel()])).reshape(xx.shape)
    ax.contourf(xx, yy, values, levels=np.linspace(0, 1, 11), cmap=CLASSES)
    lines = ax.contour(xx, yy, values, levels=levels, colors=light("ink"), linewidths=1.5)
    if len(levels) > 1:
        ax.clabel(lines, fmt="%g", fontsize=9)
    ax.set(xlim=xlim, ylim=ylim)
    return ax


def label_lines(ax, gap=0.06):
    """Write each line's label at its right end, in its colour, apart from one another, instead of a legend."""
    lines = [line for line in ax.get_lines() if not line.get_label().startswith("_")]
    ax.autoscale_view()  # else the place of the ends is not known yet
    to_axes = ax.transData + ax.transAxes.inverted()
    last = [[line.get_xdata()[-1], line.get_ydata()[-1]] for line in lines]
    ends = to_axes.transform(np.array(last, dtype=float))
    height = -np.inf
    for i in np.argsort(ends[:, 1]):
        height = max(ends[i, 1], height + gap)
        ax.text(ends[i, 0] + 0.015, height, lines[i].get_label(), color=lines[i].get_color(), va="center",
                transform=ax.transAxes)  # fmt: skip
    return ax
