"""The page as a person meets it: headless Chromium, the real server, a tiny model."""

import io
import json
import re
import urllib.error
import urllib.request
from base64 import b64decode
from pathlib import Path

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.tiny import tiny_model
from tests.ui.conftest import ROOT, WAIT
from tests.ui.pages import (
    choose_model,
    choose_sampler,
    expect_phase,
    picture,
    player,
    press_generate,
    record,
    recorded,
    set_number,
)
from ui.app import PEOPLE


def test_at_rest_a_finished_example_can_be_played(page: Page):
    expect_phase(page, "example")
    expect(player(page)).to_have_attribute("data-step", "4")
    finished = picture(page)
    record(page)
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_role("button", name="Play")).to_be_visible(timeout=WAIT)  # it was "Pause" meanwhile
    expect(player(page)).to_have_attribute("data-step", "4", timeout=WAIT)
    steps = [step for _, step, _ in recorded(page)]
    assert steps[0] == 0
    assert steps == sorted(steps)
    assert len(steps) >= 3
    assert picture(page) == finished


def test_gradio_copies_no_picture_twice_and_no_choices_all_the_time(page: Page):
    """Not even those of components that earlier events have read or changed."""
    choose_sampler(page, "DDIM")
    expect(page.get_by_text("moves straight towards it")).to_be_visible()
    press_generate(page)
    expect_phase(page, "finished")
    copied = page.evaluate("""() => new Promise((tell) => {
        const [copied, copy] = [[], structuredClone];
        window.structuredClone = (value) => (copied.push(value), copy(value));
        const root = document.querySelector(".digit-player");
        new MutationObserver(() => {
            if (root.dataset.phase === "finished") tell(copied.filter((value) => typeof value === "string"));
        }).observe(root, { attributeFilter: ["data-phase"] });
        document.querySelector("#generate").click();
    })""")
    assert "tiny" in copied  # the model that was asked for
    messages = [value for value in copied if value.startswith('{"run"')]
    assert len(messages) == len(set(messages))
    assert copied.count("Euler–Maruyama") <= 4  # the choices of a control that is asked for its value


def test_seven_by_euler_maruyama_frame_by_frame(page: Page):
    page.get_by_role("radio", name="7", exact=True).click()
    expect(page.get_by_role("radio", name="7", exact=True)).to_have_attribute("aria-checked", "true")
    page.get_by_role("slider", name=re.compile("Guidance")).press("ArrowRight")
    choose_sampler(page, "Euler–Maruyama")
    expect(page.get_by_text("stochastic differential equation")).to_be_visible()
    expect(page.get_by_role("spinbutton", name="Steps")).to_have_value("200")
    record(page)
    press_generate(page)
    expect_phase(page, "finished")
    expect(player(page)).to_have_attribute("data-step", "200", timeout=WAIT)
    seen = [moment for moment in recorded(page) if moment[0] != "waiting"]  # then the example is still there
    assert seen[0][0] == "running"  # before the run was over
    steps = [step for _, step, _ in seen]
    assert steps == sorted(steps)
    assert len(steps) >= 3  # the noise, something on the way, the end
    assert len({picture for _, _, picture in seen}) == len(set(steps))
    # every frame has arrived, though the browser was busy: at most 120, evenly spread
    expect(player(page)).to_have_attribute("data-frames", re.compile(r"^(1[01]\d|120)$"))

    last = picture(page)
    scrubber = page.get_by_role("slider", name="Step", exact=True)
    scrubber.press("Home")
    expect(player(page)).to_have_attribute("data-step", "0")
    assert picture(page) != last
    scrubber.press("ArrowRight")
    expect(player(page)).not_to_have_attribute("data-step", "0")
    scrubber.fill("100")
    expect(player(page)).to_have_attribute("data-step", re.compile(r"^(9\d|100)$"))
    scrubber.press("End")
    expect(player(page)).to_have_attribute("data-step", "200")
    assert picture(page) == last


def test_a_thousand_steps_leave_no_gap(page: Page):
    set_number(page, "Steps", 1000)
    press_generate(page)
    expect_phase(page, "finished")
    frames = int(player(page).get_attribute("data-frames"))
    assert 100 <= frames <= 121
    # the same run again, while the browser's processor is slowed down fourfold
    page.get_by_role("radio", name="keep").check()
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": 4})
    press_generate(page)
    expect_phase(page, "finished")
    expect(player(page)).to_have_attribute("data-frames", str(frames))


def test_stop_stops_the_computation(page: Page):
    set_number(page, "Steps", 1000)
    page.get_by_role("spinbutton", name=re.compile("Images")).fill("64")
    stop = page.get_by_role("button", name="Stop")
    expect(stop).to_be_disabled()
    press_generate(page)
    expect_phase(page, "running")
    stop.click()
    expect_phase(page, "stopped")
    expect(stop).to_be_disabled()
    stopped_at = player(page).get_attribute("data-frames")
    assert int(stopped_at) < 120
    # the place is free for the next, at once; and the old run sends nothing more
    set_number(page, "Steps", 3)
    press_generate(page)
    expect_phase(page, "finished")
    expect(player(page)).to_have_attribute("data-frames", "4")


def test_an_error_is_one_sentence_and_survived(page: Page):
    set_number(page, "Steps", 5000)
    press_generate(page)
    expect(page.get_by_role("alert").filter(has_text="Steps must be a whole number from 1 to 1000")).to_be_visible()
    expect_phase(page, "failed")
    set_number(page, "Steps", 2)
    press_generate(page)
    expect_phase(page, "finished")
    expect(page.locator(".dp-banner")).to_be_hidden()


def test_a_model_that_cannot_be_had_is_explained(page: Page):
    page.get_by_label("From the Hugging Face Hub").fill("no such name")
    page.get_by_label("From the Hugging Face Hub").press("Enter")
    expect(page.locator("#model-note")).to_contain_text("owner/name", timeout=WAIT)
    press_generate(page)
    expect_phase(page, "finished")


def test_description_of_a_stranger_is_no_html(page: Page):
    expect(page.locator("#model-note")).to_contain_text("Draws <b>little</b>.")


def test_reload_finds_a_run_trained_meanwhile(page: Page, place: Path):
    tiny_model(seed=1, title="Fashion", label_names=("shirt", "shoe")).save(place / "runs" / "later" / "model")
    page.get_by_role("button", name="Reload").click()
    expect(page.locator("#model-note")).to_contain_text("Models found", timeout=WAIT)
    choose_model(page, "later")
    expect(page.get_by_role("radio", name="shoe")).to_have_attribute("aria-checked", "true", timeout=WAIT)
    expect(page.get_by_role("radio", name="7", exact=True)).to_have_count(0)
    press_generate(page)
    expect_phase(page, "finished")


def test_each_model_has_a_line_on_what_it_is_and_where_it_comes_from(page: Page):
    page.get_by_label("Model", exact=True).click()
    options = page.locator("#model").get_by_role("option")
    expect(options.filter(has_text=re.compile(r"^\W*U-Net · bundled")).first).to_contain_text("predicts v")
    expect(options.filter(has_text="blind (Blind) · your run")).to_be_visible()
    expect(options.filter(has_text="Reader")).to_have_count(0)  # it draws nothing


def test_a_classifier_steers_a_model_without_labels(page: Page):
    tiles, guidance = page.locator("#tiles").get_by_role("radio"), page.get_by_label("Guidance scale").first
    expect(guidance).to_be_visible()
    choose_model(page, "blind")
    expect(tiles).to_have_count(0, timeout=WAIT)
    expect(guidance).to_be_hidden()
    expect(page.locator("#tiles")).to_contain_text("trained without labels")
    page.get_by_role("button", name="Advanced").click()
    strength = page.get_by_label("Classifier's strength").first
    expect(strength).to_be_hidden()
    page.get_by_label("Classifier guidance").click()
    page.get_by_role("option", name=re.compile("Reader.*your run.*Tells noise", re.DOTALL)).click()
    expect(tiles).to_have_count(11, timeout=WAIT)
    expect(page.locator(".tile img")).to_have_count(10, timeout=WAIT)
    expect(strength).to_be_visible()
    page.get_by_role("radio", name="7", exact=True).click()
    page.get_by_role("slider", name=re.compile("backbone")).press("ArrowRight")
    press_generate(page)
    expect_phase(page, "finished")
    page.get_by_role("slider", name="Step", exact=True).press("End")  # the film may still be running
    with page.expect_download() as png:
        page.get_by_role("button", name="PNG").click()
    settings = json.loads(Image.open(png.value.path()).text["settings"])
    expected = {"label": "7", "classifier": "runs/reader/model", "classifier_scale": 3.0, "freeu_b": 1.05}
    assert {name: settings.get(name) for name in expected} == expected
    assert "freeu_s" not in settings


def test_super_resolution_shows_what_it_enlarges(page: Page, tmp_path: Path):
    choose_model(page, "lens")
    expect(page.locator("#tiles")).to_contain_text("Which digits shall it enlarge?", timeout=WAIT)
    page.get_by_role("radio", name="any").click()
    press_generate(page)
    expect_phase(page, "finished")
    expect(player(page)).to_have_attribute("data-step", "4", timeout=WAIT)
    expect(page.locator(".dp-pane:visible")).to_have_count(3)
    page.get_by_role("radio", name="Model's guess").click()
    expect(page.locator(".dp-pane:visible")).to_have_count(2)
    expect(page.locator(".dp-pane").first).to_contain_text("Small input")
    # in squares of one grey: no two of a square's 16 pixels differ
    page.locator(".dp-sheet").first.click(position={"x": 10, "y": 10})
    shades = page.locator(".dp-pane canvas").first.evaluate("""canvas => {
        const { data, width } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        const row = Math.floor(canvas.height / 2), greys = new Set();
        for (let x = 0; x < width; x++) greys.add(data[4 * (row * width + x)]);
        return greys.size;
    }""")
    assert 2 <= shades <= 7
    with page.expect_download() as gif:
        page.get_by_role("button", name="GIF").click()
    animation = Image.open(gif.value.path())
    assert animation.width > 2 * animation.height * 0.95  # input and guess, side by side
    choose_model(page, "Tiny")
    expect(page.get_by_role("radio", name="7", exact=True)).to_be_visible(timeout=WAIT)
    press_generate(page)
    expect_phase(page, "finished")
    expect(page.locator(".dp-pane").first).to_be_hidden()


def test_colour_stays_colour(page: Page):
    choose_model(page, "paint")
    expect(page.get_by_role("radio", name="sea")).to_have_attribute("aria-checked", "true", timeout=WAIT)
    expect(page.locator(".tile img")).to_have_count(2, timeout=WAIT)
    press_generate(page)
    expect_phase(page, "finished")
    expect(player(page)).to_have_attribute("data-step", "4", timeout=WAIT)
    thumbnail = page.locator(".tile img").first.get_attribute("src")
    pictures = [Image.open(io.BytesIO(b64decode(source.partition(",")[2]))) for source in (thumbnail, picture(page))]
    for name in ("PNG", "GIF"):
        with page.expect_download() as saved:
            page.get_by_role("button", name=name).click()
        pictures.append(Image.open(saved.value.path()))
    for one in pictures:
        red, green, blue = one.convert("RGB").split()
        assert red.tobytes() != green.tobytes() != blue.tobytes()


def test_tiles_by_keyboard(page: Page):
    page.get_by_role("radio", name="5", exact=True).focus()
    for key, chosen in (
        ("ArrowRight", "6"),
        ("ArrowDown", "7"),
        ("ArrowLeft", "6"),
        ("Home", "0"),
        ("ArrowLeft", None),
    ):
        page.keyboard.press(key)
        radio = page.get_by_role("radio", name=chosen, exact=True) if chosen else page.locator(".tile-any")
        expect(radio).to_have_attribute("aria-checked", "true")
        expect(radio).to_be_focused()
    assert page.locator("#tiles [aria-checked=true]").count() == 1
    page.keyboard.press("Tab")  # one stop for the whole group
    assert page.evaluate("document.activeElement.closest('#tiles')") is None


def test_views_enlarging_and_looping(page: Page):
    panes = page.locator('.dp-pane:not([data-kind="input"])')
    page.get_by_role("radio", name="Model's guess").click()
    expect(panes.nth(0)).to_be_hidden()
    expect(panes.nth(1)).to_be_visible()
    page.get_by_role("radio", name="Both").click()
    small = picture(page)
    panes.locator(".dp-sheet").first.click(position={"x": 20, "y": 20})
    assert picture(page) != small
    page.keyboard.press("Escape")
    assert picture(page) == small
    record(page)
    page.get_by_role("button", name="Loop").click()
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("window.shown.filter(([, step]) => step === 0).length >= 2")  # it began again
    page.get_by_role("button", name="Pause").click()


def test_downloads(page: Page, tmp_path: Path):
    press_generate(page)
    expect_phase(page, "finished")
    expect(player(page)).to_have_attribute("data-step", "4")
    with page.expect_download() as png:
        page.get_by_role("button", name="PNG").click()
    sheet = Image.open(png.value.path())
    assert sheet.size == (4 * 8 + 3 * 2, 4 * 8 + 3 * 2)
    assert json.loads(sheet.text["settings"])["sampler"] == "ddim"
    with page.expect_download() as gif:
        page.get_by_role("button", name="GIF").click()
    animation = Image.open(gif.value.path())
    assert animation.n_frames == 5
    animation.seek(4)
    scale = animation.height // sheet.height
    last = animation.convert("L").crop((0, 0, sheet.width * scale, sheet.height * scale))
    assert last.resize(sheet.size, Image.Resampling.NEAREST).tobytes() == sheet.convert("L").tobytes()


def test_words_in_chinese_remembered(page: Page):
    page.get_by_role("radio", name="简体中文").click()
    for words in ("要画什么？", "引导强度", "采样器", "指向干净图像", "从噪声开始", "含噪图像"):
        expect(page.get_by_text(words).first).to_be_visible()
    expect(page.get_by_role("button", name="生成")).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name="生成")).to_be_visible(timeout=WAIT)
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
    # and what the server says from now on
    expect(player(page)).to_have_attribute("data-frames", "5", timeout=WAIT)
    page.get_by_label("模型", exact=True).click()
    expect(page.get_by_role("option", name=re.compile("^U-Net · 内置.*默认模型", re.DOTALL))).to_be_visible()
    page.keyboard.press("Escape")
    set_number(page, "步数", 5000)
    page.get_by_role("button", name="生成").click()
    expect(page.get_by_role("alert").filter(has_text="步数必须是 1 到 1000 之间的整数，而不是 5000。")).to_be_visible()


def test_chinese_browser_starts_in_chinese(open_page):
    expect(open_page(locale="zh-CN").get_by_role("button", name="生成")).to_be_visible(timeout=WAIT)


@pytest.mark.parametrize("width", [320, 390])
def test_phone_has_no_sideways_scroll(open_page, width: int):
    page = open_page(viewport={"width": width, "height": 800}, has_touch=True, is_mobile=True)
    for _ in range(2):
        assert page.evaluate("document.documentElement.scrollWidth") == width
        page.get_by_role("radio", name="简体中文").click()
        expect(page.get_by_text("采样器").first).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_theme_follows_the_system_until_it_is_switched(open_page, scheme: str):
    page = open_page(color_scheme=scheme)
    dark = "document.body.classList.contains('dark')"
    assert page.evaluate(dark) == (scheme == "dark")
    page.get_by_role("button", name="Switch between light and dark").click()
    assert page.evaluate(dark) == (scheme == "light")
    page.reload()
    expect(player(page)).to_have_attribute("data-frames", "5", timeout=WAIT)
    assert page.evaluate(dark) == (scheme == "light")


def test_place_in_the_queue_is_shown(open_page, url: str):
    page = open_page()
    address = f"{url}/gradio_api/call/generate"
    long = {"data": ["7", 64, "heun", 1000, 2, 0, ""]}
    events = [httpx.post(address, json=long, timeout=60).json()["event_id"] for _ in range(PEOPLE + 1)]
    press_generate(page)
    expect(page.get_by_role("status").filter(has_text="1 ahead of you")).to_be_visible()
    for event in events:  # those who leave make room
        with httpx.stream("GET", f"{address}/{event}", timeout=60) as stream:
            next(stream.iter_lines())
    expect_phase(page, "finished")


def test_no_file_of_the_host_is_served(url: str, place: Path):
    for path in ("/etc/passwd", str(ROOT / "app.py"), str(place / "log"), "app.py", "../app.py"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{url}/gradio_api/file={path}", timeout=30)
        assert refused.value.code in (403, 404)


def test_a_page_at_rest_schedules_no_frames(browser: Browser, url: str):
    """Gradio's own page would, 60 times a second (``ui/web/head.js``)."""
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.add_init_script(
        """window.frames_scheduled = 0;
        const plain = window.requestAnimationFrame.bind(window);
        window.requestAnimationFrame = (callback) => { window.frames_scheduled++; return plain(callback); };"""
    )
    page.goto(url)
    expect(page.locator(".digit-player")).to_have_attribute("data-frames", "5", timeout=WAIT)
    page.get_by_label("Sampler").click()
    page.get_by_role("option", name="DDIM", exact=True).click()  # shows eta, and ...
    page.get_by_label("Sampler").click()
    page.get_by_role("option", name="DDPM", exact=True).click()  # ... hides it again
    frames = 60
    for _ in range(15):  # a spring of Gradio's own swings on for some seconds after the run that it announced
        page.evaluate("window.frames_scheduled = 0")
        page.wait_for_timeout(1000)
        frames = page.evaluate("window.frames_scheduled")
        if frames <= 3:
            break
    assert frames <= 3
    context.close()
