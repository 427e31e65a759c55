"""The player's modules alone in a browser, without Gradio: states and what is seen of them, time, two players."""

import pytest
from playwright.sync_api import Page, expect

from tests.ui.modules import COUNT, address, browser, empty_page, message  # noqa: F401  (fixtures)

pytestmark = pytest.mark.browser

PLAYER = """async (name) => {
    const { createPlayer } = await import("/web/player/player.js");
    window[name] = createPlayer(document.getElementById(name), { words, calm: true });
}"""
# A clock that a test moves: `schedule` keeps what is to be looked at, `tick(ms)` lets so much time pass
CLOCK = """() => {
    window.clock = { now: 0, look: null };
    window.schedule = (ms, look) => {
        clock.look = [clock.now + ms, look];
        return () => { clock.look = null; };
    };
    window.tick = (ms) => {
        const end = clock.now + ms;
        while (clock.look && clock.look[0] <= end) {
            const [due, look] = clock.look;
            clock.look = null;
            clock.now = due;
            look(clock.now);
        }
        clock.now = end;
    };
}"""


@pytest.fixture
def page(browser, address):  # noqa: F811
    """A page with two players, a and b, at the end of which nothing may have gone wrong."""
    wrong = []
    page = empty_page(browser, address)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda entry: wrong.append(entry.text) if entry.type == "error" else None)
    for name in ("a", "b"):
        page.evaluate(PLAYER, name)
    yield page
    page.close()
    assert wrong == []


def receive(page: Page, *messages: dict, name: str = "a") -> None:
    page.evaluate(
        "([name, messages]) => messages.forEach((each) => window[name].state.receive(each))", [name, messages]
    )


def begin(page: Page, run: str, name: str = "a") -> None:
    page.evaluate("([name, run]) => window[name].state.begin(run)", [name, run])


def phase(page: Page, name: str = "a") -> str | None:
    return page.locator(f"#{name}").get_attribute("data-phase")


def expect_step(page: Page, step: int, name: str = "a") -> None:
    expect(page.locator(f"#{name}")).to_have_attribute("data-step", str(step))


def show_finished(page: Page, total: int = 4, name: str = "a") -> None:
    """A finished run of so many steps, the last of which is on show."""
    begin(page, f"run of {name}", name)
    receive(page, message(f"run of {name}", list(range(total + 1)), total, done=True), name=name)
    expect_step(page, total, name)


# ---- phases ----------------------------------------------------------------------------------------------------------


def test_a_run_from_its_beginning_to_its_end(page: Page):
    assert phase(page) == "example"
    begin(page, "one")
    assert phase(page) == "waiting"
    receive(page, message("one", [0], 4))
    assert phase(page) == "running"
    expect_step(page, 0)
    receive(page, message("one", [1, 2], 4))
    expect_step(page, 2)
    assert page.locator("#a").get_attribute("data-frames") == "3"
    receive(page, message("one", [3, 4], 4, done=True))
    assert phase(page) == "finished"
    expect_step(page, 4)
    expect(page.locator("#a [part=status]")).to_have_text("Finished in 1.50 s.")
    expect(page.locator("#a [part=classified]")).to_have_text("An independent network classifies 3 of 4 as “7”.")
    assert page.evaluate("a.state.playback.mode") in ("follow", "rest")
    page.wait_for_function("a.state.playback.mode === 'rest'")


def test_frames_in_any_order_and_twice_are_put_in_their_places(page: Page):
    begin(page, "one")
    receive(page, message("one", [0, 3], 4), message("one", [1, 3, 2], 4), message("one", [4], 4, done=True))
    assert page.evaluate("a.state.run.frames.map((frame) => frame.step)") == [0, 1, 2, 3, 4]


def test_stopping(page: Page):
    begin(page, "one")
    page.evaluate("a.state.stop()")
    assert phase(page) == "idle"
    receive(page, message("one", [0], 4))  # too late
    assert phase(page) == "idle"
    begin(page, "two")
    receive(page, message("two", [0, 1], 4))
    page.evaluate("a.state.stop()")
    assert phase(page) == "stopped"
    expect(page.locator("#a [part=status]")).to_have_text("Stopped at step 1 of 4.")
    receive(page, message("two", [2, 3, 4], 4, done=True))
    assert phase(page) == "stopped"
    assert page.locator("#a").get_attribute("data-frames") == "2"


def test_an_example_gives_way_to_a_person(page: Page):
    begin(page, "one")
    receive(page, message("example", [0, 4], 4, done=True, example=True))
    assert phase(page) == "waiting"
    receive(page, message("one", [0, 4], 4, done=True))
    assert phase(page) == "finished"
    receive(page, message("example", [0, 4], 4, done=True, example=True), name="b")
    assert phase(page, "b") == "example"
    expect_step(page, 4, "b")
    begin(page, "two", "b")
    receive(page, {"run": "example", "error": "It cannot be sampled."}, name="b")
    assert phase(page, "b") == "waiting"


def test_an_error_belongs_to_its_run(page: Page):
    receive(page, {"run": "nobody's", "error": "Something else."})
    assert phase(page) == "example"
    begin(page, "one")
    receive(page, message("one", [0], 4), {"run": "one", "error": "It <b>broke</b> off."})
    assert phase(page) == "failed"
    expect(page.locator("#a [role=alert]")).to_have_text("It <b>broke</b> off.")
    begin(page, "two")
    expect(page.locator("#a [role=alert]")).to_be_hidden()


def test_a_live_sheet_keeps_the_step_that_is_looked_at(page: Page):
    sheets = [message(f"live {i}", [0, 1, 2], 2, done=True, live=True) for i in range(3)]
    for sheet in sheets[:2]:
        page.evaluate("(sheet) => a.state.receiveLive(sheet)", sheet)
        assert phase(page) == "live"
        expect_step(page, 2)
    page.evaluate("a.state.goTo(1)")
    page.evaluate("(sheet) => a.state.receiveLive(sheet)", sheets[2])
    expect_step(page, 1)
    page.evaluate("a.state.endLive()")
    assert phase(page) == "finished"


def test_what_was_saved_is_on_show_again(page: Page):
    page.evaluate("(messages) => a.state.restore(messages)", [message("one", [0, 1], 4), message("one", [2], 4)])
    assert phase(page) == "stopped"
    expect_step(page, 2)
    receive(page, message("one", [3], 4))
    assert page.locator("#a").get_attribute("data-frames") == "3"


# ---- looking at a run ------------------------------------------------------------------------------------------------


def picture(page: Page, name: str = "a") -> str:
    return page.locator(f"#{name} .dp-pane:not([hidden]) canvas").first.evaluate("canvas => canvas.toDataURL()")


def test_scrubbing_by_keys_and_by_hand(page: Page):
    show_finished(page)
    scrubber, last = page.locator("#a [part=scrub]"), picture(page)
    for key, step in (("Home", 0), ("ArrowRight", 1), ("ArrowUp", 2), ("ArrowLeft", 1), ("End", 4), ("ArrowRight", 4)):
        scrubber.press(key)
        expect_step(page, step)
    assert picture(page) == last
    scrubber.fill("3")
    expect_step(page, 3)
    assert picture(page) != last
    expect(page.locator("#a [part=phase]")).to_have_text("Details. Edges sharpen, the background clears.")


def test_one_image_alone(page: Page):
    show_finished(page)
    everything = picture(page)
    page.evaluate("a.state.enlarge(1)")
    alone = picture(page)
    assert alone != everything
    page.evaluate(f"a.state.enlarge(1 + {COUNT})")
    assert picture(page) == alone
    page.evaluate("a.state.enlarge(null)")
    assert picture(page) == everything


def test_words_follow_the_language(page: Page):
    show_finished(page)
    page.evaluate("words.use('zh')")
    expect(page.locator("#a [part=status]")).to_have_text("完成，用时 1.50 秒。")
    expect(page.locator("#a [part=phase]")).to_have_text("完成：噪声已全部去除。")
    expect(page.locator("#a [part=play]")).to_have_attribute("aria-label", "播放")


# ---- time ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def timed(page: Page) -> Page:
    """The page with a third player's state, ``timed``, in time that passes by ``tick``."""
    page.evaluate(CLOCK)
    page.evaluate("""async () => {
        const { Playback } = await import("/web/player/playback.js");
        const { PlayerState } = await import("/web/player/state.js");
        window.timed = new PlayerState({ playback: new Playback(schedule, () => clock.now) });
    }""")
    return page


def test_a_computation_is_followed_in_strides_and_to_its_end(timed: Page):
    timed.evaluate("timed.begin('one')")
    timed.evaluate("(first) => timed.receive(first)", message("one", list(range(41)), 80))
    seen = timed.evaluate("""() => Array.from({ length: 9 }, () => { tick(125); return timed.index; })""")
    assert seen[:3] == [20, 30, 35]
    assert seen == sorted(seen)
    assert seen[-1] == 40
    timed.evaluate("(last) => timed.receive(last)", message("one", list(range(41, 81)), 80, done=True))
    assert timed.evaluate("timed.index") == 80  # at once
    timed.evaluate("tick(1000)")
    assert timed.evaluate("timed.playback.mode") == "rest"


def test_following_takes_little_of_the_time(timed: Page):
    assert timed.evaluate("timed.playback.interval") == 120
    timed.evaluate("for (let i = 0; i < 20; i++) timed.playback.drew(50)")
    assert 380 <= timed.evaluate("timed.playback.interval") <= 400


def test_playing_frame_by_frame_again_and_again(timed: Page):
    timed.evaluate("timed.begin('one')")
    timed.evaluate("(all) => timed.receive(all)", message("one", list(range(21)), 20, done=True))
    timed.evaluate("tick(1000); timed.playback.set({ speed: 2, loop: true }); timed.play()")
    seen = timed.evaluate("() => Array.from({ length: 300 }, () => { tick(10); return timed.index; })")
    assert seen[0] <= 1
    assert set(seen) == set(range(21))
    end = seen.index(20)
    assert seen[:end] == sorted(seen[:end])
    assert 0 in seen[end:]  # once more
    timed.evaluate("timed.pause()")
    at = timed.evaluate("timed.index")
    timed.evaluate("tick(5000)")
    assert timed.evaluate("timed.index") == at


# ---- two players -----------------------------------------------------------------------------------------------------


def test_two_players_do_not_know_of_each_other(page: Page):
    show_finished(page, 4, "a")
    show_finished(page, 8, "b")
    page.locator("#a [part=scrub]").press("Home")
    expect_step(page, 0, "a")
    expect_step(page, 8, "b")
    page.locator("#a [part=loop]").click()
    expect(page.locator("#b [part=loop]")).to_have_attribute("aria-pressed", "false")
    page.locator("#b").get_by_role("radio", name="Model's guess").click()
    expect(page.locator("#a .dp-pane:visible")).to_have_count(2)
    expect(page.locator("#b .dp-pane:visible")).to_have_count(1)
    begin(page, "another", "b")
    assert (phase(page, "a"), phase(page, "b")) == ("finished", "waiting")


def test_linked_players_scrub_and_play_together(page: Page):
    show_finished(page, 4, "a")
    show_finished(page, 20, "b")
    page.evaluate("async () => (await import('/web/player/player.js')).link(a.state, b.state)")
    for step_of_a, step_of_b in ((1, 5), (0, 0), (3, 15), (4, 20)):
        page.locator("#a [part=scrub]").fill(str(step_of_a))
        expect_step(page, step_of_a, "a")
        expect_step(page, step_of_b, "b")
    page.locator("#b [part=scrub]").fill("13")  # between two steps of a: the one before
    expect_step(page, 13, "b")
    expect_step(page, 2, "a")
    page.locator("#b [part=scrub]").press("Home")
    page.locator("#a [part=speed]").select_option("4")
    page.locator("#a [part=play]").click()
    expect(page.locator("#b [part=play]")).to_have_attribute("aria-label", "Pause")
    expect_step(page, 4, "a")
    expect_step(page, 20, "b")
    expect(page.locator("#a [part=play]")).to_have_attribute("aria-label", "Play")


def test_linked_players_follow_runs_that_come_one_after_another(page: Page):
    page.evaluate("async () => (await import('/web/player/player.js')).link(a.state, b.state)")
    begin(page, "one", "a")
    begin(page, "two", "b")
    receive(page, message("one", [0, 1, 2, 3], 4), name="a")
    expect_step(page, 3, "a")
    receive(page, message("two", [0], 8), name="b")
    expect_step(page, 0, "b")
    expect_step(page, 3, "a")  # it does not go back for the other
    receive(page, message("one", [4], 4, done=True), name="a")
    receive(page, message("two", list(range(1, 9)), 8, done=True), name="b")
    expect_step(page, 4, "a")
    expect_step(page, 8, "b")
