"""The default dtype, the random generator, and the memory of freed arrays."""

import platform
import subprocess
import sys

import numpy as np
import pytest

import nnlib as nn


def test_parameters_take_the_default_dtype():
    nn.set_default_dtype(np.float32)
    assert {p.dtype for p in nn.Linear(2, 3).parameters()} == {np.dtype("float32")}


def test_integers_take_the_default_dtype():
    nn.set_default_dtype(np.float32)
    assert nn.functional.relu(np.array([-1, 2])).dtype == np.float32


@pytest.mark.parametrize("dtype", ["float16", "int64", int, None, "double precision", complex])
def test_default_dtype_refuses_all_but_float32_and_float64(dtype):
    with pytest.raises(ValueError, match="dtype must be float32 or float64, got "):
        nn.set_default_dtype(dtype)
    assert nn.get_default_dtype() == np.float64


def test_same_seed_gives_the_same_bits():
    draws = [(nn.manual_seed(3), nn.Linear(4, 5).state_dict())[1] for _ in range(2)]
    for name, array in draws[0].items():
        np.testing.assert_array_equal(array, draws[1][name])


def test_manual_seed_returns_the_generator_in_use():
    generator = nn.manual_seed(3)
    assert nn.init.uniform_(nn.Tensor(0.0)).item() == np.random.default_rng(3).random()
    assert generator.random() == np.random.default_rng(3).random(2)[1]


@pytest.mark.parametrize("seed", [1.0, "1", None, True, -1])
def test_seed_must_be_an_integer_that_is_not_negative(seed):
    with pytest.raises(ValueError, match=f"seed must be an integer ≥ 0, got {seed!r}"):
        nn.manual_seed(seed)


def test_generator_must_be_numpys():
    with pytest.raises(TypeError, match=r"generator must be a numpy.random.Generator or None, got int"):
        nn.init.normal_(nn.Tensor([0.0]), generator=3)


STEPS = """
import resource, sys
import numpy as np

if sys.argv[1] == "True":
    import nnlib
for step in range(12):
    arrays = [np.ones(800_000, np.float32) for _ in range(5)]
    del arrays
    if step == 1:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc gives memory back so soon")
def test_a_step_finds_the_memory_that_the_last_one_freed():
    taken = {}
    for imported in (False, True):
        command = [sys.executable, "-c", STEPS, str(imported)]
        taken[imported] = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert taken[True] < 0.01 * taken[False]
