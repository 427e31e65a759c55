"""What is shown over the page: notices, windows, the tour."""

from playwright.sync_api import Page, expect

LINES = 'from diffusion import load\nmodel = load("quick")\nprint(model)'


def test_lines_to_be_copied_by_hand_are_copied_as_lines(page: Page):
    page.evaluate(
        """async (lines) => {
            const { Notice } = await import("/web/share/notice.js");
            window.notice = new Notice(document.getElementById("a"), words);
            notice.show("Please copy it yourself:", lines);
        }""",
        LINES,
    )
    field = page.get_by_role("textbox", name="Please copy it yourself:")
    expect(field).to_have_value(LINES)
    expect(field).not_to_be_editable()
    assert page.evaluate("getSelection().toString()") == LINES
    page.evaluate("notice.show('Something else.')")
    expect(field).to_be_hidden()
