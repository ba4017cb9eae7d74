"""Widgets in Chromium: what they show is what Python computes, by mouse and by keyboard."""

import math

import numpy as np
import pytest
from driver import path_points, readings, walks
from gallery import READY_MADE, SYNTHETIC, widget

from nnlib.widgets.panels import number

EVERY = pytest.mark.parametrize("key", [*SYNTHETIC, *READY_MADE])


@EVERY
@pytest.mark.parametrize("by", ["mouse", "keyboard"])
def test_every_number_shown_is_the_one_that_python_computes(show, key, by):
    card = show(widget(key))
    for values in walks(card.widget):
        card.press("reset")
        card.move(values, by)
        assert card.readings() == readings(card.widget, values), values
        assert card.says() == card.widget.sentence(**values), values


@EVERY
def test_every_widget_fits_a_phone(show, key):
    card = show(widget(key), width=320)
    assert card.page.evaluate("document.documentElement.scrollWidth") == 320


@EVERY
def test_every_control_has_a_name_and_says_its_value(show, key):
    card = show(widget(key))
    for control in card.widget.controls:
        element = card.control(control.name)
        assert card.page.get_by_label(control.label, exact=True).and_(element).count() == 1
        if control.kind == "slider":
            assert element.get_attribute("aria-valuetext") == control.texts[control.default]


@EVERY
def test_every_picture_is_described_by_question_and_sentence(show, key):
    card = show(widget(key))
    for svg in card.root.locator("figure > svg").all():
        assert svg.get_attribute("role") == "img"
        assert svg.get_attribute("aria-label") == f"{card.widget.title} {card.widget.sentence()}"


def test_javascript_writes_numbers_as_python_does(show):
    rng = np.random.default_rng(0)
    halves = rng.integers(-4000, 4000, 500) / 2.0 ** rng.integers(0, 8, 500)
    sizes = rng.normal(size=500) * 10.0 ** rng.integers(-30, 30, 500)
    edges = [0.0, -0.0, 0.5, 1.5, 2.5, -0.004, 0.9995, 9.995, 99.95, 999.5, 1e21, 1.5e22, 1e300, 5e-324, -1e-7, 1e16]
    values = [*halves.tolist(), *sizes.tolist(), *edges, math.nan, math.inf, -math.inf]
    specs = [".0f", ".1f", ".2f", "+.3f", ".0e", ".2e", "+.4e", ".1g", ".3g", "+.6g", ".0%", ".1%", "d", "+d"]
    card = show(widget("images"))
    written = card.page.evaluate(
        """async ([text, values, specs]) => {
            const { number } = await import(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
            return specs.map((spec) => values.map((value) => number(value, spec)));
        }""",
        [card.widget._esm, values, specs],
    )
    wrong = [
        (value, spec, text, number(value, spec))
        for spec, texts in zip(specs, written, strict=True)
        for value, text in zip(values, texts, strict=True)
        if text != number(value, spec)
    ]
    assert wrong == []


def test_labels_that_meet_are_moved_apart_and_stay_in_the_picture(show):
    places = [[10, 10, 10], [0, 100], [95, 99, 20, 98], [50]]
    card = show(widget("images"))
    moved = card.page.evaluate(
        """async ([text, places]) => {
            const { spread } = await import(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
            return places.map((ys) => spread(ys, 12, 0, 100));
        }""",
        [card.widget._esm, places],
    )
    for before, after in zip(places, moved, strict=True):
        assert all(np.diff(sorted(after)) >= 12)
        assert min(after) >= 0 and max(after) <= 100
        assert all(np.diff(np.array(after)[np.argsort(before, kind="stable")]) > 0)


@pytest.mark.parametrize("values", [{}, {"slope": 1.0, "shift": -0.5}, {"slope": -0.5, "shift": 0.3}])
def test_lines_points_and_arrows_lie_where_python_puts_them(show, values):
    card = show(widget("plane"))
    card.move(values, "mouse")
    results, data = card.widget.compute(**values), card.scale(0)
    (line,) = card.shapes(0, 1)
    drawn = [data(x, y) for x, y in path_points(line)]
    np.testing.assert_allclose(drawn, np.transpose([results["ends"], results["line"]]), atol=1e-3)
    shaft, head = card.shapes(0, 2)
    np.testing.assert_allclose(data(*path_points(shaft)[0]), (0, results["shift"]), atol=1e-3)
    np.testing.assert_allclose(data(*path_points(head)[0]), (0, results["tip"]), atol=1e-3)
    boxes = card.root.locator("[data-mark='3'] path").evaluate_all(
        "(nodes) => nodes.map((n) => n.getBBox()).map((b) => [b.x + b.width / 2, b.y + b.height / 2])"
    )
    drawn = [data(x, y) for x, y in boxes]
    np.testing.assert_allclose(drawn, np.transpose([results["x"], results["y"]]), atol=0.01)
    meanings = [f"var(--nnw-class{label})" for label in results["label"]]
    assert card.shapes(0, 3, "fill") == meanings


@pytest.mark.parametrize("t", [0.25, 1, 4])
def test_bars_are_as_high_as_python_says(show, t):
    card = show(widget("bars"))
    card.move({"t": t}, "keyboard")
    tops = map(float, card.shapes(1, 0, "y"))
    data = card.scale(1)
    np.testing.assert_allclose([data(0, y)[1] for y in tops], card.widget.compute(t=t)["p"], atol=1e-3)


def test_a_table_shows_texts_and_numbers_and_marks_its_row(show):
    card = show(widget("bars"))
    card.move({"t": 4}, "mouse")
    p = card.widget.compute(t=4)["p"]
    assert card.table(2) == [[name, f"{v:.3f}"] for name, v in zip(["cat", "dog", "fox"], p, strict=True)]
    assert card.root.locator("tr[aria-current]").all_inner_texts() == [f"cat\t{p[0]:.3f}"]


def test_the_colours_of_a_heat_map_mix_the_palette_by_value(show):
    card = show(widget("images"))
    card.move({"k": 2}, "mouse")
    pixels = card.page.evaluate(
        """async (url) => {
            const image = await createImageBitmap(await (await fetch(url)).blob());
            const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
            canvas.drawImage(image, 0, 0);
            return [image.width, image.height, ...canvas.getImageData(0, 0, image.width, image.height).data];
        }""",
        card.shapes(0, 0, "href")[0],
    )
    width, height, *rgba = pixels
    red = np.array(rgba).reshape(height, width, 4)[..., 0]
    weights = np.asarray(card.widget.compute(k=2)["w"])
    low, high = weights.min(), weights.max()
    expected = 255 + (weights - low) / (high - low) * (0x1F - 255)  # paper is white, ink #1f2933
    np.testing.assert_allclose(red, expected, atol=2)


def test_a_line_stops_where_training_has_diverged(show):
    card = show(widget("curves"))
    card.move({"kind": "bad"}, "mouse")
    corners = path_points(card.shapes(0, 0)[0])
    assert len(corners) == 10
    assert card.readings()["final"] == "∞"


def test_equal_axes_have_one_scale(show):
    data = show(widget("plane")).scale(0)
    (x0, y0), (x1, y1) = data(100, 100), data(200, 200)
    assert math.isclose(x1 - x0, y0 - y1, rel_tol=1e-3)


def test_next_back_first_and_last_walk_the_frames_and_stop_at_the_ends(show):
    card = show(widget("network"))
    card.move({"seed": 1}, "mouse")
    visited = []
    for action in ["back", "next", "next", "back", "last", "next", "first"]:
        card.press(action)
        visited.append(card.control("step").get_attribute("aria-valuetext"))
    assert visited == [f"{step} of 4" for step in (0, 1, 2, 1, 4, 4, 0)]


def test_play_walks_to_the_last_frame_and_stops(show):
    card = show(widget("network"))
    card.page.clock.install()
    card.press("play")
    assert card.root.locator("[data-action=play]").inner_text() == "Pause"
    card.page.clock.run_for(10_000)
    assert card.control("step").get_attribute("aria-valuetext") == "2 of 2"
    assert card.root.locator("[data-action=play]").inner_text() == "Play"


def test_pause_stops_playing(show):
    card = show(widget("network"))
    card.page.clock.install()
    card.press("play")
    card.press("play")
    card.page.clock.run_for(10_000)
    assert card.control("step").get_attribute("aria-valuetext") == "0 of 2"


def test_each_run_ends_at_its_own_last_frame(show):
    card = show(widget("network"))
    for seed, last in ((2, 6), (0, 2)):
        card.move({"seed": seed}, "mouse")
        card.press("last")
        assert card.control("step").get_attribute("aria-valuetext") == f"{last} of {last}"
        assert card.readings() == readings(card.widget, {"seed": seed, "step": last})


def test_another_run_starts_at_its_first_frame(show):
    card = show(widget("network"))
    card.press("next")
    card.move({"seed": 2}, "mouse")
    assert card.control("step").get_attribute("aria-valuetext") == "0 of 6"
    assert card.readings() == readings(card.widget, {"seed": 2, "step": 0})


def test_at_the_end_of_a_run_another_is_seen_at_its_end(show):
    card = show(widget("network"))
    card.press("last")
    card.move({"seed": 2}, "mouse")
    assert card.control("step").get_attribute("aria-valuetext") == "6 of 6"
    assert card.readings() == readings(card.widget, {"seed": 2, "step": 6})


def test_marks_travel_to_the_next_step_and_arrive(show):
    card = show(widget("network"), reduced_motion="no-preference")
    before = card.shapes(0, 0, "stroke-width")
    card.press("next")
    card.page.wait_for_selector("#network:not([data-moving])")
    weights = np.abs(card.widget.compute(step=1)["w"])
    drawn = np.array(card.shapes(0, 0, "stroke-width"), float)
    assert drawn.tolist() != [float(w) for w in before]
    np.testing.assert_allclose((drawn - 0.5) / (drawn - 0.5).max(), weights / weights.max(), atol=0.01)


def test_numbers_do_not_travel(show):
    card = show(widget("network"), reduced_motion="no-preference")
    shown = card.page.evaluate(
        """() => {
            document.querySelector("[data-action=last]").click();
            return [...document.querySelectorAll("[data-readout], td")].map((node) => node.textContent);
        }"""
    )
    assert shown == ["0", "1", "2", readings(card.widget, {"step": 2})["largest"]]


def test_nothing_moves_where_the_reader_asks_for_less_motion(show):
    card = show(widget("network"))
    moving = card.page.evaluate(
        "document.querySelector('[data-action=next]').click(), document.querySelector('[data-moving]') !== null"
    )
    assert not moving


def test_reset_returns_to_the_defaults(show):
    card = show(widget("plane"))
    card.move({"slope": 1.0, "shift": 0.5}, "keyboard")
    card.press("reset")
    assert card.readings() == readings(card.widget, {})
    assert card.control("slope").input_value() == "2"


def test_keys_for_a_control_do_not_reach_the_notebook_around_it(show):
    card = show(widget("plane"))
    card.page.evaluate("window.keys = []; document.addEventListener('keydown', (e) => keys.push(e.key), true)")
    card.control("slope").focus()
    for key in ["ArrowRight", "Home", "End", "b", "Tab"]:
        card.page.keyboard.press(key)
    assert card.page.evaluate("keys") == ["Tab"]
    assert card.control("slope").input_value() == "4"


def test_the_address_keeps_the_state_and_brings_it_back(show):
    card = show(widget("plane"))
    card.move({"slope": 0.5}, "keyboard")
    card.page.wait_for_function("location.hash.includes('slope=0.5')")
    again = show(widget("plane"), fragment=card.page.evaluate("location.hash"))
    again.page.wait_for_function("document.querySelector('[data-control=slope]').value === '3'")
    assert again.readings() == readings(again.widget, {"slope": 0.5})


def test_focus_is_visible(show):
    card = show(widget("plane"))
    card.page.keyboard.press("Tab")
    assert card.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_controls_are_large_enough_for_a_finger(show):
    card = show(widget("network"), width=390, has_touch=True, is_mobile=True)
    for element in card.root.locator("button, input, select").all():
        box = element.bounding_box()
        assert box["width"] >= 44 and box["height"] >= 44


def test_panels_stand_side_by_side_only_where_there_is_room(show):
    def tops(width):
        return [
            figure.bounding_box()["y"] for figure in show(widget("images"), width=width).root.locator("figure").all()
        ]

    wide, narrow = tops(1000), tops(400)
    assert wide[0] == pytest.approx(wide[1], abs=20)
    assert narrow[1] > narrow[0] + 100


HOSTS = {
    "the book": "document.documentElement.dataset.theme = 'dark'",
    "Colab": "delete document.documentElement.dataset.theme; document.documentElement.setAttribute('theme', 'dark')",
    "JupyterLab": "delete document.documentElement.dataset.theme; document.body.dataset.jpThemeLight = 'false'",
    "VS Code": "delete document.documentElement.dataset.theme; document.body.classList.add('vscode-dark')",
}


@pytest.mark.parametrize("host", HOSTS)
def test_a_widget_turns_dark_with_its_host(show, host):
    card = show(widget("plane"))
    light = card.shapes(0, 0, "href")
    card.page.evaluate(HOSTS[host])
    card.page.wait_for_function("(old) => document.querySelector('image').getAttribute('href') !== old", arg=light[0])
    background = card.root.evaluate("(node) => getComputedStyle(node).backgroundColor")
    assert background == "rgb(20, 24, 30)"


def test_a_widget_is_light_in_a_light_host_though_the_system_is_dark(show):
    card = show(widget("plane"), theme="light", color_scheme="dark")
    assert card.root.evaluate("(node) => getComputedStyle(node).backgroundColor") == "rgb(255, 255, 255)"
