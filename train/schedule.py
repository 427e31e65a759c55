"""The progress of a run and its learning rate, the end of the run, and when periodic tasks are due."""

import math
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import torch
from accelerate import Accelerator

from train.config import TrainConfig

MAX_CLOSING_SHARE = 0.2  # of a run measured in minutes: the most that is reserved for its last sample sheet
MAX_WARMUP_SHARE = 0.05  # of a run: the warm-up is no longer, however few the steps
MAX_TASK_SHARE = 0.02  # of the time for each periodic task
STOPPING = ("SIGINT", "SIGTERM", "SIGHUP")  # signals; the last is not on Windows
SAME_CTRL_C = 2.0  # seconds: from the terminal, and again from accelerate launch


class Schedule:
    """``progress`` from 0 to 1, and ``stop_signal``: the number of the signal that requested a stop, or 0.

    Both are the same on all processes. Steps are counted; the main process's clock and the signals of all processes are
    exchanged at every ``log_every``-th step, as that takes a collective call (not with one process).
    """

    def __init__(self, training: TrainConfig, total_steps: int | None, start_time: float, accelerator: Accelerator):
        self.training, self.total_steps, self.start_time = training, total_steps, start_time
        self.accelerator = accelerator
        self.progress, self.stop_signal, self.received_signal = 0.0, 0, 0
        self.closing_seconds = 0.0  # that the work after the last step will take

    def seconds(self) -> float:
        """Wall time of the run, including the parts before it was resumed."""
        return time.monotonic() - self.start_time

    def update(self, step: int, images: int) -> None:
        """To be called before the first step and after each, with the number of images seen."""
        elapsed = 0.0
        if self.training.minutes is not None:
            limit = 60 * self.training.minutes
            elapsed = self.seconds() / (limit - min(self.closing_seconds, MAX_CLOSING_SHARE * limit))
        if self.accelerator.num_processes == 1:
            self.stop_signal = self.received_signal
        elif step % self.training.log_every == 0:
            own = torch.tensor([[elapsed, self.received_signal]], device=self.accelerator.device)
            gathered = self.accelerator.gather(own)  # (processes, 2)
            elapsed, self.stop_signal = gathered[0, 0].item(), int(gathered[:, 1].max())
        else:
            elapsed = self.progress
        # an epoch is as many images whatever the size of a batch, which may change when a run is resumed
        done = step if self.training.epochs is None else images / self.training.batch_size
        self.progress = min(done / self.total_steps if self.total_steps else elapsed, 1.0)

    def learning_rate(self, step: int) -> float:
        """Linear warm-up over the first steps, times a cosine decay to 0 over the whole run."""
        decay = (1 + math.cos(math.pi * self.progress)) / 2
        warmup = min(1.0, max((step + 1) / (self.training.warmup_steps + 1), self.progress / MAX_WARMUP_SHARE))
        return self.training.learning_rate * warmup * decay

    @contextmanager
    def signals_handled(self) -> Iterator[None]:
        """Within it the first Ctrl-C, SIGTERM or closing of the terminal requests a stop after the step; a second
        Ctrl-C stops at once. What the caller chose to ignore, as ``nohup`` does, stays ignored."""
        received_at = -math.inf

        def handle(number: int, frame: FrameType | None) -> None:
            nonlocal received_at
            again = self.received_signal and time.monotonic() - received_at > SAME_CTRL_C
            if again and number == signal.SIGINT:
                raise KeyboardInterrupt
            if not self.received_signal:
                self.received_signal, received_at = number, time.monotonic()

        numbers = [getattr(signal, name) for name in STOPPING if hasattr(signal, name)]
        before = {number: signal.getsignal(number) for number in numbers}
        handled = [number for number in numbers if before[number] is not signal.SIG_IGN]
        for number in handled:
            signal.signal(number, handle)
        try:
            yield
        finally:
            for number in handled:
                signal.signal(number, before[number])


class PeriodicTask:
    """A task that is due every ``interval`` seconds; less often where it would take more than ``MAX_TASK_SHARE`` of the
    time."""

    def __init__(self, interval: float):
        self.interval, self.last_end = interval, time.monotonic()
        self.last_duration, self.total_duration = 0.0, 0.0

    def due(self) -> bool:
        return time.monotonic() - self.last_end >= max(self.interval, self.last_duration / MAX_TASK_SHARE)

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Within it the task is done."""
        start = time.monotonic()
        yield
        self.last_end = time.monotonic()
        self.last_duration = self.last_end - start
        self.total_duration += self.last_duration
