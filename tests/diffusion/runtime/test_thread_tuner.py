"""The number of threads follows what is fastest, and a call leaves the calling thread as it was."""

import os

import pytest
import torch

from diffusion.runtime import threads
from diffusion.runtime.between_layers import looks
from diffusion.runtime.precision import VARIABLE
from diffusion.runtime.thread_tuner import LONGEST_PAUSE, Slowdowns, ThreadTuner, TunedCalls, tuner_for
from tests.tiny import tiny_model

IDLE = {1: 0.031, 2: 0.020, 4: 0.012}  # seconds of a call, by the number of threads
ONE_BUSY = {1: 0.044, 2: 0.323, 4: 0.300}  # beside one process that computes without end


class Machine:
    """A clock, and calls that take their time on it."""

    def __init__(self, cores):
        self.now = 0.0
        self.tuner = ThreadTuner(cores, clock=lambda: self.now)

    def work(self, seconds_by_count, duration):
        """Call for so long; returns the calls with each number of threads."""
        calls, end = dict.fromkeys(seconds_by_count, 0), self.now + duration
        while self.now < end:
            count = self.tuner.next_count()
            self.now += seconds_by_count[count]
            self.tuner.record(count, seconds_by_count[count])
            calls[count] += 1
        return calls


def test_an_idle_machine_is_used_whole():
    calls = Machine(2).work(IDLE, 60)
    assert calls[1] < 0.03 * calls[2]


def test_a_busy_neighbour_costs_its_share_and_no_more():
    machine = Machine(2)
    machine.work(IDLE, 10)
    before = machine.now
    machine.work(ONE_BUSY, 3)
    assert machine.tuner.slowdowns.count == 1
    calls = machine.work(ONE_BUSY, 60)
    assert calls[2] * ONE_BUSY[2] < 0.08 * (machine.now - before)  # the time that trials take
    machine.work(IDLE, 2 * LONGEST_PAUSE)
    assert machine.tuner.slowdowns.count == 2  # the neighbour has gone


def test_one_networks_slow_call_tells_all_of_them():
    now, slowdowns = [0.0], Slowdowns(2)
    first, second = (ThreadTuner(2, lambda: now[0], slowdowns) for _ in range(2))
    for tuner in (first, second):
        for count in (2, 1, 2):
            now[0] += IDLE[count]
            tuner.record(count, IDLE[count])
    now[0] += ONE_BUSY[2]
    first.record(2, ONE_BUSY[2])
    assert second.next_count() == 1


def test_the_best_of_several_numbers_is_found_step_by_step():
    machine = Machine(4)
    machine.work({1: 0.04, 2: 0.02, 4: 0.2}, 10)
    assert machine.tuner.slowdowns.count == 2
    machine.work(IDLE, 2 * LONGEST_PAUSE)
    assert machine.tuner.slowdowns.count == 4


def test_a_little_noise_changes_nothing():
    machine = Machine(2)
    machine.work({1: 0.021, 2: 0.022}, 30)  # one thread takes 95% of the time
    assert machine.tuner.slowdowns.count == 2


@pytest.mark.parametrize("own", [1, 2])
def test_a_call_uses_at_most_the_threads_of_its_thread_and_leaves_them(own, monkeypatch):
    monkeypatch.setattr("diffusion.runtime.threads.available_cores", lambda: 2)
    monkeypatch.setattr(TunedCalls, "machine", {})  # whatever else slows down what
    seen = []

    def network(x):
        seen.append(torch.get_num_threads())
        return 2 * x

    before = torch.get_num_threads()
    calls = TunedCalls()
    try:
        torch.set_num_threads(own)
        with torch.no_grad():
            for _ in range(20):
                assert torch.equal(calls(network, torch.ones(3)), torch.full((3,), 2.0))
                assert torch.get_num_threads() == own
    finally:
        torch.set_num_threads(before)
    assert max(seen) == own


@pytest.mark.parametrize(("precision", "tuned"), [("fp32", False), ("bf16", False), ("auto", True)])
def test_a_precision_that_is_asked_for_fixes_the_number_of_threads_too(precision, tuned, monkeypatch):
    monkeypatch.setenv(VARIABLE, precision)
    monkeypatch.setattr("diffusion.runtime.threads.available_cores", lambda: 2)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    asked = []
    monkeypatch.setattr(ThreadTuner, "next_count", lambda self, images: asked.append(1) or 1)
    tiny_model().generate([1, 2, 3])
    assert bool(asked) == tuned


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system has no affinity")
def test_the_cores_are_those_that_the_system_grants(monkeypatch):
    monkeypatch.setattr("diffusion.runtime.threads.cpu_quota", lambda: float("inf"))
    granted = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(granted)})
        assert threads.available_cores.__wrapped__() == 1
    finally:
        os.sched_setaffinity(0, granted)
    assert threads.available_cores.__wrapped__() == len(granted)


@pytest.mark.parametrize(("quota", "cores"), [(0.5, 1), (1.0, 1), (1.5, 2), (64.0, 2), (float("inf"), 2)])
def test_a_quota_limits_the_cores(quota, cores, monkeypatch):
    monkeypatch.setattr("diffusion.runtime.threads.cpu_quota", lambda: quota)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    assert threads.available_cores.__wrapped__() == cores


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({"cpu.max": "50000 100000\n"}, 0.5),
        ({"cpu.max": "max 100000\n"}, float("inf")),
        ({"cpu/cpu.cfs_quota_us": "200000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 2.0),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, float("inf")),
        ({}, float("inf")),
        ({"cpu.max": "nonsense"}, float("inf")),
    ],
)
def test_quotas_are_read_from_the_control_group(files, quota, tmp_path):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert threads.cpu_quota(tmp_path) == quota


@pytest.mark.parametrize(("precision", "counts"), [("auto", [1, 2]), ("fp32", [2]), ("bf16", [2])])
def test_work_in_a_precision_that_is_asked_for_has_one_number_of_threads(precision, counts, monkeypatch):
    monkeypatch.setattr("diffusion.runtime.threads.available_cores", lambda: 2)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    assert tuner_for(precision, torch.device("cpu")).counts == counts
    assert tuner_for(precision, torch.device("cuda")).counts == [2]


def test_training_steps_are_timed_and_so_their_threads_chosen(monkeypatch):
    """A block of work, its gradients too, has the number of threads that it is the turn of."""
    clock, seen = [0.0], []
    tuner = ThreadTuner(2, clock=lambda: clock[0])
    for _ in range(60):
        with tuner.timed():
            seen.append(torch.get_num_threads())
            clock[0] += {1: 0.2, 2: 1.0}[seen[-1]]  # beside a busy neighbour
    assert seen[:3] == [2, 2, 2]
    assert seen[-10:].count(1) >= 9


def test_what_was_computed_for_others_meanwhile_slows_down_no_number_of_threads():
    now = [0.0]
    tuner = ThreadTuner(2, clock=lambda: now[0])
    for disturbed in (0.0, 5.0):
        with tuner.timed():
            now[0] += 1.0 + disturbed
            looks.seconds += disturbed
    assert tuner.best == {(1, 2): 1.0}
    assert tuner.slowdowns.of[2].factor == 1.0
