"""The works of the benchmark run, and lead every library that is installed to the same weights; nothing is timed."""

import sys
from pathlib import Path

import pytest

import nnlib

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))

from rivals import installed
from timing import NOTHING, Empty, beside
from works import WORKS


@pytest.mark.parametrize("name", WORKS)
def test_a_step_moves_the_weights_alike_in_every_library(name):
    beside(WORKS[name], installed(), rounds=1)


@pytest.mark.parametrize("name", WORKS)
def test_matrix_products_fit(name):
    for a, b in WORKS[name].products():
        assert a.shape[-1] == b.shape[-2]


def test_layers_that_compute_nothing_are_recorded_and_walked():
    layers = WORKS["W7"].model(nnlib)
    model = nnlib.Sequential(*map(Empty, layers))
    model(nnlib.Tensor(NOTHING)).backward()
    gradients = [p.grad for p in model.parameters()]
    assert len(gradients) == len(list(layers.parameters())) == 20
    assert gradients == [1] * 20
