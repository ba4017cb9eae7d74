"""Widgets that answer at once, with a kernel and without: see `Explorer` and `Steps`."""

from nnlib.widgets.explorer import Control, Explorer, Steps
from nnlib.widgets.panels import (
    Bars,
    Heatmap,
    Line,
    Panel,
    Points,
    Readout,
    Rule,
    Segments,
    Table,
    Text,
)

__all__ = [
    "Bars",
    "Control",
    "Explorer",
    "Heatmap",
    "Line",
    "Panel",
    "Points",
    "Readout",
    "Rule",
    "Segments",
    "Steps",
    "Table",
    "Text",
]
