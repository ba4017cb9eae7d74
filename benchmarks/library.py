"""Times nnlib beside other libraries: the same steps from the same weights, checked equal, in turn, A, B, A, B.

python benchmarks/library.py [--rounds N] [W1 …]   prints what it measures; it goes to benchmarks/RESULTS.md when all
                                                   works ran (none is named) and all rivals are installed
"""

import os

os.environ |= {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}  # before NumPy is imported
os.environ |= {"VECLIB_MAXIMUM_THREADS": "1", "JAX_PLATFORMS": "cpu"}
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, [max(os.sched_getaffinity(0))])  # whatever threads there still are take turns

import argparse
import platform
import sys
from pathlib import Path

import numpy as np
from rivals import RIVALS, installed
from timing import alone, bare, beside, imports, tape
from works import BATCH, GROWTH, LAYERS, WIDTH, WORKS, grown, multiply_adds, normal

RESULTS = Path(__file__).with_name("RESULTS.md")
SQUARE = 1024
IMPORT_GOAL = 0.25
NOT_IMPORTED = "matplotlib", "scipy", "sklearn", "ipywidgets", "anywidget"
FITTED = 4

STEPS = """\
# nnlib beside other libraries

{machine}.

Every time is processor time of one thread, in float32. A round takes two libraries back to the same weights, lets each
make the work's steps once to warm up, and times them once more, one library after the other. Then both must have moved
the weights of the first layer alike, to 1 % of the way (in W7: have the same gradient). Given are the median and the
quartiles, over {rounds} rounds, of nnlib's time ÷ the other's: below 1, nnlib is faster. PyTorch runs eagerly; NumPy is
the step written out by hand for these layers alone, without a tape; JAX compiles the whole step. A dash: the library
has no such work, or (NumPy and JAX in W4, W5 and W6) was not tried.

{table}
"""
PRODUCTS = """\
## The matrix products of a step alone

Made by the same NumPy, one after another, into memory that is ready; the best of 30. Times are in µs for a step. Two
matrices of {size} × {size} are multiplied at {rate:.0f} GFLOP/s.

{table}
"""
IMPORTS = """\
## Importing

`import nnlib` takes {whole:.2f} s in a fresh process, and `import numpy` alone {numpy:.2f} s: medians of {rounds}.
So nnlib's own part is {rest:.2f} s. The goal, at most {goal} s in all, is {verdict}. {late}
"""
GROWING = """\
## Time against size

A step of SGD through {layers} layers of {width} units with a batch of {batch}, except for what a table varies; medians
of {rounds}. Exponents are fitted to the last {fitted} sizes, by least squares between logarithms.

{tables}
"""


def table(head, *rows):
    """A table in Markdown."""
    first, *rest = ("| " + " | ".join(row) + " |" for row in (head, *rows))
    return "\n".join([first, "|---" * len(head) + "|", *rest])


def ratio(times):
    """nnlib's time ÷ a rival's: lower quartile, median, upper quartile."""
    return np.quantile(times[0] / times[1], [0.25, 0.5, 0.75])


def missed(work, times):
    """Whether the work's goal is missed."""
    return work.goal is not None and "PyTorch" in times and round(ratio(times["PyTorch"])[1], 2) > work.goal


def steps(measured, rivals):
    """The table of ratios."""

    def cell(times):
        low, median, high = ratio(times)
        return f"**{median:.2f}** ({low:.2f}–{high:.2f})"

    rows = []
    for name, (times, _) in measured.items():
        work = WORKS[name]
        goal = "–" if work.goal is None else f"≤ {work.goal:.2f}" + (", missed" if missed(work, times) else "")
        rows.append([name, work.what, *(cell(times[r]) if r in times else "–" for r in rivals), goal])
    return table(["", "work", *(f"÷ {rival}" for rival in rivals), "goal ÷ PyTorch"], *rows)


def products(measured):
    """The table of what matrix products take of nnlib's time and PyTorch's, and why goals are missed."""
    rows, reasons = [], []
    for name, (times, least) in measured.items():
        work, ours = WORKS[name], np.median([pair[0] for pair in times.values()])
        rate = 2 * multiply_adds(work.products()) / least / 1e9
        row = [name, f"{ours * 1e6:.0f}", f"{least * 1e6:.0f}", f"{rate:.1f}", f"**{least / ours:.2f}**", "–", "–"]
        if "PyTorch" in times:
            theirs = np.median(times["PyTorch"][1])
            share, whole = least / theirs, ratio(times["PyTorch"])[1]
            row[-2:] = f"{theirs * 1e6:.0f}", f"{share:.2f}"
            if missed(work, times):
                parts = [f"the products alone take {share:.2f}"]
                if "NumPy" in times:
                    parts.append(f"a whole step by hand {whole / ratio(times['NumPy'])[1]:.2f}")
                    parts.append(f"modules and tape around layers that compute nothing {tape(work) / theirs:.2f}")
                parts.append(f"and nnlib {whole:.2f}")
                reasons.append(f"{name} misses {work.goal:.2f}: of PyTorch's time {', '.join(parts)}.")
        rows.append(row)
    head = ["", "nnlib", "products", "their GFLOP/s", "÷ nnlib's time", "PyTorch", "products ÷ PyTorch's time"]
    return "\n\n".join([table(head, *rows), *reasons])


def importing(rounds):
    """A sentence on what it takes to import nnlib, and one on what it leaves alone."""
    numpy, whole, modules = imports(rounds)
    late = [name for name in NOT_IMPORTED if name in modules]
    return IMPORTS.format(
        whole=whole,
        numpy=numpy,
        rest=whole - numpy,
        rounds=rounds,
        goal=IMPORT_GOAL,
        verdict="met" if whole <= IMPORT_GOAL else "missed",
        late=f"It imports {', '.join(late)}." if late else f"It imports none of {', '.join(NOT_IMPORTED)}.",
    )


def growth(rounds):
    """Tables of time and multiply–adds against size, with the exponents of both."""
    tables = []
    for what, sizes in GROWTH.items():
        works = [grown(**{what: size}) for size in sizes]
        times, counts = alone(works, rounds), [multiply_adds(work.products()) for work in works]
        measured, counted = (np.polyfit(*np.log([sizes[-FITTED:], c[-FITTED:]]), 1)[0] for c in (times, counts))
        tables.append(
            table(
                [what, *map(str, sizes), "exponent"],
                ["µs for a step", *(f"{time * 1e6:.0f}" for time in times), f"**{measured:.2f}**"],
                ["million multiply–adds", *(f"{count / 1e6:.3g}" for count in counts), f"{counted:.2f}"],
            )
        )
    return "\n\n".join(tables)


def machine(versions):
    """What the numbers were measured on, and with."""
    info = Path("/proc/cpuinfo")
    models = [line for line in info.read_text().splitlines() if line.startswith("model name")] if info.exists() else []
    processor = models[0].split(": ")[1] if models else platform.processor()
    load = f", load {os.getloadavg()[0]:.1f} (1 if nothing else runs)" if hasattr(os, "getloadavg") else ""
    software = {"Python": platform.python_version(), **versions}
    return f"{processor}, {platform.machine()}, {os.cpu_count()} cores, one used{load}; " + ", ".join(
        f"{name} {version}" for name, version in software.items()
    )


def main():
    """Measure, print, and write what was measured if nothing was left out."""
    parser = argparse.ArgumentParser(description="Time nnlib beside other libraries.")
    parser.add_argument("works", nargs="*", help=f"of {', '.join(WORKS)}; without any, everything")
    parser.add_argument("--rounds", type=int, default=60)
    options = parser.parse_args()
    rounds, few, versions = options.rounds, options.rounds // 4 + 1, installed()

    measured = {}
    for name in options.works or WORKS:
        work = WORKS[name]
        print(f"Timing {name}: {work.what}", file=sys.stderr, flush=True)
        measured[name] = beside(work, versions, rounds), bare(work.products(), work.steps)
    square = normal(SQUARE, SQUARE)
    rate = 2 * SQUARE**3 / bare([(square, square)]) / 1e9
    sections = [
        STEPS.format(machine=machine(versions), rounds=rounds, table=steps(measured, versions)),
        PRODUCTS.format(size=SQUARE, rate=rate, table=products(measured)),
    ]
    if not options.works:
        print("Timing imports and growth", file=sys.stderr, flush=True)
        settings = {"layers": LAYERS, "width": WIDTH, "batch": BATCH, "fitted": FITTED}
        sections += [importing(few), GROWING.format(rounds=few, tables=growth(few), **settings)]
    results = "\n".join(sections)
    print(results)
    if left_out := [name for name in RIVALS if name not in versions]:
        print(f"Left out, because not installed: {', '.join(left_out)}. {RESULTS.name} stays as it is.")
    elif not options.works:
        RESULTS.write_text(results, encoding="utf-8")


if __name__ == "__main__":
    main()
