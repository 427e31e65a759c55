"""When the updates of a run come, and with how many frames: in time that passes by calls of the network."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from ui import engine as engine_module
from ui.request import Request

pytestmark = pytest.mark.slow

STEP = 1 / 64  # seconds that a call of the network takes


@pytest.fixture
def clock(engine, monkeypatch) -> Callable[[float], SimpleNamespace]:
    """Starts a clock that the network moves on by so many seconds a call."""

    def start(seconds: float = STEP) -> SimpleNamespace:
        clock = SimpleNamespace(now=0.0)
        monkeypatch.setattr(engine_module.time, "perf_counter", lambda: clock.now)
        engine.load().network.register_forward_hook(lambda *_: setattr(clock, "now", clock.now + seconds))
        return clock

    return start


def test_a_thousand_steps_make_at_most_120_frames(engine):
    frames = [frame for update in engine.run(Request(num_images=1, steps=1000)) for frame in update.frames]
    indices = [frame.index for frame in frames]
    assert len(indices) <= 120
    assert indices[0] == 0
    assert indices[-1] == 1000
    assert max(np.diff(indices)) <= 9


def test_the_first_comes_at_once_and_the_others_keep_their_distance(engine, clock):
    now = clock(0.01)
    arrivals = []
    for update in engine.run(Request(num_images=1, steps=100)):
        arrivals.append([frame.index for frame in update.frames])
        now.now += 5.0  # a slow receiver
    assert arrivals[0] == [0]
    assert all(len(indices) in (25, 26) for indices in arrivals[1:-1])
    assert update.seconds == pytest.approx(1.0)  # 100 steps of 10 ms: the receiver's time does not count


def test_none_comes_just_before_the_end(engine, clock):
    clock()
    steps = [update.step for update in engine.run(Request(num_images=1, steps=50))]
    assert steps == [0, 16, 32, 50]  # what 48 would show comes with the end, 0.03 s later


def test_those_of_a_long_run_are_rarer(engine, clock):
    clock()
    steps = [update.step for update in engine.run(Request(num_images=1, steps=1000))]
    apart = np.diff(steps[1:-1])  # frames are 8 or 9 steps apart
    assert 16 <= apart[0] <= 24
    assert 32 <= apart[-1] <= 40


def test_many_runs_share_them(engine, clock):
    clock(0.01)
    other = engine.run(Request(num_images=1))
    next(other)
    frames = [len(update.frames) for update in engine.run(Request(num_images=1, steps=100))]
    assert all(50 <= count <= 51 for count in frames[1:-1])  # two runs: twice the 25 frames that one has
    other.close()
    frames = [len(update.frames) for update in engine.run(Request(num_images=1, steps=100))]
    assert all(25 <= count <= 26 for count in frames[1:-1])


def test_slow_steps_without_a_frame_still_count(engine, clock):
    clock(0.5)
    updates = list(engine.run(Request(num_images=1, steps=360)))
    assert [update.step for update in updates] == list(range(361))
    assert sum(len(update.frames) for update in updates) == 120


def test_a_run_that_nobody_watches_makes_no_frames(engine, clock):
    clock()
    request = Request(label="3", num_images=2, steps=100, seed=5)
    watched, alone = list(engine.run(request)), list(engine.run(request, watched=False))
    assert all(update.frames == [] for update in alone)
    assert [update.step for update in alone] == [0, 29, 58, 100]  # the caller may leave, twice a second
    assert np.array_equal(alone[-1].result.images, watched[-1].result.images)


@pytest.mark.parametrize("after", [1, 3])
def test_closing_ends_the_computation(engine, clock, after, monkeypatch):
    clock()  # where the steps are quick, what is near the end waits for it
    monkeypatch.setattr(engine_module, "MAX_INTERVAL", 0.0)  # an update a step
    calls = []
    engine.load().network.register_forward_hook(lambda *_: calls.append(1))
    updates = engine.run(Request(num_images=1, steps=100))
    for _ in range(after):
        next(updates)
    updates.close()
    assert len(calls) == after
    assert len(list(engine.run(Request(num_images=1)))) > 0  # and the engine goes on
