"""The packed results give back what went in, and hold what does not vary only once."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from nnlib.widgets.grid import Grid

SHAPE = (2, 3)
STATES = list(itertools.product(range(2), range(3)))
FLOATS = st.floats(width=32)


def grid(cells, **options):
    """A grid of 2 × 3 states with one result, "a"."""
    return Grid(SHAPE, [{"a": cell} for cell in cells], **options)


def same(read, cells):
    for index, cell in zip(STATES, cells, strict=True):
        np.testing.assert_array_equal(read.read("a", index), cell)


@given(st.lists(npst.arrays(float, (4,), elements=FLOATS), min_size=6, max_size=6))
def test_arrays_of_float32_come_back(cells):
    same(grid(cells), cells)


@given(st.lists(npst.arrays(np.int64, (2, 2), elements=st.integers(-300, 300)), min_size=6, max_size=6))
def test_matrices_of_integers_come_back(cells):
    same(grid(cells), cells)


@given(st.lists(st.floats(), min_size=6, max_size=6))
def test_numbers_that_are_read_out_keep_their_precision(cells):
    same(grid(cells, exact=["a"]), cells)


@given(st.lists(st.floats(), min_size=6, max_size=6))
def test_other_numbers_are_rounded_to_float32(cells):
    with np.errstate(over="ignore"):
        same(grid(cells), np.float32(cells))


@given(st.lists(st.text(), min_size=6, max_size=6))
def test_texts_come_back(cells):
    packed = grid(cells)
    assert [packed.read("a", index) for index in STATES] == [str(np.str_(c)) for c in cells]


def test_lists_of_texts_of_different_lengths_are_filled_with_empty_texts():
    packed = grid([["x", "y", "z"], ["x"], [], ["y", "y"], ["z"], ["x", "z"]])
    assert packed.read("a", (0, 1)) == ["x", "", ""]
    assert packed.read("a", (1, 2)) == ["x", "z", ""]


@given(st.lists(st.lists(FLOATS, max_size=5), min_size=6, max_size=6))
def test_arrays_of_different_lengths_are_filled_with_nan(cells):
    longest = max(map(len, cells))
    same(grid(cells), [cell + [np.nan] * (longest - len(cell)) for cell in cells])


@given(npst.arrays(float, (6, 3, 3), elements=st.floats(-5, 5)))
def test_images_are_within_half_a_level(cells):
    half = max(np.ptp(cells), 1e-300) / 254 / 2
    packed = grid(cells, images={"a": None})
    for index, cell in zip(STATES, cells, strict=True):
        assert np.abs(packed.read("a", index) - cell).max() <= half * 1.001 + 1e-12


def test_images_take_one_byte_a_cell_and_keep_what_is_missing():
    cells = np.random.default_rng(0).random((6, 8, 8))
    cells[2, 0, 0] = np.nan
    packed = grid(cells, images={"a": (0, 1)})
    assert len(packed.buffer) == 6 * 64
    assert np.isnan(packed.read("a", (0, 2))[0, 0])


@pytest.mark.parametrize(
    ("cells", "size"),
    [
        ([np.arange(16)] * 6, 16),  # the same everywhere: once
        ([np.arange(16) + j for _, j in STATES], 3 * 16),  # depends on the second control only
        ([np.arange(16) + i for i, _ in STATES], 2 * 16),
        ([np.arange(16) + i + j * j for i, j in STATES], 6 * 16),
    ],
)
def test_what_does_not_depend_on_a_control_is_stored_once_for_it(cells, size):
    packed = grid(cells)
    assert len(packed.buffer) == size
    same(packed, cells)


def test_every_gives_all_values_once():
    assert sorted(grid([j for _, j in STATES]).every("a")) == [0, 1, 2]


def test_texts_that_recur_are_stored_once():
    assert grid(["left", "right"] * 3).strings == ["left", "right"]


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ([1, 2, 3, 4, 5, "six"], "'a' is a text in some states and a number in others"),
        ([[1], [1], [1], [1], [1], 1], "'a' has a different number of axes"),
        ([None] * 6, "'a' must be a number"),
        ([[["x"]]] * 6, "'a' must be one text or a flat list of texts"),
    ],
)
def test_results_that_cannot_be_packed_are_named(cells, message):
    with pytest.raises(ValueError, match=message):
        grid(cells)
