"""Explorer and Steps: widgets whose every state was computed by Python before the page was made.

The function is evaluated on the whole grid of control values, the results are packed (`grid.Grid`), and
`explorer.js` draws the chosen state. So a page without a kernel shows the same numbers as a notebook with one.
"""

import base64
import itertools
import math
import re
from pathlib import Path

import anywidget
import numpy as np
import traitlets

from nnlib.colors import PALETTE, SERIES
from nnlib.widgets.grid import Grid
from nnlib.widgets.panels import Heatmap, Panel, Table, check_format, number, picture

HERE = Path(__file__).parent
FIELD = re.compile(r"\{([^{}:]+)(?::([^{}]*))?\}")  # a field of a sentence: {name} or {name:.2f}


class Control:
    """What a reader can change: numbers become a slider over the list, texts a menu.

    `name` is the argument of the function that takes the value, `label` what the reader sees instead of it.
    `default` is one of the values (the first if not given); `format` writes the numbers (shortest form if not given).
    """

    def __init__(self, name, values, label=None, default=None, format=None):
        if not re.fullmatch(r"[^\W\d]\w*", name) or name == "step":
            raise ValueError(f"Control: name must be an identifier other than 'step', got {name!r}")
        values = [v.item() if isinstance(v, np.generic) else v for v in values]
        text = all(isinstance(v, str) for v in values)
        if len(values) < 2 or not (text or all(isinstance(v, int | float) for v in values)):
            raise ValueError(
                f"Control {name!r}: values must be two or more numbers, or two or more texts, got {values}"
            )
        if format is not None:
            check_format(format)
        self.name, self.values, self.label = name, values, label or name
        self.texts = values if text else [number(v, format) if format else _shortest(v) for v in values]
        if len(set(self.texts)) < len(values):
            raise ValueError(f"Control {name!r}: the values must differ as written, got {self.texts}")
        self.kind = "menu" if text else "slider"
        self.default = 0 if default is None else self.index(default)

    def index(self, value):
        """The place of a value in the list."""
        for i, v in enumerate(self.values):
            if v == value or (self.kind == "slider" and _close(v, value)):
                return i
        raise ValueError(f"{self.name} must be one of {self.values}, got {value!r}")

    def spec(self):
        return {key: getattr(self, key) for key in ("name", "kind", "label", "values", "texts", "default")}


class StepControl(Control):
    """The step of a recorded run."""

    def __init__(self, length):
        self.name, self.label, self.kind, self.default = "step", "step", "steps", 0
        self.values = list(range(length))
        self.texts = [str(step) for step in self.values]


def _close(a, b):
    return isinstance(b, int | float | np.number) and math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)


def _shortest(value):
    return f"{value:.6g}".replace("-", "−")


class Explorer(anywidget.AnyWidget):
    """A function of a few control values, shown.

    `compute(**values)` returns a dict of named results: numbers, arrays, texts, lists of texts, the same names in
    every state. `controls` are what the reader can change; `panels` hold the marks that draw the results (and tables),
    `readouts` the numbers written large. `title` is a question; `says` is the sentence under the picture, a template
    (`"{lr}: {accuracy:.0%}"`) or a function of (values, results); `name` (kebab-case) is the widget's id in the page;
    `alt` describes the picture that stands in for the widget.
    """

    _esm = HERE / "explorer.js"
    _css = HERE / "explorer.css"
    _ipython_display_ = None  # ipywidgets 7 has one, which would hide the picture and the text
    spec = traitlets.Dict().tag(sync=True)
    data = traitlets.Bytes().tag(sync=True)
    state = traitlets.Dict().tag(sync=True)

    def __init__(self, compute, controls, panels, readouts=(), *, title, name, says="", alt=""):
        if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
            raise ValueError(f"name must be kebab-case such as 'line-by-hand', got {name!r}")
        names = [control.name for control in controls]
        if len(set(names)) < len(names):
            raise ValueError(f"controls must have different names, got {names}")
        self._compute, self.controls, self.readouts, self.says = compute, list(controls), list(readouts), says
        self.title, self.name, self.alt = title, name, alt or title
        literals = {}
        self.panels = [p.bound(literals) if isinstance(p, Panel) else p for p in panels]
        self._grid = self._evaluate(literals)
        for key in {readout.key for readout in self.readouts} | {key for key, _ in self._fields()} - set(names):
            if key != "step" and self._grid.spec[key]["cell"]:
                shape = tuple(self._grid.spec[key]["cell"])
                raise ValueError(f"{key!r} is read out, so it must be one number or text, its shape is {shape}")
        for panel in self.panels:
            if isinstance(panel, Panel):
                panel.fit(self._grid.every, lambda key: self._grid.spec[key]["cell"])
        super().__init__(
            spec=self._spec(),
            data=self._grid.buffer,
            state={control.name: control.default for control in self.controls},
        )

    def compute(self, **values):
        """The results for control values (defaults for those not given), computed afresh."""
        return self._compute(**self._values(self._state_of(values)))

    def results(self, **values):
        """The shown results for control values (defaults for those not given), as decoded from the packed data."""
        read = self._reader(self._state_of(values))
        return {key: read(key) for key in self._grid.spec if not key.startswith("#")}

    def sentence(self, **values):
        """The sentence under the picture for control values (defaults for those not given)."""
        return self._sentence(self._state_of(values))

    @property
    def values(self):
        """The current control values. Assign a dict to move some or all of the controls."""
        return self._values(self.state)

    @values.setter
    def values(self, values):
        self.state = self.state | self._indices(values)

    @traitlets.validate("state")
    def _check_state(self, proposal):
        state, controls = proposal.value, {control.name: control for control in self.controls}
        if set(state) != set(controls):
            raise traitlets.TraitError(f"state must have the controls {list(controls)}, got {list(state)}")
        for name, index in state.items():
            size = len(controls[name].values)
            if type(index) is not int or not 0 <= index < size:
                raise traitlets.TraitError(f"state[{name!r}] must be an int from 0 to {size - 1}, got {index!r}")
        return self._possible(state)

    def _repr_mimebundle_(self, **kwargs):
        data, metadata = super()._repr_mimebundle_(**kwargs)
        state = self._state_of({})
        png, (width, height) = picture(
            self.panels, self._reader(state), self.title, self._sentence(state), self.readouts
        )
        data |= {"image/png": base64.b64encode(png).decode(), "text/plain": self._text()}
        return data, metadata | {"image/png": {"width": width, "height": height}}

    def _evaluate(self, literals):
        """Compute every state and pack the results."""
        states = self._states()
        results = [self._compute(**self._values(state)) for state in states]
        return self._packed(states, results, literals)

    def _states(self):
        """Return every combination of the controls' positions."""
        names, axes = [control.name for control in self.controls], [range(n) for n in self._shape()]
        return [dict(zip(names, index, strict=True)) for index in itertools.product(*axes)]

    def _shape(self):
        return [len(control.values) for control in self.controls]

    def _packed(self, states, results, literals):
        for state, result in zip(states, results, strict=True):
            if result.keys() != results[0].keys():
                came, first = sorted(result), sorted(results[0])
                raise ValueError(f"compute must return the same names in every state, got {came} at "
                                 f"{self._values(state)} but {first} at {self._values(states[0])}")  # fmt: skip
        used = self._used_names(results[0].keys() | literals.keys())
        if callable(self.says):
            says = [{"#says": self.says(self._values(s), r)} for s, r in zip(states, results, strict=True)]
        else:
            says = [{}] * len(states)
        read = {key for panel in self.panels if isinstance(panel, Table) for key in panel.names()}
        read |= {readout.key for readout in self.readouts} | {key for key, _ in self._fields()}
        marks = [mark for panel in self.panels if isinstance(panel, Panel) for mark in panel.marks]
        images = {m.values: m.scale or ((0, 1) if m.colors == "classes" else None)
                  for m in marks if isinstance(m, Heatmap) and not m.format}  # fmt: skip
        images = {key: limits for key, limits in images.items() if key not in read}
        shown = [{key: value for key, value in result.items() if key in used} for result in results]
        return Grid(self._shape(), [r | literals | s for r, s in zip(shown, says, strict=True)], read, images)

    def _used_names(self, known):
        """The names of the results that are shown; the others are not stored."""
        used = set().union(*(panel.names() for panel in self.panels), (readout.key for readout in self.readouts))
        used |= {key for key, _ in self._fields()} - {control.name for control in self.controls}
        if unknown := used - known:
            raise ValueError(f"unknown results {sorted(unknown)}: compute returns {sorted(known)}")
        return used | {"#last"}

    def _fields(self):
        """The (name, format) pairs of the sentence, if it is a template."""
        fields = [] if callable(self.says) else FIELD.findall(self.says)
        for _, spec in fields:
            if spec:
                check_format(spec)
        return fields

    def _spec(self):
        return {
            "name": self.name,
            "title": self.title,
            "alt": self.alt,
            "controls": [control.spec() for control in self.controls],
            "panels": [panel.spec() for panel in self.panels],
            "readouts": [readout.spec() for readout in self.readouts],
            "says": "" if callable(self.says) else self.says,
            "arrays": self._grid.spec,
            "strings": self._grid.strings,
            "palette": {meaning: list(tones) for meaning, tones in PALETTE.items()},
            "series": list(SERIES),
        }

    def _values(self, state):
        return {control.name: control.values[state[control.name]] for control in self.controls}

    def _indices(self, values):
        controls = {control.name: control for control in self.controls}
        if unknown := set(values) - set(controls):
            raise ValueError(f"unknown controls {sorted(unknown)}: there are {list(controls)}")
        return {name: controls[name].index(value) for name, value in values.items()}

    def _state_of(self, values):
        return self._possible({control.name: control.default for control in self.controls} | self._indices(values))

    def _possible(self, state):
        """The state, or the nearest that there is."""
        return dict(state)

    def _reader(self, state):
        index = [state[control.name] for control in self.controls]
        return lambda key: self._grid.read(key, index)

    def _sentence(self, state):
        read = self._reader(state)
        if callable(self.says):
            return read("#says")
        controls = {control.name: control for control in self.controls}

        def field(match):
            key, spec = match.groups()
            if key in controls:
                control, i = controls[key], state[key]
                return number(control.values[i], spec) if spec else control.texts[i]
            value = read(key)
            return value if isinstance(value, str) else number(value, spec or ".3g")

        return FIELD.sub(field, self.says)

    def _text(self):
        """The widget as text: question, sentence, numbers of the default state, tables, and a few other states."""
        default = self._state_of({})
        read = self._reader(default)
        lines = [line for line in (self.title, self._sentence(default)) if line]
        lines += [f"{r.label or r.key}: {r.text(read)}" for r in self.readouts]
        for panel in self.panels:
            if isinstance(panel, Table):
                lines += ["", *_columns(panel.rows(read)[:9])]
        for control in self.controls if self.readouts else []:
            rows = [[control.label, *(r.label or r.key for r in self.readouts)]]
            for i in _spread(len(control.values)):
                read = self._reader(default | {control.name: i})
                rows.append([control.texts[i], *(r.text(read) for r in self.readouts)])
            lines += ["", *_columns(rows)]
        return "\n".join(lines)


class Steps(Explorer):
    """A computation recorded frame by frame, walked forwards and backwards.

    `run(**values)` returns the list of frames, dicts as `compute` of an Explorer returns; runs may differ in length.
    The step is one more control, named "step": `says` may use it, `values` and `compute` take it. The
    other arguments are those of :class:`Explorer`.
    """

    def __init__(self, run, controls, panels, readouts=(), *, title, name, says="", alt=""):
        def frame(step, **values):
            frames = run(**values)
            return frames[min(step, len(frames) - 1)]

        self._run = run
        super().__init__(frame, controls, panels, readouts, title=title, name=name, says=says, alt=alt)

    def _evaluate(self, literals):
        states = self._states()
        runs = [self._run(**self._values(state)) for state in states]
        if not all(runs):
            raise ValueError(f"run must return one frame or more, got none at {self._values(states[runs.index([])])}")
        longest = max(map(len, runs))
        self.controls.append(StepControl(longest))
        frames = [run[min(step, len(run) - 1)] | {"#last": len(run) - 1} for run in runs for step in range(longest)]
        return self._packed(self._states(), frames, literals)

    def _possible(self, state):
        last = self._grid.read("#last", [state[control.name] for control in self.controls])
        return state | {"step": min(state["step"], int(last))}


def _spread(n):
    """Up to five places among n, first and last among them."""
    return sorted({round(i * (n - 1) / 4) for i in range(5)})


def _columns(rows):
    """Lines of text with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(f"{cell:>{w}}" for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
