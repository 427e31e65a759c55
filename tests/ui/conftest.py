"""What tests share. Of the engine: small models in the place of the bundled ones. Of the page: a Chromium, and the page
in it; each file has a fixture ``url``, of its own server."""

import io

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests import browser as chromium
from tests.tiny import tiny_model
from ui.engine import Engine

WAIT = 120_000  # ms, for whatever the computer has to compute; a busy machine is no failure


@pytest.fixture
def models(tmp_path, monkeypatch):
    """A folder of bundled models, "unet" and "other", in the place of the real one."""
    for seed, name in enumerate(("unet", "other")):
        tiny_model(seed, name=name, title=f"Title of {name}").save(tmp_path / "weights" / name)
    monkeypatch.setattr("diffusion.hub.BUNDLED", tmp_path / "weights")
    return tmp_path / "weights"


@pytest.fixture
def engine(models, tmp_path):
    return Engine("unet", runs_dir=tmp_path / "runs")


def decoded(png: bytes) -> np.ndarray:
    """The pixels of a PNG, (H, W, C) uint8."""
    return np.atleast_3d(np.asarray(Image.open(io.BytesIO(png))))


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
