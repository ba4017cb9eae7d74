"""The book's colours by what they mean, the same in Matplotlib figures, widgets and diagrams.

Each meaning has a tone for light pages and one for dark pages. Hues start from Okabe and Ito's colour-blind-safe set;
tones are chosen so that a line or a point stands out from its background by at least 3 : 1.
"""

PALETTE = {  # meaning: (on light pages, on dark pages)
    "class0": ("#0072b2", "#56b4e9"),
    "class1": ("#d55e00", "#f59a57"),
    "train": ("#0b7a75", "#45c4b8"),
    "test": ("#a87200", "#e9b949"),
    "positive": ("#4a8500", "#8fc84a"),
    "negative": ("#8a4fc7", "#bf95f0"),
    "gradient": ("#c2297d", "#f07ab5"),
    "accent": ("#0b7a75", "#45c4b8"),
    "ink": ("#1f2933", "#e4e7eb"),
    "muted": ("#616e7c", "#9aa5b1"),
    "grid": ("#e4e7eb", "#323d4a"),
    "paper": ("#ffffff", "#14181e"),
}

# Colour of class 0, class 1, …, and of the first, second, … of several curves.
SERIES = ("class0", "class1", "train", "negative", "test", "gradient", "positive", "muted")

MARKERS = ("o", "s", "^", "D")  # of class 0, 1, …, so that classes differ in shape too


def light(meaning):
    """The hex colour of a meaning on a light page: `light("class0")`, or of a place in the series: `light(0)`."""
    return PALETTE[meaning if isinstance(meaning, str) else SERIES[meaning % len(SERIES)]][0]
