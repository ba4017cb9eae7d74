"""Reads an exercise set from its MyST source and says precisely where a malformed one is wrong.

A source is a title, an introduction, one cell of imports, and a section `## Title` for each exercise. A section
holds, in any order, `{exercise}` (the text), `{hint}` two or three times, `{solution}` (the reasoning) and code
cells: the answer (`nbgrader: {solution: true}`), its checks (`nbgrader: {grade: true, points: 3}`), and typical
wrong answers (`tags: [wrong]`), which are run after the answer and replace what they define.
"""

import ast
import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent

_BLOCK = re.compile(r"^(`{3,})\{([\w-]+)\}[ \t]*(.*?)\n(.*?)^\1[ \t]*$\n?", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^## +(.+)$", re.MULTILINE)
_FRONT_MATTER = re.compile(r"\A---\n.*?^---\n", re.MULTILINE | re.DOTALL)
_SOLUTION = re.compile(r"^([ \t]*)### BEGIN SOLUTION:?[ \t]*(.*)\n((?:.*\n)*?)[ \t]*### END SOLUTION[ \t]*$", re.M)
_HIDDEN = re.compile(r"\n*^[ \t]*### BEGIN HIDDEN TESTS[ \t]*\n(?:.*\n)*?[ \t]*### END HIDDEN TESTS[ \t]*$", re.M)
_MARKER = re.compile(r"### (BEGIN|END)\b")
_MYST_ONLY = re.compile(r"^`{3,}\{|\{[a-z:]+\}`", re.MULTILINE)


class MalformedSource(Exception):
    """Everything that is wrong with the sources, one `file:line: what` a line."""


@dataclass(frozen=True)
class Block:
    """A fenced directive or code cell of a source."""

    kind: str
    argument: str
    options: dict
    body: str
    line: int

    @property
    def role(self):
        """What the block is for: a directive's name; for a cell answer, checks or wrong, None if it does not say."""
        if self.kind != "code-cell":
            return self.kind
        nbgrader = self.options.get("nbgrader") or {}
        if "wrong" in self.options.get("tags", []):
            return "wrong"
        return "answer" if nbgrader.get("solution") else "checks" if nbgrader.get("grade") else None


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
            return f'{indent}raise NotImplementedError("{what}")'

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


def read_all(folder=ROOT / "exercises"):
    """Read every source in `folder`, in order. Raises MalformedSource with all that is wrong in any of them."""
    problems, sets, labels = [], [], {}
    for path in sorted(Path(folder).glob("*.md")):
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


class _Reader:
    """Reads one source and collects what is wrong with it, so that one run reports everything."""

    def __init__(self, path):
        self.path = path
        self.text = path.read_text(encoding="utf-8")
        self.problems = []
        self.labels = []

    def wrong(self, line, what, exercise=None):
        place = f"{exercise}: " if exercise else ""
        self.problems.append(f"{self.path}:{line}: {place}{what}")

    def line_of(self, offset):
        return self.text.count("\n", 0, offset) + 1

    def read(self):
        if not re.fullmatch(r"\d\d_\w+", self.path.stem):
            self.wrong(1, "name the file after its chapter: two digits, _, a name")
        front = _FRONT_MATTER.match(self.text)
        headings = [h for h in _HEADING.finditer(self.text) if not self._inside_a_block(h.start())]
        ends = [h.start() for h in headings[1:]] + [len(self.text)]
        head_end = headings[0].start() if headings else len(self.text)
        title, introduction, imports = self._read_head(front.end() if front else 0, head_end)
        exercises = []
        for i, (heading, end) in enumerate(zip(headings, ends, strict=True), start=1):
            number = f"{self.path.stem[:2].lstrip('0')}.{i}"
            exercises.append(self._read_exercise(heading[1].strip(), number, heading.start(), heading.end(), end))
        if not headings:
            self.wrong(1, "no exercise: each begins with a heading '## Title'")
        return ExerciseSet(self.path, title, introduction, imports, tuple(e for e in exercises if e))

    def _inside_a_block(self, offset):
        return any(block.start() < offset < block.end() for block in _BLOCK.finditer(self.text))

    def _read_head(self, start, end):
        blocks, prose = self._blocks(start, end)
        title, _, introduction = prose.strip().partition("\n")
        if not title.startswith("# "):
            self.wrong(self.line_of(start), "the source must begin with its title, '# Title'")
        if [block.kind for block in blocks] != ["code-cell"]:
            self.wrong(self.line_of(start), "before the first exercise stands exactly one code cell, the imports")
            return title, introduction, ""
        return title.removeprefix("# "), introduction.strip(), blocks[0].body

    def _blocks(self, start, end):
        """The blocks between two offsets, and the text that lies outside them."""
        blocks, prose = [], self.text[start:end]
        for match in _BLOCK.finditer(self.text, start, end):
            options, body = self._split_options(match[4], self.line_of(match.start()))
            blocks.append(Block(match[2], match[3].strip(), options, body, self.line_of(match.start())))
            prose = prose.replace(match[0], "")
        return blocks, prose

    def _split_options(self, body, line):
        lines = body.splitlines()
        count = next((i for i, text in enumerate(lines) if not text.startswith(":")), len(lines))
        try:
            options = yaml.safe_load("\n".join(text[1:] for text in lines[:count])) or {}
        except yaml.YAMLError as error:
            self.wrong(line, f"the options are not YAML ({' '.join(str(error).split())}): quote text with a colon")
            options = {}
        return options, "\n".join(lines[count:]).strip("\n")

    def _read_exercise(self, title, number, start, body_start, end):
        line, before = self.line_of(start), len(self.problems)
        blocks, prose = self._blocks(body_start, end)
        by_role = {}
        for block in blocks:
            by_role.setdefault(block.role, []).append(block)

        name = next((b.options.get("label") for b in by_role.get("exercise", [])), None) or title

        def complain(at, what):
            self.wrong(at, what, exercise=name)

        if prose.strip():
            stray = prose.strip().splitlines()[0]
            at = self.line_of(self.text.index(stray, body_start))
            complain(at, f"text outside a block (or a fence that is never closed): {stray!r}")
        expected = {"exercise", "hint", "solution", "answer", "checks", "wrong"}
        for role in by_role.keys() - expected:
            for block in by_role[role]:
                what = f"a block {{{role}}}" if role else "a code cell that is neither answer, checks nor wrong"
                complain(block.line, f"{what}; a section holds {{exercise}}, {{hint}}, {{solution}} and such cells")
        for role, what in {
            "exercise": "{exercise} with the text",
            "answer": "answer cell (nbgrader: {solution: true})",
            "checks": "check cell (nbgrader: {grade: true, points: …})",
            "solution": "{solution} with the reasoning",
        }.items():
            if len(by_role.get(role, [])) != 1:
                complain(line, f"needs exactly one {what}, has {len(by_role.get(role, []))}")
        if not 2 <= len(by_role.get("hint", [])) <= 3:
            complain(line, f"needs two or three {{hint}}, has {len(by_role.get('hint', []))}")
        if len(by_role.get("wrong", [])) < 3:
            complain(line, f"needs at least three wrong answers, has {len(by_role.get('wrong', []))}")
        if len(self.problems) > before:
            return None

        text, answer, checks, solution = (by_role[r][0] for r in ("exercise", "answer", "checks", "solution"))
        self._check_label(text, solution, complain)
        for block in (text, *by_role["hint"]):
            if _MYST_ONLY.search(block.body):
                complain(block.line, "a directive or role in text that the notebook shows: write plain Markdown")
        self._check_answer(answer, complain)
        points = self._check_checks(checks, complain)
        self._check_wrong(by_role["wrong"], complain)
        return Exercise(
            label=text.options.get("label", ""),
            number=number,
            title=title,
            text=text.body,
            hints=tuple(hint.body for hint in by_role["hint"]),
            answer=answer.body,
            checks=checks.body,
            points=points,
            solution=solution.body,
            wrong=tuple(
                Wrong(b.options.get("name", ""), b.options.get("reason", ""), b.body) for b in by_role["wrong"]
            ),
        )

    def _check_label(self, text, solution, complain):
        label = text.options.get("label", "")
        if not re.fullmatch(r"ex-[a-z0-9-]+", label):
            complain(text.line, f"the label must be ex- and lower-case letters, digits, hyphens, got {label!r}")
        elif solution.argument != label:
            complain(solution.line, f"the solution names {solution.argument!r} instead of {label!r}")
        self.labels.append((label, text.line))

    def _check_answer(self, answer, complain):
        regions = list(_SOLUTION.finditer(answer.body))
        if not regions or len(_MARKER.findall(answer.body)) != 2 * len(regions):
            complain(answer.line, "the answer needs '### BEGIN SOLUTION' … '### END SOLUTION', in pairs")
        for region in regions:
            if len(region[2].split()) < 3 or '"' in region[2] or "\\" in region[2]:
                complain(answer.line, "after '### BEGIN SOLUTION:' say what to write, without double quotes or \\")
        self._parse(answer, complain)

    def _check_checks(self, checks, complain):
        regions = _HIDDEN.findall(checks.body)
        if len(_MARKER.findall(checks.body)) != 2 * len(regions):
            complain(checks.line, "the checks need '### BEGIN HIDDEN TESTS' … '### END HIDDEN TESTS', in pairs")
        asserts = [n for n in ast.walk(self._parse(checks, complain)) if isinstance(n, ast.Assert)]
        if not asserts:
            complain(checks.line, "the checks assert nothing")
        for node in asserts:
            if node.msg is None:
                complain(checks.line, f"this assert has no message: {ast.unparse(node)}")
        points = checks.options["nbgrader"].get("points")
        if not (isinstance(points, int) and points > 0):
            complain(checks.line, f"points must be a positive whole number, got {points!r}")
        return points

    def _check_wrong(self, cells, complain):
        names = [cell.options.get("name") for cell in cells]
        for cell, name in zip(cells, names, strict=True):
            if not name or names.count(name) > 1:
                complain(cell.line, f"a wrong answer needs a name of its own, got {name!r}")
            if not cell.options.get("reason"):
                complain(cell.line, f"the wrong answer {name!r} needs a reason, one line")
            self._parse(cell, complain)

    def _parse(self, cell, complain):
        try:
            return ast.parse(textwrap.dedent(cell.body))
        except SyntaxError as error:
            complain(cell.line, f"this cell is not Python: {error.msg} in {(error.text or '').strip()!r}")
            return ast.Module([], [])
