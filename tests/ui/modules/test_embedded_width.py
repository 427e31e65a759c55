"""On another site's page the conditions on widths are about the room of the app, and nobody else's."""

import pytest
from playwright.sync_api import Browser, Page

SHEETS = {
    "site.css": ".host .gradio-container { color: red } @media (max-width: 700px) { .host { color: red } }",
    "app/assets/Index.css": ".svelte-1 { color: red } @media (max-width: 700px) { .svelte-1 { color: red } }",
    "cdn/assets/Index.css": ".svelte-2 { color: red } @media (max-width: 700px) { .svelte-2 { color: red } }",
}
INLINE = "<style>.lab-grid { color: red } @media (max-width: 700px) { .lab-grid { color: red } }</style>"
HOST = "<style>.svelte-3 { color: red } @media (max-width: 700px) { .svelte-3 { color: red } }</style>"
APP = '<div style="width: 600px"><gradio-app style="display: block"></gradio-app></div>'
CONDITIONS = """() => Object.fromEntries([...document.styleSheets].map((sheet) => {
    const [rule, { media }] = sheet.cssRules;
    return [sheet.href ? new URL(sheet.href).pathname : rule.selectorText, media.mediaText];
}))"""
RESIZE = """(width) => {
    for (const app of document.querySelectorAll("gradio-app")) app.parentElement.style.width = `${width}px`;
}"""
ASKED = "(max-width: 700px)"
ALWAYS, NEVER = "(min-width: 0px)", "(max-width: 0px)"


def serve(page: Page, path: str, body: str, kind: str) -> None:
    page.route(f"**/{path}", lambda route: route.fulfill(body=body, content_type=kind))


@pytest.fixture
def site(browser: Browser, address: str):
    """A page of another site, 1280 pixels wide, with two apps in 600 pixels, each of which evaluates the module."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    links = "".join(f'<link rel="stylesheet" href="/{name}">' for name in SHEETS)
    script = '<script src="/cdn/gradio.js"></script>'
    body = f"<!doctype html><head>{links}{INLINE}{HOST}{script}</head><body>{APP}{APP}</body>"
    serve(page, "cdn/gradio.js", "", "text/javascript")
    for name, sheet in SHEETS.items():
        serve(page, name, sheet, "text/css")
    serve(page, "site", body, "text/html")
    page.goto(f"{address}/site")
    page.evaluate("""async () => {
        window.digitLabs = {};
        for (const [i, app] of document.querySelectorAll("gradio-app").entries()) {
            const { followWidth } = await import(`/web/embedded_width.js?server=${i}`);
            followWidth(app, new URL("/app/", location.href).href);
        }
    }""")
    yield page
    page.close()


def test_the_sheets_of_the_app_are_about_its_room_and_the_sites_are_left_alone(site: Page):
    ours = {"/app/assets/Index.css", "/cdn/assets/Index.css", ".lab-grid"}
    conditions = site.evaluate(CONDITIONS)
    assert len(conditions) == 5
    assert conditions == {name: ALWAYS if name in ours else ASKED for name in conditions}


def test_with_two_apps_on_a_page_both_follow_their_room(site: Page):
    for width, answer in ((900, NEVER), (500, ALWAYS), (800, NEVER)):
        site.evaluate(RESIZE, width)
        site.wait_for_function(f"({CONDITIONS})()['.lab-grid'] === '{answer}'")
    assert site.evaluate(CONDITIONS)["/app/assets/Index.css"] == NEVER
