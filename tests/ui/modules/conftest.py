"""An empty page on which the modules can be imported."""

from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests import browser as chromium

UI = Path(__file__).parents[3] / "ui"
EMPTY = """<!doctype html><html lang="en"><head>
<link rel="stylesheet" href="/web/style.css"><link rel="stylesheet" href="/web/player.css"></head>
<body><div id="a" style="width: 600px"></div><div id="b" style="width: 600px"></div></body></html>"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="package")
def address() -> Iterator[str]:
    """Where ``ui`` is served as static files."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(UI)))
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """A Chromium, without the app that the browser of ``conftest`` waits for."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=list(chromium.FLAGS))
        yield browser
        browser.close()


def empty_page(browser: Browser, address: str, **settings: Any) -> Page:
    """A page with two elements, a and b, and ``window.words`` in English."""
    page = browser.new_page(**settings)
    page.route("**/empty", lambda route: route.fulfill(body=EMPTY, content_type="text/html"))
    page.goto(f"{address}/empty")
    page.evaluate("""async () => {
        const { Words } = await import("/web/words.js");
        window.words = new Words();
        await words.use("en");
    }""")
    return page


@pytest.fixture
def new_page(browser: Browser, address: str) -> Iterator[Any]:
    """Opens empty pages; at the end nothing may have gone wrong on them."""
    pages, wrong = [], []

    def new_page() -> Page:
        page = empty_page(browser, address)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda entry: wrong.append(entry.text) if entry.type == "error" else None)
        pages.append(page)
        return page

    yield new_page
    for page in pages:
        page.close()
    assert wrong == []


@pytest.fixture
def page(new_page) -> Page:
    return new_page()


@pytest.fixture
def players(page: Page) -> Page:
    """A page with two players, ``a`` and ``b``."""
    create = """async (name) => {
        const { createPlayer } = await import("/web/player/player.js");
        window[name] = createPlayer(document.getElementById(name), { words, calm: true });
    }"""
    for name in ("a", "b"):
        page.evaluate(create, name)
    return page
