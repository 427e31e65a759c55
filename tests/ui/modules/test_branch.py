"""A branch of a run: what both have in common, and how both scrub together."""

import pytest
from playwright.sync_api import Page

from tests.ui.modules.actions import begin, expect_step, picture, receive, show_finished
from tests.ui.modules.messages import message, png


@pytest.fixture
def branch(page: Page) -> Page:
    """A page with a finished run of 8 steps, ``a``, and ``b``, which leaves it at step 4 and takes 2 steps more."""
    page.evaluate("""async () => {
        const { createPlayer } = await import("/web/player/player.js");
        const { Branch } = await import("/web/fork/branch.js");
        window.a = createPlayer(document.getElementById("a"), { words, calm: true });
        const makeRun = (message) => new Branch(message, a.state.run, 4);
        const { playback } = a.state;
        window.b = createPlayer(document.getElementById("b"), { words, calm: true, playback, makeRun });
    }""")
    show_finished(page, 8)
    begin(page, "fork", "b")
    other = message("fork", [4, 5, 6], 6, done=True)
    for frame in other["frames"]:
        frame[4] = frame[5] = png(7 * frame[0])
    receive(page, other, name="b")
    return page


def steps(page: Page) -> list[list[int]]:
    """At every step of the run: what is on show of both."""
    return page.evaluate("""() => Array.from({ length: 9 }, (_, step) => {
        a.state.goToStep(step);
        return [a.state.frame.step, b.state.frame.step];
    })""")


def test_up_to_the_fork_both_are_the_same_and_they_end_together(branch: Page):
    assert steps(branch) == [[0, 0], [1, 1], [2, 2], [3, 3], [4, 4], [5, 4], [6, 5], [7, 5], [8, 6]]
    shared = "b.state.run.frames.slice(0, 4).every((frame, i) => frame === a.state.run.frames[i])"
    assert branch.evaluate(shared)
    expect_step(branch, 6, "b")
    assert picture(branch) != picture(branch, "b")
    branch.evaluate("b.state.goToStep(2)")
    expect_step(branch, 2)
    expect_step(branch, 2, "b")
    assert picture(branch) == picture(branch, "b")
    branch.evaluate("b.state.goToStep(5)")
    expect_step(branch, 6)


def test_a_branch_begins_where_it_was_forked_and_frees_its_own_pictures(branch: Page):
    assert branch.evaluate("b.state.run.beginning") == 0.5
    branch.evaluate("Promise.all(a.state.run.frames.concat(b.state.run.frames).map((frame) => frame.x.ready))")
    closed = branch.evaluate("""() => {
        const { frames } = b.state.run;
        b.state.close();
        a.state.goToStep(8);
        return frames.map((frame) => frame.x.bitmap.width === 0);
    }""")
    assert closed == [False] * 4 + [True] * 3
    begin(branch, "next")
    receive(branch, message("next", [0], 4))
    expect_step(branch, 0)
