"""Print what mutmut found: each change that no test noticed, and each file's score; fail below 90 %."""

import json
import sys
from pathlib import Path

from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.stats import status_by_exit_code

NOTICED = "killed", "timeout"  # a test failed, or no longer ended
GOAL = 0.9


def line(name, noticed, total):
    return f"{name:20}{total:6} mutants{noticed:6} noticed{100 * noticed / total:7.1f} %"


lines, every = [], []
for path in sorted(Path("mutants/nnlib").glob("*.meta")):
    codes = json.loads(path.read_text())["exit_code_by_key"]
    results = {name: status_by_exit_code[code] in NOTICED for name, code in codes.items()}
    for name, noticed in results.items():
        if not noticed:
            diff = get_diff_for_mutant(name, path=Path("nnlib", path.stem)).splitlines()[2:]
            print(name, *[text for text in diff if text[0] in "+-"], sep="\n")
    lines.append(line(path.stem, sum(results.values()), len(results)))
    every += results.values()
print(*lines, line("all", sum(every), len(every)), sep="\n")
sys.exit(sum(every) < GOAL * len(every))
