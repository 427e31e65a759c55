"""How many threads torch should compute with, by measurement while it works: for each call of a network, and for each
step of training.

torch's layers end at a barrier: with as many threads as cores, one busy neighbour makes every layer wait for a thread
that is not scheduled, and a network takes up to ten times as long. With one thread fewer it costs its share and no
more. Which is better changes from second to second, so the number in use is timed at every call, and the next smaller
and larger ones now and then.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

import torch
from torch import Tensor

from diffusion.runtime.threads import available_cores, openmp

ENOUGH = 3  # calls to judge a number of threads by
GAIN = 0.9  # another number has to take at most this share of the time
FAR_WORSE = 1.5  # times the time: one call is enough to judge
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 8.0  # seconds between trials, longer each time that one brings nothing


class ThreadTuner:
    """Chooses among 1, 2, 4, ... threads, up to a number of cores, for calls that are all alike; ``fixed``: always that
    number."""

    def __init__(self, cores: int, clock: Callable[[], float] = time.perf_counter, fixed: bool = False):
        powers = set() if fixed else {2**power for power in range(int(math.log2(cores)) + 1)}
        self.counts = sorted(powers | {cores})
        self.clock = clock
        self.count = cores  # in use
        self.recent: deque[float] = deque(maxlen=ENOUGH)  # seconds of the last calls with it
        self.usual = math.inf  # seconds of a call with it when it was chosen, or last found to be the best
        self.trial: int | None = None  # a number that is being tried
        self.trial_seconds: list[float] = []
        self.pause, self.due, self.turn = FIRST_PAUSE, 0.0, 0

    def next_count(self) -> int:
        """The number for the next call."""
        if self.trial is None and len(self.recent) == ENOUGH:
            slower = median(self.recent) > FAR_WORSE * self.usual  # than it was: something has changed
            if slower or self.clock() >= self.due:
                self.trial, self.trial_seconds = self._neighbour(), []
        return self.count if self.trial is None else self.trial

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Within it, one call: with the number of threads that it is the turn of, and timed."""
        count = self.next_count()
        with limited(count):
            start = self.clock()
            yield
            self.record(count, self.clock() - start)

    def record(self, count: int, seconds: float) -> None:
        """A call with so many threads has taken so long."""
        if count == self.count:
            self.recent.append(seconds)
            self.usual = min(self.usual, seconds) if math.isinf(self.usual) else self.usual
        if count != self.trial:
            return
        self.trial_seconds.append(seconds)
        known = median(self.recent)
        if seconds > FAR_WORSE * known or len(self.trial_seconds) == ENOUGH:
            self._decide(count, median(self.trial_seconds), known)

    def _decide(self, count: int, tried: float, known: float) -> None:
        if tried < GAIN * known:
            self.count, self.usual, self.pause = count, tried, FIRST_PAUSE
            self.recent.clear()
        else:
            self.usual, self.pause = known, min(2 * self.pause, LONGEST_PAUSE)
        self.trial, self.due = None, self.clock() + self.pause

    def _neighbour(self) -> int | None:
        """The next smaller or larger number, in turn."""
        place = self.counts.index(self.count)
        neighbours = [self.counts[i] for i in (place - 1, place + 1) if 0 <= i < len(self.counts)]
        self.turn += 1
        return neighbours[self.turn % len(neighbours)] if neighbours else None


def tuner_for(precision: str, device: torch.device) -> ThreadTuner:
    """For work on a device that a precision, "auto" or another, was asked for: with another its results shall repeat
    bit by bit, so the number of threads is one and the same. It is on accelerators, too."""
    if precision == "auto" and device.type == "cpu":
        return ThreadTuner(min(torch.get_num_threads(), available_cores()))
    return ThreadTuner(torch.get_num_threads(), fixed=True)


class TunedCalls:
    """Calls of a network on the CPU, each with the number of threads that is fastest at the moment. The calling
    thread's own number is as before when a call returns, and the most that is used."""

    def __init__(self) -> None:
        self.tuners: dict[tuple[int, int], ThreadTuner] = {}  # by that number, and by the size of the batch, roughly

    def __call__(self, network: Callable[..., Tensor], x: Tensor, *inputs: Any, **options: Any) -> Tensor:
        """``network(x, *inputs, **options)``; where gradients are wanted as it is."""
        cores = min(torch.get_num_threads(), available_cores())
        if cores == 1 or torch.is_grad_enabled():
            return network(x, *inputs, **options)
        tuner = self.tuners.setdefault((cores, len(x).bit_length()), ThreadTuner(cores))
        with tuner.timed():
            return network(x, *inputs, **options)


@contextmanager
def limited(count: int) -> Iterator[None]:
    """Within it the calling thread computes with so many threads."""
    with openmp().limit(limits=count):
        yield
