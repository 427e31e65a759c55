"""How many threads torch should compute with, by measurement while it works: for each call of a network, and for each
step of training.

torch's layers end at a barrier: with as many threads as cores, one busy neighbour makes every layer wait for a thread
that is not scheduled, and a network takes up to ten times as long. With one thread fewer it costs its share and no
more. Which is better changes from second to second, and a run has a second or less. So two things are kept apart: how
long calls of a size take with a number of threads where nothing disturbs them, which stays; and how much longer they
take at present, which all networks of a process have in common. One slow call is enough for all of them to change.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import torch
from torch import Tensor

from diffusion.runtime.between_layers import own_time
from diffusion.runtime.threads import limited, usable_cores

ENOUGH = 3  # calls of a size before another number of threads is tried for it
GAIN = 0.9  # another number has to take at most this share of the time
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 8.0  # seconds between trials of a number, longer each time that one brings nothing

Clock = Callable[[], float]


class Slowdown:
    """How much longer calls with one number of threads take at present than they can."""

    def __init__(self) -> None:
        self.factor, self.at = 1.0, -math.inf  # and when it was measured
        self.pause = FIRST_PAUSE  # until it is measured again, if the number is not in use

    def note(self, factor: float, now: float) -> None:
        """It was so much. Of two measurements that follow each other the geometric mean counts, as one may be off."""
        self.factor = math.sqrt(self.factor * factor) if now - self.at < FIRST_PAUSE else factor
        self.at = now


class Slowdowns:
    """By numbers of threads: 1, 2, 4, ..., up to a number of cores; ``fixed``: that number alone."""

    def __init__(self, cores: int, fixed: bool = False):
        powers = set() if fixed else {2**power for power in range(int(math.log2(cores)) + 1)}
        self.of = {count: Slowdown() for count in sorted(powers | {cores})}
        self.count = cores  # in use


class ThreadTuner:
    """Chooses a number of threads for calls of one network, or steps of one run. ``slowdowns``: those of the machine,
    if others know them, too."""

    def __init__(self, cores: int, clock: Clock = time.perf_counter, slowdowns: Slowdowns | None = None):
        self.slowdowns = slowdowns or Slowdowns(cores)
        self.clock = clock
        self.best: dict[tuple[int, int], float] = {}  # seconds of one of a call's images, by size and count
        self.calls: dict[int, int] = {}  # of a size

    @property
    def counts(self) -> list[int]:
        """The numbers there are to choose from."""
        return list(self.slowdowns.of)

    def next_count(self, images: int = 1) -> int:
        """The number for the next call, of so many images."""
        size, of, now = images.bit_length(), self.slowdowns.of, self.clock()
        expected = {count: self.best[size, count] * of[count].factor for count in of if (size, count) in self.best}
        count = self.slowdowns.count
        if expected:
            fastest = min(expected, key=expected.__getitem__)
            if count not in expected or expected[fastest] < GAIN * expected[count]:
                self.slowdowns.count = count = fastest
        if self.calls.get(size, 0) >= ENOUGH:
            for other in self._neighbours(count):
                if now - of[other].at >= of[other].pause:
                    return other
        return count

    @contextmanager
    def timed(self, images: int = 1) -> Iterator[None]:
        """Within it, one call of so many images: with the number of threads that it is the turn of, and timed."""
        count = self.next_count(images)
        with limited(count):
            start = own_time(self.clock)
            yield
            self.record(count, own_time(self.clock) - start, images)

    def record(self, count: int, seconds: float, images: int = 1) -> None:
        """A call with so many threads has taken so long."""
        size, slowdown = images.bit_length(), self.slowdowns.of[count]
        self.calls[size] = self.calls.get(size, 0) + 1
        if (size, count) not in self.best:  # it is taken to be as slow as others are at present
            self.best[size, count] = seconds / images / slowdown.factor
            return
        best = self.best[size, count] = min(self.best[size, count], seconds / images)
        slowdown.note(seconds / images / best, self.clock())
        in_use = self.slowdowns.count
        if count == in_use:
            slowdown.pause = FIRST_PAUSE
        elif best * slowdown.factor < GAIN * self.best.get((size, in_use), math.inf) * self.slowdowns.of[in_use].factor:
            self.slowdowns.count, slowdown.pause = count, FIRST_PAUSE
        else:
            slowdown.pause = min(2 * slowdown.pause, LONGEST_PAUSE)

    def _neighbours(self, count: int) -> list[int]:
        """The next smaller and larger number."""
        place = self.counts.index(count)
        return [self.counts[i] for i in (place - 1, place + 1) if 0 <= i < len(self.counts)]


def tuner_for(precision: str, device: torch.device) -> ThreadTuner:
    """For work on a device that a precision, "auto" or another, was asked for: with another its results shall repeat
    bit by bit, so the number of threads is one and the same. It is on accelerators, too."""
    if precision == "auto" and device.type == "cpu":
        return ThreadTuner(usable_cores())
    threads = torch.get_num_threads()
    return ThreadTuner(threads, slowdowns=Slowdowns(threads, fixed=True))


class TunedCalls:
    """Calls of a network on the CPU, each with the number of threads that is fastest at the moment. The calling
    thread's own number is as before when a call returns, and the most that is used."""

    machine: ClassVar[dict[int, Slowdowns]] = {}  # by that number

    def __init__(self) -> None:
        self.tuners: dict[int, ThreadTuner] = {}  # by that number, too

    def __call__(self, network: Callable[..., Tensor], x: Tensor, *inputs: Any, **options: Any) -> Tensor:
        """``network(x, *inputs, **options)``; where gradients are wanted as it is."""
        cores = usable_cores()
        if cores == 1 or torch.is_grad_enabled():
            return network(x, *inputs, **options)
        if cores not in self.tuners:
            slowdowns = self.machine.setdefault(cores, Slowdowns(cores))
            self.tuners[cores] = ThreadTuner(cores, slowdowns=slowdowns)
        with self.tuners[cores].timed(len(x)):
            return network(x, *inputs, **options)
