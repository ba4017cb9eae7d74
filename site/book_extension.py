"""Makes the pages what the book needs: widgets that run without a server, links in plain Markdown, little to load."""

import hashlib
import inspect
import json
import os
import re
from base64 import b64decode
from functools import lru_cache
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive
from imagesize import get as image_size
from sphinx.application import Sphinx
from sphinx.domains.math import MathDomain
from sphinx.environment.collectors.toctree import TocTreeCollector
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.nodes import make_refnode

from nnlib.colors import PALETTE

SITE = Path(__file__).parent
REPAIRS = {  # what other extensions write, and a screen reader or an anchor cannot use
    '<div role="list" class="citation-list">': '<div class="citation-list">',
    '<summary aria-label="Toggle hidden content">': "<summary>",
    ' id="exercise-content"': "",
    ' id="solution-content"': "",
    ' id="proof-content"': "",
}
VIEW = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"
log = logging.getLogger(__name__)


# --- widgets -------------------------------------------------------------------------------------


@lru_cache
def _read_widgets(path: Path, _changed: float) -> dict[str, dict]:
    notebook = json.loads(path.read_text("utf-8"))
    models = notebook["metadata"].get("widgets", {}).get(STATE, {}).get("state", {})
    found = {}
    for output in (o for cell in notebook["cells"] for o in cell.get("outputs", [])):
        data = output.get("data", {})
        if VIEW in data and (model := models.get(data[VIEW]["model_id"], {})).get("model_name") == "AnyModel":
            found[data[VIEW]["model_id"]] = {"model": model, "data": data}
    return found


def widgets_of(path: Path) -> dict[str, dict]:
    """The widgets that a notebook shows, by model id: each its stored model and its output's data."""
    return _read_widgets(path, path.stat().st_mtime)


def slot(app: Sphinx, widget: dict, where) -> list[nodes.Node]:
    """The place of a widget in a page: its model for the host script, then what is shown without scripts."""
    state = dict(widget["model"]["state"])
    module, style = state.pop("_esm"), state.pop("_css", "")
    key = hashlib.sha256(module.encode()).hexdigest()[:12]
    app.env.book_modules[key] = module, style
    spec, data = state["spec"], widget["data"]
    if "image/png" not in data or not spec.get("alt"):
        log.warning(f"the widget {spec['name']!r} has no picture or no alt text", location=where)
        return []
    model = {
        "module": key,
        "state": {name: state[name] for name in ("spec", "state")},
        "buffers": [{"path": b["path"], "data": b["data"]} for b in widget["model"].get("buffers", [])],
    }
    text = json.dumps(model, separators=(",", ":"), sort_keys=True).replace("</", "<\\/")
    image = b64decode(data["image/png"])
    file = Path(app.outdir).parent / "jupyter_execute" / (hashlib.sha256(image).hexdigest() + ".png")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(image)
    start = f'<figure class="nnw-slot"><script type="application/json">{text}</script><div class="nnw-still">'
    numbers = '<details class="nnw-numbers"><summary>The numbers in this picture</summary>'
    table = "".join(data["text/plain"])
    return [
        nodes.raw("", start, format="html"),
        nodes.image(uri="/" + os.path.relpath(file, app.srcdir), alt=spec["alt"]),
        nodes.raw("", numbers, format="html"),
        nodes.literal_block(table, table, language="none"),
        nodes.raw("", "</details></div></figure>", format="html"),
    ]


def place_widgets(app: Sphinx, doctree: nodes.document) -> None:
    """Put a slot in place of each output that is a widget."""
    path = Path(app.env.doc2path(app.env.docname))
    for bundle in list(doctree.findall(nodes.container)):
        views = [child for child in bundle if isinstance(child, nodes.Element) and child.get("mime_type") == VIEW]
        if bundle.get("nb_element") != "mime_bundle" or not views:
            continue
        model_id = json.loads(re.search(r">(.*)</script>", views[0].astext())[1])["model_id"]
        if model_id not in widgets_of(path):
            log.warning("this widget cannot run in a static page; show it as code", location=bundle)
            continue
        widget = widgets_of(path)[model_id]
        if (name := widget["model"]["state"]["spec"]["name"]) in doctree.ids:
            log.warning(f"the widget {name!r} has the name of a heading or a target of its page", location=bundle)
        bundle.replace_self(slot(app, widget, bundle))
    # MyST-NB's own copy of the state, whole with modules, is not needed.
    getattr(app.env, "nb_metadata", {}).get(app.env.docname, {}).get("js_files", {}).clear()


class EmbeddedWidget(Directive):
    """``{widget} NAME``: shows a widget that a chapter's notebook holds."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        env = self.state.document.settings.env
        for path in sorted(Path(env.srcdir).glob("chapters/*.ipynb")):
            for widget in widgets_of(path).values():
                if widget["model"]["state"]["spec"]["name"] == self.arguments[0]:
                    env.note_dependency(str(path))
                    return slot(env.app, widget, (env.docname, self.lineno))
        raise self.error(f"no chapter holds a widget named {self.arguments[0]!r}")


def write_host(app: Sphinx) -> None:
    """Write one script with the host and the text of every module, and one style sheet."""
    static = Path(app.outdir) / "_static"
    static.mkdir(parents=True, exist_ok=True)
    used = app.env.book_modules
    modules = json.dumps({key: module for key, (module, _) in used.items()}, sort_keys=True)
    host = (SITE / "widget_host.js").read_text("utf-8")
    (static / "widgets.js").write_text(host.replace("__MODULES__", modules), "utf-8")
    (static / "widgets.css").write_text("\n".join(sorted({style for _, style in used.values()})), "utf-8")
    (static / "book.css").write_text(palette() + (SITE / "book.css").read_text("utf-8"), "utf-8")


def palette() -> str:
    """The book's colours as CSS variables, for light and dark pages."""
    light, dark = ("".join(f"--nn-{name}:{tones[i]};" for name, tones in PALETTE.items()) for i in (0, 1))
    return f':root{{{light}}}\nhtml[data-theme="dark"]{{{dark}}}\n'


# --- links ---------------------------------------------------------------------------------------


class LabelledEquations(MathDomain):
    """Equations whose number is their label, so that (2.1) is (2.1) in every form of the text."""

    def note_equation(self, docname: str, labelid: str, location=None) -> None:
        super().note_equation(docname, labelid, location)
        self.equations[labelid] = (docname, labelid)

    def resolve_any_xref(self, env, fromdocname: str, builder, target: str, node, contnode) -> list:
        if target not in self.equations:
            return []
        place = self.equations[target][0], nodes.make_id(f"equation-{target}")
        return [("math:eq", make_refnode(builder, fromdocname, *place, contnode))]


def number_by_file(_app: Sphinx, env) -> list[str]:
    """Count figures and theorems within a chapter, whose number is that of its file, Fig. 2.1, or R in the results."""
    numbers = {docname: re.search(r"/0*(\d+)_", docname) for docname in env.all_docs}
    env.toc_secnumbers = {docname: {"": (int(number[1]),)} for docname, number in numbers.items() if number}
    env.toc_secnumbers["pages/results"] = {"": ("R",)}
    rewritten = TocTreeCollector().assign_figure_numbers(env)
    env.toc_secnumbers = {}  # or each heading would be numbered, too
    return rewritten


class PlainLinks(SphinxPostTransform):
    """Resolves ``[any words](#term-learning-rate)`` to the glossary, ``[any words](#novikoff)`` to a theorem."""

    default_priority = 8  # before MyST's own resolver

    def run(self) -> None:
        objects = self.env.get_domain("std").objects.items()
        places = {"term-" + nodes.make_id(name): place for (kind, name), place in objects if kind == "term"}
        places |= {label: (proof["docname"], label) for label, proof in getattr(self.env, "proof_list", {}).items()}
        for ref in list(self.document.findall(lambda n: n.tagname == "pending_xref" and n["reftype"] == "myst")):
            if place := places.get(ref["reftarget"]):
                ref.replace_self(make_refnode(self.app.builder, self.env.docname, *place, ref[0].deepcopy()))


# --- the library ---------------------------------------------------------------------------------


def signature_of_init(_app, what, _name, obj, *_) -> tuple[str, str] | None:
    """Sign a class as its __init__ is, also where a base has a __new__ that takes anything, as traitlets has."""
    return (str(inspect.signature(obj)), "") if what == "class" and obj.__new__ is not object.__new__ else None


def keep_bars(_app, _what, _name, _obj, _options, lines: list[str]) -> None:
    """Let |x| in a docstring be an absolute value, not the name of a substitution."""
    lines[:] = [line.replace("|", r"\|") for line in lines]


# --- pages ---------------------------------------------------------------------------------------


def finish_page(app: Sphinx, pagename: str, _template: str, context: dict, _doctree) -> None:
    """Load scripts only where they are used, let images wait for the reader."""
    app.add_css_file("book.css", priority=900)
    body = context.get("body", "")
    for wrong, right in REPAIRS.items():
        body = body.replace(wrong, right)
    if "nnw-slot" in body:
        app.add_css_file("widgets.css", priority=800)
        app.add_js_file("widgets.js", loading_method="defer")
    sources = {name: Path(app.srcdir) / uri for uri, name in app.builder.images.items()}

    def lazy(tag: re.Match) -> str:
        size = image_size(sources[tag[1]]) if tag[1] in sources else (-1, -1)
        place = f' width="{size[0]}" height="{size[1]}"' if min(size) > 0 else ""
        return f'{tag[0]} loading="lazy" decoding="async"{place}'

    context["body"] = re.sub(r'<img(?=[^>]*? src="[^"]*?_images/([^"/]+)")', lazy, body)


def setup(app: Sphinx) -> dict:
    app.add_domain(LabelledEquations, override=True)
    app.add_post_transform(PlainLinks)
    app.add_directive("widget", EmbeddedWidget)
    app.connect("autodoc-process-signature", signature_of_init)
    app.connect("autodoc-process-docstring", keep_bars)
    app.connect("env-before-read-docs", lambda app, env, _docs: setattr(env, "book_modules", {}))
    app.connect("doctree-read", place_widgets, priority=400)  # before Sphinx collects the images
    app.connect("env-get-updated", number_by_file, priority=600)  # after Sphinx's own count
    app.connect("write-started", lambda app, _builder: write_host(app))
    app.connect("html-page-context", finish_page)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
