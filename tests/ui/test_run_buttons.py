"""Which runs are stopped, and what becomes of them."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import pytest

from diffusion.runtime.callers import Caller, calling, current_caller
from ui.tabs.run_buttons import LONGEST_NAME, REMEMBERED, Stops, counting_messages, stopping


@pytest.fixture
def stops():
    return Stops()


def counting(closed: list[str]) -> Callable[[dict[str, Any]], Iterator[str]]:
    """A handler of three results that notes which runs were closed before their end."""

    def generate(values: dict[str, Any]) -> Iterator[str]:
        try:
            yield from (f"{values['run']} {i}" for i in range(3))
        except GeneratorExit:
            closed.append(values["run"])
            raise

    return generate


def test_a_run_goes_on_until_it_is_stopped(stops):
    closed: list[str] = []
    generate, stop = stops.heeded(counting(closed)), stopping(stops)
    one, other = generate({"run": "one"}), generate({"run": "other"})
    assert (next(one), next(other)) == ("one 0", "other 0")
    stop("one")
    assert list(one) == []
    assert closed == ["one"]
    assert list(other) == ["other 1", "other 2"]


def test_a_run_that_is_stopped_in_the_queue_does_not_begin(stops):
    begun = []
    stops.add("late")
    assert list(stops.heeded(lambda values: begun.append(values) or (_ for _ in ()))({"run": "late"})) == []
    assert begun == []


def test_messages_are_counted_while_a_run_is_under_way(stops):
    generate, sent = stops.heeded(counting([])), counting_messages(stops)
    one, other = generate({"run": "one"}), generate({"run": "one"})  # anyone may choose a name
    next(one)
    next(one)
    assert (sent("one"), sent("nobody"), sent(["one"])) == (2, None, None)
    next(other)
    assert list(other) == ["one 1", "one 2"]
    assert list(one) == ["one 2"]
    assert sent("one") is None


def test_closing_closes(stops):
    closed: list[str] = []
    run = stops.heeded(counting(closed))({"run": "gone"})
    next(run)
    run.close()
    assert closed == ["gone"]


@pytest.mark.parametrize("name", [None, 3, [], {"a": 1}])
def test_what_is_no_name_stops_nothing(stops, name):
    stopping(stops)(name)
    assert not stops.names
    assert list(stops.heeded(counting([]))({"run": name})) == [f"{name} {i}" for i in range(3)]


def test_little_is_remembered(stops):
    for i in range(2 * REMEMBERED):
        stops.add(f"{i}" * 1000)
    assert len(stops.names) == REMEMBERED
    assert max(map(len, stops.names)) == LONGEST_NAME


def test_stop_ends_also_what_is_in_the_middle_of_a_step(stops):
    begun, ended = threading.Event(), threading.Event()

    def generate(values):
        begun.set()
        current_caller().wait(Future())  # a network that never returns
        yield "never"

    def visit():
        with calling(Caller()):
            assert list(stops.heeded(generate)({"run": "one"})) == []
        ended.set()

    thread = threading.Thread(target=visit)
    thread.start()
    assert begun.wait(30)
    stopping(stops)("one")
    assert ended.wait(30)
    thread.join()
    assert stops.callers == {}
