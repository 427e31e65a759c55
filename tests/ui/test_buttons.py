"""Which runs are stopped, and what becomes of them."""

from collections.abc import Iterator

import pytest

from ui.tabs.run_buttons import LONGEST_NAME, REMEMBERED, Stops


@pytest.fixture
def stops():
    return Stops()


def counting(closed: list):
    """A ``draw`` that notes which runs were closed before their end."""

    def draw(name: str, total: int) -> Iterator[str]:
        try:
            yield from (f"{name} {i}" for i in range(total))
        except GeneratorExit:
            closed.append(name)
            raise

    return draw


def test_a_run_goes_on_until_it_is_stopped(stops):
    closed = []
    draw = stops.heeded(counting(closed))
    one, other = draw("one", 9), draw("other", 2)
    assert (next(one), next(other)) == ("one 0", "other 0")
    stops.add("one")
    assert list(one) == []
    assert closed == ["one"]
    assert list(other) == ["other 1"]


def test_a_run_that_is_stopped_in_the_queue_does_not_begin(stops):
    closed = []
    stops.add("late")
    assert list(stops.heeded(counting(closed))("late", 3)) == []
    assert closed == []


def test_closing_closes(stops):
    closed = []
    run = stops.heeded(counting(closed))("gone", 3)
    next(run)
    run.close()
    assert closed == ["gone"]


@pytest.mark.parametrize("name", [None, 3, [], {"a": 1}])
def test_what_is_no_name_stops_nothing(stops, name):
    stops.add(name)
    assert not stops.names
    assert list(stops.heeded(counting([]))(name, 1)) == [f"{name} 0"]


def test_little_is_remembered(stops):
    for i in range(2 * REMEMBERED):
        stops.add(f"{i}" * 1000)
    assert len(stops.names) == REMEMBERED
    assert max(map(len, stops.names)) == LONGEST_NAME
