"""How far a run is, when it is over, and when what takes time besides training is due."""

import math
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import torch
from accelerate import Accelerator

from train.config import TrainConfig

MAX_CLOSING = 0.2  # of a run measured in minutes: the most that is set aside for its last sheet
WARMUP_SHARE = 0.05  # of a run: no more goes to warming up, however few its steps
SHARE = 0.02  # of the time that saving and drawing may take, each


class Pace:
    """``progress`` from 0 to 1 and ``signal``, the number of the signal that asks to stop, or 0.

    Both are the same on all processes. Steps are counted; the main process's clock and a signal to any process are
    passed round at every ``log_every``-th step, since asking costs an exchange (who is alone asks nobody).
    """

    def __init__(self, training: TrainConfig, total_steps: int | None, start_time: float, accelerator: Accelerator):
        self.training, self.total_steps, self.start_time = training, total_steps, start_time
        self.accelerator = accelerator
        self.alone = accelerator.num_processes == 1
        self.progress, self.signal, self.signal_here = 0.0, 0, 0
        self.closing = 0.0  # seconds that what comes after the last step will take

    def seconds(self) -> float:
        """Wall time of the run, over all its parts if it was resumed."""
        return time.monotonic() - self.start_time

    def update(self, step: int) -> None:
        """To be called before the first step and after each."""
        elapsed = 0.0
        if self.training.minutes is not None:
            limit = 60 * self.training.minutes
            elapsed = self.seconds() / (limit - min(self.closing, MAX_CLOSING * limit))
        if self.alone:
            self.signal = self.signal_here
        elif step % self.training.log_every == 0:
            mine = torch.tensor([[elapsed, self.signal_here]], device=self.accelerator.device)
            everyones = self.accelerator.gather(mine)  # (processes, 2)
            elapsed, self.signal = everyones[0, 0].item(), int(everyones[:, 1].max())
        else:
            elapsed = self.progress
        self.progress = min(step / self.total_steps if self.total_steps else elapsed, 1.0)

    def learning_rate(self, step: int) -> float:
        """Linear warm-up over the first steps, times a decay to 0 over the whole run."""
        decay = {"cosine": (1 + math.cos(math.pi * self.progress)) / 2, "linear": 1 - self.progress, "none": 1.0}
        warmup = min(1.0, max((step + 1) / (self.training.warmup_steps + 1), self.progress / WARMUP_SHARE))
        return self.training.learning_rate * warmup * decay[self.training.decay]

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Within it the first Ctrl-C or SIGTERM asks to stop after the step; a second Ctrl-C stops at once."""

        def handle(number: int, frame: FrameType | None) -> None:
            if self.signal_here and number == signal.SIGINT:
                raise KeyboardInterrupt
            self.signal_here = number

        before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class Chore:
    """Something done every so many seconds; more rarely where it would take more than ``SHARE`` of the time."""

    def __init__(self, interval: float):
        self.interval, self.last, self.cost, self.spent = interval, time.monotonic(), 0.0, 0.0

    def due(self) -> bool:
        return time.monotonic() - self.last >= max(self.interval, self.cost / SHARE)

    @contextmanager
    def doing(self) -> Iterator[None]:
        start = time.monotonic()
        yield
        self.last = time.monotonic()
        self.cost = self.last - start
        self.spent += self.cost
