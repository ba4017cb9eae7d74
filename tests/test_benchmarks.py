"""The works of the benchmark run, and lead every library that is installed to the same weights; nothing is timed."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))

from rivals import installed
from timing import beside
from works import WORKS


@pytest.mark.parametrize("name", WORKS)
def test_a_step_moves_the_weights_alike_in_every_library(name):
    beside(WORKS[name], installed(), rounds=1)


@pytest.mark.parametrize("name", WORKS)
def test_matrix_products_fit(name):
    for a, b in WORKS[name].products():
        assert a.shape[-1] == b.shape[-2]
