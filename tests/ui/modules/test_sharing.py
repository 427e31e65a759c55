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


APP = """async () => {
    window.app = document.createElement("gradio-app");
    app.lang = "en";
    app.innerHTML = '<div id="tiles" style="width: 100px; height: 50px"></div>';
    document.body.append(app);
}"""


def test_a_second_tour_ends_the_first(page: Page):
    page.evaluate(APP)
    page.evaluate("""async () => {
        const { Tour } = await import("/web/share/tour.js");
        new Tour(words, app);
        new Tour(words, app);
    }""")
    card = page.locator(".sh-tour")
    expect(card).to_have_count(1)
    page.keyboard.press("Escape")
    expect(card).to_have_count(0)


def test_windows_menus_and_the_tour_have_the_colours_and_the_language_of_their_app(page: Page):
    page.evaluate(APP)
    page.evaluate("""async () => {
        const { Dialog } = await import("/web/share/dialog.js");
        const { shareMenu } = await import("/web/share/menu.js");
        const { Tour } = await import("/web/share/tour.js");
        app.classList.add("dark");
        new Dialog(words, app, "about.title", "");
        shareMenu({}, { words, app });
        new Tour(words, app);
        window.looks = () => [".sh-dialog", ".sh-menu", ".sh-tour"].map((name) => {
            const node = document.querySelector(name);
            return [getComputedStyle(node).getPropertyValue("--lab-card"), node.closest("[lang]").lang];
        });
    }""")
    assert page.evaluate("looks()") == [["#141830", "en"]] * 3
    page.evaluate("() => { app.classList.remove('dark'); app.lang = 'zh'; }")
    assert page.evaluate("looks()") == [["#ffffff", "zh"]] * 3
