"""What may change from a step on: the panel of forks."""

import pytest
from playwright.sync_api import Page, expect

CHOICES = {
    "values": {"label": "7", "sampler": "ddim", "guidance_scale": 2, "seed": 1, "model": "quick"},
    "labels": ["7", "8"],
    "samplers": [["ddim", "DDIM"], ["heun", "Heun"]],
    "most_guidance": 10,
    "fresh_noise": True,
    "multistep": False,
    "models": [["quick", {"en": "Quick"}, None]],
}


@pytest.fixture
def panel(page: Page) -> Page:
    """A page with an open panel. ``ask`` answers at once, unless it is ``slow``: then ``answer`` does."""
    page.evaluate(
        """async (choices) => {
            const { Panel } = await import("/web/fork/panel.js");
            const root = document.getElementById("a");
            Object.assign(window, { forks: [], asked: 0, slow: false });
            const ask = () => {
                asked++;
                return slow ? new Promise((resolve) => (window.answer = () => resolve(choices))) : choices;
            };
            const onClose = () => (root.hidden = true);
            window.panel = new Panel(root, words, { ask, onGo: (changes) => forks.push(changes), onClose });
            root.hidden = false;
            await panel.open(4);
        }""",
        CHOICES,
    )
    return page


def test_what_was_chosen_is_on_show_in_another_language_too(panel: Page):
    panel.locator("[role=radio]", has_text="8").click()
    panel.evaluate("words.use('zh')")
    expect(panel.locator("[part=sampler-field]")).to_contain_text("采样")
    expect(panel.locator("[role=radio][aria-checked=true]")).to_have_text("8")
    panel.locator("[part=go]").click()
    assert panel.evaluate("forks") == [{"label": "8"}]


def test_two_presses_make_one_branch(panel: Page):
    go, asked = panel.locator("[part=go]"), panel.evaluate("asked")
    panel.evaluate("slow = true")
    go.dblclick()
    go.press("Enter")
    expect(go).to_be_focused()
    assert panel.evaluate("asked") == asked + 1
    panel.evaluate("answer()")
    expect(go).to_be_enabled()
    assert panel.evaluate("forks") == [{}]


def test_a_panel_that_was_closed_makes_no_branch(panel: Page):
    panel.evaluate("slow = true")
    panel.locator("[part=go]").click()
    panel.locator("[part=close]").click()
    panel.evaluate("answer()")
    panel.evaluate("() => { slow = false; document.getElementById('a').hidden = false; return panel.open(4); }")
    expect(panel.locator("[part=go]")).to_be_enabled()
    assert panel.evaluate("forks") == []
