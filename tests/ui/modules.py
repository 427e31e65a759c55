"""For the tests of modules of ``ui/web``: an empty page on which they can be imported, and messages for a player."""

import io
from base64 import b64encode
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests import browser as chromium

UI = Path(__file__).parents[2] / "ui"
EMPTY = """<!doctype html><html lang="en"><head>
<link rel="stylesheet" href="/web/style.css"><link rel="stylesheet" href="/web/player.css"></head>
<body><div id="a" style="width: 600px"></div><div id="b" style="width: 600px"></div></body></html>"""
COUNT, SIZE, GUTTER = 4, 8, 2  # images of a sheet, in two rows, and their pixels


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
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


@pytest.fixture(scope="module")
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


def png(shade: int = 0, colour: bool = False) -> str:
    """A sheet of four images in base64, each with a square of its own."""
    side = 2 * SIZE + GUTTER
    pixels = np.zeros((side, side, 3) if colour else (side, side), np.uint8)
    for i in range(COUNT):
        top, left = (i // 2) * (SIZE + GUTTER), (i % 2) * (SIZE + GUTTER)
        pixels[top + i : top + i + 3, left : left + SIZE] = (shade, 255 - shade, 40 * i) if colour else 60 + 40 * i
        pixels[top : top + SIZE, left] = shade
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return b64encode(buffer.getvalue()).decode()


def message(run: str, steps: list[int], total: int, done: bool = False, **changes: Any) -> dict[str, Any]:
    """A message as ``ui.player`` makes it, with frames of these steps."""

    def frame(step: int) -> list:
        share = step / total
        shade = round(255 * share)
        return [step, 1 - share, round(share**0.5, 5), round((1 - share) ** 0.5, 5), png(shade), png(255 - shade)]

    content = {"run": run, "example": False, "live": False, "label": "7", "seed": 1, "count": COUNT, "size": SIZE}
    content |= {"step": max(steps), "total": total, "seconds": 1.5, "frames": [frame(step) for step in steps]}
    if done:
        found = [["7", 0.998], ["7", 0.9], ["1", 0.6], ["7", 1.0]]
        content["result"] = {"png": png(), "labels": ["7"] * COUNT, "classifications": found}
    return content | changes
