"""The widgets in the built book's chapters show, in every state visited, what their functions compute now."""

from pathlib import Path

import pytest
from driver import ADDRESS, Card, readings, walks
from gallery import READY_MADE, widget

ROOT = Path(__file__).parents[2]
BOOK = ROOT / "_build" / "html"
CHAPTERS = sorted(notebook.stem for notebook in (ROOT / "chapters").glob("*.ipynb"))


@pytest.fixture
def page(browser):
    """A page that reaches the built book and nothing else."""
    context = browser.new_context(reduced_motion="reduce")

    def answer(route):
        file = BOOK / route.request.url.removeprefix(ADDRESS).split("?")[0]
        return route.fulfill(path=file) if file.is_file() else route.abort()

    context.route("**/*", answer)
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapters_widgets_show_what_their_functions_compute(page, chapter):
    file = BOOK / "chapters" / f"{chapter}.html"
    assert file.is_file(), f"{file} is missing: run `make book`"
    module = chapter.split("_", 1)[1]
    made = {w.name: w for w in (widget(key) for key in READY_MADE if key.startswith(f"{module}."))}
    page.goto(f"{ADDRESS}chapters/{chapter}.html")
    page.wait_for_function("document.querySelectorAll('.nnw-slot:not(.nnw-runs, .nnw-failed)').length === 0")
    shown = page.locator("section.nnw").evaluate_all("(cards) => cards.map((card) => card.id)")
    assert len(shown) >= 2
    assert set(shown) <= set(made), "a widget in a chapter is made by a function of nnlib.widgets"
    for name in shown:
        card = Card(page, made[name])
        for values in walks(card.widget):
            card.press("reset")
            card.move(values, "keyboard")
            assert card.readings() == readings(card.widget, values), (name, values)
            assert card.says() == card.widget.sentence(**values), (name, values)
