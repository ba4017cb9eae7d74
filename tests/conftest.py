"""One Chromium for all tests that need a browser; it never reaches the network."""

import browser as chromium
import pytest
from playwright.sync_api import sync_playwright


@pytest.fixture(scope="session")
def browser():
    try:
        path = chromium.find()
    except RuntimeError as error:
        pytest.fail(str(error))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=chromium.ARGUMENTS)
        yield browser
        browser.close()
