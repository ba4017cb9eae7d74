"""What every widget of every page promises: keys and mouse move it, the address remembers it, reset forgets."""

import re

import pytest
from built_book import WIDGETS
from playwright.sync_api import Locator, Page, expect

every_widget = pytest.mark.parametrize(("page", "name"), WIDGETS)


def controls(card: Locator) -> list[Locator]:
    found = card.locator("[data-control]:is(input, select)").all()
    assert found, "the widget has no control"
    return found


def settings(card: Locator) -> list[str]:
    return [control.input_value() for control in controls(card)]


def shown(card: Locator) -> str:
    """What the widget shows, without the ids that it makes up."""
    html = card.evaluate("c => [...c.querySelectorAll('[data-readout], svg, .nnw-says')].map(e => e.outerHTML).join()")
    return re.sub(r'id="[^"]*"|url\(#[^)]*\)', "", html)


def is_range(control: Locator) -> bool:
    return control.get_attribute("type") == "range"


def move_to_an_end(page: Page, control: Locator) -> None:
    before = control.input_value()
    control.focus()
    page.keyboard.press("End")
    if control.input_value() == before:
        page.keyboard.press("Home")
    assert control.input_value() != before


def expect_in_address(page: Page, name: str, control: Locator) -> None:
    key = control.get_attribute("data-control")
    page.wait_for_function(
        "([name, key]) => location.hash.slice(1).split('&').some(p => p.startsWith(name + ':') && p.includes(key))",
        arg=[name, key],
    )


@every_widget
def test_keys_move_every_control(visit, page, name):
    opened = visit(page).page
    card = opened.locator(f"#{name}")
    for control in controls(card):
        card.locator("[data-action=reset]").click()
        before = control.input_value()
        control.focus()
        opened.keyboard.press("ArrowRight" if is_range(control) else "ArrowDown")
        if control.input_value() == before:
            opened.keyboard.press("ArrowLeft" if is_range(control) else "ArrowUp")
        assert control.input_value() != before
        expect_in_address(opened, name, control)


@every_widget
def test_mouse_moves_every_control_and_the_picture_follows(visit, page, name):
    opened = visit(page).page
    card = opened.locator(f"#{name}")
    seen = {shown(card)}
    for control in controls(card):
        before = control.input_value()
        if is_range(control):
            box = control.bounding_box()
            part = 0.02 if 2 * float(before) > float(control.get_attribute("max")) else 0.98
            control.click(position={"x": box["width"] * part, "y": box["height"] / 2})
        else:
            values = control.locator("option").evaluate_all("options => options.map(o => o.value)")
            control.select_option(next(value for value in values if value != before))
        assert control.input_value() != before
        expect_in_address(opened, name, control)
        seen.add(shown(card))
    assert len(seen) > 1


@every_widget
def test_reset_restores_the_first_state_and_clears_the_address(visit, page, name):
    opened = visit(page).page
    card = opened.locator(f"#{name}")
    settings_before, shown_before = settings(card), shown(card)
    for control in controls(card):
        move_to_an_end(opened, control)
    card.locator("[data-action=reset]").click()
    assert settings(card) == settings_before
    assert shown(card) == shown_before
    opened.wait_for_function("name => !location.hash.includes(name + ':')", arg=name)


@every_widget
def test_an_address_that_was_copied_opens_the_same_picture(visit, page, name):
    first = visit(page).page
    card = first.locator(f"#{name}")
    control = controls(card)[0]
    move_to_an_end(first, control)
    expect_in_address(first, name, control)
    second = visit(first.url).page
    again = second.locator(f"#{name}")
    assert settings(again) == settings(card)
    assert shown(again) == shown(card)
    expect(again).to_be_in_viewport()


@pytest.mark.parametrize("page", sorted({page for page, _ in WIDGETS}))
def test_the_picture_of_a_widget_is_not_fetched_where_the_widget_runs(visit, page):
    opened = visit(page)
    stills = opened.page.locator(".nnw-still img").evaluate_all("images => images.map(i => i.src)")
    opened.page.evaluate("scrollTo(0, document.body.scrollHeight / 2)")
    opened.page.wait_for_load_state("networkidle")
    assert {response.url for response in opened.responses}.isdisjoint(stills)


def test_a_widget_that_cannot_start_shows_its_picture(visit, browser, address):
    page, _ = WIDGETS[0]
    opened = browser.new_page()
    opened.route("**/_static/widgets.js*", lambda route: route.fulfill(body=broken(route)))
    opened.goto(address + page)
    slot = opened.locator(".nnw-failed").first
    expect(slot).to_contain_text("could not start")
    expect(slot.locator("img")).to_be_visible()
    opened.close()


def broken(route) -> str:
    """The host with modules that fail when they are loaded."""
    return route.fetch().text().replace("new Blob([modules[key]]", "new Blob(['throw new Error()']")
