"""What tests of the page share: a Chromium, and the page in it. Each file has a fixture ``url``, of its own server."""

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests import browser as chromium

WAIT = 120_000  # ms, for whatever the computer has to compute; a busy machine is no failure


@pytest.fixture(scope="module")
def browser(url: str):
    """One Chromium for all tests of a file, started after its server."""
    path = chromium.find()
    if path is None:
        pytest.fail("There is no Chromium; `python -m tests.browser` installs one.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(chromium.FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser, url: str):
    """Opens the page, with any settings of a browser context; at the end nothing may have gone wrong in it."""
    contexts, wrong = [], []

    def open_page(**settings) -> Page:
        settings = {"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce", **settings}
        contexts.append(browser.new_context(**settings))
        page = contexts[-1].new_page()
        page.set_default_timeout(WAIT)
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda request: wrong.append(request.url) if foreign(request.url, url) else None)
        page.goto(url)
        expect(page.locator(".digit-player")).to_have_attribute(
            "data-frames", "5", timeout=WAIT
        )  # the example has come
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture
def page(open_page) -> Page:
    """The page on a wide screen."""
    return open_page()


def foreign(request: str, url: str) -> bool:
    """Whether a request leaves the server."""
    return not request.startswith((url, "data:", "blob:"))
