"""Reads an exercise set from its MyST source and says precisely where a malformed one is wrong.

A source is a title, an introduction, one cell of imports, and a section `## Title` for each exercise. A section
holds, in any order, `{exercise}` (the text, and the minutes a beginner needs), `{hint}` two or three times,
`{solution}` (the reasoning) and code cells: the answer (`nbgrader: {solution: true}`), its checks (`nbgrader:
{grade: true, points: 3}`), and typical wrong answers (`tags: [wrong]`), which are run after the answer and replace
what they define.

Checks call the student's functions with numbers, strings, arrays, lists and tuples of these, and get such back, so
that a grader can run the two in separate processes. Hidden tests draw fresh inputs from `COURSE_SEED`, an integer.
"""

import ast
import re
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent

_BLOCK = re.compile(r"^(`{3,})\{([\w-]+)\}[ \t]*(.*?)\n(.*?)^\1[ \t]*$", re.MULTILINE | re.DOTALL)
_FRONT_MATTER = re.compile(r"\A---\n.*?^---$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^## +(.+)$", re.MULTILINE)
_SOLUTION = re.compile(
    r"^([ \t]*)### BEGIN SOLUTION:?[ \t]*(.*)\n((?:.*\n)*?)[ \t]*### END SOLUTION[ \t]*$", re.MULTILINE
)
_HIDDEN = re.compile(r"^[ \t]*### BEGIN HIDDEN TESTS[ \t]*\n(?:.*\n)*?[ \t]*### END HIDDEN TESTS[ \t]*$", re.MULTILINE)
_MARK = re.compile(r"### (BEGIN|END)\b")
_MYST_ONLY = re.compile(r"^`{3,}\{|\{[a-z:]+\}`", re.MULTILINE)

# What a section needs of each role, in words and as the allowed numbers.
_PARTS = {
    "exercise": ("one {exercise}, the text", range(1, 2)),
    "answer": ("one answer cell (nbgrader: {solution: true})", range(1, 2)),
    "checks": ("one check cell (nbgrader: {grade: true, points: …})", range(1, 2)),
    "hint": ("two or three {hint}", range(2, 4)),
    "wrong": ("at least three wrong answers (tags: [wrong])", range(3, 100)),
    "solution": ("one {solution}, the reasoning", range(1, 2)),
}


class MalformedSource(Exception):
    """Everything that is wrong with the sources, one `file:line: what` a line."""


@dataclass(frozen=True)
class Wrong:
    """A typical wrong answer, which the checks must reject."""

    name: str
    reason: str
    code: str


@dataclass(frozen=True)
class Exercise:
    """One exercise: what is asked, its answer, its checks and what people get wrong."""

    label: str
    number: str
    title: str
    minutes: int
    text: str
    hints: tuple[str, ...]
    answer: str
    checks: str
    points: int
    solution: str
    wrong: tuple[Wrong, ...]

    @property
    def stub(self):
        """The answer cell as a student receives it: each solution region says what to write."""

        def ask(region):
            indent, what = region[1], region[2]
            message = f'"{what[0].upper()}{what[1:]}."'
            return f"{indent}raise NotImplementedError(\n{indent}    {message}\n{indent})"

        return _SOLUTION.sub(ask, self.answer)

    @property
    def solved(self):
        """The answer cell without the marks around its solution regions."""
        return _SOLUTION.sub(lambda region: region[3].rstrip("\n"), self.answer)

    @property
    def public_checks(self):
        """The checks that a student receives."""
        return _HIDDEN.sub("", self.checks).strip()


@dataclass(frozen=True)
class ExerciseSet:
    """The exercises of one chapter."""

    path: Path
    title: str
    introduction: str
    imports: str
    exercises: tuple[Exercise, ...]

    @property
    def time(self):
        """The time that a beginner needs for all of them, in words."""
        hours, minutes = divmod(sum(exercise.minutes for exercise in self.exercises), 60)
        return " ".join(filter(None, [f"{hours} h" if hours else "", f"{minutes} min" if minutes else ""]))


def read_all(folder=ROOT / "exercises"):
    """Read every source in `folder`, in order. Raises MalformedSource with all that is wrong in any of them."""
    problems, sets, labels = [], [], {}
    for path in sorted(folder.glob("*.md")):
        reader = _Reader(path)
        sets.append(reader.read())
        for label, line in reader.labels:
            if label in labels:
                reader.wrong(line, f"label {label} is already used at {labels[label]}")
            labels.setdefault(label, f"{path.name}:{line}")
        problems += reader.problems
    if problems:
        raise MalformedSource("\n".join(problems))
    return sets


@dataclass(frozen=True)
class _Block:
    """A fenced directive or code cell of a source."""

    kind: str
    argument: str
    options: dict
    body: str
    start: int
    line: int

    @property
    def role(self):
        """What the block is for: a directive's name; for a cell answer, checks or wrong, None if it does not say."""
        if self.kind != "code-cell":
            return self.kind
        if "wrong" in self.options.get("tags", []):
            return "wrong"
        nbgrader = self.options.get("nbgrader", {})
        return "answer" if nbgrader.get("solution") else "checks" if nbgrader.get("grade") else None


class _Reader:
    """Reads one source and collects what is wrong with it, so that one run reports everything."""

    def __init__(self, path):
        self.path = path
        self.text = path.read_text(encoding="utf-8")
        self.problems = []
        self.labels = []

    def wrong(self, line, what):
        self.problems.append(f"exercises/{self.path.name}:{line}: {what}")

    def line_of(self, offset):
        return self.text.count("\n", 0, offset) + 1

    def read(self):
        """Return the exercise set, or None where the source is too broken to tell its parts."""
        if not re.fullmatch(r"\d\d_\w+", self.path.stem):
            self.wrong(1, "the file name must be the chapter's two digits, _ and a name")
        blocks = [self._block(match) for match in _BLOCK.finditer(self.text)]
        prose = _FRONT_MATTER.sub(_blank, _BLOCK.sub(_blank, self.text))
        headings = list(_HEADING.finditer(prose))
        if not headings:
            self.wrong(1, "there is no exercise: each begins with a heading '## Title'")
        if self.problems:
            return None
        starts = [heading.start() for heading in headings]
        ends = [*starts[1:], len(prose)]
        title, introduction = self._head(prose[: starts[0]])
        imports = self._imports([block for block in blocks if block.start < starts[0]])
        exercises = []
        for i, (heading, start, end) in enumerate(zip(headings, starts, ends, strict=True), start=1):
            section = [block for block in blocks if start < block.start < end]
            stray = re.search(r"\S.*", prose[heading.end() : end])
            if stray:
                at = self.line_of(heading.end() + stray.start())
                self.wrong(at, f"{heading[1]}: text outside a block, or in a fence that never ends: {stray[0]!r}")
            number = f"{int(self.path.stem[:2])}.{i}"
            exercises.append(self._exercise(heading[1], number, section, self.line_of(start)))
        return ExerciseSet(self.path, title, introduction, imports, tuple(exercises))

    def _block(self, match):
        fence, kind, argument, body = match.groups()
        line = self.line_of(match.start())
        if f"\n{fence}{{" in f"\n{body}":
            self.wrong(line, f"this {{{kind}}} is not closed before the next block begins")
        lines = body.splitlines()
        count = next((i for i, text in enumerate(lines) if not text.startswith(":")), len(lines))
        try:
            options = yaml.safe_load("\n".join(text[1:] for text in lines[:count])) or {}
        except yaml.YAMLError:
            options = None
        if not isinstance(options, dict) or not isinstance(options.get("nbgrader", {}), dict):
            self.wrong(line, "the options must be lines ':name: value' in YAML (put text with a colon in quotes)")
            options = {}
        return _Block(kind, argument.strip(), options, "\n".join(lines[count:]).strip("\n"), match.start(), line)

    def _head(self, prose):
        title, _, introduction = prose.strip().partition("\n")
        if not title.startswith("# "):
            self.wrong(1, "the source must begin with its title, '# Title'")
        return title.removeprefix("# "), introduction.strip()

    def _imports(self, blocks):
        if [block.kind for block in blocks] != ["code-cell"]:
            self.wrong(1, "before the first exercise stands exactly one block, the code cell with the imports")
            return ""
        return blocks[0].body

    def _exercise(self, title, number, blocks, line):
        parts = {role: [block for block in blocks if block.role == role] for role in _PARTS}
        name = next((block.options.get("label") for block in parts["exercise"]), None) or title

        def complain(at, what):
            self.wrong(at, f"{name}: {what}")

        complete = True
        for role, (what, allowed) in _PARTS.items():
            if len(parts[role]) not in allowed:
                complain(line, f"needs {what}, has {len(parts[role])}")
                complete = False
        for block in blocks:
            if block.role not in _PARTS:
                what = "code cell that is neither answer nor checks nor wrong" if block.role is None else "block"
                complain(block.line, f"a {what} that does not belong in an exercise: {{{block.kind}}}")
        if not complete:
            return None

        [text], [answer], [checks], [solution] = (parts[role] for role in ("exercise", "answer", "checks", "solution"))
        self._check_label(text, solution, complain)
        self._check_positive("minutes", text.options.get("minutes"), text, complain)
        for block in (text, *parts["hint"]):
            if _MYST_ONLY.search(block.body):
                complain(block.line, "a directive or role, which the student's notebook cannot show")
        self._check_answer(answer, complain)
        self._check_checks(checks, complain)
        self._check_wrong(parts["wrong"], complain)
        return Exercise(
            label=name,
            number=number,
            title=title,
            minutes=text.options.get("minutes"),
            text=text.body,
            hints=tuple(hint.body for hint in parts["hint"]),
            answer=answer.body,
            checks=checks.body,
            points=checks.options["nbgrader"].get("points"),
            solution=solution.body,
            wrong=tuple(Wrong(b.options.get("name"), b.options.get("reason"), b.body) for b in parts["wrong"]),
        )

    def _check_label(self, text, solution, complain):
        label = text.options.get("label", "")
        if not re.fullmatch(r"ex-[a-z0-9-]+", label):
            complain(text.line, f"the label must be ex- and lower-case letters, digits or hyphens, got {label!r}")
        elif solution.argument != label:
            complain(solution.line, f"the solution names {solution.argument!r} instead of {label!r}")
        self.labels.append((label, text.line))

    def _check_answer(self, answer, complain):
        regions = list(_SOLUTION.finditer(answer.body))
        if not regions or len(_MARK.findall(answer.body)) != 2 * len(regions):
            complain(answer.line, "the answer needs '### BEGIN SOLUTION' … '### END SOLUTION', in pairs")
        for region in regions:
            if len(region[2].split()) < 3 or '"' in region[2] or "\\" in region[2] or region[2][-1] in ".?!":
                message = "after '### BEGIN SOLUTION:' say what to write, without double quotes, \\ or a final stop"
                complain(answer.line, message)
        self._parse(answer, complain)

    def _check_checks(self, checks, complain):
        if len(_MARK.findall(checks.body)) != 2 * len(_HIDDEN.findall(checks.body)):
            complain(checks.line, "the checks need '### BEGIN HIDDEN TESTS' … '### END HIDDEN TESTS', in pairs")
        asserts = [node for node in ast.walk(self._parse(checks, complain)) if isinstance(node, ast.Assert)]
        if not asserts:
            complain(checks.line, "the checks assert nothing")
        for node in asserts:
            if node.msg is None:
                complain(checks.line, f"this assert has no message: {ast.unparse(node)}")
        self._check_positive("points", checks.options["nbgrader"].get("points"), checks, complain)

    def _check_positive(self, name, value, block, complain):
        if not (isinstance(value, int) and value > 0):
            complain(block.line, f"{name} must be a positive whole number, got {value!r}")

    def _check_wrong(self, cells, complain):
        names = [cell.options.get("name") for cell in cells]
        for cell, name in zip(cells, names, strict=True):
            if not name or names.count(name) > 1:
                complain(cell.line, f"a wrong answer needs a name of its own, got {name!r}")
            if not cell.options.get("reason"):
                complain(cell.line, f"the wrong answer {name!r} needs a reason")
            self._parse(cell, complain)

    def _parse(self, cell, complain):
        try:
            return ast.parse(cell.body)
        except SyntaxError as error:
            complain(cell.line, f"this cell is not Python: {error.msg} in {(error.text or '').strip()!r}")
            return ast.Module([], [])


def _blank(match):
    """Spaces in place of the match, line by line, so that what follows keeps its place."""
    return re.sub(r"[^\n]", " ", match[0])
