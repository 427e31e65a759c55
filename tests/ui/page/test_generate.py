"""A run as a person meets it: from the example at rest to the end, stopped, refused, in the queue."""

import re

import httpx
from playwright.sync_api import Page, expect

from tests.ui.page.actions import (
    WAIT,
    choose_sampler,
    expect_frames,
    expect_phase,
    expect_step,
    generate,
    picture,
    player,
    press_generate,
    record,
    recorded,
    saved_settings,
    set_number,
    tile,
)
from tests.ui.page.live_actions import REQUESTS, calls
from ui.hosting.places import RUNNING_OF_ONE


def test_at_rest_a_finished_example_can_be_played(page: Page):
    expect_phase(page, "example")
    expect_step(page, 4)
    finished = picture(page)
    record(page)
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_role("button", name="Play")).to_be_visible(timeout=WAIT)  # it was "Pause" meanwhile
    expect_step(page, 4)
    steps = [step for _, step, _ in recorded(page)]
    assert steps[0] == 0
    assert steps == sorted(steps)
    assert len(steps) >= 3
    assert picture(page) == finished


def test_gradio_copies_no_picture_twice_and_no_choices_all_the_time(page: Page):
    """Not even those of components that earlier events have read or changed."""
    choose_sampler(page, "DDIM")
    expect(page.get_by_text("moves straight towards it")).to_be_visible()
    generate(page)
    copied = page.evaluate("""() => new Promise((tell) => {
        const [copied, copy] = [[], structuredClone];
        window.structuredClone = (value) => (copied.push(value), copy(value));
        const root = document.querySelector(".digit-player");
        new MutationObserver(() => {
            if (root.dataset.phase === "finished") tell(copied.filter((value) => typeof value === "string"));
        }).observe(root, { attributeFilter: ["data-phase"] });
        document.querySelector("#generate").click();
    })""")
    assert "tiny" in copied  # the model that samples
    messages = [value for value in copied if value.startswith('{"run"')]
    assert len(messages) == len(set(messages))
    assert copied.count("Euler–Maruyama") <= 4  # the choices of a control whose value is sent


def test_seven_by_euler_maruyama_frame_by_frame(page: Page):
    tile(page, "7").click()
    expect(tile(page, "7")).to_have_attribute("aria-checked", "true")
    page.get_by_role("slider", name=re.compile("Guidance")).first.press("ArrowRight")
    choose_sampler(page, "Euler–Maruyama")
    expect(page.locator(".lab-note").get_by_text("stochastic differential equation")).to_be_visible()
    expect(page.get_by_role("spinbutton", name="Steps")).to_have_value("200")
    record(page)
    generate(page)
    expect_step(page, 200)
    seen = [moment for moment in recorded(page) if moment[0] != "waiting"]  # then the example is still there
    assert seen[0][0] == "running"  # before the run was over
    steps = [step for _, step, _ in seen]
    assert steps == sorted(steps)
    assert len(steps) >= 3  # the noise, something on the way, the end
    assert len({image for _, _, image in seen}) == len(set(steps))
    # every frame has arrived, though the browser was busy: at most 120, evenly spread
    expect(player(page)).to_have_attribute("data-frames", re.compile(r"^(1[01]\d|120)$"))
    settings = saved_settings(page)
    given = {"label": "7", "sampler": "euler_maruyama", "steps": 200, "guidance_scale": 2.1, "num_images": 16}
    assert settings == settings | given

    last = picture(page)
    scrubber = page.get_by_role("slider", name="Step", exact=True)
    scrubber.press("Home")
    expect_step(page, 0)
    assert picture(page) != last
    scrubber.press("ArrowRight")
    expect(player(page)).not_to_have_attribute("data-step", "0")
    scrubber.fill("100")
    expect(player(page)).to_have_attribute("data-step", re.compile(r"^(9\d|100)$"))
    scrubber.press("End")
    expect_step(page, 200)
    assert picture(page) == last


def test_a_thousand_steps_leave_no_gap(page: Page):
    set_number(page, "Steps", 1000)
    generate(page)
    frames = int(player(page).get_attribute("data-frames") or 0)
    assert 100 <= frames <= 121
    # the same run again, while the browser's processor is slowed down fourfold
    page.get_by_role("radio", name="keep").check()
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": 4})
    generate(page)
    expect_frames(page, frames)


def test_stop_stops_the_computation(page: Page):
    set_number(page, "Steps", 1000)
    set_number(page, "Images", 64)
    stop = page.get_by_role("button", name="Stop")
    expect(stop).to_be_disabled()
    press_generate(page)
    expect_phase(page, "running")
    stop.click()
    expect_phase(page, "stopped")
    expect(stop).to_be_disabled()
    assert int(player(page).get_attribute("data-frames") or 0) < 120
    # the place is free for the next, at once; and the old run sends nothing more
    set_number(page, "Steps", 3)
    generate(page)
    expect_frames(page, 4)


def test_a_run_begun_while_the_one_before_still_ends_is_its_own(page: Page):
    held = []
    page.route(  # the server hears late of Stop ...
        REQUESTS, lambda route: held.append(route) if calls(route.request, "stop") else route.continue_()
    )
    set_number(page, "Steps", 1000)
    begin, stop = (page.get_by_role("button", name=name) for name in ("Generate", "Stop"))
    for _ in range(2):
        begin.click()
        expect_phase(page, "running")
        stop.click()
        expect_phase(page, "stopped")
    set_number(page, "Steps", 3)
    generate(page)  # ... and the third run does not care
    assert len(held) == 2
    for route in held:
        route.continue_()
    set_number(page, "Steps", 4)
    generate(page)
    expect_frames(page, 5)
    expect(begin).to_be_enabled()
    expect(stop).to_be_disabled()


def test_an_error_is_one_sentence_and_survived(page: Page):
    set_number(page, "Steps", 5000)
    press_generate(page)
    expect(page.get_by_role("alert").filter(has_text="Steps must be a whole number from 1 to 1000")).to_be_visible()
    expect_phase(page, "failed")
    set_number(page, "Steps", 2)
    generate(page)
    expect(page.locator(".dp-banner")).to_be_hidden()


def test_place_in_the_queue_is_shown(page: Page, url: str):
    address = f"{url}/gradio_api/call/generate"
    long = {"data": ["7", 64, "heun", 1000, 2, 0, ""]}
    events = [httpx.post(address, json=long, timeout=60).json()["event_id"] for _ in range(RUNNING_OF_ONE + 1)]
    press_generate(page)
    expect(page.get_by_role("status").filter(has_text="1 ahead of you")).to_be_visible()
    for event in events:  # those who leave make room
        with httpx.stream("GET", f"{address}/{event}", timeout=60) as stream:
            next(stream.iter_lines())
    expect_phase(page, "finished")


def test_at_rest_our_modules_schedule_no_frames(rough_page: Page, url: str):
    rough_page.add_init_script("""window.scheduled = [];
        const plain = window.requestAnimationFrame.bind(window);
        window.requestAnimationFrame = (callback) => {
            window.scheduled.push(new Error().stack);
            return plain(callback);
        };
    """)
    rough_page.goto(url)
    expect_frames(rough_page, 5)
    ours = "window.scheduled.filter((stack) => stack.includes('/lab/web/')).length"
    rough_page.get_by_role("button", name="Play").click()
    rough_page.wait_for_function(f"{ours} > 0")
    expect(rough_page.get_by_role("button", name="Play")).to_be_visible(timeout=WAIT)
    rough_page.evaluate("window.scheduled = []")
    rough_page.wait_for_timeout(1000)
    assert rough_page.evaluate(ours) == 0
