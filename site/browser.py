"""Finds the Chromium that tests and benchmarks drive, or installs one.

python site/browser.py   find or install, and say which
"""

import os
import shutil
import subprocess
import sys

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ADVICE = "No Chromium was found. Install one with `apt-get install chromium`, or set CHROMIUM=/path/to/chromium."


def playwright_browser() -> str | None:
    """The path of Playwright's own Chromium, if it has been downloaded."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if os.path.exists(path) else None


def find() -> str:
    """The path of a Chromium: $CHROMIUM, one on the PATH, or Playwright's own; a RuntimeError says how to get one."""
    if path := os.environ.get("CHROMIUM"):
        if not shutil.which(path):
            raise RuntimeError(f"CHROMIUM is {path!r}, which is no program. {ADVICE}")
        return path
    path = next(filter(None, map(shutil.which, NAMES)), None) or playwright_browser()
    if not path:
        raise RuntimeError(ADVICE)
    return path


def install() -> None:
    """Ask Playwright for a Chromium; where its download is refused, ask Debian's package manager."""
    print("No Chromium was found; installing one", flush=True)
    root = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
    apt = [*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet", "--quiet"]
    ways = [
        [[sys.executable, "-m", "playwright", "install", "chromium"]],
        [[*apt, "update"], [*apt, "install", "--yes", "--no-install-recommends", "chromium"]],
    ]
    for way in ways:
        try:
            for command in way:
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=900)
            return
        except (OSError, subprocess.SubprocessError) as error:
            print(f"that did not work: {error}", flush=True)


if __name__ == "__main__":
    try:
        try:
            path = find()
        except RuntimeError:
            if os.environ.get("CHROMIUM"):
                raise
            install()
            path = find()
    except RuntimeError as error:
        sys.exit(str(error))
    print(f"Browser: {path}")
