"""Every test of the library starts from the same seed, in float64, and Hypothesis tries the same examples each time."""

import numpy as np
import pytest
from hypothesis import settings

import nnlib as nn

settings.register_profile("library", deadline=None, derandomize=True, database=None, max_examples=60)
settings.load_profile("library")


@pytest.fixture(autouse=True)
def same_start():
    nn.manual_seed(0)
    yield
    nn.set_default_dtype("float64")


@pytest.fixture
def rng():
    return np.random.default_rng(0)
