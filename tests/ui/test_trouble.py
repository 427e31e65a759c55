"""What goes wrong in the browser or on the way to the server, and what the page makes of it."""

import os
import re
import shutil
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.tiny import tiny_model
from tests.ui.conftest import WAIT
from tests.ui.pages import choose_model, expect_phase, player, press_generate, set_number

CLOSED = (
    "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('closed', 'SecurityError'); } })"
)

ODD = ("null", "{", "3")


def test_a_run_that_the_server_does_not_take_is_over(browser, url: str):
    page = browser.new_page()
    page.goto(url)
    expect(player(page)).to_have_attribute("data-frames", "5", timeout=WAIT)
    page.route("**/queue/join*", lambda route: route.fulfill(status=503, body="full"))
    press_generate(page)
    expect_phase(page, "failed")
    expect(page.get_by_role("alert").filter(has_text="Please try again")).to_be_visible()
    page.unroute_all()
    press_generate(page)
    expect_phase(page, "finished")
    page.close()


def test_a_server_that_is_gone_is_noticed(browser, url: str):
    page = browser.new_page()
    page.goto(url)
    expect(player(page)).to_have_attribute("data-frames", "5", timeout=WAIT)
    page.route("**/queue/data*", lambda route: None)  # nothing comes back any more ...
    page.route("**/queue/status*", lambda route: route.abort())  # ... and nobody is there
    press_generate(page)
    expect_phase(page, "failed")
    expect(page.get_by_role("alert").filter(has_text="The connection broke off")).to_be_visible()
    expect(page.get_by_role("button", name="Generate")).to_be_enabled()
    page.close()


def test_a_run_begun_while_the_one_before_still_ends_is_its_own(page: Page):
    held = []
    page.route("**/component_server/", lambda route: held.append(route))  # the server hears late of Stop ...
    set_number(page, "Steps", 1000)
    generate, stop = (page.get_by_role("button", name=name) for name in ("Generate", "Stop"))
    for _ in range(2):
        generate.click()
        expect_phase(page, "running")
        stop.click()
        expect_phase(page, "stopped")
    set_number(page, "Steps", 3)
    generate.click()
    expect_phase(page, "finished")  # ... and the third run does not care
    assert len(held) == 2
    for route in held:
        route.continue_()
    set_number(page, "Steps", 4)
    generate.click()
    expect_phase(page, "finished")
    expect(player(page)).to_have_attribute("data-frames", "5")
    expect(generate).to_be_enabled()
    expect(stop).to_be_disabled()


def test_a_gif_is_written_whole_though_another_run_begins(page: Page):
    set_number(page, "Steps", 40)
    press_generate(page)
    expect_phase(page, "finished")
    expect(player(page)).to_have_attribute("data-step", "40", timeout=WAIT)
    set_number(page, "Steps", 3)
    button = page.locator("[part=gif]")
    with page.expect_download(timeout=WAIT) as gif:
        both = "() => { document.querySelector('[part=gif]').click(); document.querySelector('#generate').click(); }"
        page.evaluate(both)
    assert Image.open(gif.value.path()).n_frames == 41
    expect_phase(page, "finished")
    expect(button).to_be_enabled()
    expect(button).to_have_text("GIF")


@pytest.mark.parametrize(
    "storage", [CLOSED, *(f"localStorage.setItem('digit-diffusion-lab', '{kept}')" for kept in ODD)]
)
def test_the_page_is_whole_whatever_storage_holds(browser, url: str, storage: str):
    page = browser.new_page()
    page.add_init_script(storage)
    page.goto(url)
    page.get_by_role("radio", name="简体中文").click(timeout=WAIT)
    expect(page.get_by_text("要画什么？").first).to_be_visible()
    page.locator(".lab-theme").click()
    page.close()


def test_tab_goes_past_a_dropdown(page: Page):
    page.locator("#generate").focus()
    names = page.get_by_role("option", name=re.compile("DDIM|DDPM|UniPC"))
    page.keyboard.press("Tab")
    expect(page.get_by_label("Sampler")).to_be_focused()
    expect(names).to_have_count(3)
    page.keyboard.press("Tab")
    expect(page.get_by_role("spinbutton", name="Steps")).to_be_focused()
    expect(names).to_have_count(0)


def test_reload_sets_the_page_up_for_what_is_there(page: Page, place: Path):
    model = place / "runs" / "passing" / "model"
    tiny_model(seed=1, title="Passing").save(model)
    reload = page.get_by_role("button", name="Reload")
    reload.click()
    expect(page.locator("#model-note")).to_contain_text("Models found", timeout=WAIT)
    choose_model(page, "passing")
    expect(page.get_by_label("Model", exact=True)).to_have_value(re.compile("Passing"))
    tiny_model(seed=1, title="Passing", label_names=("cat", "dog")).save(model)  # replaced
    reload.click()
    expect(page.get_by_role("radio", name="dog")).to_have_attribute("aria-checked", "true", timeout=WAIT)
    press_generate(page)
    expect_phase(page, "finished")
    shutil.rmtree(model.parent)  # removed
    reload.click()
    expect(page.get_by_text(f"{os.path.join('runs', 'passing', 'model')} is no longer there")).to_be_visible(
        timeout=WAIT
    )
    expect(page.get_by_role("radio", name="7", exact=True)).to_be_visible(timeout=WAIT)
    press_generate(page)
    expect_phase(page, "finished")


def test_what_was_on_the_page_outlives_a_lost_connection(browser, url: str):
    page = browser.new_context().new_page()
    page.goto(url)
    expect(player(page)).to_have_attribute("data-frames", "5", timeout=WAIT)
    set_number(page, "Steps", 30)
    page.get_by_role("radio", name="3", exact=True).click()
    page.get_by_role("radio", name="keep").check()
    press_generate(page)
    expect_phase(page, "finished")
    seed = page.get_by_label("Seed", exact=True).input_value()
    page.evaluate("window.before = true")
    page.context.set_offline(True)
    page.get_by_label("Sampler").click()
    page.get_by_role("option", name="DDPM").click()
    expect(page.get_by_text("Connection to the server was lost")).to_be_visible(timeout=WAIT)
    page.context.set_offline(False)
    page.wait_for_function("window.before === undefined", timeout=WAIT)
    expect(page.get_by_role("radio", name="3", exact=True)).to_have_attribute("aria-checked", "true", timeout=WAIT)
    expect(player(page)).to_have_attribute("data-frames", "31")
    expect_phase(page, "finished")
    expect(page.get_by_role("spinbutton", name="Steps")).to_have_value("30", timeout=WAIT)
    assert page.get_by_label("Seed", exact=True).input_value() == seed
    press_generate(page)
    expect_phase(page, "finished")
    page.reload()  # by hand: it begins afresh
    expect(player(page)).to_have_attribute("data-frames", "5", timeout=WAIT)
    page.context.close()
