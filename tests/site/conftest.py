"""The built book, opened in a real Chromium that reaches nothing but this machine."""

import threading
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from built_book import BOOK
from playwright.sync_api import Page, Response


@dataclass
class Visit:
    """An open page, and what went wrong while it was open."""

    page: Page
    responses: list[Response] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def address():
    """The book served on this machine."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=BOOK))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def visit(browser, address):
    """A function that opens a page of the book: `visit("index.html", width=320, color_scheme="dark")`."""
    contexts = []

    def open_page(url: str, width: int = 1280, **options) -> Visit:
        url = url if "://" in url else address + url
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        visit = Visit(context.new_page())

        def guard(route):
            if route.request.url.startswith((address, "file:", "data:", "blob:")):
                return route.continue_()
            visit.foreign.append(route.request.url)
            return route.abort()

        context.route("**/*", guard)
        visit.page.on("response", lambda response: visit.responses.append(response))
        visit.page.on("requestfailed", lambda request: visit.missing.append(request.url))
        visit.page.on("response", lambda r: visit.missing.append(r.url) if r.status >= 400 else None)
        visit.page.on("console", lambda m: visit.console.append(m.text) if m.type in ("error", "warning") else None)
        visit.page.on("pageerror", lambda error: visit.console.append(str(error)))
        visit.page.goto(url)
        if options.get("java_script_enabled", True):
            visit.page.wait_for_function(
                "[...document.querySelectorAll('.nnw-slot')].every(s => s.matches('.nnw-runs, .nnw-failed'))"
            )
        return visit

    yield open_page
    for context in contexts:
        context.close()
