"""The states of a player, and what is seen of them."""

from playwright.sync_api import Page, expect

from tests.ui.modules.actions import begin, expect_step, phase, picture, receive, show_finished
from tests.ui.modules.messages import COUNT, message

# ---- phases ----------------------------------------------------------------------------------------------------------


def test_a_run_from_its_beginning_to_its_end(players: Page):
    assert phase(players) == "example"
    begin(players, "one")
    assert phase(players) == "waiting"
    receive(players, message("one", [0], 4))
    assert phase(players) == "running"
    expect_step(players, 0)
    receive(players, message("one", [1, 2], 4))
    expect_step(players, 2)
    assert players.locator("#a").get_attribute("data-frames") == "3"
    receive(players, message("one", [3, 4], 4, done=True))
    assert phase(players) == "finished"
    expect_step(players, 4)
    expect(players.locator("#a [part=status]")).to_have_text("Finished in 1.50 s.")
    expect(players.locator("#a [part=classified]")).to_have_text("An independent network classifies 3 of 4 as “7”.")
    assert players.evaluate("a.state.playback.mode") in ("follow", "rest")
    players.wait_for_function("a.state.playback.mode === 'rest'")


def test_a_slow_run_says_how_long_it_still_takes(players: Page):
    begin(players, "one")
    count = players.locator("#a [part=count]")
    receive(players, message("one", [0], 40, seconds=0.0))
    expect(count).to_have_text("0 / 40")  # nothing is known yet
    receive(players, message("one", [1], 40, seconds=0.5))
    expect(count).to_have_text("1 / 40")
    receive(players, message("one", [10], 40, seconds=4.0))
    expect(count).to_have_text("10 / 40 · about 12 s left")
    receive(players, message("one", [20], 400, seconds=10.0))
    expect(count).to_have_text("20 / 400 · about 3 min left")
    receive(players, message("one", [39], 40, seconds=16.0))
    expect(count).to_have_text("39 / 40")


def test_frames_in_any_order_and_twice_are_put_in_their_places(players: Page):
    begin(players, "one")
    receive(players, message("one", [0, 3], 4), message("one", [1, 3, 2], 4), message("one", [4], 4, done=True))
    assert players.evaluate("a.state.run.frames.map((frame) => frame.step)") == [0, 1, 2, 3, 4]


def test_without_a_run_every_button_that_needs_one_looks_like_it(players: Page):
    for part in ("play", "png", "gif", "large", "fork"):
        button = players.locator(f"#a [part={part}]")
        expect(button).to_be_disabled()
        expect(button).to_have_css("opacity", "0.45")
    show_finished(players)
    expect(players.locator("#a [part=gif]")).to_have_css("opacity", "1")


def test_stopping(players: Page):
    begin(players, "one")
    players.evaluate("a.state.stop()")
    assert phase(players) == "idle"
    receive(players, message("one", [0], 4))  # too late
    assert phase(players) == "idle"
    begin(players, "two")
    receive(players, message("two", [0, 1], 4))
    players.evaluate("a.state.stop()")
    assert phase(players) == "stopped"
    expect(players.locator("#a [part=status]")).to_have_text("Stopped at step 1 of 4.")
    receive(players, message("two", [2, 3, 4], 4, done=True))
    assert phase(players) == "stopped"
    assert players.locator("#a").get_attribute("data-frames") == "2"


def test_an_example_gives_way_to_a_person(players: Page):
    begin(players, "one")
    receive(players, message("example", [0, 4], 4, done=True, example=True))
    assert phase(players) == "waiting"
    receive(players, message("one", [0, 4], 4, done=True))
    assert phase(players) == "finished"
    receive(players, message("example", [0, 4], 4, done=True, example=True), name="b")
    assert phase(players, "b") == "example"
    expect_step(players, 4, "b")
    begin(players, "two", "b")
    receive(players, {"run": "example", "error": "It cannot be sampled."}, name="b")
    assert phase(players, "b") == "waiting"


def test_an_error_belongs_to_its_run(players: Page):
    receive(players, {"run": "nobody's", "error": "Something else."})
    assert phase(players) == "example"
    begin(players, "one")
    receive(players, message("one", [0], 4), {"run": "one", "error": "It <b>broke</b> off."})
    assert phase(players) == "failed"
    expect(players.locator("#a [role=alert]")).to_have_text("It <b>broke</b> off.")
    begin(players, "two")
    expect(players.locator("#a [role=alert]")).to_be_hidden()


def test_a_live_sheet_keeps_the_step_that_is_looked_at(players: Page):
    sheets = [message(f"live {i}", [0, 1, 2], 2, done=True, live=True) for i in range(3)]
    for sheet in sheets[:2]:
        players.evaluate("(sheet) => a.state.receiveLive(sheet)", sheet)
        assert phase(players) == "live"
        expect_step(players, 2)
    players.evaluate("a.state.goTo(1)")
    players.evaluate("(sheet) => a.state.receiveLive(sheet)", sheets[2])
    expect_step(players, 1)
    players.evaluate("a.state.endLive()")
    assert phase(players) == "finished"


def test_what_was_saved_is_on_show_again(players: Page):
    players.evaluate("(messages) => a.state.restore(messages)", [message("one", [0, 1], 4), message("one", [2], 4)])
    assert phase(players) == "stopped"
    expect_step(players, 2)
    receive(players, message("one", [3], 4))
    assert players.locator("#a").get_attribute("data-frames") == "3"


# ---- looking at a run ------------------------------------------------------------------------------------------------


def test_scrubbing_by_keys_and_by_hand(players: Page):
    show_finished(players)
    scrubber, last = players.locator("#a [part=scrub]"), picture(players)
    for key, step in (("Home", 0), ("ArrowRight", 1), ("ArrowUp", 2), ("ArrowLeft", 1), ("End", 4), ("ArrowRight", 4)):
        scrubber.press(key)
        expect_step(players, step)
    assert picture(players) == last
    scrubber.fill("3")
    expect_step(players, 3)
    assert picture(players) != last
    expect(players.locator("#a [part=phase]")).to_have_text("Details. Edges sharpen, the background clears.")


def test_one_image_alone(players: Page):
    show_finished(players)
    everything = picture(players)
    players.evaluate("a.state.enlarge(1)")
    alone = picture(players)
    assert alone != everything
    players.evaluate(f"a.state.enlarge(1 + {COUNT})")
    assert picture(players) == alone
    players.evaluate("a.state.enlarge(null)")
    assert picture(players) == everything


def test_words_follow_the_language(players: Page):
    show_finished(players)
    players.evaluate("words.use('zh')")
    expect(players.locator("#a [part=status]")).to_have_text("完成，用时 1.50 秒。")
    expect(players.locator("#a [part=phase]")).to_have_text("完成：噪声已全部去除。")
    expect(players.locator("#a [part=play]")).to_have_attribute("aria-label", "播放")


def test_a_player_that_was_removed_follows_nothing(players: Page):
    show_finished(players)
    players.evaluate("a.remove()")
    players.evaluate("words.use('zh')")
    expect(players.locator("#b [part=play]")).to_have_attribute("aria-label", "播放")
    expect(players.locator("#a [part=play]")).to_have_attribute("aria-label", "Play")
    assert players.evaluate("a.state.run") is None
