"""The palette can be told apart: from its background, and one meaning from its opposite."""

import pytest

from nnlib.colors import PALETTE, SERIES, light

GRAPHICS = sorted(PALETTE.keys() - {"paper", "grid"})


def luminance(color):
    """Relative luminance as WCAG defines it."""
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    high, low = sorted([luminance(one), luminance(other)], reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("tone", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("meaning", GRAPHICS)
def test_graphics_stand_out_from_the_page(meaning, tone):
    assert contrast(PALETTE[meaning][tone], PALETTE["paper"][tone]) >= 3


@pytest.mark.parametrize("tone", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("meaning", ["ink", "muted", "accent"])
def test_words_can_be_read_on_the_page(meaning, tone):
    assert contrast(PALETTE[meaning][tone], PALETTE["paper"][tone]) >= 4.5


def test_the_series_begins_with_the_classes_and_repeats():
    assert [light(0), light(1)] == [light("class0"), light("class1")]
    assert light(len(SERIES)) == light(0)
