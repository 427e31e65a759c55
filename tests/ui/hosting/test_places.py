"""Who samples at the same time, who is next, and who is asked to come back."""

import threading
import time

import pytest

from diffusion.runtime.batches import MUCH_WORK
from diffusion.runtime.callers import Caller, Stopped
from ui.hosting import places as places_module
from ui.hosting.places import Busy, Places

LONG = 2 * MUCH_WORK


@pytest.fixture
def places(monkeypatch):
    """Three places, one of them for long runs; three may wait, two of them with long runs."""
    for name, value in {"RUNNING": 3, "RUNNING_LONG": 1, "WAITING": 3, "WAITING_LONG": 2}.items():
        monkeypatch.setattr(places_module, name, value)
    return Places(memory=100)


class Visit:
    """Somebody who takes a place in a thread of his own, and keeps it until ``leave``."""

    def __init__(self, places, work=0.0, visitor=("", ""), memory=0):
        self.caller = Caller(work, visitor)
        self.has_place, self.leaves = threading.Event(), threading.Event()
        self.error = None
        self.thread = threading.Thread(target=self.take, args=(places, memory))
        self.thread.start()

    def take(self, places, memory):
        try:
            with places.taken(self.caller, memory):
                self.has_place.set()
                self.leaves.wait(30)
        except Exception as error:
            self.error = error

    def leave(self):
        self.leaves.set()
        self.thread.join(30)
        return self


@pytest.fixture
def visit(places):
    """Begins visits, one after another; all end with the test."""
    visits = []

    def begin(**about):
        before = places._number
        visits.append(Visit(places, **about))
        until(lambda: places._number > before)
        return visits[-1]

    yield begin
    for each in visits:
        each.leaves.set()
    for each in visits:
        each.thread.join(30)


def until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_short_runs_find_places_beside_any_number_of_long_ones(places, visit):
    running, *waiting = [visit(work=LONG) for _ in range(3)]
    assert running.has_place.wait(30)
    assert all(visit().has_place.wait(30) for _ in range(2))
    assert not any(each.has_place.is_set() for each in waiting)
    running.leave()
    assert waiting[0].has_place.wait(30)


def test_who_has_none_is_next(places, visit):
    first = [visit(visitor=("one", str(i))) for i in range(3)]
    again, other = visit(visitor=("one", "9")), visit(visitor=("two", "a"))
    first[0].leave()
    assert other.has_place.wait(30)
    assert not again.has_place.is_set()


def test_an_address_leaves_places_for_others(places, visit, monkeypatch):
    monkeypatch.setattr(places_module, "RUNNING_OF_ONE", 2)
    crowd = [visit(visitor=("crowd", str(i))) for i in range(4)]
    assert visit(visitor=("honest", "x")).has_place.wait(30)
    assert [each.has_place.is_set() for each in crowd] == [True, True, False, False]
    crowd[0].leave()
    assert crowd[2].has_place.wait(30)


def test_within_an_address_sessions_take_turns(places, visit):
    first = [visit(visitor=("one", "a")) for _ in range(3)]
    again, other = visit(visitor=("one", "a")), visit(visitor=("one", "b"))
    first[0].leave()
    assert other.has_place.wait(30)
    assert not again.has_place.is_set()


def test_where_too_many_wait_whoever_has_most_waiting_is_asked_to_come_back(places, visit):
    crowd = [visit(visitor=("crowd", str(i))) for i in range(6)]
    honest = visit(visitor=("honest", "x"))
    until(lambda: crowd[5].error)
    assert isinstance(crowd[5].error, Busy)
    assert str(crowd[5].error).startswith("Too many people are sampling")
    seventh = visit(visitor=("crowd", "7"))
    until(lambda: seventh.error)
    assert isinstance(seventh.error, Busy)
    assert honest.error is None
    crowd[0].leave()
    assert honest.has_place.wait(30)


def test_runs_wait_until_there_is_memory(places, visit):
    large, larger, small = visit(memory=60), visit(memory=60), visit(memory=10)
    assert large.has_place.wait(30)
    assert small.has_place.wait(30)
    assert not larger.has_place.is_set()
    large.leave()
    assert larger.has_place.wait(30)


def test_who_is_stopped_no_longer_waits(places, visit):
    crowd = [visit() for _ in range(3)]
    stopped, other = visit(), visit()
    stopped.caller.stop()
    until(lambda: stopped.error)
    assert isinstance(stopped.error, Stopped)
    crowd[0].leave()
    assert other.has_place.wait(30)
    assert places.waiting == 0
