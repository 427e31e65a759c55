"""The note of how long a run takes, on answers as the server gives them (ui/estimate.py)."""

import pytest
from playwright.sync_api import Locator, Page, expect

MOUNT = """async () => {
    const { Choices } = await import("/web/choices.js");
    const { mountEstimate } = await import("/web/estimate.js");
    const element = document.getElementById("a");
    element.innerHTML = "<div></div>";
    Object.assign(window, { asked: [], used: [], answer: {} });
    const choices = new Choices({ ask: async () => ({}), words, apply: () => {} });
    const state = Object.assign(new EventTarget(), { phase: "example" });
    const estimate = (values) => (asked.push(values), answer ? Promise.resolve(answer) : Promise.reject(new Error()));
    mountEstimate({ element, server: { estimate } }, { words, choices, state, use: (values) => used.push(values) });
    Object.assign(window, { choices, state });
}"""
OWN = {"name": "UniPC", "steps": 14, "seconds": 0.5, "values": {"sampler": "unipc", "steps": 14}}
TURBO = {"ref": "turbo", "name": "Turbo", "steps": 1, "seconds": 0.1, "values": {"model": "turbo", "classifier": ""}}


@pytest.fixture
def note(page: Page) -> Locator:
    page.evaluate(MOUNT)
    return page.locator("#a > div")


def answer(page: Page, content: dict | None, name: str = "steps", value: object = 1000) -> None:
    """What the server says from now on, and a control that is moved."""
    page.evaluate("([content, name, value]) => { answer = content; choices.set(name, value); }", [content, name, value])


def test_a_long_run_is_announced_with_what_is_quicker(page: Page, note: Locator):
    expect(note).to_be_hidden()
    answer(page, {"seconds": 41.3, "better": [OWN, TURBO]})
    expect(note).to_have_text("This takes about 40 s.UniPC needs 14 stepsTurbo needs 1 step")
    assert page.evaluate("asked.at(-1)") == {"steps": 1000, "steps_by_hand": True}
    note.get_by_role("button", name="Turbo").click()
    assert page.evaluate("used") == [TURBO["values"]]
    page.evaluate("words.use('zh')")
    expect(note).to_have_text("大约需要 40 秒。UniPC 只需 14 步Turbo 只需 1 步")


@pytest.mark.parametrize(("seconds", "said"), [(3.2, "4 s"), (9.1, "10 s"), (88, "90 s"), (590, "10 min")])
def test_as_exactly_as_is_known(page: Page, note: Locator, seconds: float, said: str):
    answer(page, {"seconds": seconds, "better": []})
    expect(note).to_have_text(f"This takes about {said}.")


def test_a_short_run_and_a_server_that_says_nothing_have_no_note(page: Page, note: Locator):
    for count, content in enumerate(({"seconds": 2.9, "better": [TURBO]}, {}, None)):
        answer(page, {"seconds": 60, "better": []}, "steps", 900 + count)
        expect(note).to_be_visible()
        answer(page, content, "num_images", 1 + count)
        expect(note).to_be_hidden()


def test_what_a_run_has_taken_counts_for_the_next(page: Page, note: Locator):
    answer(page, {"seconds": 60, "better": []})
    expect(note).to_be_visible()
    page.evaluate("""() => {
        answer = { seconds: 20, better: [] };
        state.phase = "finished";
        state.dispatchEvent(new Event("change"));
    }""")
    expect(note).to_have_text("This takes about 20 s.")
