"""The app twice on another site's page, as ``<gradio-app>``."""

import re
import threading
import urllib.request
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Locator, expect

from tests.ui.page.actions import EXAMPLE_FRAMES, WAIT

PAGE = """<!doctype html><html lang="en"><title>Another site</title><body>
<script type="module" crossorigin src="{script}"></script>
<gradio-app src="{url}"></gradio-app><gradio-app src="{url}/"></gradio-app></body></html>"""


@pytest.fixture
def other_site(tmp_path, url: str) -> Iterator[str]:
    """The address of a page with two apps."""
    with urllib.request.urlopen(url) as page:
        script = re.search(r'src="\./(assets/index-[^"]*)"', page.read().decode())
    assert script is not None
    (tmp_path / "index.html").write_text(PAGE.format(script=f"{url}/{script[1]}", url=url))
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=tmp_path))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


def expect_phase(app: Locator, phase: str) -> None:
    expect(app.locator(".digit-player")).to_have_attribute("data-phase", phase, timeout=WAIT)


def test_two_apps_on_one_page(rough_page, other_site: str):
    page = rough_page
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(other_site)
    first, second = page.locator("gradio-app").all()
    for app in (first, second):
        expect(app.locator(".digit-player")).to_have_attribute("data-frames", EXAMPLE_FRAMES, timeout=WAIT)
    second.locator("#generate").click()
    expect_phase(second, "finished")
    expect_phase(first, "example")
    second.get_by_role("radio", name="简体中文").click()
    expect(second.locator("#generate")).to_have_text("生成")
    expect(first.locator("#generate")).to_have_text("Generate")
    first.locator("#generate").click()
    expect_phase(first, "finished")
    expect(page).to_have_title("Another site")
    assert wrong == []
