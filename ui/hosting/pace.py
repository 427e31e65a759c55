"""How fast this host computes, from its own runs: seconds for one evaluation of a denoiser, by its operations."""

import time
from collections import deque
from collections.abc import Callable, Generator
from contextlib import closing
from statistics import median
from threading import Lock

import numpy as np

from diffusion.config import ModelConfig
from diffusion.samplers import SAMPLERS
from diffusion.trajectory import State
from ui.job import Job

REMEMBERED = 9  # evaluations of a size, whose median counts: the first of a process takes long
MODELS = 50  # that are remembered


class Pace:
    """What was measured, by models' configurations. Safe to use from many threads."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter):
        self._clock = clock
        self._lock = Lock()
        self._measured: dict[ModelConfig, dict[float, deque[float]]] = {}  # seconds, by operations

    def timed(self, job: Job, alone: Callable[[], bool]) -> Generator[State, None, None]:
        """The states of a job; what each step takes is noted, if the job has the host to itself."""
        levels, steps = job.levels, job.settings.steps
        evaluations = SAMPLERS[job.settings.sampler].evaluations(steps) / steps  # in a step
        began = None
        with closing(job.states()) as states:
            for state in states:
                if began is not None and alone():
                    level = levels[state.index - job.first - 1]
                    self.note(job.model.config, job.operations(level), (self._clock() - began) / evaluations)
                yield state
                began = self._clock()

    def note(self, config: ModelConfig, operations: float, seconds: float) -> None:
        """An evaluation of so many operations has taken so long."""
        with self._lock:
            sizes = self._measured.setdefault(config, {})
            sizes.setdefault(operations, deque(maxlen=REMEMBERED)).append(seconds)
            if len(self._measured) > MODELS:
                del self._measured[next(iter(self._measured))]

    def seconds(self, config: ModelConfig, operations: float) -> float | None:
        """Of an evaluation of so many operations, with a network of this configuration; None where nothing was measured
        yet. Where a model was measured at one size, or not at all, the model that was measured at most sizes says how
        time grows with operations."""
        with self._lock:
            measured = {
                each: {size: median(times) for size, times in sizes.items()} for each, sizes in self._measured.items()
            }
        if not measured:
            return None
        reference = max(measured.values(), key=len)
        own = measured.get(config, reference)
        if len(own) > 1:
            return between(own, operations)
        ((size, seconds),) = own.items()
        return seconds * between(reference, operations) / between(reference, size)


def between(measured: dict[float, float], operations: float) -> float:
    """Seconds for so many operations, on straight lines between the sizes that were measured; beyond the largest on the
    line through it and the smallest, below the smallest in proportion at least. Of one size alone: in proportion."""
    sizes = sorted(measured)
    low, high = sizes[0], sizes[-1]
    if low <= operations <= high:
        return float(np.interp(operations, sizes, [measured[size] for size in sizes]))
    if low == high:
        return measured[low] * operations / low
    growth = max(0.0, (measured[high] - measured[low]) / (high - low))  # of a noisy measurement it may be negative
    if operations > high:
        return measured[high] + growth * (operations - high)
    return max(measured[low] - growth * (low - operations), measured[low] * operations / low)
