"""The runs of a visit, as the browser keeps them."""

import pytest
from playwright.sync_api import Page

MAKE = """async (storage) => {
    const { History, difference, thumbnail } = await import("/web/share/history.js");
    Object.assign(window, { History, difference, thumbnail });
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


def test_it_is_bounded_by_number_and_by_what_storage_holds(page: Page):
    counts = page.evaluate(
        """(picture) => {
            const history = new History();
            for (let seed = 0; seed < 60; seed++) history.add("generate", { seed }, picture);
            const many = [history.entries.length, new History().entries.length];
            history.add("generate", { seed: 100 }, picture + "A".repeat(2_000_000));
            history.add("generate", { seed: 101 }, picture + "A".repeat(2_000_000));
            history.add("generate", { seed: 102 }, picture + "A".repeat(2_000_000));
            return [...many, history.entries.length, new History().entries.map(({ values }) => values.seed)];
        }""",
        PICTURE,
    )
    assert counts[:3] == [24, 24, 24]
    assert counts[3] == [102, 101]  # what five megabytes have room for, the newest first


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


def test_an_entry_is_called_by_what_is_new_in_it(page: Page):
    entry = "{ tab: 'generate', values: { label: '7', steps: 20, seed: 5 } }"
    assert page.evaluate(f"difference({entry}, undefined)") == ["label", "7"]
    for values, name in (("steps: 9, seed: 1, label: '7'", "steps"), ("steps: 20, seed: 1, label: '7'", "seed")):
        assert page.evaluate(f"difference({entry}, {{ tab: 'generate', values: {{ {values} }} }})")[0] == name


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
