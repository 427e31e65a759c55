"""A view as a link: copied, opened by somebody else, with something wrong in it, with controls hidden."""

from base64 import b64decode

from playwright.sync_api import Page, expect

from tests.ui.page.actions import (
    WAIT,
    choose_model,
    expect_phase,
    generate,
    press_generate,
    saved_settings,
    set_number,
    tile,
)
from ui.i18n import text

CLIPBOARD = {"permissions": ["clipboard-read", "clipboard-write"]}


def share(page: Page, item: str) -> None:
    """Choose from the Share menu of the tab that is open."""
    page.locator(".sh-button:visible").click()
    page.locator(f".sh-menu:popover-open [data-item={item}]").click()


def copied_link(page: Page) -> str:
    share(page, "link")
    expect(page.get_by_text(text("share.link_copied"))).to_be_visible()
    return page.evaluate("navigator.clipboard.readText()")


def sheet(page: Page) -> bytes:
    """The PNG of the finished images on show."""
    return b64decode(page.evaluate("lab.generateView.state.run.result.png"))


def test_a_copied_link_draws_the_same_picture_elsewhere(open_page, url: str):
    page = open_page(**CLIPBOARD)
    tile(page, "3").click()
    set_number(page, "Steps", 7)
    set_number(page, "Images", 5)
    generate(page)
    link = copied_link(page)
    assert link.startswith(f"{url}/?tab=generate&model=tiny&label=3&num_images=5&sampler=ddim&steps=7")

    other = open_page(link=link)
    expect_phase(other, "finished")
    assert sheet(other) == sheet(page)
    expect(tile(other, "3")).to_have_attribute("aria-checked", "true")
    expect(other.get_by_role("spinbutton", name="Steps")).to_have_value("7")
    expect(other.get_by_role("radio", name="keep")).to_be_checked()
    expect(other.locator(".sh-notice")).to_be_hidden()
    generate(other)
    assert sheet(other) == sheet(page)  # the controls are those of the link

    share(page, "code")
    written = page.locator("code[part=command]")
    expect(written).to_contain_text("--model tiny --label 3 --num-images 5 --sampler ddim --steps 7")
    command = written.inner_text()
    page.get_by_role("button", name=text("share.copy_command")).click()
    expect(page.get_by_text(text("share.code_copied"), exact=True)).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == command
    expect(page.locator(".sh-dialog[open]")).to_have_count(0)


def test_a_link_to_another_model_sets_up_all_its_controls_once(open_page):
    dit = open_page(link="?tab=generate&model=runs/dit/model&steps=3&skip_scale=1.23&num_images=3&seed=4&utm_source=a")
    expect_phase(dit, "finished")
    given = {"model": "runs/dit/model", "steps": 3, "skip_scale": 1.23, "num_images": 3, "seed": 4}
    assert saved_settings(dit) == saved_settings(dit) | given
    expect(dit.locator(".sh-notice")).to_be_hidden()
    expect(dit.get_by_text(text("tiles.no_labels"))).to_be_visible()
    # a person's next choice of a model is one again
    choose_model(dit, "Tiny")
    expect(tile(dit, "7")).to_be_visible()
    expect(dit.get_by_role("spinbutton", name="Steps")).to_have_value("4", timeout=WAIT)


def test_what_is_wrong_in_a_link_is_said_once_and_the_rest_is_drawn(open_page):
    page = open_page(link="?tab=generate&steps=0&sampler=heun&stepz=4&seed=8&hide=model,tabs,walls&label=9")
    expect_phase(page, "finished")
    settings = saved_settings(page)
    assert settings == settings | {"sampler": "heun", "seed": 8, "label": "9"}
    notice = page.locator(".sh-notice")
    expect(notice).to_contain_text("Everything in this link is used but this: Steps must be a whole number")
    for word in ("stepz", "walls"):
        expect(notice).to_contain_text(word)
    expect(page.get_by_label("Model", exact=True)).to_be_hidden()
    expect(page.get_by_role("tab", name="Noise")).to_be_hidden()
    expect(page.get_by_role("spinbutton", name="Steps")).to_be_visible()
    notice.get_by_role("button", name=text("share.dismiss")).click()
    expect(notice).to_be_hidden()
    press_generate(page)
    expect_phase(page, "finished")


def test_a_link_opens_the_noise_tab_where_it_was(open_page):
    page = open_page(link="?tab=noise&digit=3&t=0.2&seed=9&split=train&hide=split", **CLIPBOARD)
    expect(page.locator('[part="t"]')).to_have_text("0.20", timeout=WAIT)
    expect(page.locator('.noise-lab [aria-checked="true"][data-value="3"]')).to_be_visible()
    expect(page.get_by_text(text("noise.split"))).to_be_hidden()
    expect(page.locator(".noise-lab:not([data-asking])")).to_be_visible(timeout=WAIT)
    seed = page.locator('.noise-lab [part="seed"]')
    seed.fill("-1")
    seed.press("Enter")
    expect(page.locator('.noise-lab [role="alert"]')).to_contain_text("Seed must be")
    copied = copied_link(page)  # of what is on show
    page.get_by_role("tab", name=text("generate.tab")).click()
    expect_phase(page, "example")
    for part in ("tab=noise", "digit=3", "t=0.2", "seed=9", "split=train"):
        assert part in copied
