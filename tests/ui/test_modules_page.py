"""The modules around the player alone in a browser: requests, files, what is remembered, runs and live sampling."""

import io
from base64 import b64decode

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page

from tests.ui.modules import address, browser, empty_page, message, png  # noqa: F401  (fixtures)

pytestmark = pytest.mark.browser

CLOSED = "() => { throw new DOMException('closed', 'SecurityError'); }"


@pytest.fixture(scope="module")
def page(browser, address):  # noqa: F811
    """An empty page, at the end of which nothing may have gone wrong."""
    wrong = []
    page = empty_page(browser, address)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    yield page
    page.close()
    assert wrong == []


# ---- latest_only.js --------------------------------------------------------------------------------------------------


def test_the_latest_wins_whatever_the_order_of_the_answers(page: Page):
    # patience 0: every request goes out at once, and the answers come in the order of random delays
    seen = page.evaluate("""async () => {
        const { LatestOnly } = await import("/web/latest_only.js");
        const shown = [], sent = [];
        let open = 0;
        const request = (number, values) => new Promise((resolve) => {
            sent.push(values);
            open++;
            setTimeout(() => { open--; resolve(values); }, 60 * ((number * 7) % 5) + 1);
        });
        const show = (answer, number) => shown.push([number, answer]);
        const requests = new LatestOnly(request, show, { patience: 0, pause: 0 });
        for (let i = 1; i <= 40; i++) {
            requests.want(i);
            await new Promise((resume) => setTimeout(resume, 9));
        }
        while (open || requests.next !== null) await new Promise((resume) => setTimeout(resume, 20));
        const before = shown.length;
        requests.want("unwanted");
        requests.forget();
        await new Promise((resume) => setTimeout(resume, 400));
        return { shown, sent, unwanted: shown.length - before };
    }""")
    numbers = [number for number, _ in seen["shown"]]
    assert numbers == sorted(set(numbers))
    assert len(numbers) < len(seen["sent"])
    assert seen["shown"][-1][1] == 40
    assert seen["unwanted"] == 0


@pytest.mark.parametrize("failure", ["answers[1].resolve(undefined)", "answers[1].reject(new Error('lost'))"])
def test_one_request_at_a_time_and_again_where_there_was_no_answer(page: Page, failure: str):
    seen = page.evaluate(f"""async () => {{
        const {{ LatestOnly }} = await import("/web/latest_only.js");
        const shown = [], sent = [], answers = [];
        const request = (number, values) => new Promise((resolve, reject) => {{
            sent.push(values);
            answers.push({{ resolve, reject }});
        }});
        const show = (answer) => shown.push(answer ?? null);
        const requests = new LatestOnly(request, show, {{ patience: 10000, pause: 100 }});
        const turn = () => new Promise((resume) => setTimeout(resume));
        for (const values of ["a", "b", "c", "a", "d"]) requests.want(values);
        const open = answers.length;
        answers[0].resolve("A");
        await turn();
        {failure};
        while (answers.length < 3) await turn();
        answers[2].resolve("D");
        await turn();
        return {{ shown, sent, open }};
    }}""")
    assert seen == {"shown": ["A", None, "D"], "sent": ["a", "d", "d"], "open": 1}


# ---- gif.js ----------------------------------------------------------------------------------------------------------


def encoded(page: Page, frames: np.ndarray, grey: bool, hundredths: list[int]) -> Image.Image:
    """Frames (N, H, W, 3) uint8 as the browser's GIF."""
    alpha = np.full((*frames.shape[:3], 1), 255, np.uint8)
    data = [frame.ravel().tolist() for frame in np.concatenate([frames, alpha], axis=3)]
    content = page.evaluate(
        """async ([frames, width, height, grey, hundredths]) => {
            const { GifWriter } = await import("/web/player/gif.js");
            const writer = new GifWriter(width, height, grey);
            frames.forEach((pixels, i) => writer.add(Uint8ClampedArray.from(pixels), hundredths[i]));
            const bytes = await new Blob(writer.finish()).bytes();
            let text = "";
            for (const byte of bytes) text += String.fromCharCode(byte);
            return btoa(text);
        }""",
        [data, frames.shape[2], frames.shape[1], grey, hundredths],
    )
    return Image.open(io.BytesIO(b64decode(content)))


def decoded(animation: Image.Image) -> np.ndarray:
    frames = []
    for i in range(animation.n_frames):
        animation.seek(i)
        frames.append(np.asarray(animation.convert("RGB")))
    return np.stack(frames)


@pytest.mark.parametrize("size", [(1, 1), (7, 3), (150, 130)], ids=str)
def test_greys_are_exact_noise_or_not(page: Page, size):
    """Noise of 150 x 130 pixels fills the table of codes several times, a plain frame makes the longest codes."""
    noise = np.random.default_rng(0).integers(0, 256, (1, *size, 1), dtype=np.uint8)
    frames = np.repeat(np.concatenate([noise, np.full_like(noise, 77), noise // 64 * 64]), 3, axis=3)
    animation = encoded(page, frames, True, [4, 10, 150])
    assert animation.info["loop"] == 0
    assert np.array_equal(decoded(animation), frames)
    durations = []
    for i in range(3):
        animation.seek(i)
        durations.append(animation.info["duration"])
    assert durations == [40, 100, 1500]


def test_colours_are_the_nearest_of_252(page: Page):
    frames = np.random.default_rng(1).integers(0, 256, (2, 40, 30, 3), dtype=np.uint8)
    shown = decoded(encoded(page, frames, False, [4, 4])).astype(int)
    for channel, step in ((0, 51), (1, 42.5), (2, 51)):
        assert np.abs(shown[..., channel] - frames[..., channel]).max() <= step / 2 + 0.5


@pytest.mark.parametrize("colour", [False, True])
def test_a_run_as_an_animation(page: Page, colour: bool):
    run = message("one", [0, 1, 2], 2, done=True)
    for i, frame in enumerate(run["frames"]):
        frame[4:] = [png(40 * i, colour), png(200, colour)]
    content = page.evaluate(
        """async (message) => {
            const { Run } = await import("/web/player/run.js");
            const { encodeGif } = await import("/web/player/downloads.js");
            const bytes = await new Blob(await encodeGif(new Run(message), ["x", "x0"])).bytes();
            return btoa(String.fromCharCode(...bytes));
        }""",
        run,
    )
    animation = Image.open(io.BytesIO(b64decode(content)))
    sheet = np.asarray(Image.open(io.BytesIO(b64decode(png(80, colour)))).convert("RGB")).astype(int)
    scale = round(240 / len(sheet))
    assert animation.size == (2 * scale * len(sheet) + 8, scale * len(sheet))
    last = decoded(animation)[2].astype(int)
    shown = last[scale // 2 : scale * len(sheet) : scale, scale // 2 : scale * len(sheet) : scale]
    assert np.abs(shown - sheet).max() <= (26 if colour else 0)


# ---- what is remembered ----------------------------------------------------------------------------------------------


def test_a_session_is_restored_once(page: Page):
    assert page.evaluate("""async () => {
        const { save, take } = await import("/web/session_restore.js");
        save({ steps: 3 }, [{ run: "one" }]);
        return [take(), take()];
    }""") == [{"values": {"steps": 3}, "messages": [{"run": "one"}]}, None]


@pytest.mark.parametrize("saved", ["null", "{", "3", "[]", '{"values": 3, "messages": []}', '{"values": {}}'])
def test_what_storage_holds_otherwise_is_no_session(page: Page, saved: str):
    taken = page.evaluate(
        """async (saved) => {
            const { take } = await import("/web/session_restore.js");
            sessionStorage.setItem("digit-diffusion-lab-restore", saved);
            return take();
        }""",
        saved,
    )
    assert taken is None


def test_closed_storage_is_no_harm(page: Page):
    assert page.evaluate(f"""async () => {{
        const {{ save, take }} = await import("/web/session_restore.js");
        const {{ Preferences }} = await import("/web/preferences.js");
        save({{}}, [], {CLOSED});
        const preferences = new Preferences({CLOSED});
        preferences.set("dark", true);
        return [take({CLOSED}), preferences.get("dark")];
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


def test_another_model_sets_the_other_controls_itself(page: Page):
    values = {"label": "7", "steps": 30, "eta": None, "model": "dit"}
    put_back = "async ([values, model]) => (await import('/web/session_restore.js')).toPutBack(values, model)"
    assert page.evaluate(put_back, [values, "dit"]) == {"label": "7", "steps": 30, "model": "dit"}
    assert page.evaluate(put_back, [values, "unet"]) == {"label": "7", "model": "dit"}
    assert page.evaluate(put_back, [{}, "unet"]) == {}


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


# ---- run_control.js and live.js --------------------------------------------------------------------------------------

CONTROL = """async ([waiting]) => {
    const { RunControl } = await import("/web/run_control.js");
    const { PlayerState } = await import("/web/player/state.js");
    const state = new PlayerState({ calm: true });
    window.seen = { stopped: [], released: 0, ahead: [] };
    const answers = [...waiting];
    const control = new RunControl(state, words, {
        stopRun: async (name) => seen.stopped.push(name),
        queueSize: async () => {
            const answer = answers.shift();
            if (answer === "lost") throw new TypeError("no server");
            return answer;
        },
        release: () => seen.released++,
        delay: () => new Promise((resume) => (answers.length ? setTimeout(resume) : null)),
    });
    state.addEventListener("change", () => seen.ahead.push(state.ahead));
    Object.assign(window, { state, control });
    const name = control.begin();
    await new Promise((resume) => setTimeout(resume, 200));
    return name;
}"""


def test_the_place_in_the_queue_only_moves_forward(page: Page):
    page.evaluate(CONTROL, [[4, 3, 5, None, 2, 1]])
    ahead = page.evaluate("seen.ahead")
    assert [each for i, each in enumerate(ahead) if i == 0 or each != ahead[i - 1]] == [0, 3, 2, 1, 0]
    assert page.evaluate("[state.phase, state.waitsLong]") == ["waiting", True]


def test_a_double_click_begins_one_run_and_stop_names_it(page: Page):
    name = page.evaluate(CONTROL, [[]])
    assert page.evaluate("control.begin()") == name
    assert page.evaluate("[control.end(false), state.phase]") == [False, "waiting"]
    page.evaluate("control.stop()")
    assert page.evaluate("[seen.stopped, state.phase, control.end(false)]") == [[name], "idle", True]


def test_a_server_that_misses_three_times_is_lost(page: Page):
    page.evaluate(CONTROL, [["lost", "lost", 2, "lost", "lost", "lost"]])
    assert page.evaluate("[state.phase, seen.released]") == ["failed", 1]
    assert page.evaluate("state.error") == "The connection broke off or the server is busy. Please try again."


LIVE = """async () => {
    const { Live } = await import("/web/live.js");
    const { PlayerState } = await import("/web/player/state.js");
    const state = new PlayerState({ calm: true });
    window.seen = { sent: [], interrupted: 0, switched: [] };
    const live = new Live(state, words, {
        request: async (payload) => { seen.sent.push(payload); return window.answer?.(payload); },
        interrupt: () => { seen.interrupted++; state.stop(); },
        onSwitch: (on) => seen.switched.push(on),
    });
    window.aSheet = ({ number }) => JSON.stringify({ ...sheet, run: `live ${number}` });
    Object.assign(window, { state, live, answer: aSheet });
}"""


@pytest.fixture
def live(page: Page) -> Page:
    page.evaluate("(sheet) => { window.sheet = sheet; }", message("live", [0, 1], 1, done=True, live=True))
    page.evaluate(LIVE)
    return page


def settle(page: Page) -> None:
    page.wait_for_function("!live.requests.open && live.requests.next === null")
    page.wait_for_timeout(50)


def test_requests_have_all_values_by_name(live: Page):
    live.evaluate("live.settle({ live: false, model: 'quick', steps: 2 })")
    live.evaluate("live.move('quick', { steps: 3 })")
    assert live.evaluate("seen.sent") == []
    live.evaluate("live.turn({ live: true, model: 'quick' })")
    live.evaluate("live.turned({ live: true, model: 'quick', steps: 3 })")
    settle(live)
    live.evaluate("live.move('quick', { guidance_scale: 2 })")
    settle(live)
    last = live.evaluate("seen.sent.at(-1)")
    assert last == {"live": True, "model": "quick", "steps": 3, "guidance_scale": 2, "number": last["number"]}
    assert live.evaluate("[live.last === seen.sent.at(-1).number, state.phase]") == [True, "live"]
    assert live.evaluate("seen.switched") == [True]
    live.evaluate("live.settle({ live: false, model: 'quick', steps: 3 })")
    assert live.evaluate("[state.phase, live.on]") == ["finished", False]


def test_while_another_model_is_being_chosen_nothing_is_requested(live: Page):
    live.evaluate("live.settle({ live: true, model: 'quick', steps: 2 })")
    settle(live)
    sent = live.evaluate("seen.sent.length")
    live.evaluate("live.move('other', { model: 'other', steps: 9 })")
    live.evaluate("live.turned({ live: true, model: 'slow', steps: 9 })")
    settle(live)
    assert live.evaluate("seen.sent.length") == sent


def test_a_hand_interrupts_a_run_unless_there_is_only_an_error_to_show(live: Page):
    live.evaluate("live.settle({ live: true, model: 'quick', steps: 2 })")
    settle(live)
    live.evaluate("state.begin('film'); live.yield()")
    live.evaluate(
        "() => { answer = ({ number }) => JSON.stringify({ run: `live ${number}`, error: 'Too many steps.' }); }"
    )
    live.evaluate("live.move('quick', { steps: 1000 })")
    settle(live)
    assert live.evaluate("[seen.interrupted, state.phase]") == [0, "waiting"]
    live.evaluate("() => { answer = aSheet; }")
    live.evaluate("live.move('quick', { steps: 2 })")
    settle(live)
    assert live.evaluate("[seen.interrupted, state.phase]") == [1, "live"]


def test_a_busy_server_is_said(live: Page):
    live.evaluate("() => { answer = () => null; }")
    live.evaluate("live.settle({ live: true, model: 'quick' })")
    live.wait_for_function("state.phase === 'failed'")
    live.evaluate("live.settle({ live: false, model: 'quick' })")
    assert live.evaluate("[state.phase, state.error]") == ["idle", ""]
