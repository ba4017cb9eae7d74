"""The built book as the tests see it: its pages, and the models of the widgets in them."""

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BOOK = ROOT / "_build" / "html"
PAGES = sorted(str(p.relative_to(BOOK)) for p in BOOK.rglob("*.html") if "_static" not in p.parts)
if not (BOOK / ".built").exists():
    raise pytest.UsageError(f"{BOOK} holds no finished book: run `make book`")


class Slots(HTMLParser):
    """Collects the models of a page's widgets."""

    def __init__(self):
        super().__init__()
        self.models, self._inside = [], False

    def handle_starttag(self, tag, attrs):
        self._inside = tag == "script" and ("type", "application/json") in attrs

    def handle_data(self, data):
        if self._inside:
            self.models.append(json.loads(data))
            self._inside = False


def models(page: str) -> list[dict]:
    """The models of the widgets in a page of the book."""
    slots = Slots()
    slots.feed((BOOK / page).read_text("utf-8"))
    return slots.models


WIDGETS = [(page, model["state"]["spec"]["name"]) for page in PAGES for model in models(page)]
if not WIDGETS:
    raise pytest.UsageError(f"no page below {BOOK} holds a widget")
