"""Write what PyTorch answers to each case of cases.py, and its signatures, beside this file.

Needs PyTorch, which nothing else here does: in an environment of its own, ``pip install torch==2.13.0 numpy``, then
``python tests/parity/make_parity.py``.
"""

import inspect
import json
from pathlib import Path
from types import SimpleNamespace

import cases
import numpy as np
import torch

HERE = Path(__file__).parent
LIBRARY = SimpleNamespace(
    nn=torch.nn,
    functional=torch.nn.functional,
    init=torch.nn.init,
    optim=torch.optim,
    utils=torch.nn.utils,
    tensor=torch.tensor,
)
DEPRECATED = {"size_average", "reduce", "_stacklevel"}


class Recorder(torch.Tensor):
    """A tensor that remembers which distribution it was filled from."""

    def uniform_(self, a, b, generator=None):
        self.drawn = {"uniform": np.array([a, b])}
        return self

    def normal_(self, mean, std, generator=None):
        self.drawn = {"normal": np.array([mean, std])}
        return self


class Seeded(torch.Tensor):
    """A tensor that is filled with NumPy's normal numbers of seed 0."""

    def normal_(self, mean, std, generator=None):
        return self.copy_(torch.tensor(np.random.default_rng(0).normal(mean, std, tuple(self.shape))))


def functions():
    for name, (function, draws, options) in cases.FUNCTIONS.items():
        arrays = cases.draw(name, **draws)
        yield name, arrays, cases.run_function(LIBRARY, function, options, arrays)


def modules():
    for name, (build, draws, call) in cases.MODULES.items():
        arrays = cases.draw(name, **draws, **cases.draw_state(build(torch.nn).state_dict()))
        yield name, arrays, cases.run_module(LIBRARY, build, call, arrays)


def optimizers():
    shapes = {"a": (3, 2), "b": (4,), "c": (2,)}
    starts = {name: cases.normal(*shape) for name, shape in shapes.items()}
    slopes = {f"slope {name}": cases.normal(cases.STEPS, *shape) for name, shape in shapes.items()}
    for name, make in cases.OPTIMIZERS.items():
        arrays = cases.draw(name, **starts, **slopes)
        yield name, arrays, cases.run_optimizer(LIBRARY, make, arrays)


def schedules():
    for name, schedule in cases.SCHEDULES.items():
        arrays = cases.draw(name, metric=cases.plateau(cases.EPOCHS))
        yield name, arrays, cases.run_schedule(LIBRARY, schedule, arrays)


def clips():
    for name, clip in cases.CLIPS.items():
        arrays = cases.draw(name, a=cases.normal(3, 2), b=cases.normal(4))
        yield name, arrays, cases.run_clip(LIBRARY, clip, arrays)


def inits():
    for gain in cases.GAINS:
        yield f"gain of {gain}", {}, {"gain": np.array(torch.nn.init.calculate_gain(*gain))}
    for name, (fill, shape) in cases.INITS.items():
        yield name, {}, fill(torch.nn.init, torch.empty(shape).as_subclass(Recorder)).drawn
    for name, shape in cases.ORTHOGONALS.items():
        weight = torch.nn.init.orthogonal_(torch.empty(shape).as_subclass(Seeded), gain=1.5)
        yield f"orthogonal {name}", {}, {"weight": np.asarray(weight)}


def trainings():
    for name, (build, make_loss, make_optimizer, draws) in cases.TRAININGS.items():
        start = {f"start {key}": cases.normal(*value.shape) for key, value in build(torch.nn).state_dict().items()}
        arrays = cases.draw(name, **draws, **start)
        yield name, arrays, cases.run_training(LIBRARY, build, make_loss, make_optimizer, arrays)


def signatures():
    """Return the names and defaults of the arguments of all that PyTorch has and can show."""
    found = {}
    for space in ("nn", "functional", "init", "optim", "lr_scheduler", "utils"):
        module = getattr(LIBRARY, space, None) or getattr(LIBRARY.optim, space)
        for name in dir(module):
            try:
                parameters = inspect.signature(getattr(module, name)).parameters.values()
            except (TypeError, ValueError):
                continue  # not callable, or written in C++
            if name[0] != "_" and not any(p.kind is p.VAR_POSITIONAL for p in parameters):
                found[f"{space}.{name}"] = [
                    [p.name, "" if p.default is p.empty else repr(getattr(p.default, "__name__", p.default))]
                    for p in parameters
                    if p.name not in DEPRECATED
                ]
    return found


def main():
    torch.set_default_dtype(torch.float64)
    for table in (functions, modules, optimizers, schedules, clips, inits, trainings):
        arrays = {}
        for name, given, answers in table():
            arrays |= {f"{name}/given/{key}": a for key, a in given.items()}
            arrays |= {f"{name}/answers/{key}": a for key, a in answers.items()}
        np.savez_compressed(HERE / f"{table.__name__}.npz", **arrays)
    (HERE / "signatures.json").write_text(json.dumps(signatures()) + "\n")


if __name__ == "__main__":
    main()
