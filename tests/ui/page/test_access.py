"""The page by keyboard, by ear and in the reader's own colours."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.ui.page.actions import WAIT, choose_model, expect_phase, set_number, tile
from tests.ui.page.test_compare import open_tab as open_compare
from tests.ui.page.test_fork import open_panel, show_branch
from tests.ui.page.test_noise import open_tab as open_noise

FOCUSED = """() => {
    const node = document.activeElement;
    const box = node.getBoundingClientRect();
    window.stops = window.stops ?? new Map();
    if (!window.stops.has(node)) window.stops.set(node, window.stops.size);
    return {
        stop: window.stops.get(node),
        name: node.id || node.getAttribute("aria-label") || node.textContent.slice(0, 30),
        seen: node !== document.body && node.checkVisibility() && box.width >= 8 && box.height >= 8,
        inside: node.closest("#player") ? "player" : node.name === "seed-mode" ? "seed-mode" : "",
    };
}"""


def open_pad(page: Page) -> None:
    """The drawing pad of the Noise tab, which is open."""
    page.locator('[part="draw"]').click()
    expect(page.locator('.pad [part="paper"]')).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(open_page, scheme: str):
    page = open_page(color_scheme=scheme)
    page.locator("#advanced button").first.click()
    rules = {} if scheme == "light" else {"runOnly": ["color-contrast"]}  # all that differs
    for show in (show_branch, open_panel, open_compare, open_noise, open_pad):
        show(page)
        violations = Axe().run(page, options=rules).response["violations"]
        found = [(rule["id"], node["html"][:120]) for rule in violations for node in rule["nodes"]]
        assert found == []


def test_every_stop_of_the_tab_key_is_something_to_be_seen(page: Page):
    page.get_by_role("tab", name="Generate").focus()
    stops: list[dict] = []
    while not stops or stops[-1]["inside"] != "player":
        page.keyboard.press("Tab")
        stops.append(page.evaluate(FOCUSED))
        assert stops[-1]["seen"], stops[-2:]
    assert len({stop["stop"] for stop in stops}) == len(stops)
    assert [stop["inside"] for stop in stops].count("seed-mode") == 1  # one group, one stop


def test_focus_stays_where_a_run_was_begun_and_stopped(page: Page):
    generate, stop = page.locator("#generate"), page.locator("#stop")
    set_number(page, "Steps", 900)
    generate.focus()
    page.keyboard.press("Enter")
    expect_phase(page, "running")
    expect(generate).to_be_disabled()
    expect(generate).to_be_focused()
    page.keyboard.press("Enter")  # does nothing, and says so
    page.keyboard.press("Tab")
    expect(stop).to_be_focused()
    page.keyboard.press("Enter")
    expect_phase(page, "stopped")
    expect(generate).to_be_enabled()
    expect(stop).to_be_disabled()
    expect(stop).to_be_focused()


def test_results_are_announced(page: Page):
    page.get_by_role("radio", name="Model's guess").focus()  # elsewhere
    set_number(page, "Steps", 3)
    page.locator("#generate").press("Enter")
    expect(page.get_by_role("status").filter(has_text="Finished in")).to_be_visible(timeout=WAIT)


def test_a_system_of_few_colours_shows_what_is_chosen(open_page):
    page = open_page(forced_colors="active")
    expect(tile(page, "5")).to_have_css("outline-style", "solid")
    expect(tile(page, "4")).to_have_css("outline-style", "none")
    colours = "node => getComputedStyle(node).backgroundColor"
    both, guess = (page.get_by_role("radio", name=name) for name in ("Both", "Model's guess"))
    assert both.evaluate(colours) != guess.evaluate(colours)
    page.get_by_role("tab", name="Noise").click()
    axes, page_colour = (
        page.locator(selector).first.evaluate(f"node => getComputedStyle(node).{name}")
        for selector, name in ((".plot-axes text", "fill"), ("body", "backgroundColor"))
    )
    assert axes != page_colour


def test_a_long_name_can_be_read_without_a_pointer(page: Page):
    choose_model(page, "Longwinded")
    name = "a butterfly with open wings, seen from above"
    tile(page, name).click()
    expect(page.locator(".tiles-chosen")).to_have_text(name)
