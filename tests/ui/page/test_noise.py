"""The Noise tab, on wide screens and on phones, in both languages."""

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.ui.page.actions import WAIT
from tests.ui.page.test_links import CLIPBOARD, copied_link
from tests.ui.page.test_pictures import drop
from ui.i18n import text

PHONE = {"viewport": {"width": 390, "height": 800}, "has_touch": True, "is_mobile": True}
OTHER = {"en": "zh", "zh": "en"}
NAMES = {"en": "English", "zh": "简体中文"}


def pane(page: Page, name: str) -> Locator:
    return page.locator(f'[data-pane="{name}"]')


def pixels(page: Page, name: str) -> str:
    """What a pane shows, as a data URL."""
    return pane(page, name).locator("canvas").evaluate("canvas => canvas.toDataURL()")


def expect_answer(page: Page) -> None:
    """All guesses are those for what is chosen, and the errors are there."""
    expect(page.locator(".nz-neighbours figure").first).to_be_visible(timeout=WAIT)
    expect(page.locator(".noise-lab")).not_to_have_attribute("data-asking", "true", timeout=WAIT)
    expect(page.locator('[part="errors"] polyline')).to_have_count(3, timeout=WAIT)


def open_tab(page: Page, language: str = "en") -> None:
    page.get_by_role("tab", name=text("noise.tab", language)).click()
    expect_answer(page)


def move(page: Page, t: float) -> None:
    """The slider to a time, at once; x_t is there when this returns."""
    page.locator('[part="slider"]').evaluate(
        "(slider, place) => { slider.value = place; slider.dispatchEvent(new Event('input')); }", round(100 * t)
    )


@pytest.mark.parametrize(
    ("language", "settings"),
    [("en", {"color_scheme": "dark"}), ("zh", {"locale": "zh-CN", **PHONE})],
    ids=["wide", "phone"],
)
def test_at_rest_and_when_t_moves(open_page, language: str, settings: dict):
    page = open_page(**settings)
    assert (
        page.evaluate("performance.getEntriesByType('resource').filter((r) => r.name.includes('/noise/')).length") == 0
    )
    open_tab(page, language)
    width = page.evaluate("window.innerWidth")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    for words in ("look_for", "errors", "neighbours", "schedules_help"):
        expect(page.get_by_text(text(f"noise.{words}", language), exact=True).first).to_be_visible()
    expect(page.locator('[part="t"]')).to_have_text("0.50")
    expect(page.locator('.noise-lab [aria-checked="true"][data-value="5"]')).to_be_visible()
    before = {name: pixels(page, name) for name in ("real", "noisy", "network", "network_noise", "ideal", "blur")}
    assert len(set(before.values())) == 6

    move(page, 0.2)
    assert pixels(page, "noisy") != before["noisy"]  # at once
    assert pixels(page, "real") == before["real"]
    expect_answer(page)
    assert pixels(page, "network") != before["network"]
    move(page, 0.5)
    expect_answer(page)
    assert {name: pixels(page, name) for name in before} == before  # the same question, the same answer

    plot = page.locator('[part="errors"]')
    box = plot.bounding_box()
    assert box is not None
    plot.click(position={"x": 0.75 * box["width"], "y": 0.5 * box["height"]})
    assert 0.65 < float(page.locator('[part="t"]').inner_text()) < 0.8
    expect_answer(page)

    other = OTHER[language]
    page.get_by_role("radio", name=NAMES[other]).click()
    expect(page.get_by_text(text("noise.look_for", other))).to_be_visible(timeout=WAIT)
    expect(pane(page, "noisy").locator("p")).to_have_text(text("noise.noisy_note", other))
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_other_digits_other_noise_and_a_bad_seed(page: Page):
    open_tab(page)
    real, noisy = pixels(page, "real"), pixels(page, "noisy")
    page.locator(".noise-lab").get_by_role("radio", name="8", exact=True).click()
    assert pixels(page, "real") != real  # it was here already
    eight = pixels(page, "real")
    expect_answer(page)
    page.get_by_role("button", name=text("noise.other_digits")).click()
    page.wait_for_function(
        "(shown) => document.querySelector('[data-pane=real] canvas').toDataURL() !== shown", arg=eight
    )
    page.get_by_role("radio", name=text("noise.train")).click()
    expect_answer(page)

    seed, banner = page.locator('[part="seed"]'), page.locator('.noise-lab [role="alert"]')
    expect(banner).to_be_hidden()
    seed.fill("-1")
    seed.press("Enter")
    expect(banner).to_contain_text("from 0 to 4294967295, not -1", timeout=WAIT)
    noisy = pixels(page, "noisy")
    page.get_by_role("button", name=text("noise.new_noise")).click()
    expect(banner).to_be_hidden(timeout=WAIT)
    page.wait_for_function(
        "(shown) => document.querySelector('[data-pane=noisy] canvas').toDataURL() !== shown", arg=noisy
    )
    expect_answer(page)


def everything(page: Page) -> dict[str, str]:
    """What all panes show."""
    expect_answer(page)
    return {name: pixels(page, name) for name in ("real", "noisy", "network", "network_noise", "ideal", "blur")}


def test_a_drawn_digit_and_where_sampling_ends(open_page):
    page = open_page(**CLIPBOARD)
    open_tab(page)
    assert page.evaluate("performance.getEntriesByType('resource').filter((r) => r.name.includes('/pad/')).length") == 0
    real, ideal = pixels(page, "real"), pixels(page, "ideal")
    page.get_by_role("button", name=text("noise.draw")).click()
    box = page.locator('[part="paper"]').bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 140, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 140, box["y"] + 220, steps=4)
    page.mouse.up()
    page.wait_for_function(
        "(shown) => document.querySelector('[data-pane=real] canvas').toDataURL() !== shown", arg=real
    )
    expect(page.locator('.nz-digits [aria-checked="true"]')).to_have_count(0)
    expect_answer(page)
    assert pixels(page, "ideal") != ideal
    move(page, 0.3)
    drawn, link = everything(page), copied_link(page)
    with page.expect_download(timeout=WAIT) as saved:
        page.locator('.noise-lab [part="png"]').click()
    other = open_page(link=link, **CLIPBOARD)
    assert everything(other) == drawn
    assert copied_link(other) == link
    # the pad shows it, and what is drawn there goes on from it
    other.get_by_role("button", name=text("noise.draw")).click()
    brightest = "canvas => Math.max(...canvas.getContext('2d').getImageData(140, 100, 1, 60).data.slice(0, -1))"
    assert other.locator('[part="paper"]').evaluate(brightest) == 255
    assert everything(other) == drawn
    other.locator(".noise-lab").get_by_role("radio", name="8", exact=True).click()
    assert everything(other)["real"] != drawn["real"]
    drop(other, saved.value.path())
    other.wait_for_function(
        "(shown) => document.querySelector('[data-pane=real] canvas').toDataURL() === shown", arg=drawn["real"]
    )
    assert everything(other) == drawn
    entries = other.locator(".noise-lab .sh-history li")
    expect(entries.first).to_contain_text("Drawn, t 0.3")
    page.get_by_role("button", name=text("noise.end_button")).click()
    expect(page.locator(".nz-end-row figure")).to_have_count(12, timeout=WAIT)
    expect(page.locator(".nz-end-row").first.locator("figcaption").first).to_have_text("0.00")
    page.locator('[part="clear"]').click()
    expect(page.locator('.nz-digits [aria-checked="true"]')).to_have_count(1)
    expect(page.locator(".nz-end-row")).to_have_count(0)  # of another digit
    page.wait_for_function(
        "(shown) => document.querySelector('[data-pane=real] canvas').toDataURL() === shown", arg=real
    )
