"""Every link, anchor, image and file that a page names is there."""

import re
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from bs4 import BeautifulSoup
from built_book import BOOK, PAGES, ROOT

SOUPS = {page: BeautifulSoup((BOOK / page).read_text("utf-8"), "html.parser") for page in PAGES}
NAMED = [("a", "href"), ("link", "href"), ("img", "src"), ("script", "src"), ("source", "src"), ("form", "action")]


def targets(page: str) -> list[str]:
    return [tag[name] for kind, name in NAMED for tag in SOUPS[page].find_all(kind) if tag.get(name)]


@pytest.mark.parametrize("page", PAGES)
def test_everything_a_page_names_exists(page):
    broken = []
    for target in targets(page):
        parts = urlsplit(target)
        if parts.scheme:
            continue
        path = (BOOK / page).parent / unquote(parts.path) if parts.path else BOOK / page
        other = str(path.resolve().relative_to(BOOK.resolve()))
        if not path.is_file() or (
            parts.fragment and other in SOUPS and not SOUPS[other].find(id=unquote(parts.fragment))
        ):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("page", PAGES)
def test_links_to_other_sites_are_whole_and_secure(page):
    schemes = {target: urlsplit(target) for target in targets(page) if urlsplit(target).scheme}
    odd = [
        t
        for t, parts in schemes.items()
        if not (parts.scheme == "mailto" or (parts.scheme == "https" and parts.netloc))
    ]
    assert odd == []


@pytest.mark.parametrize("page", PAGES)
def test_ids_are_unique(page):
    ids = [tag["id"] for tag in SOUPS[page].find_all(id=True)]
    assert sorted({i for i in ids if ids.count(i) > 1}) == []


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith("chapters/")])
def test_launch_buttons_use_the_address_in_the_configuration(page):
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
    repository = config["repository"]["url"].removeprefix("https://github.com/")
    hrefs = [target for target in targets(page) if re.match("https://(mybinder|colab)", target)]
    assert len(hrefs) == 2
    assert all(f"/{repository}/" in href and page.replace(".html", ".ipynb") in href for href in hrefs)
