"""The learning rate over a run, and when periodic tasks are due."""

import math
import time

import pytest
from accelerate import Accelerator

from tests.train.tiny_run import TINY
from train import schedule as module
from train.config import TrainConfig
from train.schedule import PeriodicTask, Schedule


@pytest.mark.parametrize(("steps", "top"), [(1000, 10), (100, 5)], ids=["as configured", "a twentieth of a short run"])
def test_the_learning_rate_warms_up_and_decays(steps, top):
    training = TrainConfig.checked(preset="tiny", **TINY["training"] | {"warmup_steps": 10, "learning_rate": 1.0})
    schedule = Schedule(training, steps, time.monotonic(), Accelerator(cpu=True))
    rates = []
    for step in range(steps):
        schedule.update(step, 16 * step)
        rates.append(schedule.learning_rate(step))
    assert rates[0] == pytest.approx(1 / 11)
    assert max(rates) == rates[top] == pytest.approx((1 + math.cos(math.pi * top / steps)) / 2)
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert rates[-1] < 1e-3


def test_a_task_is_due_after_its_interval_or_less_often_where_it_takes_long(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    task = PeriodicTask(60)
    assert not task.due()
    now[0] += 60
    assert task.due()
    for seconds in (1, 3):
        with task.timed():
            now[0] += seconds
        waits = max(60, seconds / module.MAX_TASK_SHARE)  # 60 s for 1 s of work, 150 s for 3 s
        now[0] += waits - 0.5
        assert not task.due()
        now[0] += 0.5
        assert task.due()
    assert task.total_duration == pytest.approx(4)
