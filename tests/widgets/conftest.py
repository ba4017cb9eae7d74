"""Widgets in a real Chromium that reaches nothing, drawn by the book's own host script."""

import base64
import json
from pathlib import Path

import pytest
from driver import ADDRESS, Card

ROOT = Path(__file__).parents[2]


@pytest.fixture
def show(browser):
    """A function that shows a widget in a page and returns its `Card`; the page must neither fail nor fetch."""
    contexts, troubles = [], []

    def open_page(widget, width=800, fragment="", theme="light", **options):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, **{"reduced_motion": "reduce"} | options
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda m: troubles.append(m.text) if m.type in ("error", "warning") else None)

        def answer(route):
            if route.request.url == ADDRESS:
                return route.fulfill(body=_page(widget, theme), content_type="text/html; charset=utf-8")
            troubles.append(f"asked for {route.request.url}")
            return route.abort()

        context.route(lambda url: url.startswith("http"), answer)
        page.goto(ADDRESS + fragment)
        page.wait_for_selector(".nnw-runs, .nnw-failed")
        return Card(page, widget)

    yield open_page
    for context in contexts:
        context.close()
    assert not troubles


def _page(widget, theme):
    host = (ROOT / "site" / "widget_host.js").read_text("utf-8")
    modules = json.dumps({"widget": widget._esm})
    stored = {
        "module": "widget",
        "state": {"spec": widget.spec, "state": widget.state},
        "buffers": [{"path": ["data"], "data": base64.b64encode(widget.data).decode()}],
    }
    model = json.dumps(stored).replace("<", "\\u003c")
    script = host.replace("__MODULES__", modules.replace("</", "<\\/"))
    return (
        f"<!doctype html><html lang=en data-theme={theme}><meta name=viewport content='width=device-width'>"
        f"<link rel=icon href=data:,><style>{widget._css}</style>"
        f"<div class=nnw-slot><script type=application/json>{model}</script></div><script>{script}</script></html>"
    )
