"""What goes wrong in the browser or on the way to the server, and what the page makes of it."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.tiny import tiny_model
from tests.ui.app_process import free_port, running_app
from tests.ui.page.actions import (
    WAIT,
    choose_model,
    choose_sampler,
    expect_frames,
    expect_phase,
    generate,
    press_generate,
    saved_settings,
    set_number,
    tile,
    wait_for_example,
)
from ui.i18n import text

CLOSED = (
    "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('closed', 'SecurityError'); } })"
)
ODD = ("null", "{", "3")


def test_a_run_that_the_server_does_not_take_is_over(rough_page: Page, url: str):
    rough_page.goto(url)
    wait_for_example(rough_page)
    rough_page.route("**/queue/join*", lambda route: route.fulfill(status=503, body="full"))
    press_generate(rough_page)
    expect_phase(rough_page, "failed")
    expect(rough_page.get_by_role("alert").filter(has_text="Please try again")).to_be_visible()
    rough_page.unroute_all()
    generate(rough_page)


def test_a_server_that_is_gone_is_noticed(rough_page: Page, url: str):
    rough_page.goto(url)
    wait_for_example(rough_page)
    rough_page.route("**/queue/data*", lambda route: None)  # nothing comes back any more ...
    rough_page.route("**/queue/status*", lambda route: route.abort())  # ... and nobody is there
    press_generate(rough_page)
    expect_phase(rough_page, "failed")
    expect(rough_page.get_by_role("alert").filter(has_text="The server cannot be reached")).to_be_visible()
    expect(rough_page.get_by_role("button", name="Generate")).to_be_enabled()


@pytest.mark.parametrize(
    "storage", [CLOSED, *(f"localStorage.setItem('digit-diffusion-lab', '{kept}')" for kept in ODD)]
)
def test_the_page_is_whole_whatever_storage_holds(rough_page: Page, url: str, storage: str):
    errors = []
    rough_page.on("pageerror", lambda error: errors.append(str(error)))
    rough_page.add_init_script(storage)
    rough_page.goto(url)
    rough_page.get_by_role("radio", name="简体中文").click(timeout=WAIT)
    expect(rough_page.get_by_text(text("tiles.heading", "zh")).first).to_be_visible()
    rough_page.locator(".lab-theme").click()
    assert errors == []


def test_a_server_that_was_killed_and_is_back_draws_again(rough_page: Page, tmp_path):
    page, port = rough_page, str(free_port())
    tiny_model(title="Tiny").save(tmp_path / "tiny")
    tiny_model(1, title="Other").save(tmp_path / "runs" / "other" / "model")
    place = {"GRADIO_SERVER_PORT": port, "address": f"http://127.0.0.1:{port}"}
    generate_button, stop = (page.get_by_role("button", name=name) for name in ("Generate", "Stop"))
    with running_app(tmp_path, "--model", "tiny", **place) as (address, _):
        page.goto(address)
        wait_for_example(page)
        tile(page, "3").click()
        set_number(page, "Steps", 1000)
        set_number(page, "Images", 64)
        press_generate(page)
        expect_phase(page, "running")
    expect(page.get_by_role("alert").filter(has_text="press Generate to try again")).to_be_visible(timeout=WAIT)
    expect(generate_button).to_be_enabled()
    expect(stop).to_be_disabled()
    generate_button.click()  # nobody is there yet
    expect(page.get_by_role("alert").filter(has_text="press Generate to try again")).to_be_visible()
    choose_model(page, "other")  # and yet a hand goes on choosing
    tile(page, "5").click()
    guidance = page.get_by_role("slider", name=re.compile("Guidance"))
    guidance.press("End")
    choose_sampler(page, "Heun")
    page.get_by_role("radio", name="keep").check()
    numbers = {"Steps": "30", "Images": "9", "Seed": "77"}
    for name, value in numbers.items():
        set_number(page, name, int(value))
    with running_app(tmp_path, "--model", "tiny", **place):
        expect_phase(page, "stopped")  # what has come of the run is there again, with what was chosen since
        expect(page.get_by_label("Model", exact=True)).to_have_value(re.compile("other"))
        expect(page.get_by_label("Sampler")).to_have_value("Heun")
        expect(tile(page, "5")).to_have_attribute("aria-checked", "true")
        expect(guidance).to_have_value("10")
        expect(page.get_by_role("radio", name="keep")).to_be_checked()
        for name, value in numbers.items():
            expect(page.get_by_role("spinbutton", name=name)).to_have_value(value)
        generate(page)
        expect_frames(page, 31)
        given = {"model": "runs/other/model", "label": "5", "guidance_scale": 10, "sampler": "heun", "steps": 30}
        settings = saved_settings(page)
        assert settings == settings | given | {"num_images": 9, "seed": 77}


def test_the_page_begins_anew_where_nothing_arrives(rough_page: Page, url: str):
    page = rough_page
    page.goto(url)
    wait_for_example(page)
    tile(page, "2").click()
    page.route("**/queue/data*", lambda route: None)  # the stream is silent, though the server is there
    page.on("framenavigated", lambda _: page.unroute_all())
    press_generate(page)
    expect_phase(page, "finished")
    expect(tile(page, "2")).to_have_attribute("aria-checked", "true")


def test_what_was_on_the_page_outlives_a_lost_connection(rough_page: Page, url: str):
    page = rough_page
    page.goto(url)
    wait_for_example(page)
    set_number(page, "Steps", 30)
    tile(page, "3").click()
    page.get_by_role("radio", name="keep").check()
    generate(page)
    seed = page.get_by_label("Seed", exact=True).input_value()
    page.evaluate("window.before = true")
    page.context.set_offline(True)
    press_generate(page)
    expect(page.get_by_text("Connection to the server was lost")).to_be_visible(timeout=WAIT)
    page.context.set_offline(False)
    page.wait_for_function("window.before === undefined", timeout=WAIT)
    expect(tile(page, "3")).to_have_attribute("aria-checked", "true", timeout=WAIT)
    expect_frames(page, 31)
    expect_phase(page, "finished")
    expect(page.get_by_role("spinbutton", name="Steps")).to_have_value("30", timeout=WAIT)
    assert page.get_by_label("Seed", exact=True).input_value() == seed
    generate(page)
