"""The Compare tab, on wide screens and on phones, in both languages."""

import csv

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.ui.page.actions import WAIT
from ui.i18n import text

PHONE = {"viewport": {"width": 390, "height": 800}, "has_touch": True, "is_mobile": True}
OTHER = {"en": "zh", "zh": "en"}
NAMES = {"en": "English", "zh": "简体中文"}


def part(page: Page, name: str) -> Locator:
    return page.locator(f'.compare-lab [part="{name}"]')


def pictures(page: Page) -> list[str]:
    """What the cells show, as data URLs."""
    return page.locator(".cp-picture canvas").evaluate_all("all => all.map((canvas) => canvas.toDataURL())")


def expect_grid(page: Page, cells: int) -> None:
    """All cells are there, and measured."""
    expect(page.locator(".cp-picture:not([aria-disabled])")).to_have_count(cells, timeout=WAIT)
    expect(page.locator(".compare-lab")).to_have_attribute("data-phase", "finished", timeout=WAIT)


def open_tab(page: Page, language: str = "en") -> None:
    page.get_by_role("tab", name=text("compare.tab", language)).click()
    expect_grid(page, 36)


def write(page: Page, name: str, value: str) -> None:
    field = part(page, name)
    field.fill(value)
    field.press("Enter")


@pytest.mark.parametrize(
    ("language", "settings"),
    [("en", {"color_scheme": "dark"}), ("zh", {"locale": "zh-CN", **PHONE})],
    ids=["wide", "phone"],
)
def test_at_rest_scrubbing_and_words(open_page, language: str, settings: dict):
    page = open_page(**settings)
    fetched = "performance.getEntriesByType('resource').filter((r) => /compare|plots/.test(r.name)).length"
    assert page.evaluate(fetched) == 0
    open_tab(page, language)
    width = page.evaluate("window.innerWidth")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    expect(page.get_by_text(text("compare.look_steps", language), exact=True)).to_be_visible()
    expect(page.locator('[part="plot"] circle').first).to_be_visible()
    last = pictures(page)
    assert len(set(last)) > 10
    part(page, "scrub").evaluate("(scrub) => { scrub.value = 0; scrub.dispatchEvent(new Event('input')); }")
    page.locator('.compare-lab [data-value="x"]').click()
    page.wait_for_function("""() => {
        const shown = [...document.querySelectorAll('.cp-picture canvas')].map((canvas) => canvas.toDataURL());
        return new Set(shown.slice(0, 3)).size === 1; // the same noise in all of DDIM's
    }""")
    assert not set(last) & set(pictures(page))
    legends = page.locator(".cp-row-title").first, page.locator(".cp-column").first
    before = [legend.bounding_box() for legend in legends]
    page.locator(".cp-scroll").evaluate("node => { node.scrollLeft = 200; node.scrollTop = 150; }")
    (title, column), (title_before, column_before) = [legend.bounding_box() for legend in legends], before
    assert (title["x"], column["y"]) == (title_before["x"], column_before["y"])  # both stay in sight
    other = OTHER[language]
    page.get_by_role("radio", name=NAMES[other]).click()
    expect(page.get_by_text(text("compare.look_steps", other))).to_be_visible(timeout=WAIT)
    expect_grid(page, 36)
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_other_axes_bad_values_files_what_is_kept_and_the_history(page: Page):
    open_tab(page)
    sent = []
    page.on("request", lambda request: sent.append(request.url) if "queue/join" in request.url else None)
    write(page, "rows-values", "ddim, magic, heun")
    expect(page.locator('.compare-lab [role="alert"]')).to_contain_text("sampler must be one of", ignore_case=True)
    expect_grid(page, 12)
    assert sent == []  # all of it was here
    lab = page.locator(".compare-lab")
    assert lab.get_attribute("data-asking") is None
    asked = "(field) => (field.dispatchEvent(new Event('change')), field.closest('.compare-lab').dataset.asking)"
    part(page, "rows-values").fill("ddim, heun")
    assert part(page, "rows-values").evaluate(asked) == "true"  # the grid on show is still the one before
    part(page, "columns").select_option("guidance_scale")
    write(page, "columns-values", "0, 1, 3")
    expect_grid(page, 6)
    assert sent
    expect(page.locator('.compare-lab [role="alert"]')).to_be_hidden()
    part(page, "measure").press("Enter")  # a run for each scale
    expect(page.locator('[part="plot"] circle')).to_have_count(6, timeout=WAIT)
    expect(part(page, "measure")).to_be_focused()  # whoever works by keyboard stays where they were
    for name in ("png", "gif", "csv"):
        with page.expect_download(timeout=WAIT) as saved:
            part(page, name).click()
        path = saved.value.path()
        if name == "csv":
            rows = list(csv.DictReader(path.read_text("utf-8-sig").splitlines()))
            assert [(row["sampler"], row["guidance_scale"]) for row in rows][:2] == [("ddim", "0"), ("ddim", "1")]
            assert all(float(row["distance"]) >= 0 and float(row["calls_per_image"]) >= 1 for row in rows)
        else:
            picture = Image.open(path)
            assert picture.width > 300
            assert name == "png" or picture.n_frames > 5  # type: ignore[attr-defined]

    entries = page.locator(".compare-lab .sh-history li button")
    expect(entries.first).to_contain_text("Sampler × Guidance scale")
    count = entries.count()
    page.get_by_role("tab", name=text("generate.tab")).click()
    page.locator("#history .sh-history li button").nth(count - 1).click()  # the first that was chosen
    expect(page.locator(".compare-lab")).to_be_visible()
    expect(part(page, "rows-values")).to_have_value("ddim, magic, heun")
    expect_grid(page, 12)


def test_a_grid_begins_where_it_is_seen_and_ends_where_it_breaks_off(page: Page):
    open_tab(page)
    write(page, "columns-values", "1, 2, 900")
    page.wait_for_function("lab.compare.plan.cells.length === 18 && lab.compare.runs.busy")
    page.evaluate("lab.compare.breakOff()")
    expect(page.locator('.compare-lab [role="alert"]')).to_have_text(text("status.connection_failed"))
    expect(page.locator(".compare-lab")).to_have_attribute("data-phase", "stopped")
    part(page, "scrub").evaluate("(scrub) => { scrub.value = 1; scrub.dispatchEvent(new Event('input')); }")
    share = "lab.compare.state.playback.position"  # of the longest run: what was under way may still come, and be it
    position = page.evaluate(share)
    page.get_by_role("tab", name=text("generate.tab")).click()
    page.get_by_role("radio", name=NAMES["zh"]).click()
    expect(part(page, "stop")).to_have_text(text("compare.go_on", "zh"))
    page.wait_for_function("!lab.compare.plans.open")  # the same grid in other words
    assert page.evaluate("lab.compare.runs.busy") is False
    assert page.evaluate(share) == position
    page.evaluate("lab.compare.choose({ column_values: '1, 2, 3' })")
    page.wait_for_function("lab.compare.plan.columns.titles.join() === '1,2,3'")
    assert page.evaluate("lab.compare.runs.busy") is False
    page.get_by_role("tab", name=text("compare.tab", "zh")).click()
    expect_grid(page, 18)


def test_the_keyboard_reaches_every_cell_and_says_why_one_is_empty(page: Page):
    open_tab(page)
    models = {"rows": "model", "row_values": "tiny, runs/blind/model"}  # of which one takes two calls for a step
    page.evaluate("(values) => lab.compare.choose(values)", {**models, "columns": "calls", "column_values": "1, 8"})
    empty = page.locator(".cp-cell[data-problem] button")
    expect(empty.first).to_be_attached(timeout=WAIT)
    first = page.locator(".cp-picture").first
    first.focus()
    assert page.evaluate("document.activeElement.tabIndex") == 0
    for _ in range(page.locator(".cp-row-title").count() - 1):
        page.keyboard.press("ArrowDown")
        assert page.evaluate("document.activeElement.className") == "cp-picture"
    assert "needs" in empty.first.get_attribute("aria-label")
    empty.first.evaluate("(button) => button.click()")  # nothing to open
    expect(page.locator(".compare-lab")).to_be_visible()


def test_what_a_hand_is_typing_stays_when_the_fields_are_made_anew(page: Page):
    open_tab(page)
    label = page.locator("#cp-field-label")
    label.focus()
    label.select_option("4")
    page.wait_for_function("!lab.compare.plans.open")
    expect(label).to_be_focused()
    seed = page.locator("#cp-field-seed")
    seed.focus()
    seed.press_sequentially("12")
    typed = seed.input_value()
    page.evaluate("lab.compare.showScene(lab.compare.scene)")
    expect(seed).to_be_focused()
    expect(seed).to_have_value(typed)
