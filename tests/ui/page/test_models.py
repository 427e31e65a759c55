"""Models on the page: which there are, what changes with one, and what it samples."""

import io
import os
import re
import shutil
from base64 import b64decode
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect

from tests.tiny import tiny_model
from tests.ui.page.actions import (
    WAIT,
    choose_model,
    download,
    expect_step,
    generate,
    picture,
    saved_settings,
    tile,
)


def test_each_model_has_a_line_on_what_it_is_and_where_it_comes_from(page: Page):
    page.get_by_label("Model", exact=True).click()
    options = page.locator("#model").get_by_role("option")
    expect(options.filter(has_text=re.compile(r"^\W*U-Net · bundled")).first).to_contain_text("predicts v")
    expect(options.filter(has_text="blind (Blind) · your run")).to_be_visible()
    expect(options.filter(has_text="Reader")).to_have_count(0)  # it samples nothing


def test_description_of_a_stranger_is_no_html(page: Page):
    expect(page.locator("#model-note")).to_contain_text("Draws <b>little</b>.")


def test_a_model_that_cannot_be_had_is_explained(page: Page):
    box = page.get_by_label("From the Hugging Face Hub")
    box.fill("no such name")
    box.press("Enter")
    expect(page.locator("#hub-note")).to_contain_text("does not name a model on the Hub", timeout=WAIT)
    box.fill("https://example.com/a/b")
    page.get_by_role("button", name="Fetch").click()
    expect(page.locator("#hub-note")).to_contain_text("example.com", timeout=WAIT)
    generate(page)


def test_guidance_for_one_model_is_not_sent_to_another_that_has_none(page: Page):
    guidance = page.get_by_label("Guidance scale").first
    page.locator("#setting-guidance_scale input[type=number]").fill("6")
    choose_model(page, r"\(Transformer\)")
    expect(guidance).to_be_hidden(timeout=WAIT)
    generate(page)
    expect_step(page, 4)
    settings = saved_settings(page)
    assert settings["model"] == os.path.join("runs", "dit", "model")
    assert "guidance_scale" not in settings


def test_a_classifier_guides_a_model_without_labels(page: Page):
    tiles, guidance = page.locator("#tiles").get_by_role("radio"), page.get_by_label("Guidance scale").first
    expect(guidance).to_be_visible()
    choose_model(page, "blind")
    expect(tiles).to_have_count(0, timeout=WAIT)
    expect(guidance).to_be_hidden()
    expect(page.locator("#tiles")).to_contain_text("trained without labels")
    page.get_by_role("button", name="Advanced").click()
    strength = page.get_by_label("Classifier scale").first
    expect(strength).to_be_hidden()
    page.get_by_label("Classifier guidance").click()
    page.get_by_role("option", name=re.compile("Reader.*your run.*Tells noise", re.DOTALL)).click()
    expect(tiles).to_have_count(11, timeout=WAIT)
    expect(page.locator(".tile img")).to_have_count(10, timeout=WAIT)
    expect(strength).to_be_visible()
    tile(page, "7").click()
    page.get_by_role("slider", name=re.compile("backbone")).press("ArrowRight")
    generate(page)
    page.get_by_role("slider", name="Step", exact=True).press("End")  # the film may still be running
    settings = saved_settings(page)
    expected = {"label": "7", "classifier": "runs/reader/model", "classifier_scale": 3.0, "freeu_b": 1.05}
    assert settings == settings | expected
    assert "guidance_scale" not in settings


def test_super_resolution_shows_what_it_enlarges(page: Page):
    choose_model(page, "lens")
    expect(page.locator("#tiles")).to_contain_text("Which digits shall it enlarge?", timeout=WAIT)
    page.get_by_role("radio", name="any").click()
    generate(page)
    expect_step(page, 4)
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
    animation = Image.open(download(page, "GIF"))
    assert animation.width > 2 * animation.height * 0.95  # input and guess, side by side
    choose_model(page, "Tiny")
    expect(tile(page, "7")).to_be_visible(timeout=WAIT)
    generate(page)
    expect(page.locator(".dp-pane").first).to_be_hidden()


def test_colour_stays_colour(page: Page):
    choose_model(page, "paint")
    expect(page.get_by_role("radio", name="sea")).to_have_attribute("aria-checked", "true", timeout=WAIT)
    expect(page.locator(".tile img")).to_have_count(2, timeout=WAIT)
    generate(page)
    expect_step(page, 4)
    thumbnail = page.locator(".tile img").first.get_attribute("src") or ""
    images = [Image.open(io.BytesIO(b64decode(source.partition(",")[2]))) for source in (thumbnail, picture(page))]
    images += [Image.open(download(page, name)) for name in ("PNG", "GIF")]
    for image in images:
        assert len({band.tobytes() for band in image.convert("RGB").split()}) == 3


def reload(page: Page) -> None:
    page.get_by_role("button", name="Reload").click()


def test_reload_finds_a_run_trained_meanwhile(page: Page, place: Path):
    tiny_model(seed=1, title="Fashion", label_names=("shirt", "shoe")).save(place / "runs" / "later" / "model")
    reload(page)
    expect(page.locator("#model-note")).to_contain_text("Models found", timeout=WAIT)
    choose_model(page, "later")
    expect(page.get_by_role("radio", name="shoe")).to_have_attribute("aria-checked", "true", timeout=WAIT)
    expect(tile(page, "7")).to_have_count(0)
    generate(page)


def test_reload_sets_the_page_up_for_what_is_there(page: Page, place: Path):
    model = place / "runs" / "passing" / "model"
    tiny_model(seed=1, title="Passing").save(model)
    reload(page)
    expect(page.locator("#model-note")).to_contain_text("Models found", timeout=WAIT)
    choose_model(page, "passing")
    expect(page.get_by_label("Model", exact=True)).to_have_value(re.compile("Passing"))
    tiny_model(seed=1, title="Passing", label_names=("cat", "dog")).save(model)  # replaced
    reload(page)
    expect(page.get_by_role("radio", name="dog")).to_have_attribute("aria-checked", "true", timeout=WAIT)
    generate(page)
    shutil.rmtree(model.parent)  # removed
    reload(page)
    gone = page.get_by_text(f"{os.path.join('runs', 'passing', 'model')} is no longer there")
    expect(gone).to_be_visible(timeout=WAIT)
    expect(tile(page, "7")).to_be_visible(timeout=WAIT)
    generate(page)
