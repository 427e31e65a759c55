"""Presentation mode: the picture alone, and its keys."""

from playwright.sync_api import Page, expect

from tests.ui.page.actions import WAIT, expect_phase, expect_step, tile


def present(page: Page) -> None:
    page.get_by_role("button", name="Presentation mode", exact=True).click()


def test_keys_of_a_speaker(page: Page):
    present(page)
    pane = page.locator(".dp-pane").filter(visible=True).first
    assert pane.evaluate("node => node.getBoundingClientRect().width") > 500
    for hidden in ("#generate", ".lab-settings", ".lab-foot", ".tab-wrapper"):
        expect(page.locator(hidden)).to_be_hidden()
    for key, step in (("ArrowLeft", 3), ("ArrowLeft", 2), ("ArrowRight", 3)):
        page.keyboard.press(key)
        expect_step(page, step)
    page.keyboard.press("3")
    page.keyboard.press("g")
    expect_phase(page, "finished")
    expect_step(page, 4)
    page.keyboard.press("Space")
    page.wait_for_function("lab.player.state.playback.mode === 'play'", timeout=WAIT)
    page.keyboard.press("Space")
    page.keyboard.press("Escape")
    expect(page.locator("#generate")).to_be_visible()
    expect(tile(page, "3")).to_have_attribute("aria-checked", "true")


def test_no_key_is_taken_elsewhere(page: Page):
    page.keyboard.press("g")
    page.keyboard.press("l")
    expect_phase(page, "example")
    present(page)
    page.evaluate("""() => document.querySelector("#player").append(
        Object.assign(document.createElement("input"), { id: "written", value: "" }))""")
    page.locator("#written").press_sequentially("g l 7")
    expect(page.locator("#written")).to_have_value("g l 7")
    expect_phase(page, "example")
    page.keyboard.press("Escape")
    expect(page.locator("#generate")).to_be_visible()


def test_arrows_move_the_noise(page: Page):
    page.get_by_role("tab", name="Noise").click()
    expect(page.locator("#noise [part=t]")).to_have_text("0.50", timeout=WAIT)
    present(page)
    page.keyboard.press("ArrowRight")
    expect(page.locator("#noise [part=t]")).to_have_text("0.51")
