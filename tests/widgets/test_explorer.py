"""Explorer and Steps in a kernel: states, messages from a page, errors, and what a notebook stores."""

import base64
import io

import numpy as np
import pytest
import traitlets
from driver import walks
from gallery import SYNTHETIC, widget
from PIL import Image

from nnlib.widgets import Bars, Control, Explorer, Heatmap, Line, Panel, Points, Readout, Rule, Steps, Table
from nnlib.widgets.panels import number

WORDS = {"title": "What is it?", "name": "it"}


def doubled(x=None, controls=None, panels=(), readouts=(), says="", **words):
    """A widget of one control that shows twice its value."""
    controls = controls or [Control("x", [1, 2, 4])]
    return Explorer(x or (lambda x: {"y": 2 * x}), controls, list(panels), list(readouts), says=says, **WORDS | words)


def receive(target, state):
    """What a page's message does in the kernel."""
    target.set_state({"state": state})


# --- states ---


@pytest.mark.parametrize("key", SYNTHETIC)
def test_every_state_holds_what_compute_returns(key):
    w = widget(key)
    for values in walks(w):
        stored, fresh = w.results(**values), w.compute(**values)
        for name, value in stored.items():
            if np.asarray(fresh[name]).dtype.kind == "U":
                assert value == fresh[name]
            else:
                fitting = np.asarray(value)[tuple(map(slice, np.shape(fresh[name])))]  # without padding
                np.testing.assert_allclose(fitting, fresh[name], rtol=1e-6, atol=0.01)


@pytest.mark.parametrize("key", ["curves", "plane", "bars", "images"])
def test_values_move_the_controls_they_name(key):
    w = SYNTHETIC[key]()
    defaults = w.values
    for values in walks(w):
        w.values = values
        assert w.values == defaults | values
        w.values = defaults


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"z": 1}, r"unknown controls \['z'\]: there are \['x'\]"),
        ({"x": 3}, r"x must be one of \[1, 2, 4\], got 3"),
        ({"x": "1"}, "x must be one of"),
    ],
)
def test_values_that_are_not_offered_are_refused(values, message):
    w = doubled()
    with pytest.raises(ValueError, match=message):
        w.values = values
    assert w.values == {"x": 1}


def test_values_are_found_though_rounded():
    w = doubled(controls=[Control("x", np.linspace(0, 1, 11))])
    w.values = {"x": 0.3}
    assert w.values["x"] == pytest.approx(0.3)


def test_a_flood_of_messages_ends_in_the_last_state():
    w = SYNTHETIC["plane"]()
    states = np.random.default_rng(0).integers(0, [5, 11], (1000, 2))
    seen = []
    w.observe(lambda change: seen.append(change.new), "state")
    for slope, shift in states.tolist():
        receive(w, {"slope": slope, "shift": shift})
    slope, shift = states[-1].tolist()
    assert w.state == {"slope": slope, "shift": shift} == seen[-1]


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"x": 3},
        {"x": -1},
        {"x": 1.0},
        {"x": True},
        {"x": "1"},
        {"x": None},
        {"y": 1},
        {"x": 1, "y": 1},
        [1],
        None,
    ],
    ids=str,
)
def test_a_state_that_cannot_be_is_refused_and_changes_nothing(state):
    w = doubled()
    with pytest.raises(traitlets.TraitError):
        receive(w, state)
    assert w.state == {"x": 0}


def test_a_state_that_can_be_is_taken():
    w = doubled()
    receive(w, {"x": 2})
    assert w.values == {"x": 4}


# --- steps ---


def test_a_step_is_a_control_over_the_longest_run():
    w = widget("network")
    assert w.controls[-1].values == list(range(7))
    assert w.compute(seed=2, step=6)["n"] == 6


def test_a_step_beyond_the_end_of_a_run_is_its_last():
    w = SYNTHETIC["network"]()
    w.values = {"seed": 0, "step": 6}
    assert w.values == {"seed": 0, "step": 2}
    assert w.results(seed=0, step=6)["largest"] == w.results(seed=0, step=2)["largest"]


def test_a_run_without_frames_is_refused():
    with pytest.raises(ValueError, match=r"run must return one frame or more, got none at \{'x': 2\}"):
        Steps(lambda x: [{"y": x}] * (2 - x), [Control("x", [1, 2])], [], **WORDS)


# --- what a notebook stores ---


def test_a_notebook_gets_the_view_a_picture_and_a_text():
    data, metadata = SYNTHETIC["plane"]()._repr_mimebundle_()
    assert set(data) == {"application/vnd.jupyter.widget-view+json", "image/png", "text/plain"}
    picture = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    size = metadata["image/png"]
    assert picture.size == (2 * size["width"], 2 * size["height"])
    assert len(np.unique(np.asarray(picture.convert("L")))) > 10


def test_the_text_gives_the_question_the_sentence_the_numbers_and_how_they_change():
    w = doubled(says="Twice {x} is {y:.1f}.", readouts=[Readout("y", "double", ".2f")])
    assert w._repr_mimebundle_()[0]["text/plain"].splitlines() == [
        "What is it?",
        "Twice 1 is 2.0.",
        "double: 2.00",
        "",
        "x  double",
        "1    2.00",
        "2    4.00",
        "4    8.00",
    ]


def test_the_text_shows_five_values_of_a_long_control():
    w = doubled(controls=[Control("x", range(101))], readouts=[Readout("y", format="d")])
    rows = w._repr_mimebundle_()[0]["text/plain"].splitlines()[4:]
    assert [row.split() for row in rows] == [["0", "0"], ["25", "50"], ["50", "100"], ["75", "150"], ["100", "200"]]


def test_the_text_gives_the_tables():
    w = doubled(lambda x: {"n": [1, 2], "word": ["one", "two"]}, panels=[Table({"n": "n", "is": "word"}, format="d")])
    assert w._repr_mimebundle_()[0]["text/plain"].splitlines()[1:] == ["", "n   is", "1  one", "2  two"]


@pytest.mark.parametrize("key", SYNTHETIC)
def test_text_and_picture_are_the_same_each_time(key):
    first, second = SYNTHETIC[key]()._repr_mimebundle_()[0], SYNTHETIC[key]()._repr_mimebundle_()[0]
    assert first["text/plain"] == second["text/plain"]
    assert first["image/png"] == second["image/png"]


def test_only_what_is_shown_is_stored():
    w = doubled(lambda x: {"y": x, "unused": np.random.default_rng(x).random(1000)}, readouts=[Readout("y")])
    assert set(w.results()) == {"y"}


def test_a_result_may_be_called_like_a_colour():
    w = doubled(lambda x: {"test": [x, 2 * x]}, panels=[Panel(Line([0, 1], "test", color="test"))])
    assert w.results(x=4)["test"].tolist() == [4, 8]


def test_five_thousand_states_with_a_sentence_each_stay_small():
    values = np.linspace(-2, 2, 17)
    w = doubled(
        lambda a, b, c: {"sum": a + b + c, "points": np.arange(100.0)},
        controls=[Control(name, values) for name in "abc"],
        panels=[Panel(Points("points", "points"))],
        readouts=[Readout("sum", format=".2f")],
        says="{a} and {b} and {c} make {sum:.2f}.",
    )
    assert len(w.data) + len(str(w.spec)) < 50_000


# --- numbers ---


@pytest.mark.parametrize(
    ("value", "spec", "text"),
    [
        (0.125, ".2f", "0.12"),
        (-1.5, ".1f", "−1.5"),
        (-0.001, ".2f", "0.00"),
        (1.5, "+.1f", "+1.5"),
        (0.625, ".0%", "62%"),
        (3.0, "d", "3"),
        (1e-5, ".1e", "1.0e−05"),
        (float("nan"), ".2f", "–"),
        (float("inf"), ".2f", "∞"),
        (float("-inf"), "d", "−∞"),
    ],
)
def test_numbers_are_written(value, spec, text):
    assert number(value, spec) == text


@pytest.mark.parametrize("spec", ["", "f", ".2", "5.2f", ",d", ".2x", None, 2])
def test_other_formats_are_refused(spec):
    with pytest.raises(ValueError, match=r"format must look like '\.2f'"):
        number(1.0, spec)


# --- errors name what came and what is allowed ---


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: Control("two words", [1, 2]), "name must be an identifier"),
        (lambda: Control("step", [1, 2]), "name must be an identifier other than 'step'"),
        (lambda: Control("x", [1]), "two or more"),
        (lambda: Control("x", [1, "two"]), "two or more numbers, or two or more texts"),
        (lambda: Control("x", [1, 2], default=3), r"x must be one of \[1, 2\], got 3"),
        (lambda: Control("x", [0.001, 0.002], format=".2f"), "must differ as written"),
        (lambda: Control("x", [1, 2], format="2d"), "format must look like"),
        (lambda: doubled(name="Not Kebab"), "name must be kebab-case such as 'line-by-hand', got 'Not Kebab'"),
        (lambda: doubled(controls=[Control("x", [1, 2])] * 2), "controls must have different names"),
        (lambda: doubled(readouts=[Readout("z")]), r"unknown results \['z'\]: compute returns \['y'\]"),
        (lambda: doubled(panels=[Panel(Line("x", "y"))]), r"unknown results \['x'\]"),
        (lambda: doubled(panels=[Panel(Points([0], [0], color="red"))]), r"unknown results \['red'\]"),
        (lambda: doubled(panels=[Table({"a": "b"})]), r"unknown results \['b'\]"),
        (lambda: doubled(says="{z}"), r"unknown results \['z'\]"),
        (lambda: doubled(says="{y:5d}"), "format must look like"),
        (lambda: doubled(lambda x: {"y": [x, x]}, readouts=[Readout("y")]), r"'y' is read out.* its shape is \(2,\)"),
        (lambda: doubled(lambda x: {f"y{x}": x}), r"same names in every state, got \['y2'\] at \{'x': 2\}"),
        (lambda: doubled(panels=[Panel(Line([0, 1], [0, 1, 2]))]), "Line: positions must have equal lengths"),
        (lambda: doubled(panels=[Panel(Heatmap([1, 2]))]), "must have two axes"),
        (lambda: Panel("loss"), "expected marks such as Line or Points, got 'loss'"),
        (lambda: Panel(yscale="ln"), "yscale must be 'linear' or 'log', got 'ln'"),
        (lambda: Heatmap("y", colors="jet"), "colors must be 'classes', 'signed' or 'gray', got 'jet'"),
        (lambda: Rule(), "give x or y"),
        (lambda: Readout("y", format=".2"), "format must look like"),
        (lambda: Panel(Bars([0], "y", format="z")), "format must look like"),
    ],
)
def test_what_cannot_be_meant_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()
