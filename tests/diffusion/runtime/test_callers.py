"""Calls on somebody's behalf: who is first, and what becomes of those whom nobody waits for any more."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from diffusion import Condition
from diffusion.runtime.batches import MUCH_WORK, Bound
from diffusion.runtime.batching import BatchingService
from diffusion.runtime.callers import Caller, Stopped, calling, current_caller
from tests.tiny import tiny_model


class Gate:
    """A network that records whose calls it computes, and waits at the first until ``open`` is set."""

    def __init__(self):
        self.computed, self.entered, self.open = [], threading.Event(), threading.Event()

    def __call__(self, x, t, condition):
        self.computed.append(t.tolist())
        if not self.entered.is_set():
            self.entered.set()
            assert self.open.wait(30)
        return x + 1


@pytest.fixture
def service():
    return BatchingService()


@torch.no_grad()
def one_call(service, network, number, caller, size=1, of="a model"):
    with calling(caller):
        return service.batched(network, of)(torch.zeros(size, 1), torch.full((size,), float(number)), Condition())


def until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_who_needs_little_in_all_is_first_and_everybody_gets_on():
    now = [0.0]
    gate, pool, service = Gate(), ThreadPoolExecutor(40), BatchingService(clock=lambda: now[0])

    def network(x, t, condition):
        now[0] += (10 if t[0] in (1, 2) else 1) / 64
        return gate(x, t, condition)

    pool.submit(one_call, service, network, 0, Caller())
    assert gate.entered.wait(30)
    works = [2 * MUCH_WORK, 3 * MUCH_WORK, *range(10, 34)]
    for i, work in enumerate(works, 1):
        pool.submit(one_call, service, network, i, Caller(work), 1, f"model {i}")
        until(lambda i=i: len(service._waiting) == i)
    gate.open.set()
    pool.shutdown()
    order = [batch[0] for batch in gate.computed]
    # after three short ones it is the turn of whoever has waited longest, though it needs much; that took as long as
    # ten short ones, so it is not such a one's turn before thirty more
    assert order == [0, 3, 4, 5, 1, *range(6, 27), 2]


def test_a_visitor_for_whom_little_was_computed_is_before_one_for_whom_much_was(service):
    gate, pool = Gate(), ThreadPoolExecutor(20)
    pool.submit(one_call, service, gate, 0, Caller(visitor=("crowd", "0")))
    assert gate.entered.wait(30)
    for i in range(1, 6):  # as short as the other's, or shorter
        pool.submit(one_call, service, gate, i, Caller(1.0, ("crowd", str(i))), 1, f"model {i}")
        until(lambda i=i: len(service._waiting) == i)
    pool.submit(one_call, service, gate, 9, Caller(2.0, ("honest", "x")), 1, "model 9")
    until(lambda: len(service._waiting) == 6)
    time.sleep(0.01)  # what is computed for the crowd
    gate.open.set()
    pool.shutdown()
    assert gate.computed[1] == [9.0]


def test_whoever_is_stopped_while_waiting_gets_no_output_and_takes_no_time(service):
    gate, pool, callers = Gate(), ThreadPoolExecutor(3), [Caller() for _ in range(3)]
    calls = []
    for i, caller in enumerate(callers):
        calls.append(pool.submit(one_call, service, gate, i, caller))
        assert gate.entered.wait(30)
        until(lambda i=i: len(service._waiting) == i)
    callers[1].stop()
    with pytest.raises(Stopped):
        calls[1].result(30)  # while the network still computes for another
    gate.open.set()
    assert calls[2].result(30).item() == 1
    assert gate.computed == [[0.0], [2.0]]
    with pytest.raises(Stopped):
        one_call(service, gate, 9, callers[1])


def slow_layers(seconds, layers, seen):
    """A network of many layers that take some time each."""

    def network(x, t, condition):
        for _ in range(layers):
            time.sleep(seconds)
            x = torch.add(x, 1)
            seen.append(t.tolist())
        return x

    return network


class Large:
    """What the calls of a large network belong to."""


def test_a_large_network_ends_between_its_layers_when_nobody_waits_for_it(service):
    seen, large, caller = [], Large(), Caller()
    service.bound(large, Bound(images=1, large=True))
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(one_call, service, slow_layers(0.03, 1000, seen), 0, caller, 1, large)
        until(lambda: len(seen) > 2)
        caller.stop()
        with pytest.raises(Stopped):
            call.result(30)
    assert one_call(service, opened(), 1, Caller()).item() == 1
    assert len(seen) < 100


def opened():
    gate = Gate()
    gate.open.set()
    return gate


def test_a_large_network_lets_short_calls_pass_between_its_layers(service):
    seen, large = [], Large()
    service.bound(large, Bound(images=1, large=True))
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(one_call, service, slow_layers(0.03, 20, seen), 0, Caller(MUCH_WORK), 1, large)
        until(lambda: seen)
        assert one_call(service, opened(), 1, Caller(5.0)).item() == 1
        passed = len(seen)
        assert call.result(60).item() == 20
    assert passed < 20


def test_a_large_network_is_not_charged_for_what_passes_between_its_layers(service):
    seen, large, small = [], Large(), Large()
    service.bound(large, Bound(images=1, large=True))

    def short(x, t, condition):
        time.sleep(1.0)
        return x

    with ThreadPoolExecutor(1) as pool:
        start = time.perf_counter()
        call = pool.submit(one_call, service, slow_layers(0.03, 20, seen), 0, Caller(MUCH_WORK), 1, large)
        until(lambda: seen)
        one_call(service, short, 1, Caller(5.0), 1, small)
        assert len(seen) < 20
        call.result(60)
    assert service._seconds[id(large)] <= time.perf_counter() - start - 1.0
    assert service._seconds[id(small)] >= 1.0


def test_a_bound_cuts_calls_into_small_batches(service):
    large, sizes = Large(), []
    service.bound(large, Bound(images=3))

    def network(x, t, condition):
        sizes.append(len(x))
        return x + t[:, None]

    assert one_call(service, network, 7, Caller(), 8, large).tolist() == [[7]] * 8
    assert sizes == [3, 3, 2]


def test_a_bound_changes_no_image_but_for_rounding():
    model, plain = tiny_model(), tiny_model()
    model.batching = BatchingService()
    model.batching.bound(model, Bound(images=3, large=True))
    torch.testing.assert_close(model.generate(range(10)), plain.generate(range(10)), rtol=0, atol=1e-5)


def test_a_run_ends_with_its_caller():
    model, caller = tiny_model(), Caller()
    model.batching = BatchingService()
    with calling(caller):
        assert current_caller() is caller
        steps = model.sample([1], steps=10)
        next(steps)
        caller.stop()
        with pytest.raises(Stopped):
            next(steps)
