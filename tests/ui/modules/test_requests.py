"""Requests to the server: of controls in motion, of a run, and live sampling."""

import pytest
from playwright.sync_api import Page

from tests.ui.modules.messages import message

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


# ---- run_control.js and live.js --------------------------------------------------------------------------------------

CONTROL = """async ([waiting, sent = 0]) => {
    const { RunControl } = await import("/web/run_control.js");
    const { PlayerState } = await import("/web/player/state.js");
    const state = new PlayerState({ calm: true });
    window.seen = { stopped: [], released: 0, ahead: [], loaded: 0 };
    const answers = [...waiting];
    const control = new RunControl(state, words, {
        stopRun: async (name) => seen.stopped.push(name),
        queueSize: async () => {
            const answer = answers.shift();
            if (answer === "lost") throw new TypeError("no server");
            return answer;
        },
        release: () => seen.released++,
        loadAgain: () => seen.loaded++,
        connectionLost: async () => window.lost === true,
        sent: async () => sent,
        delay: () => new Promise((resume) => (answers.length || window.lost ? setTimeout(resume) : null)),
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


def test_a_run_that_another_picture_takes_over_from_is_stopped_and_keeps_its_seed(page: Page):
    name = page.evaluate(CONTROL, [[]])
    page.evaluate("control.giveWay(); control.stop()")
    assert page.evaluate("[seen.stopped, state.phase, control.nothing]") == [[name], "idle", False]


def test_a_server_that_misses_three_times_is_lost(page: Page):
    page.evaluate(CONTROL, [["lost", "lost", 2, "lost", "lost", "lost"]])
    assert page.evaluate("[state.phase, seen.released]") == ["failed", 1]
    assert "press Generate to try again" in page.evaluate("state.error")
    assert page.evaluate("control.reconnect()") is False  # the page does react
    page.evaluate("lost = true; control.begin(); undefined")
    page.wait_for_function("control.deaf && state.phase === 'failed'")
    assert page.evaluate("control.reconnect()") is True
    page.wait_for_function("seen.loaded === 1")  # the server is back


LATE = "performance.now = () => real() + 60000 * late"  # a minute passes whenever `late` grows


@pytest.mark.parametrize(("arrived", "loaded"), [(1, 0), (0, 1)])
def test_a_stream_that_is_silent_has_a_deadline(page: Page, arrived: int, loaded: int):
    page.evaluate(f"() => {{ window.late = 0; const real = performance.now.bind(performance); {LATE}; }}")
    page.evaluate("(message) => { window.message = message; }", message("a run", [0, 1], 4))
    control = CONTROL.replace("control.begin();", "control.begin(); if (arrived) tell(name); late = 1;")
    tell = "const tell = (run) => state.receive({ ...message, run });"
    page.evaluate(control.replace("const name", f"const arrived = {arrived}; {tell} const name"), [[0] * 9, 3])
    assert page.evaluate("[state.phase, seen.released, seen.loaded]") == ["failed", 1, loaded]
    assert "Nothing arrives" in page.evaluate("state.error")
    assert page.evaluate("[seen.stopped.length, control.reconnect()]") == [1, True]


def test_a_run_that_takes_long_is_waited_for(page: Page):
    page.evaluate(f"() => {{ window.late = 0; const real = performance.now.bind(performance); {LATE}; }}")
    control = CONTROL.replace("control.begin();", "control.begin(); late = 1;")
    page.evaluate(control, [[0] * 9, 0])  # the server has sent nothing that has not arrived
    assert page.evaluate("state.phase") == "waiting"


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
