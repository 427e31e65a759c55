"""Live drawing as a person meets it: headless Chromium, the real page on a real server, tiny models."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, Route, expect

from tests.tiny import NETWORK, tiny_model
from tests.ui.conftest import WAIT
from tests.ui.pages import choose_model, expect_phase, picture
from ui.app import build
from ui.engine import Engine
from ui.theme import css, theme

NEWEST = Path(__file__).parents[2] / "ui" / "web" / "newest.js"
ASKED = "**/component_server/"
NUMBER, LABEL, GUIDANCE, SEED, MODEL = 0, 1, 3, 8, 9  # places in what is sent

pytestmark = pytest.mark.filterwarnings("ignore:.*(no_silent_downcasting|Copy-on-Write)")  # pandas, of Gradio's queue


def weights(place: Path, quick: bool) -> Path:
    """A folder of bundled models: "unet", which takes its time, and "turbo" if wished."""
    tiny_model(0, name="unet").save(place / "unet")
    if quick:
        few = {"sampler": "turbo", "steps": 2, "network": NETWORK | {"max_guidance": 4.0}}
        tiny_model(1, name="turbo", title="Turbo", **few).save(place / "turbo")
    return place


@pytest.fixture(scope="module", params=[True], ids=[""])
def url(request, tmp_path_factory):
    """Where the page is served from this process, with "turbo" or without."""
    place = tmp_path_factory.mktemp("served")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("diffusion.io.hub.BUNDLED", weights(place / "weights", request.param))
        blocks = build(Engine("unet", place / "runs"))
        _, address, _ = blocks.launch(
            prevent_thread_lock=True, quiet=True, theme=theme(), css=css(), ssr_mode=False, enable_monitoring=False
        )
        yield address.rstrip("/")
        blocks.close()


class Traffic:
    """What a page asks its server for, live."""

    def __init__(self, page: Page):
        self.sent: list[list] = []
        self.open = self.most_open = 0
        page.on("request", self.begin)
        page.on("requestfinished", self.end)

    def begin(self, request: Request) -> None:
        if "component_server" in request.url:
            self.sent.append(sent(request))
            self.open += 1
            self.most_open = max(self.most_open, self.open)

    def end(self, request: Request) -> None:
        self.open -= "component_server" in request.url


def sent(request: Request) -> list:
    return json.loads(request.post_data)["data"]


def live(page: Page, name: str):
    return page.evaluate(f"window.digitPlayer.live.{name}")


def switch(page: Page, name: str = "Live"):
    return page.get_by_role("checkbox", name=name)


def turn_on(page: Page) -> None:
    switch(page).check()
    page.wait_for_function("window.digitPlayer.live.shown > 0")
    settle(page)


def settle(page: Page) -> None:
    """Until what is on show is the answer to the last request, and nothing more is asked for."""
    page.wait_for_function("""() => new Promise((resolve) => {
        const { last, newest } = digitPlayer.live;
        const still = () => last > 0 && last === digitPlayer.live.last && !newest.open && !newest.next;
        setTimeout(() => resolve(still()), 500);
    })""")


def note_order(page: Page) -> None:
    """From now on note the number of every sheet that is shown: ``window.order``."""
    page.evaluate("""() => {
        window.order = [];
        let last = digitPlayer.live.last;
        Object.defineProperty(digitPlayer.live, "last", {
            get: () => last,
            set: (number) => { last = number; window.order.push(number); },
        });
    }""")


def guidance(page: Page):
    return page.get_by_role("slider", name=re.compile("Guidance"))


def set_steps(page: Page, steps: int) -> None:
    page.get_by_role("spinbutton", name="Steps").fill(str(steps))


def test_the_switch_goes_to_the_quick_model_and_the_sheet_follows_a_drag(page: Page):
    traffic = Traffic(page)
    assert traffic.sent == []
    switch(page).focus()
    page.keyboard.press("Space")
    expect_phase(page, "live")
    expect(page.get_by_label("Model", exact=True)).to_have_value(re.compile("Turbo"))
    expect(guidance(page)).to_have_attribute("max", "4")
    settle(page)
    assert {values[MODEL] for values in traffic.sent} == {"turbo"}
    note_order(page)
    before, first = live(page, "shown"), picture(page)
    box = guidance(page).bounding_box()
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
    assert last[NUMBER] == live(page, "last")
    assert last[GUIDANCE] == float(guidance(page).input_value()) == 4
    assert len({values[SEED] for values in traffic.sent}) == 1
    assert len({values[GUIDANCE] for values in traffic.sent}) >= 5
    assert traffic.most_open == 1
    # and it can be looked at as any film
    page.get_by_role("slider", name="Step", exact=True).press("Home")
    expect(page.locator(".digit-player")).to_have_attribute("data-step", "0")
    noise = picture(page)
    page.get_by_role("button", name="Play").click()
    expect(page.locator(".digit-player")).to_have_attribute("data-step", "2", timeout=WAIT)
    assert picture(page) != noise


def test_tiles_and_the_seed_are_followed_as_typed(page: Page):
    traffic = Traffic(page)
    turn_on(page)
    page.get_by_role("radio", name="3", exact=True).click()
    settle(page)
    assert traffic.sent[-1][LABEL] == "3"
    shown = picture(page)
    seed = page.get_by_role("spinbutton", name="Seed")
    seed.fill("")
    seed.press_sequentially("41")
    settle(page)
    assert traffic.sent[-1][SEED] == 41
    assert traffic.sent[-1][NUMBER] == live(page, "last")
    assert picture(page) != shown


def test_who_looks_at_an_earlier_step_goes_on_looking_at_it(page: Page):
    turn_on(page)
    page.get_by_role("slider", name="Step", exact=True).press("ArrowLeft")
    for key in ("ArrowLeft", "ArrowLeft"):
        before = live(page, "shown")
        guidance(page).press(key)
        page.wait_for_function(f"digitPlayer.live.shown > {before}")
        expect(page.locator(".digit-player")).to_have_attribute("data-step", "1")


def test_an_answer_that_was_overtaken_is_not_shown(page: Page):
    turn_on(page)
    note_order(page)
    held: list[Route] = []
    page.route(ASKED, lambda route: route.continue_() if held else held.append(route))
    page.evaluate("digitPlayer.live.newest.patience = 1000")
    guidance(page).press("Home")
    while not held:
        page.wait_for_timeout(20)
    late = sent(held[0].request)
    guidance(page).press("End")  # waits for the answer that does not come, and then no longer
    page.wait_for_function(f"digitPlayer.live.last > {late[NUMBER]}")
    shown = picture(page)
    with page.expect_response(lambda response: sent(response.request) == late):
        held[0].continue_()
    settle(page)
    order = page.evaluate("window.order")
    assert late[NUMBER] not in order
    assert order == sorted(set(order))
    assert picture(page) == shown


def test_newest_wins_whatever_the_order_of_the_answers(browser: Browser):
    page = browser.new_page()
    page.add_script_tag(content=NEWEST.read_text("utf-8") + "; window.Newest = Newest;")
    # patience 0: every question goes out at once, and the answers come in the order of random delays
    seen = page.evaluate("""async () => {
        const shown = [], asked = [];
        let open = 0;
        const ask = (number, values) => new Promise((resolve) => {
            asked.push([number, values]);
            open++;
            setTimeout(() => { open--; resolve(values); }, 60 * ((number * 7) % 5) + 1);
        });
        const newest = new Newest(ask, (answer, number) => shown.push([number, answer]), 0, 0);
        for (let i = 1; i <= 40; i++) {
            newest.want(i);
            await new Promise((resume) => setTimeout(resume, 9));
        }
        while (open || newest.next) await new Promise((resume) => setTimeout(resume, 20));
        const before = shown.length;
        newest.want("unwanted");
        newest.forget();
        await new Promise((resume) => setTimeout(resume, 400));
        return { shown, asked, unwanted: shown.length - before };
    }""")
    numbers = [number for number, _ in seen["shown"]]
    assert numbers == sorted(set(numbers))
    assert len(numbers) < len(seen["asked"])
    assert seen["shown"][-1][1] == 40
    assert seen["unwanted"] == 0
    # with patience there is one at a time: what the hand has passed is not asked for; a failure is tried again
    seen = page.evaluate("""async () => {
        const shown = [], asked = [], answers = [];
        const ask = (number, values) => new Promise((resolve) => { asked.push(values); answers.push(resolve); });
        const newest = new Newest(ask, (answer) => shown.push(answer), 10000, 100);
        const turn = () => new Promise((resume) => setTimeout(resume));
        for (const values of ["a", "b", "c", "a", "d"]) newest.want(values);
        const open = answers.length;
        answers[0]("A");
        await turn();
        answers[1](undefined);
        while (answers.length < 3) await turn();
        answers[2]("D");
        await turn();
        return { shown, asked, open };
    }""")
    assert seen == {"shown": ["A", None, "D"], "asked": ["a", "d", "d"], "open": 1}
    page.close()


def test_a_slow_model_turns_it_off(page: Page):
    turn_on(page)
    choose_model(page, "U-Net|unet")
    expect(switch(page)).not_to_be_checked(timeout=WAIT)
    expect_phase(page, "finished")
    expect(guidance(page)).to_have_attribute("max", "10")
    traffic = Traffic(page)
    guidance(page).press("End")
    page.get_by_role("radio", name="3", exact=True).click()
    page.wait_for_timeout(500)
    assert traffic.sent == []
    switch(page).check()  # and on again
    expect_phase(page, "live")


def test_generate_draws_its_film_all_the_same(page: Page):
    turn_on(page)
    seed = page.get_by_role("spinbutton", name="Seed")
    typed, traffic = seed.input_value(), Traffic(page)
    page.get_by_role("button", name="Generate").click()
    expect_phase(page, "finished")
    expect(page.locator(".digit-player")).to_have_attribute("data-step", "2", timeout=WAIT)
    assert seed.input_value() != typed
    assert traffic.sent == []  # a seed that is thrown is no hand that moves
    guidance(page).press("ArrowRight")
    expect_phase(page, "live")
    settle(page)
    assert traffic.sent[-1][SEED] == int(seed.input_value())


def test_a_hand_takes_over_from_a_film(page: Page):
    turn_on(page)
    set_steps(page, 1000)
    expect(page.get_by_role("alert")).to_contain_text("Live drawing takes at most 8 steps, not 1000")
    page.get_by_role("spinbutton", name=re.compile("Images")).fill("64")
    generate, stop = (page.get_by_role("button", name=name) for name in ("Generate", "Stop"))
    generate.click()
    expect_phase(page, "running")
    guidance(page).press("ArrowRight")  # which cannot be drawn live: the film goes on
    set_steps(page, 3)
    expect_phase(page, "live")
    expect(stop).to_be_disabled()
    expect(generate).to_be_enabled()
    settle(page)
    expect(page.locator(".digit-player")).to_have_attribute("data-step", "3")


def test_a_wrong_value_is_said_and_survived_in_chinese_too(page: Page):
    turn_on(page)
    page.get_by_role("radio", name="简体中文").click()
    expect(switch(page, "实时")).to_be_checked()
    expect(page.get_by_text("图像随手而变")).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="实时：随意调节")).to_be_visible()
    steps = page.get_by_role("spinbutton", name="步数")
    steps.fill("20")
    expect(page.get_by_role("alert")).to_contain_text("实时绘制最多 8 步，而不是 20")
    steps.fill("4")
    expect_phase(page, "live")
    expect(page.locator(".dp-banner")).to_be_hidden()
    steps.fill("20")
    expect_phase(page, "failed")
    switch(page, "实时").uncheck()  # takes its complaint along
    expect_phase(page, "finished")
    expect(page.locator(".dp-banner")).to_be_hidden()


def test_a_server_that_fails_is_asked_again(page: Page):
    turn_on(page)
    page.route(ASKED, lambda route: route.fulfill(json=None))  # too many people
    guidance(page).press("ArrowRight")
    expect(page.get_by_role("alert")).to_contain_text("busy")
    page.unroute(ASKED)
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


@pytest.mark.parametrize("url", [False], indirect=True, ids=["without"])
def test_without_a_quick_model_there_is_no_switch(page: Page):
    expect(page.get_by_role("button", name="Generate")).to_be_visible()
    expect(page.locator("#live")).to_be_hidden()
