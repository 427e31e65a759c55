"""What the page remembers, and the words that it chooses."""

import pytest
from playwright.sync_api import Page, expect

CLOSED = "() => { throw new DOMException('closed', 'SecurityError'); }"


def test_a_session_is_restored_once(page: Page):
    assert page.evaluate("""async () => {
        const { save, take } = await import("/web/session_restore.js");
        save(0, { values: { steps: 3, hub: "a/b", model_note: "!" }, typed: true, messages: [{ run: "one" }] });
        return [take(0), take(0)];
    }""") == [{"values": {"steps": 3}, "typed": True, "messages": [{"run": "one"}]}, None]


def test_a_run_that_is_too_large_is_restored_with_fewer_frames(page: Page):
    whole, kept = page.evaluate("""async () => {
        const { save, take } = await import("/web/session_restore.js");
        const messages = Array.from({ length: 41 }, (_, i) => ({ run: "one", i, png: "x".repeat(400000) }));
        save(0, { values: { steps: 3 }, messages });
        return [messages.length, take(0).messages.map(({ i }) => i)];
    }""")
    assert 2 <= len(kept) < whole
    assert (kept[0], kept[-1]) == (0, whole - 1)


@pytest.mark.parametrize("saved", ["null", "{", "3", "[]", '{"values": 3, "messages": []}', '{"values": {}}'])
def test_what_storage_holds_otherwise_is_no_session(page: Page, saved: str):
    taken = page.evaluate(
        """async (saved) => {
            const { take } = await import("/web/session_restore.js");
            sessionStorage.setItem("digit-diffusion-lab-restore0", saved);
            return take(0);
        }""",
        saved,
    )
    assert taken is None


def test_closed_storage_is_no_harm(page: Page):
    assert page.evaluate(f"""async () => {{
        const {{ save, take }} = await import("/web/session_restore.js");
        const {{ Preferences }} = await import("/web/preferences.js");
        save(0, {{ values: {{}}, messages: [] }}, {CLOSED});
        const preferences = new Preferences({CLOSED});
        preferences.set("dark", true);
        return [take(0, {CLOSED}), preferences.get("dark")];
    }}""") == [None, True]


@pytest.mark.parametrize("saved", ["null", "{", "3", '"text"'])
def test_preferences_begin_anew_where_nothing_can_be_read(page: Page, saved: str):
    seen = page.evaluate(
        """async (saved) => {
            const { Preferences } = await import("/web/preferences.js");
            localStorage.setItem("digit-diffusion-lab", saved);
            const preferences = new Preferences();
            const before = preferences.get("language") ?? null;
            preferences.set("language", "zh");
            return [before, new Preferences().get("language")];
        }""",
        saved,
    )
    assert seen == [None, "zh"]


# ---- words.js --------------------------------------------------------------------------------------------------------


def test_words_fall_back_to_english_and_the_last_language_wins(page: Page):
    seen = page.evaluate("""async () => {
        const { Words } = await import("/web/words.js");
        const en = { a: { b: "one {n}", c: "English" } };
        const files = { en, xx: { a: { b: "eins {n}" } }, yy: { a: { b: "un" } } };
        const delays = { en: 0, xx: 50, yy: 0 };
        const load = (code) => new Promise((resolve) => setTimeout(() => resolve(files[code]), delays[code]));
        const words = new Words(load), changes = [];
        words.addEventListener("change", () => changes.push(words.language));
        await Promise.all([words.use("xx"), words.use("yy")]);
        const last = words.text("a.b");
        await words.use("xx");
        return [changes, last, words.text("a.b", { n: 3 }), words.text("a.c"), words.text("a.d")];
    }""")
    assert seen == [["yy", "xx"], "un", "eins 3", "English", "a.d"]


FLAKY = """async () => {
    const { Words } = await import("/web/words.js");
    const files = { en: { page: { title: "Lab" } }, zh: { page: { title: "实验室" } } };
    window.reached = false;
    window.flaky = new Words(async (code) => {
        if (code === "zh" && !reached) throw new Error("no texts");
        return files[code];
    });
}"""


def test_a_language_that_did_not_come_is_tried_again(page: Page):
    page.evaluate(FLAKY)
    seen = page.evaluate("""async () => {
        const use = async (code) => [await flaky.use(code), flaky.language, flaky.text("page.title")];
        const first = await use("zh");
        reached = true;
        return [first, await use("zh"), await use("en")];
    }""")
    assert seen == [[False, "en", "Lab"], [True, "zh", "实验室"], [True, "en", "Lab"]]


def test_a_language_that_did_not_come_is_not_marked_as_chosen(page: Page):
    page.evaluate(FLAKY)
    page.evaluate("""async () => {
        const { mountHeader } = await import("/web/header.js");
        const app = document.createElement("gradio-app");
        app.innerHTML = "<div><div></div></div>";
        document.body.append(app);
        await flaky.use("en");
        window.kept = {};
        mountHeader({ element: app.firstChild, props: {}, trigger: () => {} }, {
            words: flaky, theme: {}, own: false, about: () => {}, presenting: new EventTarget(),
            preferences: { set: (name, value) => (kept[name] = value) }, languages: { en: "English", zh: "简体中文" },
        });
    }""")
    chosen = page.locator("[role=radio][aria-checked=true]")
    page.get_by_role("radio", name="简体中文").click()
    expect(chosen).to_have_text("English")
    assert page.evaluate("kept") == {}
    page.evaluate("reached = true")
    page.get_by_role("radio", name="简体中文").click()
    page.wait_for_function("kept.language === 'zh'")
    expect(chosen).to_have_text("简体中文")
