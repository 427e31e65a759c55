"""What helps whoever is new here, or brings others here: the tour, About, links that hide controls."""

import pytest
from playwright.sync_api import Page, expect

from tests.ui.page.actions import WAIT, press_generate, wait_for_example
from tests.ui.page.test_links import CLIPBOARD, share
from ui.i18n import text

PHONE = {"viewport": {"width": 390, "height": 800}, "has_touch": True, "is_mobile": True}


@pytest.mark.parametrize("settings", [{}, {"locale": "zh-CN", **PHONE}], ids=["wide", "phone"])
def test_the_tour_has_five_steps_and_does_not_return(open_page, settings: dict):
    page = open_page(first_visit=True, **settings)
    language = "zh" if "locale" in settings else "en"
    card = page.locator(".sh-tour")
    for number, name in enumerate(("pick", "draw", "scrub", "knobs", "more"), 1):
        expect(card).to_contain_text(text(f"tour_titles.{name}", language), timeout=WAIT)
        expect(card).to_contain_text(f"{number} / 5")
        box = card.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= page.evaluate("innerWidth")
        assert box["y"] + box["height"] <= page.evaluate("innerHeight")
        card.locator(".sh-main").click()
    expect(card).to_have_count(0)
    page.reload()
    expect(page.locator(".sh-button:visible")).to_be_visible(timeout=WAIT)
    page.evaluate("lab.openLink()")  # at the end of what a page does when it comes up
    expect(card).to_have_count(0)


def test_the_tour_is_left_at_once_and_is_in_nobodys_way(open_page):
    page = open_page(first_visit=True)
    card = page.locator(".sh-tour")
    expect(card).to_be_visible(timeout=WAIT)
    tiles = page.locator("#tiles")
    for display, count in (("none", 0), ("", 1)):  # it leaves with what it is about, and comes back with it
        tiles.evaluate("(node, display) => { node.style.display = display; }", display)
        if display:
            page.evaluate("dispatchEvent(new Event('resize'))")
        expect(card.filter(visible=True)).to_have_count(count)
    press_generate(page)
    page.keyboard.press("Escape")
    expect(card).to_have_count(0)


def test_about_says_what_each_tab_teaches_with_pictures(page: Page):
    page.get_by_role("button", name=text("page.about")).click()
    about = page.locator(".sh-about")
    expect(about).to_contain_text(text("about_questions.noise"))
    expect(about.locator("section")).to_have_count(page.locator("[role=tab]").count())
    widths = about.locator("img").evaluate_all(
        "(all) => Promise.all(all.map((image) => image.decode().then(() => image.naturalWidth)))"
    )
    assert min(widths) > 100
    page.set_viewport_size({"width": 390, "height": 800})
    assert about.evaluate("(node) => node.scrollWidth <= node.clientWidth")
    about.locator("section", has_text=text("about_questions.noise")).get_by_role("button").click()
    expect(page.locator('[role=tab][aria-selected="true"]')).to_have_text(text("noise.tab"))


def test_a_teacher_hands_out_one_experiment(open_page):
    page = open_page(**CLIPBOARD)
    share(page, "class")
    for label in (text("settings.model.label"), text("generate.advanced"), text("share.tabs")):
        page.locator(".sh-ticks").get_by_label(label, exact=True).uncheck()
    page.locator(".sh-dialog[open] .sh-main").click()
    expect(page.get_by_text(text("share.link_copied"))).to_be_visible()
    link = page.evaluate("navigator.clipboard.readText()")
    assert "&hide=model,advanced,tabs" in link
    pupil = open_page(link=link)
    wait_for_example(pupil)
    expect(pupil.locator("#advanced")).to_be_hidden()
    expect(pupil.locator("#model")).to_be_hidden()
    expect(pupil.get_by_role("tab", name="Noise")).to_be_hidden()
    pupil.reload()
    expect(pupil.get_by_role("button", name="Generate")).to_be_visible(timeout=WAIT)
    expect(pupil.locator("#model")).to_be_hidden(timeout=WAIT)
