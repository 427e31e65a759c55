"""What tests share. Of the engine: small models in the place of the bundled ones. Of the page: a Chromium, and the page
in it, on a server that each file has of its own (``url``, which a file may set up otherwise)."""

import io
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests import browser as chromium
from tests.tiny import tiny_classifier, tiny_enlarger, tiny_model
from ui.engine import Engine

ROOT = Path(__file__).parents[2]
WAIT = 120_000  # ms, for whatever the computer has to compute; a busy machine is no failure


@pytest.fixture
def models(tmp_path, monkeypatch):
    """A folder of bundled models, "unet" and "other", in the place of the real one."""
    for seed, name in enumerate(("unet", "other")):
        tiny_model(seed, name=name, title=f"Title of {name}").save(tmp_path / "weights" / name)
    monkeypatch.setattr("diffusion.io.hub.BUNDLED", tmp_path / "weights")
    return tmp_path / "weights"


@pytest.fixture
def engine(models, tmp_path):
    return Engine("unet", runs_dir=tmp_path / "runs")


def decoded(png: bytes) -> np.ndarray:
    """The pixels of a PNG, (H, W, C) uint8."""
    return np.atleast_3d(np.asarray(Image.open(io.BytesIO(png))))


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """The server's working directory, with the tiny model it draws with."""
    place = tmp_path_factory.mktemp("served")
    tiny_model(title="Tiny", description="Draws <b>little</b>.").save(place / "tiny")
    linear = {"process": {"kind": "linear_vp"}}
    tiny_model(2, title="Blind", label_names=(), **linear).save(place / "runs" / "blind" / "model")
    tiny_classifier(title="Reader", description="Tells noise from noise.", **linear).save(
        place / "runs" / "reader" / "model"
    )
    tiny_enlarger(title="Lens", image_size=28, low_res_size=7).save(place / "runs" / "lens" / "model")
    tiny_model(title="Paint", channels=3, label_names=("sun", "sea")).save(place / "runs" / "paint" / "model")
    return place


@pytest.fixture(scope="module")
def url(place: Path):
    """Where ``python app.py`` answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = open(place / "log", "w+")  # noqa: SIM115  (closed below; the server writes until it ends)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GRADIO_SERVER_PORT": str(port)}
    command = [sys.executable, str(ROOT / "app.py"), "--model", "tiny"]
    server = subprocess.Popen(command, cwd=place, stdout=log, stderr=subprocess.STDOUT, env=environment)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_until_it_answers(server, address, log)
        yield address
    finally:
        server.terminate()
        server.wait(20)
        log.close()


def _wait_until_it_answers(server: subprocess.Popen, address: str, log: io.TextIOWrapper) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
    log.seek(0)
    pytest.fail(f"The app does not answer:\n{log.read()}")


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
