"""Computations one after the other: whose turn it is, and that who waits can be stopped."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from diffusion.runtime.callers import Caller, Stopped
from ui.hosting.one_by_one import OneByOne


@pytest.fixture
def one_by_one():
    return OneByOne()


def waiting(one_by_one, count):
    deadline = time.monotonic() + 30
    while len(one_by_one._waiting) < count:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_only_one_computes_and_whoever_had_least_is_next(one_by_one):
    order, computing = [], []

    def compute(address):
        with one_by_one.turn(Caller(visitor=(address, ""))):
            computing.append(address)
            assert len(computing) == 1
            time.sleep(0.01)
            order.append(computing.pop())

    with ThreadPoolExecutor(20) as pool:
        with one_by_one.turn(Caller(visitor=("crowd", ""))):
            done = [pool.submit(compute, "crowd") for _ in range(10)]
            waiting(one_by_one, 10)
            done.append(pool.submit(compute, "another"))
            waiting(one_by_one, 11)
        for each in done:
            each.result(30)
    assert order == ["another", *["crowd"] * 10]


def test_who_waits_can_be_stopped(one_by_one):
    caller = Caller()

    def wait():
        with one_by_one.turn(caller):
            pass

    with ThreadPoolExecutor(1) as pool, one_by_one.turn(Caller()):
        waits = pool.submit(wait)
        waiting(one_by_one, 1)
        caller.stop()
        assert isinstance(waits.exception(30), Stopped)


def test_an_error_ends_a_turn(one_by_one):
    with pytest.raises(ZeroDivisionError), one_by_one.turn(Caller()):
        raise ZeroDivisionError
    with one_by_one.turn(Caller()):
        assert not one_by_one._waiting
