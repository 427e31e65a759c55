"""Branches of the run on show, on a wide screen and on a phone."""

import json
from pathlib import Path

from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.ui.page.actions import WAIT, expect_step, generate, press_generate
from tests.ui.page.test_links import CLIPBOARD, copied_link
from tests.ui.page.test_pictures import drop
from ui.i18n import text

PHONE = {"viewport": {"width": 390, "height": 800}, "has_touch": True, "is_mobile": True, "locale": "zh-CN"}


def scrub(page: Page, step: int) -> None:
    page.locator('.digit-player [part="scrub"]').evaluate(
        "(scrub, step) => { scrub.value = step; scrub.dispatchEvent(new Event('input')); }", step
    )
    expect_step(page, step)


def branch(page: Page, number: int) -> Locator:
    return page.locator(f".fk-{number}.fk-branch")


def open_panel(page: Page, button: Locator | None = None) -> Locator:
    (button or page.locator('.digit-player [part="fork"]')).click()
    panel = page.locator(".fk-panel")
    expect(panel.locator('[part="note"]')).not_to_be_empty(timeout=WAIT)
    return panel


def fork(page: Page, number: int, button: Locator | None = None, **changes: str) -> None:
    """A branch with another label, sampler or model, until it is there."""
    panel = open_panel(page, button)
    if "label" in changes:
        panel.get_by_role("radio", name=changes["label"], exact=True).click()
    for name in set(changes) - {"label"}:
        panel.locator(f'[part="{name}"]').select_option(changes[name])
    panel.locator('[part="go"]').click()
    expect(branch(page, number).locator(".fk-player")).to_have_attribute("data-phase", "finished", timeout=WAIT)
    expect(panel).to_be_hidden()


def show_branch(page: Page) -> None:
    """A run with a branch, in the middle of both."""
    generate(page)
    scrub(page, 1)
    fork(page, 1, label="3")
    scrub(page, 2)


def saved_file(page: Page, player: Locator) -> Path:
    """The images on show of a player, as it saves them."""
    with page.expect_download(timeout=WAIT) as download:
        player.locator('[part="png"]').click()
    return download.value.path()


def saved(page: Page, player: Locator) -> Image.Image:
    return Image.open(saved_file(page, player))


def sheets(page: Page, count: int) -> list[str]:
    """The finished images of the run and of its branches, in base64, once there are so many branches."""
    expect(page.locator('.fk-player[data-phase="finished"]')).to_have_count(count, timeout=WAIT)
    return page.evaluate("""() => {
        const { state, forks } = lab.generateView;
        return [state, ...forks.branches.map((branch) => branch.state)].map(({ run }) => run.result.png);
    }""")


def test_a_tree_of_branches_that_scrub_together(open_page):
    page = open_page(**CLIPBOARD)
    resources = "performance.getEntriesByType('resource').filter((r) => r.name.includes('/fork/')).length"
    assert page.evaluate(resources) == 0
    generate(page)
    main = page.locator(".digit-player")
    expect(main.locator('[part="fork"]')).to_be_disabled()  # nothing follows the last step
    scrub(page, 2)
    panel = open_panel(page)
    expect(panel.get_by_text(text("fork.same"))).to_be_visible()
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()

    fork(page, 1)
    expect(branch(page, 1)).to_contain_text(text("fork.what", step=2, changes=text("fork.unchanged")))
    whole, same = saved(page, main), saved(page, branch(page, 1))
    assert whole.tobytes() == same.tobytes()
    assert json.loads(same.text["settings"])["forks"] == [{"step": 2}]  # type: ignore[attr-defined]
    scrub(page, 2)
    fork(page, 2, label="3")
    assert saved(page, branch(page, 2)).tobytes() != whole.tobytes()
    scrub(page, 3)
    fork(page, 3, branch(page, 2).locator('[part="fork"]'), label="1")
    saved_settings = json.loads(saved(page, branch(page, 3)).text["settings"])  # type: ignore[attr-defined]
    assert saved_settings["forks"] == [{"step": 2, "label": "3"}, {"step": 3, "label": "1"}]
    expect(page.locator(".fk-tree path")).to_have_count(4)
    for step in range(5):
        scrub(page, step)
        for number in (1, 2, 3):
            expect(branch(page, number).locator(".fk-player")).to_have_attribute("data-step", str(step))

    # a link brings the tree back, and where it was; a picture what leads to it
    scrub(page, 3)
    link, drawn = copied_link(page), sheets(page, 3)
    middle = saved_file(page, branch(page, 3))
    scrub(page, 4)
    end = saved_file(page, branch(page, 3))
    other = open_page(link=link)
    assert sheets(other, 3) == drawn
    expect_step(other, 3)
    expect(branch(other, 3)).to_contain_text(text("fork.what", step=3, changes="Label 1"))
    expect(other.locator(".sh-notice")).to_be_hidden()
    for path, step in ((end, 4), (middle, 3)):
        drop(other, path)
        expect(other.locator(".fk-branch")).to_have_count(2, timeout=WAIT)
        assert sheets(other, 2) == [drawn[0], *drawn[2:]]
        expect(branch(other, 2).locator(".fk-player")).to_have_attribute("data-step", str(step), timeout=WAIT)
    assert saved_file(other, branch(other, 2)).read_bytes() == middle.read_bytes()
    history = other.locator(".sh-history li button")
    expect(history.locator("span")).to_have_text(["Fork: Label 1", "Fork: Label 3", "Label 5", "Fork: nothing changed"])
    history.filter(has_text="Fork: nothing changed").click()
    expect(other.locator(".fk-branch")).to_have_count(1, timeout=WAIT)
    assert sheets(other, 1) == drawn[:2]

    branch(page, 2).get_by_role("button", name=text("fork.remove", n=2)).click()
    expect(page.locator(".fk-branch")).to_have_count(1)  # what came from it has gone, too
    press_generate(page)
    expect(page.locator(".fk-branch")).to_have_count(0, timeout=WAIT)


def test_models_that_do_not_fit_are_named_and_a_bad_value_is_refused_on_a_phone(open_page):
    page = open_page(**PHONE)
    scrub(page, 1)
    panel = open_panel(page)
    unfit = panel.locator('[part="model"] option:disabled')
    assert {option.split("：")[-1].split(": ")[-1] for option in unfit.all_inner_texts()} >= {
        text("unfit.process", "zh"),
        text("unfit.size", "zh"),
    }
    panel.locator('[part="seed"]').fill("-1")
    panel.locator('[part="go"]').click()
    expect(panel.get_by_role("alert")).to_contain_text("-1", timeout=WAIT)
    expect(page.locator(".fk-branch")).to_have_count(0)
    panel.locator('[part="seed"]').fill("5")
    panel.locator('[part="sampler"]').select_option("heun")
    panel.locator('[part="go"]').click()
    expect(branch(page, 1)).to_contain_text("Heun", timeout=WAIT)
    expect(branch(page, 1).locator(".fk-player")).to_have_attribute("data-phase", "finished", timeout=WAIT)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
