"""How the page looks and is handled: keyboard, views, downloads, languages, themes, phones."""

import json

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from diffusion.settings import SETTINGS
from tests.ui.page.actions import (
    WAIT,
    download,
    expect_frames,
    expect_step,
    generate,
    picture,
    record,
    set_number,
    tile,
    wait_for_example,
)
from ui.i18n import text


def test_tiles_by_keyboard(page: Page):
    tile(page, "5").focus()
    keys = {"ArrowRight": "6", "ArrowDown": "7", "ArrowUp": "6", "Home": "0", "ArrowLeft": None}
    for key, chosen in keys.items():
        page.keyboard.press(key)
        radio = tile(page, chosen) if chosen else page.locator(".tile-any")
        expect(radio).to_have_attribute("aria-checked", "true")
        expect(radio).to_be_focused()
    assert page.locator("#tiles [aria-checked=true]").count() == 1
    page.keyboard.press("Tab")  # one stop for the whole group
    assert page.evaluate("document.activeElement.closest('#tiles')") is None


def test_tab_goes_past_a_dropdown(page: Page):
    page.locator("#generate").focus()
    options = page.get_by_role("option").filter(visible=True)
    page.keyboard.press("Tab")
    expect(page.get_by_label("Sampler")).to_be_focused()
    expect(options.filter(has_text="DDIM")).to_have_count(1)
    page.keyboard.press("Tab")
    expect(page.get_by_role("spinbutton", name="Steps")).to_be_focused()
    expect(options).to_have_count(0)


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


def test_downloads(page: Page):
    generate(page)
    expect_step(page, 4)
    sheet = Image.open(download(page, "PNG"))
    assert sheet.size == (4 * 8 + 3 * 2, 4 * 8 + 3 * 2)
    assert json.loads(sheet.text["settings"])["sampler"] == "ddim"  # type: ignore[attr-defined]
    animation = Image.open(download(page, "GIF"))
    assert animation.n_frames == 5  # type: ignore[attr-defined]
    animation.seek(4)
    scale = animation.height // sheet.height
    last = animation.convert("L").crop((0, 0, sheet.width * scale, sheet.height * scale))
    assert last.resize(sheet.size, Image.Resampling.NEAREST).tobytes() == sheet.convert("L").tobytes()


def test_a_gif_is_written_whole_though_another_run_begins(page: Page):
    set_number(page, "Steps", 40)
    generate(page)
    expect_step(page, 40)
    set_number(page, "Steps", 3)
    button = page.locator("[part=gif]")
    with page.expect_download(timeout=WAIT) as gif:
        both = "() => { document.querySelector('[part=gif]').click(); document.querySelector('#generate').click(); }"
        page.evaluate(both)
    assert Image.open(gif.value.path()).n_frames == 41  # type: ignore[attr-defined]
    expect_frames(page, 4)
    expect(button).to_be_enabled()
    expect(button).to_have_text("GIF")


def words(key: str, **values: object) -> str:
    return text(key, "zh", **values)


def test_chinese_is_whole_and_remembered(page: Page):
    page.get_by_role("radio", name="简体中文").click()
    keys = ["tiles.heading", "settings.guidance_scale.label", "settings.sampler.label", "samplers.ddim", "how.noise"]
    for key in [*keys, "player.noisy", "generate.seed_mode"]:
        expect(page.get_by_text(words(key)).first).to_be_visible()
    button = page.get_by_role("button", name=words("generate.button"), exact=True)
    expect(button).to_be_visible()
    page.reload()
    expect(button).to_be_visible(timeout=WAIT)
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
    expect(page).to_have_title(words("page.title"))
    # and what the server says from now on
    wait_for_example(page)
    page.get_by_label(words("settings.model.label"), exact=True).click()
    options = page.locator("#model").get_by_role("option")
    bundled = f"{words('bundled_models.unet.title')} · {words('models.bundled')}"
    expect(options.filter(has_text=bundled).first).to_contain_text(words("bundled_models.unet.description")[:20])
    page.keyboard.press("Escape")
    set_number(page, words("settings.steps.label"), 5000)
    button.click()
    error = "步数必须是 1 到 1000 之间的整数，而不是 5000。"
    expect(page.get_by_role("alert").filter(has_text=error)).to_be_visible()


def test_chinese_browser_starts_in_chinese(open_page):
    page = open_page(locale="zh-CN")
    expect(page.get_by_role("button", name=words("generate.button"), exact=True)).to_be_visible(timeout=WAIT)
    # and the first switch takes all of it along, Gradio's own words, too
    page.get_by_role("radio", name="English").click()
    expect(page.locator("#generate")).to_have_text("Generate")
    page.get_by_role("button", name="Use via API").click()
    expect(page.get_by_text("API documentation")).to_be_visible(timeout=WAIT)
    expect(page.get_by_text(SETTINGS["steps"].help).first).to_be_visible(timeout=WAIT)


@pytest.mark.parametrize("width", [320, 390])
def test_phone_has_no_sideways_scroll(open_page, width: int):
    page = open_page(viewport={"width": width, "height": 800}, has_touch=True, is_mobile=True)
    for _ in range(2):
        assert page.evaluate("document.documentElement.scrollWidth") == width
        page.get_by_role("radio", name="简体中文").click()
        expect(page.get_by_text(words("settings.sampler.label")).first).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_theme_follows_the_system_until_it_is_switched(open_page, scheme: str):
    page = open_page(color_scheme=scheme)
    dark = "document.body.classList.contains('dark')"
    assert page.evaluate(dark) == (scheme == "dark")
    page.get_by_role("button", name="Switch between light and dark").click()
    assert page.evaluate(dark) == (scheme == "light")
    page.reload()
    wait_for_example(page)
    assert page.evaluate(dark) == (scheme == "light")
