"""Runs in the background: what they yield, on whose behalf they compute, and that they end with whoever waits."""

import asyncio
import threading
from contextlib import aclosing
from types import SimpleNamespace

import pytest

from diffusion.runtime.callers import Stopped, current_caller
from ui.hosting import streams as streams_module
from ui.hosting.streams import Streams, in_background
from ui.hosting.visitors import visitor_of

VISITOR = ("10.0.0.7", "a session")


@pytest.fixture
def streams(monkeypatch):
    monkeypatch.setattr(streams_module, "PULSE", 0.01)
    return Streams()


def test_results_come_in_their_order_from_other_threads(streams):
    def counting(end):
        for i in range(end):
            yield i, threading.current_thread() is threading.main_thread(), current_caller().visitor

    async def all_results():
        return [each async for each in streams.results(counting, 3, visitor=VISITOR, pulse=None) if each]

    assert asyncio.run(all_results()) == [(i, False, VISITOR) for i in range(3)]


def test_while_there_is_no_result_there_is_a_pulse(streams):
    gate = threading.Event()

    def late():
        gate.wait(30)
        yield "result"

    async def until_the_third_pulse():
        seen = []
        async for each in streams.results(late, visitor=VISITOR, pulse="pulse"):
            seen.append(each)
            if len(seen) == 3:
                gate.set()
        return seen

    seen = asyncio.run(until_the_third_pulse())
    assert seen[:3] == ["pulse"] * 3
    assert seen[-1] == "result"


def test_one_address_leaves_threads_for_others(streams, monkeypatch):
    monkeypatch.setattr(streams_module, "THREADS_OF_ONE", 2)
    gate, begun = threading.Event(), []

    def held():
        begun.append(1)
        assert gate.wait(30)
        return "late"

    async def crowd_and_another():
        crowd = [asyncio.create_task(streams.result(held, visitor=("crowd", str(i)))) for i in range(5)]
        other = await streams.result(lambda: "at once", visitor=("another", ""))
        while len(begun) < 2:
            await asyncio.sleep(0.001)
        held_back = len(begun)
        gate.set()
        return other, held_back, await asyncio.gather(*crowd)

    assert asyncio.run(crowd_and_another()) == ("at once", 2, ["late"] * 5)


def test_many_addresses_leave_threads_for_one_more(monkeypatch):
    """Each holds as many threads as it may, and all of those that are for all."""
    for name, number in {"THREADS": 4, "THREADS_OF_ONE": 3, "FIRST": 1}.items():
        monkeypatch.setattr(streams_module, name, number)
    streams, gate, begun = streams_module.Streams(), threading.Event(), []

    def held():
        begun.append(1)
        assert gate.wait(30)
        return "late"

    async def crowds_and_another():
        crowd = [asyncio.create_task(streams.result(held, visitor=(f"crowd {i % 3}", str(i)))) for i in range(12)]
        while len(begun) < 4:
            await asyncio.sleep(0.001)
        other = await asyncio.wait_for(streams.result(lambda: "at once", visitor=("another", "")), 20)
        gate.set()
        return other, await asyncio.gather(*crowd)

    assert asyncio.run(crowds_and_another()) == ("at once", ["late"] * 12)


@pytest.mark.parametrize("computing", [True, False])
def test_who_leaves_ends_the_computation_also_in_the_middle_of_a_step(streams, computing):
    callers, ended = [], threading.Event()

    def endless():
        callers.append(current_caller())
        try:
            while True:
                if computing:
                    while not callers[0].stopped:
                        threading.Event().wait(0.001)
                    callers[0].check()
                yield "step"
        finally:
            ended.set()

    async def leave():
        async with aclosing(streams.results(endless, visitor=VISITOR, pulse="pulse")) as results:
            async for _ in results:
                break
        await asyncio.to_thread(ended.wait, 30)

    asyncio.run(leave())
    assert ended.is_set()
    assert callers[0].stopped


def test_an_error_is_raised_where_the_results_are_awaited(streams):
    def broken():
        yield 1
        raise ValueError("broken")

    async def all_results():
        async for _ in streams.results(broken, visitor=VISITOR, pulse=None):
            pass

    with pytest.raises(ValueError, match="broken"):
        asyncio.run(all_results())


def test_a_plain_function_ends_when_its_visitor_has_gone(streams):
    stopped = threading.Event()

    def endless():
        caller = current_caller()
        while not caller.stopped:
            threading.Event().wait(0.001)
        stopped.set()

    async def gone():
        return True

    async def ask():
        answer = await streams.result(endless, visitor=VISITOR, gone=gone)
        await asyncio.to_thread(stopped.wait, 30)
        return answer

    assert asyncio.run(ask()) is None
    assert stopped.is_set()


def test_handlers_are_called_with_values_and_know_who_asks():
    request = SimpleNamespace(client=SimpleNamespace(host="10.0.0.7"), session_hash="a session")
    plain = in_background(lambda values: (values, current_caller().visitor))
    assert asyncio.run(plain({"a": 1}, request)) == ({"a": 1}, VISITOR)


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("10.0.0.7", "10.0.0.7"),
        ("2001:db8:1:2:3::4", "2001:0db8:0001:0002::/64"),
        ("2001:db8:1:2::9", "2001:0db8:0001:0002::/64"),
        ("::ffff:10.0.0.7", "10.0.0.7"),
        ("no address", "no address"),
    ],
)
def test_the_addresses_of_one_subscriber_are_one(address, place):
    assert visitor_of(SimpleNamespace(client=SimpleNamespace(host=address)))[0] == place


@pytest.mark.parametrize("request_", [None, SimpleNamespace(), SimpleNamespace(client=None, session_hash=["x"])])
def test_somebody_without_an_address_is_somebody(request_):
    assert visitor_of(request_)[0] == ""


def test_nothing_more_is_computed_for_a_request_whose_sender_has_gone(streams):
    begun, ended = threading.Event(), threading.Event()

    def long():
        begun.set()
        try:
            while not ended.wait(0.001):
                current_caller().check()
        except Stopped:
            ended.set()
            raise

    async def is_disconnected():
        return begun.is_set()

    sent = SimpleNamespace(client=SimpleNamespace(host="10.0.0.7"), session_hash="s", is_disconnected=is_disconnected)
    assert asyncio.run(asyncio.wait_for(streams.answer(long, request=sent), 20)) is None
    assert ended.wait(20)
