"""What every page of the built book promises to everybody who opens it."""

import gzip
from urllib.parse import urlsplit

import pytest
from built_book import BOOK, PAGES, ROOT, models

AXE = ROOT / "site" / "node_modules" / "axe-core" / "axe.min.js"
OVERFLOWING = """[...document.querySelectorAll('article :not(svg *)')].filter(e => {
    const box = e.getBoundingClientRect();
    const clips = (n) =>
        n.tagName !== 'BODY' && (getComputedStyle(n).overflowX !== 'visible' || clips(n.parentElement));
    return box.width > 0 && box.right > innerWidth + 1 && !clips(e.parentElement);
}).map(e => e.outerHTML.slice(0, 120))"""

every_page = pytest.mark.parametrize("page", PAGES)


@every_page
def test_page_asks_no_other_host_and_misses_no_file(visit, page):
    opened = visit(page)
    opened.page.evaluate("scrollTo(0, document.body.scrollHeight)")
    opened.page.wait_for_load_state("networkidle")
    assert opened.foreign == []
    assert opened.missing == []


@every_page
def test_page_weighs_less_than_a_megabyte_of_which_own_scripts_a_tenth(visit, page):
    opened = visit(page)
    for image in opened.page.locator("article img:not(.nnw-still *)").all():
        image.evaluate("image => { image.loading = 'eager'; }")  # more than any reader can cause to be fetched
    opened.page.wait_for_load_state("networkidle")
    weights = {urlsplit(r.url).path: len(gzip.compress(r.body())) for r in opened.responses}
    assert sum(weights.values()) < 1_000_000
    assert sum(weight for path, weight in weights.items() if path.endswith("_static/widgets.js")) < 100_000


@every_page
def test_console_stays_clean(visit, page):
    assert visit(page).console == []


@every_page
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(visit, page, scheme):
    opened = visit(page, color_scheme=scheme, reduced_motion="reduce")
    opened.page.add_script_tag(path=AXE)
    violations = opened.page.evaluate("axe.run(document, {resultTypes: ['violations']}).then(r => r.violations)")
    found = [
        f"{v['id']}: {node['html'][:200]} {node['failureSummary']}"
        for v in violations
        if v["impact"] in ("serious", "critical")
        for node in v["nodes"]
    ]
    assert found == []


@every_page
def test_nothing_overflows_a_phone(visit, page):
    opened = visit(page, width=320).page
    assert opened.evaluate("document.documentElement.scrollWidth") <= 320, opened.evaluate(OVERFLOWING)
    assert opened.evaluate(OVERFLOWING) == []


@every_page
def test_page_can_be_read_without_scripts(visit, page):
    opened = visit(page, java_script_enabled=False).page
    assert opened.locator("main h1:visible").count() == 1
    for formula in opened.locator("main .katex:not(details:not([open]) *)").all():
        assert formula.is_visible()
    stills = opened.locator(".nnw-still img").all()
    assert len(stills) == len(models(page))
    for still in stills:
        still.scroll_into_view_if_needed()
        assert still.is_visible() and still.get_attribute("alt")
        assert still.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0


@every_page
def test_page_works_from_a_file(visit, page):
    opened = visit((BOOK / page).as_uri())
    opened.page.evaluate("document.fonts.ready")
    assert opened.console == []
    assert opened.missing == []
    assert opened.page.locator(".nnw-runs").count() == len(models(page))
    failed = opened.page.evaluate("[...document.fonts].filter(f => f.status === 'error').map(f => f.family)")
    assert failed == []


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_search_finds_the_perceptron(visit, scheme):
    page = "search.html?q=perceptron"
    opened = visit(page if scheme == "http" else f"{BOOK.as_uri()}/{page}")
    opened.page.wait_for_selector("#search-results li a")
    found = opened.page.locator("#search-results li").all_inner_texts()
    assert any("perceptron" in text.lower() for text in found)
    assert opened.console == []


def test_theme_button_makes_the_page_dark(visit):
    opened = visit("index.html", color_scheme="light").page
    background = "getComputedStyle(document.body).backgroundColor"
    before = opened.evaluate(background)
    for _ in range(3):  # light, dark, as the system has it
        opened.locator(".theme-switch-button:visible").click()
        if opened.evaluate("document.documentElement.dataset.theme") == "dark":
            break
    assert opened.evaluate(background) != before
