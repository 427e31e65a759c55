"""Whoever works by keyboard stays where they were: in groups, on buttons at work, in lists made anew."""

import pytest
from playwright.sync_api import Page, expect

from tests.ui.modules.messages import message, png

RADIOS = """async () => {
    const { radioGroup } = await import("/web/dom.js");
    const root = document.getElementById("a");
    root.innerHTML = ["calls", "ms", "value"]
        .map((value) => `<button role="radio" data-value="${value}">${value}</button>`).join("");
    window.picked = [];
    window.mark = radioGroup(root, (value) => picked.push(value));
}"""


def test_hidden_radios_take_no_part(page: Page):
    page.evaluate(RADIOS)
    page.evaluate("() => { document.querySelector('[data-value=value]').hidden = true; mark('ms'); }")
    page.get_by_role("radio", name="ms").focus()
    for key in ("ArrowRight", "End", "ArrowDown"):
        page.keyboard.press(key)
    assert page.evaluate("picked") == ["calls", "ms", "calls"]
    expect(page.get_by_role("radio", name="calls")).to_be_focused()


def test_a_group_whose_chosen_radio_is_hidden_can_be_reached(page: Page):
    page.evaluate(RADIOS)
    page.evaluate("mark('value')")
    value = page.get_by_role("radio", name="value", include_hidden=True)
    value.evaluate("(radio) => { radio.hidden = true; }")
    page.keyboard.press("Tab")
    expect(page.get_by_role("radio", name="calls")).to_be_focused()
    value.evaluate("(radio) => { radio.hidden = false; }")
    expect(value).to_have_attribute("aria-checked", "true")
    expect(value).to_have_attribute("tabindex", "0")


def test_a_button_that_has_nothing_to_do_any_more_is_hidden_once_it_is_left(page: Page):
    page.evaluate("""async () => {
        const { hidesWhenLeft } = await import("/web/dom.js");
        document.getElementById("a").innerHTML = "<button>Compute</button><button>Next</button>";
        const button = document.querySelector("button");
        window.pressed = 0;
        const hide = hidesWhenLeft(button);
        button.addEventListener("click", () => { pressed++; hide(true); });
        window.again = () => hide(false);
    }""")
    button = page.get_by_role("button", name="Compute")
    page.keyboard.press("Tab")
    for _ in range(2):
        page.keyboard.press("Enter")
    expect(button).to_be_focused()
    expect(button).to_be_disabled()
    assert page.evaluate("pressed") == 1
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Next")).to_be_focused()
    expect(button).to_be_hidden()
    page.evaluate("again()")
    button.click()
    expect(button).to_be_hidden()  # a mouse does not stay


# ---- tiles.js, share/history_strip.js --------------------------------------------------------------------------------


def test_on_a_tile_while_its_picture_comes(page: Page):
    page.evaluate("""async () => {
        const { mountTiles } = await import("/web/tiles.js");
        const element = document.getElementById("a");
        element.innerHTML = "<div></div>";
        window.props = { names: ["6", "7"], thumbnails: [], heading: "tiles.digit", note: "", value: "7" };
        const watch = (names, act) => { if (Array.isArray(names)) window.rebuild = act; };
        mountTiles({ element, props, trigger: () => {}, watch }, { words });
    }""")
    tile = page.get_by_role("radio", name="7")
    tile.focus()
    page.evaluate("(png) => { props.thumbnails = [png, png]; rebuild(); }", png())
    expect(tile.locator("img")).to_be_visible()
    expect(tile).to_be_focused()


def test_on_an_entry_of_the_history_that_becomes_the_newest(page: Page):
    page.evaluate("""async () => {
        const { History } = await import("/web/share/history.js");
        const { mountHistory } = await import("/web/share/history_strip.js");
        window.past = new History();
        const add = (seed) => past.add("generate", { label: "7", seed }, "data:image/png;base64,");
        for (const seed of [1, 2, 3]) add(seed);
        mountHistory(document.getElementById("a"), past, words, ({ values }) => add(values.seed));
    }""")
    entries = page.locator("li button")
    entries.nth(2).focus()
    page.keyboard.press("Enter")
    expect(entries.first).to_have_attribute("title", "Label 7 · Seed 1")
    expect(entries.first).to_be_focused()
    page.evaluate("past.add('generate', { label: '7', seed: 4 }, 'data:image/png;base64,')")
    expect(entries.nth(1)).to_be_focused()


# ---- buttons that are disabled while they work -----------------------------------------------------------------------


def test_on_sample_with_both_while_it_samples(page: Page):
    page.evaluate("""async () => {
        const { Endings } = await import("/web/noise/endings.js");
        document.getElementById("a").innerHTML = "<button>Sample</button><div></div>";
        const [button, endings] = document.getElementById("a").children;
        const ask = () => new Promise((resolve) => (window.answer = resolve));
        new Endings({ "end-button": button, endings }, words, ask);
    }""")
    button = page.get_by_role("button", name="Sample")
    button.focus()
    page.keyboard.press("Enter")
    expect(button).to_be_disabled()
    expect(button).to_be_focused()
    page.evaluate("answer(null)")
    expect(button).to_be_enabled()
    expect(button).to_be_focused()


@pytest.fixture
def grid(page: Page) -> Page:
    """A page with the elements of Compare, ``parts``, and the state of a grid with one cell, ``state``."""
    page.evaluate(
        """async (message) => {
            const { MARKUP } = await import("/web/compare/markup.js");
            const { GridState } = await import("/web/compare/grid_state.js");
            const root = document.getElementById("a");
            root.innerHTML = MARKUP;
            const nodes = [...root.querySelectorAll("[part]")];
            window.parts = Object.fromEntries(nodes.map((node) => [node.getAttribute("part"), node]));
            window.state = new GridState(true);
            state.fill(state.add(), message);
        }""",
        message("one", [0, 1], 1, done=True),
    )
    return page


def test_on_the_grids_gif_while_it_is_written(grid: Page):
    grid.evaluate("""async () => {
        const { Transport } = await import("/web/compare/transport.js");
        new Transport(parts, state, words, { png: () => {}, gif: () => state.setSaving(true) });
        parts.gif_text.textContent = "GIF";
    }""")
    gif = grid.locator("[part=gif]")
    gif.focus()
    grid.keyboard.press("Enter")
    expect(gif).to_be_disabled()
    expect(gif).to_be_focused()


def test_what_goes_to_the_right_is_one_of_the_choices(grid: Page):
    seen = grid.evaluate("""async () => {
        const { Costs } = await import("/web/compare/costs.js");
        const costs = new Costs(parts, words, () => {});
        costs.cost = "value";
        const axis = (setting, numeric) => ({ setting, numeric, titles: ["1", "2"], values: ["1", "2"] });
        const seen = (columns) => {
            const plan = { rows: axis("seed", true), columns, cells: [] };
            costs.draw(plan, []);
            return [costs.costIn(plan), parts["cost-value"].hidden];
        };
        return [axis("guidance_scale", true), axis("milliseconds", true)].map(seen);
    }""")
    assert seen == [["value", False], ["calls", True]]
