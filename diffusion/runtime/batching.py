"""Gathering: calls to a network that come from many threads at the same time become one batch.

    gatherer = Gatherer()
    network = gatherer.gathered(network, of=model)     # to be called from any thread, as the network itself

Each call keeps its own x, t and labels, and gets what the network would have answered to it alone, but for rounding.
One thread does all the computing, so that nobody fights over processor cores, and those that call it keep to one core
for what little they compute themselves. When it gets free it takes whatever waits, but first gives those it has just
served a moment to come back with their next step. A lone caller waits for nobody, and its call reaches the network
unchanged.
"""

import os
import threading
import time
from collections.abc import Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor

from diffusion.denoiser import Network
from diffusion.runtime.precision import keep_to_one_core

MOST = {"cpu": 64}  # images in a batch, by kind of device: with more, nothing is gained and everybody waits longer
MOST_ELSEWHERE = 1024
TURN = 32  # images that a call has by right when its turn comes; more, where others leave room
PATIENCE = 0.3  # how long to wait for those just served, as a share of the time that their batch took


class Gatherer:
    """What the networks of all models on a device are asked through."""

    def __init__(self) -> None:
        self._process = os.getpid()
        self._thread = ThreadPoolExecutor(1, "network")  # ends with the gatherer, or with the program
        self._changed = threading.Condition()  # guards what follows
        self._waiting: list[Call] = []  # in the order of their turns
        self._working = False
        self._missing = 0  # how many of those just served have not called again
        self._patient_until = 0.0  # by time.perf_counter

    def gathered(self, network: Network, of: Hashable) -> Network:
        """The network, asked through here. Calls of the same ``of``, the model that it belongs to, may share a batch.

        Options that are tensors have a row an image; others are hashable, and calls share a batch only if theirs are
        the same. Where gradients are wanted, and in a process forked from this one, the network is asked directly.
        """

        def ask(x: Tensor, t: Tensor, y: Tensor | None = None, **options: Any) -> Tensor:
            if torch.is_grad_enabled() or os.getpid() != self._process:
                return network(x, t, y, **options)
            keep_to_one_core()
            call = Call(network, of, {"x": x, "t": t, "y": y}, options)
            with self._changed:
                self._waiting.append(call)
                self._missing -= 1
                if self._working:
                    self._changed.notify()
                else:
                    try:
                        self._thread.submit(self._work)
                    except RuntimeError:  # the program is ending, and starts nothing any more
                        self._waiting.remove(call)
                        return network(x, t, y, **options)
                    self._working = True
            parts = call.answer.result()
            return parts[0] if len(parts) == 1 else torch.cat(parts)

        return ask

    @torch.no_grad()
    def _work(self) -> None:
        """Batch after batch, until nobody waits, nor comes back in time."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._missing <= 0, self._patient_until - time.perf_counter())
                if not self._waiting:
                    self._working = False
                    return
                batch = next_batch(self._waiting)
                self._waiting = [call for call in self._waiting if call not in batch]
            start = time.perf_counter()
            answers = answered(batch)
            end = time.perf_counter()
            finished = [call for call, answer in zip(batch, answers, strict=True) if call.take(answer)]
            with self._changed:
                self._waiting += [call for call in batch if call not in finished]  # to the end of the line
                self._missing = len(finished)
                self._patient_until = end + PATIENCE * (end - start)
            for call in finished:
                call.reply()


class Call:
    """One call, while it waits for its answer."""

    def __init__(self, network: Network, of: Hashable, inputs: dict[str, Tensor | None], options: dict[str, Any]):
        self.network = network
        rows = {**inputs, **options}
        self.rows = {name: value for name, value in rows.items() if isinstance(value, Tensor)}  # those still to do
        self.options = {name: value for name, value in options.items() if name not in self.rows}
        shapes = ((name, value.shape[1:], value.dtype, value.device) for name, value in self.rows.items())
        self.kind = (of, frozenset(shapes), frozenset(self.options.items()))  # calls of one kind may share a batch
        self.parts: list[Tensor] = []  # of the answer, so far
        self.error: BaseException | None = None
        self.answer: Future[list[Tensor]] = Future()

    def __len__(self) -> int:
        return len(self.rows["x"])

    def take(self, part: Tensor | BaseException) -> bool:
        """The answer to the first images that are still to do, or why there is none; whether this was all."""
        if isinstance(part, BaseException):
            self.error = part
            return True
        self.parts.append(part)
        self.rows = {name: value[len(part) :] for name, value in self.rows.items()}
        return len(self) == 0

    def reply(self) -> None:
        """Hand the answer, in its parts, to the caller."""
        if self.error is not None:
            self.answer.set_exception(self.error)
        else:
            self.answer.set_result(self.parts)


def next_batch(waiting: list[Call]) -> dict[Call, int]:
    """Of the calls that wait, in the order of their turns: which go into the next batch, with how many images.

    Those of the first one's kind. Each gets ``TURN`` images, or all it has, as long as there is room; what room is left
    goes to those with more. A call that waits alone goes whole.
    """
    first = waiting[0]
    if len(waiting) == 1:
        return {first: len(first)}
    room = MOST.get(first.rows["x"].device.type, MOST_ELSEWHERE)
    batch: dict[Call, int] = {}
    for call in waiting:
        turn = min(len(call), TURN)
        if call.kind == first.kind and turn <= room:
            batch[call] = turn
            room -= turn
    for call, turn in batch.items():
        more = min(len(call) - turn, room)
        batch[call] += more
        room -= more
    return batch


def answered(batch: dict[Call, int]) -> list[Tensor | BaseException]:
    """What the network answers to each call of a batch, or raises. A batch that fails is tried again call by call: a
    failure is for the caller whose it is."""
    first = next(iter(batch))
    try:
        rows = {name: torch.cat([call.rows[name][:size] for call, size in batch.items()]) for name in first.rows}
        output = first.network(rows.pop("x"), rows.pop("t"), rows.pop("y", None), **rows, **first.options)
        return list(output.split(list(batch.values())))
    except BaseException as error:  # handed to the caller
        if len(batch) == 1:
            return [error]
    return [answer for call, size in batch.items() for answer in answered({call: size})]
