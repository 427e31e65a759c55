"""The runs of a visit, as the browser keeps them."""

import pytest
from playwright.sync_api import Page

MAKE = """async (storage) => {
    const { History, thumbnail } = await import("/web/share/history.js");
    const { captionOf, titleOf } = await import("/web/share/history_words.js");
    Object.assign(window, { History, thumbnail, captionOf, titleOf });
}"""
PICTURE = "data:image/png;base64,AAAA"


@pytest.fixture
def page(page: Page) -> Page:
    page.evaluate(MAKE)
    return page


def test_the_newest_comes_first_once_and_a_reload_keeps_it(page: Page):
    kept = page.evaluate(
        """(picture) => {
            const history = new History();
            for (const seed of [1, 2, 3, 2]) history.add("generate", { seed, label: "7" }, picture);
            history.add("noise", { seed: 2, label: "7" }, picture);
            return new History().entries.map(({ tab, values }) => [tab, values.seed]);
        }""",
        PICTURE,
    )
    assert kept == [["noise", 2], ["generate", 2], ["generate", 3], ["generate", 1]]
    assert page.evaluate("(history => (history.clear(), new History().entries))(new History())") == []


def test_another_place_of_the_same_view_is_the_same_entry(page: Page):
    kept = page.evaluate(
        """(picture) => {
            const history = new History();
            const add = (values) => history.add("noise", { digit: "5", index: 0, ...values }, picture, ["t"]);
            for (const t of [0.1, 0.2]) add({ t });
            add({ t: 0.3, digit: "6", seed: "" });
            add({ t: 0.4, index: "0", model: "" }); // the same in other words
            history.add("generate", { t: 0.5 }, picture);
            return history.entries.map(({ tab, values }) => [tab, values.digit, values.t]);
        }""",
        PICTURE,
    )
    assert kept == [["generate", None, 0.5], ["noise", "5", 0.4], ["noise", "6", 0.3]]


def test_it_is_bounded_by_number_and_by_what_storage_holds(page: Page):
    counts = page.evaluate(
        """(picture) => {
            const history = new History();
            history.add("noise", { seed: 0 }, picture); // of every tab as many
            for (let seed = 0; seed < 60; seed++) history.add("generate", { seed }, picture);
            const many = [history.entries.length, new History().entries.length];
            history.add("generate", { seed: 100 }, picture + "A".repeat(2_000_000));
            history.add("generate", { seed: 101 }, picture + "A".repeat(2_000_000));
            history.add("generate", { seed: 102 }, picture + "A".repeat(2_000_000));
            return [...many, history.entries.length, new History().entries.map(({ values }) => values.seed)];
        }""",
        PICTURE,
    )
    assert counts[:3] == [25, 25, 25]
    assert counts[3] == [102, 101]  # what five megabytes have room for, the newest first


def test_who_clears_it_by_keyboard_goes_on_from_the_open_tab(page: Page):
    focused = page.evaluate(
        """async (picture) => {
            const { mountHistory } = await import("/web/share/history_strip.js");
            document.body.innerHTML = `<div><button role="tab" aria-selected="false">A</button>
                <button role="tab" aria-selected="true">B</button></div><div></div>`;
            const [, root] = document.body.children;
            const history = new History();
            history.add("generate", { seed: 1 }, picture);
            const words = Object.assign(new EventTarget(), { apply() {}, text: (key) => key, has: () => false });
            mountHistory(root, history, words, () => {});
            const clear = root.querySelector("header button");
            clear.focus();
            clear.click();
            return [document.activeElement.textContent, history.entries.length];
        }""",
        PICTURE,
    )
    assert focused == ["B", 0]


@pytest.mark.parametrize(
    "kept", ["null", "{", "3", '[null, 3, {}, {"tab": 1}]', '[{"tab": "a", "values": {}, "picture": "x"}]']
)
def test_what_storage_holds_otherwise_is_no_history(page: Page, kept: str):
    page.evaluate("(kept) => sessionStorage.setItem('digit-diffusion-lab-history', kept)", kept)
    assert page.evaluate("new History().entries") == []


def test_closed_storage_is_no_harm(page: Page):
    assert (
        page.evaluate("""() => {
        const history = new History(() => { throw new DOMException("closed", "SecurityError"); });
        history.add("generate", {}, "data:image/png;base64,");
        const count = history.entries.length;
        history.clear();
        return count;
    }""")
        == 1
    )


@pytest.mark.parametrize(
    ("tab", "values", "before", "caption"),
    [
        ("generate", {"label": "7", "steps": 20, "seed": 5}, None, "Label 7"),
        ("generate", {"label": "", "steps": 20, "seed": 5}, None, "Label any"),
        ("generate", {"label": "7", "steps": 20, "seed": 5}, {"label": "7", "steps": 9, "seed": 1}, "Steps 20"),
        ("generate", {"label": "7", "steps": 20, "seed": 5}, {"label": "7", "steps": 20, "seed": 1}, "Seed 5"),
        ("generate", {"label": "7", "forks": '[{"step": 2, "label": "3", "seed": 4}]'}, {}, "Fork: Label 3 · Seed 4"),
        ("generate", {"label": "7", "forks": '[{"step": 2}]'}, {}, "Fork: nothing changed"),
        ("compare", {"rows": "sampler", "columns": "steps", "label": "5"}, None, "Sampler × Steps"),
        ("noise", {"digit": "4", "pixels": "", "t": 0.25}, None, "Digit 4, t 0.25"),
        ("noise", {"digit": "4", "pixels": "AAAA", "t": 0.25}, None, "Drawn, t 0.25"),
    ],
    ids=str,
)
def test_an_entry_is_called_by_what_is_new_in_it(page: Page, tab: str, values: dict, before: dict | None, caption: str):
    call = "([tab, values, before]) => captionOf({ tab, values }, before && { tab, values: before }, words)"
    assert page.evaluate(call, [tab, values, before]) == caption


def test_an_entry_says_all_its_settings(page: Page):
    title = "([tab, values]) => titleOf({ tab, values }, words)"
    grid = {"rows": "sampler", "row_values": "ddim, heun", "columns": "steps", "column_values": "1..3", "label": "5"}
    assert page.evaluate(title, ["compare", grid]) == "Sampler ddim, heun · Steps 1..3 · Label 5"
    drawn = {"digit": "4", "pixels": "A" * 1048, "t": 0.25, "seed": 3}
    assert page.evaluate(title, ["noise", drawn]) == "Drawn, t 0.25 · Seed 3"
    fork = {"label": "7", "forks": '[{"step": 1}, {"step": 2, "label": ""}]'}
    assert page.evaluate(title, ["generate", fork]) == "Label 7 · From step 2: Label any"


def test_a_thumbnail_is_small(page: Page):
    sizes = page.evaluate("""async () => {
        const sizes = [];
        for (const [width, height] of [[600, 300], [28, 28]]) {
            const image = new Image();
            image.src = thumbnail(new OffscreenCanvas(width, height));
            await image.decode();
            sizes.push([image.width, image.height]);
        }
        return sizes;
    }""")
    assert sizes == [[112, 56], [28, 28]]
