"""Writes, from each source in exercises/, the book's practice page and the student's notebook.

python -m grading.release
"""

import hashlib
import re
import sys

import nbformat
import yaml

from grading.source import ROOT, MalformedSource, read_all

HOW_TO_WORK = """\
**How to work.** Each exercise has a cell that raises `NotImplementedError` and says what to write. Replace that
line with your code, run the cell, then run the checks below it. A check that fails tells you what it expected and
what came. Checks that pass print nothing but the last line. Predict before you run: that is where you learn.
"""

INSTALL = """\
# Installs nnlib from the book's repository where it is missing.
import importlib.util

if importlib.util.find_spec("nnlib") is None:
    %pip install --quiet git+{address}"""


def main(root=ROOT):
    """Write what changed, or report everything that is wrong with the sources and write nothing."""
    try:
        sets = read_all(root / "exercises")
    except MalformedSource as error:
        sys.exit(f"The exercises were not released:\n{error}")
    settings = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    release(sets, root, settings["repository"]["url"])


def release(sets, root, address):
    """Write pages and notebooks of `sets` below `root`, and remove those that have lost their source.

    `address` is the repository from which the notebooks install nnlib.
    """
    pages, notebooks = root / "pages" / "practice", root / "_build" / "extra" / "exercises"
    texts = {}
    for exercise_set in sets:
        stem = exercise_set.path.stem
        texts[pages / f"{stem}.md"] = practice_page(exercise_set)
        texts[notebooks / f"{stem}.ipynb"] = nbformat.writes(student_notebook(exercise_set, address)) + "\n"
    for path, text in texts.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path.relative_to(root)}")
    for path in {*pages.glob("*.md"), *notebooks.glob("*.ipynb")} - texts.keys():
        path.unlink()
        print(f"removed {path.relative_to(root)}")


def practice_page(exercise_set):
    """The MyST text of the practice page."""
    stem = exercise_set.path.stem
    parts = [
        f"# {exercise_set.title}",
        exercise_set.introduction,
        "Read them here and work in the "
        f'<a href="../../exercises/{stem}.ipynb" download>notebook of these exercises</a>, which checks your answers '
        f"as you go. A beginner needs about {exercise_set.time} for all of them.",
        "Every exercise starts from these lines:",
        _fence("code-block python", exercise_set.imports),
    ]
    for exercise in exercise_set.exercises:
        parts += [
            f"## {exercise.number} {exercise.title}",
            f"*About {exercise.minutes} minutes.*",
            _fence("exercise", f":label: {exercise.label}\n:nonumber:\n\n{exercise.text}"),
            _fence("code-block python", exercise.stub),
            *(_fence(f"dropdown Hint {i}", hint) for i, hint in enumerate(exercise.hints, start=1)),
            _fence("dropdown Checks", _fence("code-block python", exercise.public_checks)),
            _fence("dropdown Solution", f"{exercise.solution}\n\n{_fence('code-block python', exercise.solved)}"),
        ]
    return "\n\n".join(parts) + "\n"


def _fence(directive, body):
    """A directive fenced with one backtick more than any fence inside it."""
    longest = max(map(len, re.findall(r"^`{3,}", body, re.MULTILINE)), default=2)
    name, _, argument = directive.partition(" ")
    return f"{'`' * (longest + 1)}{{{name}}} {argument}".rstrip() + f"\n{body}\n{'`' * (longest + 1)}"


def student_notebook(exercise_set, address):
    """The student's notebook in nbgrader's release format."""
    cells = [
        _markdown("title", f"# {exercise_set.title}\n\n{exercise_set.introduction}\n\n{HOW_TO_WORK}".strip()),
        _code("install", INSTALL.format(address=address)),
        _code("imports", exercise_set.imports),
    ]
    for exercise in exercise_set.exercises:
        points = f"{exercise.points} point{'s' if exercise.points > 1 else ''}"
        heading = f"## {exercise.number} {exercise.title} ({points}, about {exercise.minutes} minutes)"
        hints = "\n\n".join(
            f"<details><summary>Hint {i}</summary>\n\n{hint}\n\n</details>"
            for i, hint in enumerate(exercise.hints, start=1)
        )
        checks = f'{exercise.public_checks}\nprint("Exercise {exercise.number}: all checks passed.")'
        cells += [
            _markdown(f"{exercise.label}-text", f"{heading}\n\n{exercise.text}\n\n{hints}"),
            _code(exercise.label, exercise.stub, solution=True, locked=False),
            _code(f"{exercise.label}-checks", checks, points=exercise.points),
        ]
    return nbformat.v4.new_notebook(
        cells=cells,
        metadata={
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
    )


def _markdown(name, source):
    return nbformat.v4.new_markdown_cell(source, id=name)


def _code(name, source, *, solution=False, locked=True, points=None):
    """A code cell with nbgrader's metadata, including the checksum by which it notices a changed cell."""
    marks = {
        "schema_version": 3,
        "grade": points is not None,
        "solution": solution,
        "locked": locked,
        "task": False,
        "grade_id": name,
        "cell_type": "code",
    }
    digest = [source, "code", marks["grade"], solution, locked, name]
    if points is not None:
        marks["points"] = points
        digest.append(float(points))
    marks["checksum"] = hashlib.md5("".join(map(str, digest)).encode()).hexdigest()
    metadata = {"nbgrader": marks, "deletable": False}
    if locked:
        metadata["editable"] = False
    return nbformat.v4.new_code_cell(source, id=name, metadata=metadata)


if __name__ == "__main__":
    main()
