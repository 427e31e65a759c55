"""Dynamic batching: network calls that come from many threads at the same time become one batch.

    service = BatchingService()
    model = load_model("unet", batching=service)     # to be sampled from any thread

Each call keeps its own x, t and condition, and gets what the network would have returned to it alone, but for rounding.
One thread does all the computing, so that threads do not compete for cores; the others should compute with one core
(``threads.use_one_core``). When it gets free it takes whatever waits, but first gives those it has just served a moment
to come back with their next step. A lone caller waits for nobody, and its call reaches the network unchanged, unless
the model has a bound on the images of a batch.

Whoever needs little in all is first (``callers``), and of these whoever comes from where little was computed for of
late; but ``FIFO_SHARE`` of the time is for whoever has waited longest, so that all get on. A large network stops
between its layers for short calls of small ones, and where nobody waits for it.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from diffusion.condition import Condition
from diffusion.denoiser import Network
from diffusion.runtime.batches import MUCH_WORK, Bound, Call, compute, next_batch
from diffusion.runtime.between_layers import own_time
from diffusion.runtime.callers import Shares, Stopped, current_caller

PATIENCE = 0.3  # how long to wait for those just served, as a share of the time that their batch took
FIFO_SHARE = 0.25


class BatchingService:
    """Computes the network calls of all models on a device."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock  # in seconds
        self._process = os.getpid()
        self._thread = ThreadPoolExecutor(1, "network")  # ends with the service, or with the program
        self._changed = threading.Condition()  # guards what follows
        self._waiting: list[Call] = []  # in the order of their turns
        self._working = False
        self._missing = 0  # how many of those just served have not called again
        self._patient_until = 0.0  # by the clock
        self._fifo = False  # whether the present batch is for whoever has waited longest
        self._fifo_due = 0.0  # by the clock: when the next one may begin
        self._shares = Shares()
        self._seconds: dict[int, float] = {}  # of an image in the last batch of a model, by its id
        self._bounds: WeakKeyDictionary[Any, Bound] = WeakKeyDictionary()

    def bound(self, of: Any, bound: Bound) -> None:
        """Hold the calls of a model to this from now on."""
        self._bounds[of] = bound

    def batched(self, network: Network, of: Hashable) -> Network:
        """The network, called through this service. Calls of the same ``of``, the model that it belongs to, may share a
        batch.

        Options are hashable, and calls share a batch only if theirs are the same. Where gradients are wanted, and in a
        process forked from this one, the network is called directly.
        """
        bound = self._bounds[of] if of in self._bounds else Bound()

        def batched_network(x: Tensor, t: Tensor, condition: Condition, **options: Any) -> Tensor:
            if torch.is_grad_enabled() or os.getpid() != self._process:
                return network(x, t, condition, **options)
            caller = current_caller()
            caller.check()
            call = Call(network, of, x, t, condition, options, caller, bound)
            if not self._submit(call):
                return network(x, t, condition, **options)
            parts = caller.wait(call.result)
            return parts[0] if len(parts) == 1 else torch.cat(parts)

        return batched_network

    def _submit(self, call: Call) -> bool:
        """Queue a call; False where the program is ending, and starts nothing any more."""
        with self._changed:
            self._waiting.append(call)
            self._missing -= 1
            if self._working:
                self._changed.notify()
                return True
            try:
                self._thread.submit(self._work)
            except RuntimeError:
                self._waiting.remove(call)
                return False
            self._working = True
            return True

    @torch.no_grad()
    def _work(self) -> None:
        """Batch after batch, until nobody waits, nor comes back in time."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._missing <= 0, self._patient_until - self._clock())
                batch = self._next()
                if not batch:
                    self._working = False
                    return
            start = own_time(self._clock)
            finished = self._compute(batch)
            end, seconds = self._clock(), own_time(self._clock) - start
            with self._changed:
                if self._fifo:
                    self._fifo_due = end + (1 / FIFO_SHARE - 1) * seconds
                self._missing = len(finished)
                self._patient_until = end + PATIENCE * seconds
            for call in finished:
                call.finish()

    def _next(self, than: float | None = None) -> dict[Call, int]:
        """Takes the next batch of those who wait, if any; ``than``: of small calls of callers who need less work."""
        self._waiting = [call for call in self._waiting if not call.result.done()]  # but for those who were stopped
        waiting = self._waiting
        if than is not None:
            waiting = [call for call in waiting if call.priority < than and not call.bound.large]
        else:
            self._fifo = self._clock() >= self._fifo_due
        if than is not None or not self._fifo:
            waiting = sorted(waiting, key=self._order)
            short = [call for call in waiting if call.priority < MUCH_WORK]
            waiting = short or waiting  # calls that need much would make the batch of those that need little a long one
        batch = next_batch(waiting, self._seconds.get(id(waiting[0].of), 0.0)) if waiting else {}
        self._waiting = [call for call in self._waiting if call not in batch]
        return batch

    def _compute(self, batch: dict[Call, int]) -> list[Call]:
        """Computes a batch; returns those who have all their output now. The others wait for their next turn."""

        def look() -> None:
            """Between the layers of a large network."""
            if all(call.result.done() for call in batch):
                raise Stopped
            with self._changed:
                others = self._next(than=min(call.priority for call in batch))
            for call in self._compute(others) if others else ():
                call.finish()

        start = own_time(self._clock)
        outputs = compute(batch, look)
        seconds = own_time(self._clock) - start
        self._shares.note([(call.caller, count) for call, count in batch.items()], seconds)
        self._seconds[id(next(iter(batch)).of)] = seconds / sum(batch.values())
        finished = [call for call, output in zip(batch, outputs, strict=True) if call.take(output)]
        with self._changed:
            self._waiting += [call for call in batch if call not in finished]  # to the end of the line
        return finished

    def _order(self, call: Call) -> tuple[bool, float, float]:
        return call.priority >= MUCH_WORK, self._shares.seconds(call.caller.visitor[0]), call.priority
