"""Measures what a page of the built book weighs, and how long a widget takes from input to paint.

Weights are gzipped bytes of everything that a first visit fetches when the reader scrolls to the end. Times are taken
in headless Chromium with the network blocked: from the input event to the end of the frame that shows its result.
"""

import gzip
import http.server
import statistics
import sys
import threading
from collections import Counter
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "site"))

import browser  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402

BOOK = ROOT / "_build" / "html"
KINDS = ("html", "own js", "theme js", "css", "fonts", "images", "all")
INPUTS = 200
MOVE = """
([name, inputs]) => new Promise((done) => {
  const controls = [...document.getElementById(name).querySelectorAll("input[data-control], select[data-control]")];
  const times = [];
  const next = () => {
    if (times.length === inputs) return done(times);
    const control = controls[times.length % controls.length];
    const values = control.options ? [...control.options].map((o) => o.value) : null;
    const last = values ? values.length - 1 : Number(control.max);
    const now = values ? values.indexOf(control.value) : Number(control.value);
    const step = (now + 1 + Math.floor(times.length / controls.length)) % (last + 1);
    requestAnimationFrame(() => {
      const start = performance.now();
      control.value = values ? values[step] : step;
      control.dispatchEvent(new Event("input", { bubbles: true }));
      control.dispatchEvent(new Event("change", { bubbles: true }));
      requestAnimationFrame(() => {
        const channel = new MessageChannel(); // its message comes after this frame is painted
        channel.port1.onmessage = () => { times.push(performance.now() - start); next(); };
        channel.port2.postMessage(0);
      });
    });
  };
  next();
})
"""


def serve() -> http.server.ThreadingHTTPServer:
    """Serve the book on this machine."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=BOOK))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def kind(path):
    """What a file counts as."""
    suffix = path.rsplit(".", 1)[-1]
    if suffix == "js":
        return "own js" if path.endswith("_static/widgets.js") else "theme js"
    return {"css": "css", "woff2": "fonts", "html": "html"}.get(suffix, "images")


def weigh(page, address, name):
    """Gzipped bytes of all that a page fetches, by kind."""
    fetched = {}
    page.on("response", lambda response: fetched.setdefault(urlsplit(response.url).path, response))
    page.goto(address + name)
    for _ in range(60):
        page.mouse.wheel(0, 900)
        page.wait_for_timeout(20)
    page.wait_for_load_state("networkidle")
    weights = Counter()
    for path, response in fetched.items():
        if response.url.startswith(address):
            weights[kind(path)] += len(gzip.compress(response.body(), 9))
    return weights + Counter({"all": weights.total()})


def main():
    """Print both tables."""
    server = serve()
    address = f"http://127.0.0.1:{server.server_port}/"
    names = sorted(str(p.relative_to(BOOK)) for p in BOOK.rglob("*.html") if "_static" not in p.parts)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser.find(), args=browser.ARGUMENTS)
        print(f"{'gzipped kB':34}" + "".join(f"{kind:>10}" for kind in KINDS))
        for name in names:
            page = chromium.new_page()
            weights = weigh(page, address, name)
            print(f"{name:34}" + "".join(f"{weights[kind] / 1000:10.0f}" for kind in KINDS), flush=True)
            page.close()
        print(f"\n{'input to paint, ms':34}{'median':>10}{'95th %':>10}{'most':>10}")
        for name in names:
            page = chromium.new_page()
            page.goto(address + name)
            page.wait_for_timeout(1000)
            for widget in page.locator(".nnw-slot section.nnw").evaluate_all("cards => cards.map(c => c.id)"):
                times = page.evaluate(MOVE, [widget, INPUTS])
                late = statistics.quantiles(times, n=20)[-1]
                print(f"{widget:34}{statistics.median(times):10.1f}{late:10.1f}{max(times):10.1f}", flush=True)
            page.close()
        chromium.close()
    server.shutdown()


if __name__ == "__main__":
    main()
