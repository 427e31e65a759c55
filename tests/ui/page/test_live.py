"""Live sampling as a person meets it, on a server with a model that takes its time and one that does not."""

import re

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.programs import ROOT
from tests.tiny import ONE_PASS, tiny_model
from tests.ui.app_process import running_app
from tests.ui.page.actions import (
    WAIT,
    choose_model,
    expect_phase,
    expect_step,
    generate,
    picture,
    press_generate,
    set_number,
    tile,
)
from tests.ui.page.live_actions import REQUESTS, Traffic, calls, live, note_order, sent, settle, switch, turn_on
from ui.i18n import text


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """Where the page is served with "unet", which takes its time, and "turbo"."""
    folder = tmp_path_factory.mktemp("live")
    few = {"sampler": "turbo", "steps": 2, "network": ONE_PASS}
    tiny_model(0, name="unet").save(folder / "weights" / "unet")
    tiny_model(1, name="turbo", title="Turbo", **few).save(folder / "weights" / "turbo")
    with running_app(folder, str(folder / "weights"), program=ROOT / "tests" / "programs" / "app_with_models.py") as (
        address,
        _,
    ):
        yield address


def guidance(page: Page) -> Locator:
    return page.get_by_role("slider", name=re.compile("Guidance"))


def set_steps(page: Page, steps: int) -> None:
    page.get_by_role("spinbutton", name="Steps").fill(str(steps))


def test_the_switch_goes_to_the_quick_model_and_the_sheet_follows_a_drag(page: Page):
    traffic = Traffic(page)
    switch(page).focus()
    page.keyboard.press("Space")
    expect_phase(page, "live")
    expect(page.get_by_label("Model", exact=True)).to_have_value(re.compile("Turbo"))
    expect(page.locator(".dp-state [role=status]")).to_have_text("Live with Turbo: move any control")
    expect(guidance(page)).to_have_attribute("max", "4")
    settle(page)
    assert {values["model"] for values in traffic.sent} == {"turbo"}
    note_order(page)
    before, first = live(page, "shown"), picture(page)
    box = guidance(page).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    for i in range(80):
        page.mouse.move(box["x"] + 2 + (box["width"] - 4) * i / 79, box["y"] + box["height"] / 2)
    page.mouse.up()
    settle(page)
    order = page.evaluate("window.order")
    assert order == sorted(set(order))
    assert live(page, "shown") - before == len(order) >= 5
    assert picture(page) != first
    # the last place of the hand is what is shown in the end, and the noise was the same all the time
    last = traffic.sent[-1]
    assert last["number"] == live(page, "last")
    assert last["guidance_scale"] == float(guidance(page).input_value()) == 4
    assert len({values["seed"] for values in traffic.sent}) == 1
    assert len({values["guidance_scale"] for values in traffic.sent}) >= 5
    assert traffic.most_open == 1
    # and it can be looked at as any film
    page.get_by_role("slider", name="Step", exact=True).press("Home")
    expect_step(page, 0)
    noise = picture(page)
    page.get_by_role("button", name="Play").click()
    expect_step(page, 2)
    assert picture(page) != noise
    switch(page).uncheck()
    expect(page.locator(".dp-state [role=status]")).to_have_text("Live is off: unet draws again")


def test_tiles_and_the_seed_are_followed_as_typed(page: Page):
    traffic = Traffic(page)
    turn_on(page)
    tile(page, "3").click()
    settle(page, label="3")
    assert traffic.sent[-1]["label"] == "3"
    shown = picture(page)
    seed = page.get_by_role("spinbutton", name="Seed")
    seed.fill("")
    seed.press_sequentially("41")
    settle(page, seed=41)
    assert traffic.sent[-1]["seed"] == 41
    assert traffic.sent[-1]["number"] == live(page, "last")
    assert picture(page) != shown


def test_who_looks_at_an_earlier_step_goes_on_looking_at_it(page: Page):
    turn_on(page)
    page.get_by_role("slider", name="Step", exact=True).press("ArrowLeft")
    for key in ("ArrowLeft", "ArrowLeft"):
        before = live(page, "shown")
        guidance(page).press(key)
        page.wait_for_function(f"lab.live.shown > {before}")
        expect_step(page, 1)


def test_an_answer_that_was_overtaken_is_not_shown(page: Page):
    turn_on(page)
    note_order(page)
    held: list[Route] = []
    page.route(
        REQUESTS,
        lambda route: held.append(route) if not held and calls(route.request, "live") else route.continue_(),
    )
    page.evaluate("lab.live.requests.patience = 1000")
    guidance(page).press("Home")
    while not held:
        page.wait_for_timeout(20)
    late = sent(held[0].request)
    guidance(page).press("End")  # waits for the answer that does not come, and then no longer
    page.wait_for_function(f"lab.live.last > {late['number']}")
    shown = picture(page)
    with page.expect_response(lambda response: calls(response.request, "live") and sent(response.request) == late):
        held[0].continue_()
    settle(page)
    order = page.evaluate("window.order")
    assert late["number"] not in order
    assert order == sorted(set(order))
    assert picture(page) == shown


def test_a_slow_model_turns_it_off(page: Page):
    turn_on(page)
    choose_model(page, "U-Net|unet")
    expect(switch(page)).not_to_be_checked(timeout=WAIT)
    expect_phase(page, "finished")
    expect(guidance(page)).to_have_attribute("max", "10")
    traffic = Traffic(page)
    guidance(page).press("End")
    tile(page, "3").click()
    page.wait_for_timeout(500)
    assert traffic.sent == []
    switch(page).check()  # and on again
    expect_phase(page, "live")


def test_generate_shows_its_film_all_the_same(page: Page):
    turn_on(page)
    seed = page.get_by_role("spinbutton", name="Seed")
    typed, traffic = seed.input_value(), Traffic(page)
    generate(page)
    expect_step(page, 2)
    assert seed.input_value() != typed
    assert traffic.sent == []  # a seed that is thrown is no hand that moves
    guidance(page).press("ArrowRight")
    expect_phase(page, "live")
    settle(page)
    assert traffic.sent[-1]["seed"] == int(seed.input_value())


def test_a_hand_takes_over_from_a_film(page: Page):
    turn_on(page)
    set_steps(page, 1000)
    expect(page.get_by_role("alert")).to_contain_text("Live sampling takes at most 8 steps, not 1000")
    set_number(page, "Images", 64)
    press_generate(page)
    expect_phase(page, "running")
    guidance(page).press("ArrowRight")  # which cannot be sampled live: the film goes on
    set_steps(page, 3)
    expect_phase(page, "live")
    expect(page.get_by_role("button", name="Stop")).to_be_disabled()
    expect(page.get_by_role("button", name="Generate")).to_be_enabled()
    settle(page)
    expect_step(page, 3)


def test_a_wrong_value_is_said_and_survived_in_chinese_too(page: Page):
    turn_on(page)
    page.get_by_role("radio", name="简体中文").click()
    in_chinese = switch(page, text("live.switch", "zh"))
    expect(in_chinese).to_be_checked()
    expect(page.get_by_text(text("live.help", "zh"))).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="实时（Turbo）")).to_be_visible()
    steps = page.get_by_role("spinbutton", name=text("settings.steps.label", "zh"))
    steps.fill("20")
    expect(page.get_by_role("alert")).to_contain_text(re.compile("[\u4e00-\u9fff].*8.*20"))
    steps.fill("4")
    expect_phase(page, "live")
    expect(page.locator(".dp-banner")).to_be_hidden()
    steps.fill("20")
    expect_phase(page, "failed")
    in_chinese.uncheck()  # takes its complaint along
    expect_phase(page, "finished")
    expect(page.locator(".dp-banner")).to_be_hidden()


def test_a_server_that_is_too_busy_is_tried_again(page: Page):
    turn_on(page)
    page.route(  # too many people
        REQUESTS, lambda route: route.fulfill(json=None) if calls(route.request, "live") else route.continue_()
    )
    guidance(page).press("ArrowRight")
    expect(page.get_by_role("alert")).to_contain_text("busy")
    page.unroute(REQUESTS)
    expect_phase(page, "live")


def test_on_a_phone_the_picture_stays_beside_the_hand(open_page):
    page = open_page(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    switch(page).tap()
    expect_phase(page, "live")
    settle(page)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    for part in (".dp-pane:visible canvas", "#live", "#generate"):
        expect(page.locator(part).first).to_be_in_viewport(ratio=1)
    page.mouse.wheel(0, 400)
    expect(page.locator(".dp-pane:visible canvas").first).to_be_in_viewport(ratio=1)
