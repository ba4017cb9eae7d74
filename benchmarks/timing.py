"""How things are timed: in processor time, which other programs on the machine disturb least."""

import subprocess
import sys
import time

import numpy as np
from rivals import RIVALS, in_nnlib

import nnlib
from nnlib.tensor import record

NOTHING = np.zeros(1, "f4")
IMPORT = "import sys, time; start = time.process_time(); import {}; print(time.process_time() - start, *sys.modules)"


def seconds(run):
    """The processor time that a run takes, of all its threads, and its result."""
    start = time.process_time()
    result = run()
    return time.process_time() - start, result


def starting_weights(work):
    """The weights that nnlib draws for a work."""
    nnlib.manual_seed(0)
    return work.model(nnlib).to("float32").state_dict()


def beside(work, rivals, rounds):
    """Times of a step in nnlib and in each rival that has this work, shape (2, rounds); beside itself if none has."""
    weights = starting_weights(work)
    ours = in_nnlib(work, weights)
    theirs = {rival: begin for rival in rivals if (begin := RIVALS[rival](work, weights))} or {"nnlib": ours}
    first = next(iter(weights.values()))
    return {rival: in_turn(work, first, ours, begin, rounds) for rival, begin in theirs.items()}


def in_turn(work, first, begin_ours, begin_theirs, rounds):
    """Times of a step in both, from results that agree; `first` are the weights that a run returns, at the start."""
    times = []
    for _ in range(rounds):
        runs = begin_theirs(), begin_ours()
        for run in runs:
            run()
        (their_time, theirs), (our_time, ours) = map(seconds, runs)
        way = theirs - first if work.optimizer else theirs
        error = np.linalg.norm(ours - theirs) / np.linalg.norm(way)
        assert error <= 0.01, f"{work.what}: {begin_theirs.__qualname__} ends elsewhere, by {error:.3f} of the way"
        times.append((our_time, their_time))
    return np.transpose(times) / work.steps


def alone(works, rounds):
    """Time of a step of each work in nnlib: the median over rounds that go through all works, each twice."""
    runs, times = [in_nnlib(work, starting_weights(work))() for work in works], []
    for _ in range(rounds):
        times.append([])
        for run in runs:
            run()  # to warm up: the work before may have been a large one
            times[-1].append(seconds(run)[0])
    return np.median(times, axis=0) / [work.steps for work in works]


def bare(products, repeat=1):
    """The least time that matrix products take, one after another, into memory that is ready."""
    triples = [(a, b, a @ b) for a, b in products] * repeat

    def run():
        for a, b, out in triples:
            np.matmul(a, b, out)

    return min(seconds(run)[0] for _ in range(30)) / repeat


class Empty(nnlib.Module):
    """Called, recorded and walked like a layer, with as many parameters; but it computes nothing."""

    def __init__(self, layer):
        for name, _ in layer.named_parameters():
            setattr(self, name, nnlib.Parameter(NOTHING))
        self.learned = list(self.parameters())

    def forward(self, input):
        return record(NOTHING, *[(tensor, lambda d: d) for tensor in (input, *self.learned)])


def tape(work):
    """The least time of forward and backward through layers that compute nothing, as many as the work has."""
    model, x = nnlib.Sequential(*map(Empty, work.model(nnlib))), nnlib.Tensor(NOTHING)

    def run():
        for _ in range(work.steps):
            output = model(x)
            model.zero_grad()
            output.backward()

    return min(seconds(run)[0] for _ in range(30)) / work.steps


def imports(rounds):
    """Times to import NumPy, and nnlib with it, each in fresh processes, and the names of all that nnlib imports."""
    times = {"numpy": [], "nnlib": []}
    for _ in range(rounds):
        for module, taken in times.items():
            command = [sys.executable, "-c", IMPORT.format(module)]
            spent, *modules = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.split()
            taken.append(float(spent))
    return *map(np.median, times.values()), modules
