"""Files of states: what goes in comes out, what is damaged or forged is refused, and a file is never half written."""

import errno
import hashlib
import io
import json
import os
import pickle
import subprocess
import sys
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

import nnlib as nn

STATE = {"weight": np.arange(6.0).reshape(2, 3), "bias": np.array([0.5, -0.5])}

DTYPES = st.sampled_from(["f8", "f4", "i8", "u1", "?", ">f8"])
ARRAYS = st_numpy.arrays(DTYPES, st_numpy.array_shapes(min_dims=0, min_side=0, max_side=4))
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5) | ARRAYS
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "state.npz"
    nn.save(STATE, path)
    return path


def assert_equal(a, b):
    assert type(a) is type(b)
    if isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            assert_equal(a[key], b[key])
    elif isinstance(a, list):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            assert_equal(x, y)
    elif isinstance(a, np.ndarray):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
    else:
        assert a == b


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("files")


@given(tree=TREES)
def test_what_is_saved_is_loaded(folder, tree):
    nn.save(tree, folder / "tree.npz")
    assert_equal(nn.load(folder / "tree.npz"), tree)


@pytest.mark.parametrize("layout", [np.asfortranarray, lambda a: a[:, ::-1], lambda a: a.T], ids=["F", "negative", "T"])
def test_any_layout_is_saved(path, layout):
    nn.save(layout(STATE["weight"]), path)
    np.testing.assert_array_equal(nn.load(path), layout(STATE["weight"]))


def test_columns_first_come_back_columns_first(path):
    nn.save(np.asfortranarray(np.ones((2, 3))), path)
    assert nn.load(path).flags.f_contiguous


def test_tuples_tensors_and_numpy_numbers_come_back_as_lists_arrays_and_numbers(path):
    nn.save({"t": (1, nn.Tensor([2.0], requires_grad=True)), "n": np.float64(0.1), "i": np.int64(3)}, path)
    assert_equal(nn.load(path), {"t": [1, np.array([2.0])], "n": 0.1, "i": 3})


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "a" * 70_000, ""], ids=["null", "surrogate", "long", "empty"])
def test_names_that_no_zip_can_hold_come_back(path, name):
    nn.save({name: np.arange(3), f"{name}2": 1.5}, path)
    assert_equal(nn.load(path), {name: np.arange(3), f"{name}2": 1.5})


def test_names_that_would_be_one_stay_two(path):
    tree = {"a/b": np.zeros(1), "a": {"b": np.ones(1)}, 0: np.ones(2), "0": np.zeros(2)}
    nn.save(tree, path)
    assert_equal(nn.load(path), tree)


def test_loaded_arrays_may_be_changed(path):
    nn.load(path)["weight"] += 1


def test_numpy_reads_the_file_too(path):
    with np.load(path) as file:
        np.testing.assert_array_equal(file["weight"], STATE["weight"])


def test_equal_states_make_equal_files(path, tmp_path):
    nn.save(nn.load(path), tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == path.read_bytes()


def test_model_gets_its_numbers_back(path):
    first, second = nn.Linear(3, 2), nn.Linear(3, 2)
    nn.save(first.state_dict(), path)
    second.load_state_dict(nn.load(path))
    np.testing.assert_array_equal(first.weight.data, second.weight.data)


# Damage


def test_refuses_a_file_cut_short_anywhere(path):
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(nn.LoadError, match="checksum is wrong"):
            nn.load(path)


def test_refuses_a_file_with_any_bit_flipped(path):
    content = bytearray(path.read_bytes())
    for position in range(len(content)):
        bit = 1 << position % 8
        content[position] ^= bit
        path.write_bytes(content)
        with pytest.raises(nn.LoadError, match="checksum is wrong"):
            nn.load(path)
        content[position] ^= bit


def foreign_npz():
    buffer = io.BytesIO()
    np.savez(buffer, **STATE)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content", [b"", b"weights", bytes(64), bytes(1000), foreign_npz(), pickle.dumps(STATE)], ids=lambda c: len(c)
)
def test_refuses_a_file_of_another_program(path, content):
    path.write_bytes(content)
    with pytest.raises(nn.LoadError, match=r"state.npz is damaged, or was not written by nnlib's save"):
        nn.load(path)


def test_missing_file_is_the_systems_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        nn.load(tmp_path / "no.npz")


# Forgeries: the checksum is right


class Trap:
    sprung = False

    def __reduce__(self):
        return setattr, (Trap, "sprung", True)


def npy(header, content=b""):
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, header)
    return buffer.getvalue() + content


def pickled_array():
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.array([Trap()], dtype=object))
    return buffer.getvalue()


def claim(shape, descr="<f8", content=b"", fortran_order=False):
    return {
        "a.npy": npy({"descr": descr, "fortran_order": fortran_order, "shape": shape}, content),
        "tree.json": b'{"array": "a"}',
    }


FORGERIES = {
    "pickle": {"a.npy": pickled_array(), "tree.json": b'{"array": "a"}'},
    "8 TB": claim((10**12,)),
    "8 TB in rows": claim((10**6, 10**6), content=bytes(8)),
    "10^30 times nothing": claim((0, 10**30)),
    "negative": claim((-1, -1), content=bytes(8)),
    "short": claim((3,), content=bytes(8)),
    "long": claim((3,), content=bytes(80)),
    "objects": claim((1,), descr="|O", content=bytes(8)),
    "text": claim((1,), descr="<U2", content=bytes(8)),
    "record": claim((1,), descr=[("a", "<f8")], content=bytes(8)),
    "no header": {"a.npy": b"", "tree.json": b'{"array": "a"}'},
    "no array": {"tree.json": b'{"array": "a"}'},
    "no tree": {"a.npy": pickled_array()},
    "no JSON": {"tree.json": b"{'array'"},
    "other JSON": {"tree.json": b'{"list": []}'},
    "deep": {"tree.json": b"[" * 100_000},
    "nothing": {},
}


def forge(path, members, compression=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        for name, content in members.items():
            file.writestr(name, content)
        file.comment = b"-" * 64
    content = buffer.getvalue()[:-64]
    path.write_bytes(content + hashlib.sha256(content).hexdigest().encode())


def refused(path):
    """Return how much memory it took to refuse the file."""
    tracemalloc.start()
    with pytest.raises(nn.LoadError, match=r"state.npz was not written by nnlib's save"):
        nn.load(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize("name", FORGERIES)
def test_refuses_a_forged_file_without_unpickling_or_taking_memory(path, name):
    forge(path, FORGERIES[name])
    assert refused(path) < 10e6
    assert not Trap.sprung


def test_forgeries_differ_from_an_honest_file_in_what_they_claim(path):
    forge(path, claim((2,), content=np.array([1.0, 2.0]).tobytes()))
    assert nn.load(path).tolist() == [1, 2]


def test_refuses_a_small_file_that_would_unpack_to_a_large_one(path):
    forge(path, {"tree.json": json.dumps("a" * 10**8)}, zipfile.ZIP_DEFLATED)
    assert refused(path) < 10e6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("bias"), r"lacks \['bias'\]"),
        (lambda state: state.update(bias=np.zeros(3)), r"bias must have shape \(2,\), got \(3,\)"),
        (lambda state: state.update(bias="0.5"), r"bias must have shape \(2,\), got \(\)"),
    ],
    ids=["missing", "shape", "text"],
)
def test_file_that_does_not_fit_leaves_the_model_as_it_was(path, change, message):
    model = nn.Linear(3, 2)
    before = model.state_dict()
    state = nn.load(path)
    change(state)
    nn.save(state, path)
    with pytest.raises(nn.LoadError, match=message):
        model.load_state_dict(nn.load(path))
    assert_equal(model.state_dict(), before)


# Writing


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (print, "builtin_function_or_method"),
        ({1, 2}, "set"),
        (b"bytes", "bytes"),
        (1j, "complex"),
        (np.array([None]), "an array of object"),
        (np.array(["text"]), "an array of <U4"),
        (np.array([1j]), "an array of complex128"),
        ({(1, 2): 3}, r"a dictionary with the keys \[\(1, 2\)\]"),
        ({1.5: 2}, r"a dictionary with the keys \[1.5\]"),
    ],
    ids=repr,
)
def test_refuses_to_save_what_it_could_not_load_and_leaves_the_old_file(path, value, named):
    with pytest.raises(TypeError, match=rf"save\(\) takes .* whose keys are text or integers, got {named}$"):
        nn.save({"weight": STATE["weight"] + 1, "new": [value]}, path)
    assert_equal(nn.load(path), STATE)


@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_full_disk_leaves_the_old_file_and_nothing_else(path, monkeypatch, function):
    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, function, fail)
    with pytest.raises(OSError, match="No space left"):
        nn.save({"weight": np.ones(10)}, path)
    assert_equal(nn.load(path), STATE)
    assert os.listdir(path.parent) == ["state.npz"]


KILLED = """
import os, signal, sys, time
import numpy as np
import nnlib as nn

path, states = sys.argv[1], [np.full((40, 1000), i, float) for i in range(8)]
nn.save(states[0], path)
rng = np.random.default_rng(0)
seen, longest = set(), 0.006
for _ in range(200):
    if not (child := os.fork()):
        while True:
            for state in states:
                nn.save(state, path)
    time.sleep(rng.uniform(0, longest))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    state = nn.load(path)
    assert (state == state[0, 0]).all() and state.shape == (40, 1000)
    seen.add(state[0, 0])
    longest *= 1 if len(seen) > 1 else 1.05  # until a busy machine has had time to save
print(len(seen))
"""


def test_saving_killed_at_any_moment_leaves_a_whole_file(tmp_path):
    result = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "state.npz")], capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) > 1  # states of several moments were found
