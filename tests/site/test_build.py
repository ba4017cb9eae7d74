"""The build refuses what would reach a reader broken, and says where it is."""

import shutil
import subprocess
import sys
from pathlib import Path

import browser as chromium
import pytest
from built_book import ROOT

JUPYTER_BOOK = Path(sys.executable).with_name("jupyter-book")
BROKEN = {
    "an image that is not there": ("![alt](no-such-picture.png)", "no-such-picture.png"),
    "a file that is not there": ("{download}`the data <no-such-file.csv>`", "no-such-file.csv"),
    "a page that is not there": ("[text](no-such-page.md)", "no-such-page.md"),
    "an anchor that is not there": ("[text](#no-such-anchor)", "no-such-anchor"),
    "a term that is not in the glossary": ("[text](#term-no-such-term)", "term-no-such-term"),
    "a source that is not in the bibliography": ("{cite}`nobody1900`", "nobody1900"),
    "a formula that cannot be read": (r"$$ \frac{1}{ $$", "KaTeX parse error"),
    "a widget that no chapter holds": ("```{widget} no-such-widget\n```", "no-such-widget"),
}


def build(folder: Path, text: str) -> subprocess.CompletedProcess:
    """Build a book of one page with the settings of this one."""
    shutil.copy(ROOT / "_config.yml", folder)
    shutil.copytree(ROOT / "pages", folder / "pages", ignore=shutil.ignore_patterns("*.md", "practice"))
    (folder / "site").symlink_to(ROOT / "site")
    (folder / "_build" / "extra").mkdir(parents=True)
    (folder / "_toc.yml").write_text("format: jb-book\nroot: index\n")
    (folder / "index.md").write_text(f"# Title\n\n{text}\n", "utf-8")
    command = [JUPYTER_BOOK, "build", folder, "-n", "-W", "--keep-going", "--quiet"]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("case", BROKEN)
def test_build_fails_and_names(case, tmp_path):
    text, named = BROKEN[case]
    done = build(tmp_path, text)
    assert done.returncode != 0
    assert named in done.stdout + done.stderr


def test_build_of_a_sound_page_succeeds(tmp_path):
    done = build(tmp_path, "Sound.")
    assert done.returncode == 0, done.stdout + done.stderr


def test_missing_browser_is_told_with_the_line_that_installs_one(monkeypatch):
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setattr(chromium.shutil, "which", lambda name: None)
    monkeypatch.setattr(chromium, "playwright_browser", lambda: None)
    with pytest.raises(RuntimeError, match="apt-get install chromium"):
        chromium.find()


def test_chromium_that_is_no_program_is_refused(monkeypatch):
    monkeypatch.setenv("CHROMIUM", "/no/such/chromium")
    with pytest.raises(RuntimeError, match="'/no/such/chromium', which is no program"):
        chromium.find()
