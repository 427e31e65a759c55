"""The page on every screen: nothing is clipped, little is wasted, the player is in sight."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.ui.page.actions import tile
from tests.ui.page.live_actions import turn_on
from tests.ui.page.test_compare import open_tab as open_compare
from tests.ui.page.test_fork import show_branch
from tests.ui.page.test_noise import open_tab as open_noise

SCREENS = [
    *((320, 700), (390, 844), (640, 360), (740, 360), (768, 1024), (900, 700), (1024, 768), (1366, 768)),
    *((1920, 1080), (2560, 1440), (3840, 2160)),
]
PHONE = {"has_touch": True, "is_mobile": True}
# Elements on show that stick out of the screen or of their card, unless they can be scrolled there; or whose text is
# cut off without an ellipsis.
CLIPPED = """() => [...document.querySelectorAll(".contain *")].filter((node) => {
    const scroller = (each) => getComputedStyle(each).overflowX === "auto" && each.scrollWidth > each.clientWidth;
    const scrolls = (each) => each !== null && (scroller(each) || scrolls(each.parentElement));
    const unseen = "svg, .lab-said, .visually-hidden, .sr-only, .options";
    if (!node.checkVisibility() || node.closest(unseen)) return false;
    const box = node.getBoundingClientRect();
    const most = node.closest(".lab-card, .dp")?.getBoundingClientRect() ?? { left: 0, right: innerWidth };
    if (box.width && (box.left < most.left - 1 || box.right > most.right + 1)) return !scrolls(node.parentElement);
    const { overflowX, textOverflow } = getComputedStyle(node);
    const cut = !["visible", "auto"].includes(overflowX) && textOverflow !== "ellipsis" && node.tagName !== "INPUT";
    return cut && node.scrollWidth > node.clientWidth + 1;
}).map((node) => `${node.tagName}.${node.className}: ${node.textContent.slice(0, 40)}`)"""
WIDTH_IN_USE = """() => {
    const boxes = [...document.querySelectorAll(".lab-card, .dp, .lab-head")].filter((node) => node.checkVisibility());
    const sides = boxes.map((node) => node.getBoundingClientRect());
    return (Math.max(...sides.map((side) => side.right)) - Math.min(...sides.map((side) => side.left))) / innerWidth;
}"""


def box(page: Page, selector: str) -> dict[str, float]:
    """Of the first that is to be seen, in pixels of the screen."""
    return page.locator(selector).filter(visible=True).first.evaluate("node => node.getBoundingClientRect().toJSON()")


@pytest.mark.parametrize("show", [show_branch, open_compare, open_noise])
def test_nothing_is_clipped_and_little_is_wasted(page: Page, show: Callable[[Page], None]):
    show(page)
    for width, height in SCREENS:
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.evaluate(CLIPPED) == [], (width, height)
        assert page.evaluate(WIDTH_IN_USE) > 2 / 3, (width, height)


@pytest.mark.parametrize(("width", "height", "pane"), [(1366, 768, 280), (1920, 1080, 480), (900, 700, 220)])
def test_the_player_fits_on_the_screen_and_stays_there(page: Page, width: int, height: int, pane: float):
    page.set_viewport_size({"width": width, "height": height})
    assert box(page, ".dp-pane")["width"] >= pane
    assert box(page, ".dp-transport")["bottom"] <= height
    page.locator("#advanced button").first.click()
    last = page.locator("#advanced .block").filter(visible=True).last
    last.evaluate("node => node.scrollIntoView({ block: 'end' })")
    assert box(page, ".dp-panes")["top"] >= 0
    assert box(page, ".dp-transport")["bottom"] <= height


def test_a_tablet_held_upright_shows_the_panes_on_the_first_screen(page: Page):
    page.set_viewport_size({"width": 768, "height": 1024})
    assert box(page, ".dp-pane")["width"] >= 300
    assert box(page, ".dp-panes")["bottom"] <= 1024


@pytest.mark.parametrize("width", [640, 740])
def test_live_on_a_phone_on_its_side_leaves_the_tiles_within_reach(open_page, width: int):
    page = open_page(viewport={"width": width, "height": 360}, **PHONE)
    turn_on(page)
    tile(page, "1").scroll_into_view_if_needed()
    player = box(page, ".lab-player")
    assert player["height"] <= 360
    assert player["left"] > box(page, "#tiles")["right"]  # beside, not over them
    tile(page, "1").tap()
    expect(tile(page, "1")).to_have_attribute("aria-checked", "true")


def test_a_phone_has_sliders_for_fingers(open_page):
    page = open_page(viewport={"width": 390, "height": 844}, **PHONE)
    for slider in page.locator("input[type=range]").filter(visible=True).all():
        assert slider.evaluate("node => node.getBoundingClientRect().height") >= 24
