"""The app on another site's page, as ``<gradio-app>``: twice, in little room, and when its server is lost."""

import re
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.tiny import tiny_model
from tests.ui.app_process import free_port, running_app
from tests.ui.page.actions import EXAMPLE_FRAMES, WAIT, set_number, tile
from tests.ui.page.test_widths import CLIPPED, box

HEAD = """<!doctype html><html lang="en"><title>Another site</title><body>
<script type="module" crossorigin src="{script}"></script>"""
TWO = '<gradio-app src="{url}"></gradio-app><gradio-app src="{url}/"></gradio-app>'
# Gradio draws a line around an app on another site's page: 398 pixels are within it
LOOKS = {False: "rgb(255, 255, 255)", True: "rgb(20, 24, 48)"}  # of a card, dark or not
NARROW = '<h1>A site of its own</h1><div style="width: 400px"><gradio-app src="{url}"></gradio-app></div>'


@contextmanager
def other_site(folder: Path, url: str, body: str) -> Iterator[str]:
    """The address of a page with apps of the server at ``url``."""
    with urllib.request.urlopen(url) as page:
        script = re.search(r'src="\./(assets/index-[^"]*)"', page.read().decode())
    assert script is not None
    (folder / "index.html").write_text(HEAD.format(script=f"{url}/{script[1]}") + body.format(url=url))
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=folder))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


def shown_menu(app: Locator) -> tuple[str, str]:
    """The colour and the language of an app's Share menu."""
    app.locator(".sh-button").filter(visible=True).first.click()
    menu = app.page.locator(".sh-menu:popover-open")
    found = menu.evaluate("(node) => [getComputedStyle(node).backgroundColor, node.closest('[lang]').lang]")
    app.page.keyboard.press("Escape")
    return tuple(found)


def expect_example(app: Locator) -> None:
    expect(app.locator(".digit-player")).to_have_attribute("data-frames", EXAMPLE_FRAMES, timeout=WAIT)


def expect_phase(app: Locator, phase: str) -> None:
    expect(app.locator(".digit-player")).to_have_attribute("data-phase", phase, timeout=WAIT)


def test_two_apps_on_one_page(rough_page: Page, tmp_path: Path, url: str):
    page = rough_page
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    with other_site(tmp_path, url, TWO) as address:
        page.goto(address)
        first, second = page.locator("gradio-app").all()
        for app in (first, second):
            expect_example(app)
        second.locator("#generate").click()
        expect_phase(second, "finished")
        expect_phase(first, "example")
        second.get_by_role("radio", name="简体中文").click()
        expect(second.locator("#generate")).to_have_text("生成")
        expect(first.locator("#generate")).to_have_text("Generate")
        dark = second.evaluate("(app) => app.classList.contains('dark')")
        second.locator(".lab-theme").click()
        assert {shown_menu(app) for app in (first, second)} == {(LOOKS[dark], "en"), (LOOKS[not dark], "zh-Hans")}
        first.locator("#generate").click()
        expect_phase(first, "finished")
        expect(page).to_have_title("Another site")
    assert wrong == []


def test_in_little_room_it_is_laid_out_as_on_a_phone(new_context, tmp_path: Path, url: str):
    page = new_context(viewport={"width": 1280, "height": 844}, reduced_motion="reduce").new_page()
    phone = new_context(viewport={"width": 398, "height": 844}, reduced_motion="reduce").new_page()
    with other_site(tmp_path, url, NARROW) as address:
        page.goto(address)
        phone.goto(url)
        for each in (page, phone):
            expect_example(each.locator("gradio-app"))
            expect(each.locator(".sh-button").filter(visible=True).first).to_be_visible()
        assert page.evaluate(CLIPPED) == []
        for part in (".lab-pick", ".lab-settings", ".dp", ".dp-pane", ".dp-transport", ".tile", ".lab-how article"):
            sides = [box(each, part)["width"] for each in (page, phone)]
            assert sides[0] == pytest.approx(sides[1], abs=1), part
        page.locator("gradio-app").evaluate("node => { node.parentElement.style.width = '1200px' }")
        page.wait_for_function("document.querySelector('.lab-player').getBoundingClientRect().left > 300")
        assert box(page, ".lab-player")["top"] == pytest.approx(box(page, ".lab-pick")["top"], abs=2)


def test_a_server_that_is_lost_and_back_finds_what_was_there(rough_page: Page, tmp_path: Path):
    page, port = rough_page, str(free_port())
    tiny_model(title="Tiny").save(tmp_path / "tiny")
    place = {"GRADIO_SERVER_PORT": port, "address": f"http://127.0.0.1:{port}"}
    (tmp_path / "site").mkdir()
    with ExitStack() as site:
        with running_app(tmp_path, "--model", "tiny", **place) as (url, _):
            page.goto(site.enter_context(other_site(tmp_path / "site", url, NARROW)))
            app = page.locator("gradio-app")
            expect_example(app)
            set_number(page, "Steps", 1000)
            set_number(page, "Images", 64)
            app.locator("#generate").click()
            expect_phase(app, "running")
        expect(app.get_by_role("alert").filter(has_text="press Generate to try again")).to_be_visible(timeout=WAIT)
        tile(page, "5").click()
        set_number(page, "Steps", 30)
        with running_app(tmp_path, "--model", "tiny", **place):
            expect_phase(app, "stopped")
            expect(tile(page, "5")).to_have_attribute("aria-checked", "true")
            expect(page.get_by_role("spinbutton", name="Steps")).to_have_value("30")
            app.locator("#generate").click()
            expect_phase(app, "finished")
            expect(app.locator(".digit-player")).to_have_attribute("data-frames", "31")
