"""How a player moves through its run, alone and together with others."""

import pytest
from playwright.sync_api import Page, expect

from tests.ui.modules.actions import begin, expect_step, phase, receive, show_finished
from tests.ui.modules.messages import message

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


# ---- time ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def timed(page: Page) -> Page:
    """A page with the state of a player, ``timed``, in time that passes by ``tick``."""
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


def test_two_players_do_not_know_of_each_other(players: Page):
    show_finished(players, 4, "a")
    show_finished(players, 8, "b")
    players.locator("#a [part=scrub]").press("Home")
    expect_step(players, 0, "a")
    expect_step(players, 8, "b")
    players.locator("#a [part=loop]").click()
    expect(players.locator("#b [part=loop]")).to_have_attribute("aria-pressed", "false")
    players.locator("#b").get_by_role("radio", name="Model's guess").click()
    expect(players.locator("#a .dp-pane:visible")).to_have_count(2)
    expect(players.locator("#b .dp-pane:visible")).to_have_count(1)
    begin(players, "another", "b")
    assert (phase(players, "a"), phase(players, "b")) == ("finished", "waiting")


@pytest.fixture
def together(page: Page) -> Page:
    """A page with two players that share a playback, ``a`` and ``b``."""
    page.evaluate("""async () => {
        const { createPlayer } = await import("/web/player/player.js");
        const make = (name, playback) => createPlayer(document.getElementById(name), { words, calm: true, playback });
        window.a = make("a");
        window.b = make("b", a.state.playback);
    }""")
    return page


def test_players_with_one_playback_scrub_and_play_together(together: Page):
    show_finished(together, 4, "a")
    show_finished(together, 20, "b")
    for step_of_a, step_of_b in ((1, 5), (0, 0), (3, 15), (4, 20)):
        together.locator("#a [part=scrub]").fill(str(step_of_a))
        expect_step(together, step_of_a, "a")
        expect_step(together, step_of_b, "b")
    together.locator("#b [part=scrub]").fill("13")  # between two steps of a: the one before
    expect_step(together, 13, "b")
    expect_step(together, 2, "a")
    together.locator("#b [part=scrub]").press("Home")
    together.locator("#a [part=speed]").select_option("4")
    together.locator("#a [part=play]").click()
    expect(together.locator("#b [part=play]")).to_have_attribute("aria-label", "Pause")
    expect_step(together, 4, "a")
    expect_step(together, 20, "b")
    expect(together.locator("#a [part=play]")).to_have_attribute("aria-label", "Play")


def test_players_with_one_playback_follow_runs_that_come_one_after_another(together: Page):
    begin(together, "one", "a")
    begin(together, "two", "b")
    receive(together, message("one", [0, 1, 2, 3], 4), name="a")
    expect_step(together, 3, "a")
    receive(together, message("two", [0], 8), name="b")
    expect_step(together, 0, "b")
    expect_step(together, 3, "a")  # it does not go back for the other
    receive(together, message("one", [4], 4, done=True), name="a")
    receive(together, message("two", list(range(1, 9)), 8, done=True), name="b")
    expect_step(together, 4, "a")
    expect_step(together, 8, "b")
