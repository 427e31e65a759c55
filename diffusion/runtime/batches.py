"""Calls of a network that wait, and which of them become one batch (``batching``)."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent.futures import Future, InvalidStateError
from contextlib import nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor

from diffusion.condition import Condition
from diffusion.denoiser import Network
from diffusion.runtime.between_layers import BetweenLayers
from diffusion.runtime.callers import Caller, Stopped

MAX_BATCH = {"cpu": 64}  # images, by kind of device: with more, nothing is gained and everybody waits longer
MAX_BATCH_ELSEWHERE = 1024
QUICK = 0.1  # seconds that a shared batch may take, so that whoever needs little is not slow with many beside it
LEAST_BATCH = 16  # images, however long they take: with fewer much is lost
GUARANTEED = 32  # images guaranteed to each call per batch; more, where others leave room
MUCH_WORK = 1e12  # operations: callers who need more are alike, and take turns


class Bound(NamedTuple):
    """What a model's calls are held to: the images of a batch; and whether one image takes a ``large`` network long."""

    images: int | None = None
    large: bool = False


class Call:
    """One call of a network, while it waits for its output."""

    def __init__(
        self,
        network: Network,
        of: Hashable,
        x: Tensor,
        t: Tensor,
        condition: Condition,
        options: dict[str, Any],
        caller: Caller | None = None,
        bound: Bound | None = None,
    ):
        self.network, self.of, self.options = network, of, options
        self.caller = caller or Caller()
        self.priority = min(self.caller.work, MUCH_WORK)  # the lower, the sooner
        self.bound = bound or Bound()
        self.x, self.t, self.condition = x, t, condition  # of the images that are still to do
        tensors = (x, t, *condition.tensors())
        shapes = tuple(None if part is None else (part.shape[1:], part.dtype, part.device) for part in tensors)
        self.kind = (of, shapes, frozenset(options.items()))  # calls of one kind may share a batch
        self.outputs: list[Tensor] = []  # so far
        self.error: BaseException | None = None
        self.result: Future[list[Tensor]] = Future()

    def __len__(self) -> int:
        return len(self.x)

    def take(self, output: Tensor | BaseException) -> bool:
        """The output for the first images that are still to do, or why there is none; returns whether this was all."""
        if isinstance(output, BaseException):
            self.error = output
            return True
        self.outputs.append(output)
        rest = slice(len(output), None)
        self.x, self.t, self.condition = self.x[rest], self.t[rest], self.condition.rows(rest)
        return len(self) == 0

    def finish(self) -> None:
        """Hand the output, in its parts, to the caller."""
        try:
            if self.error is not None:
                self.result.set_exception(self.error)
            else:
                self.result.set_result(self.outputs)
        except InvalidStateError:  # stopped meanwhile
            return


def next_batch(waiting: list[Call], seconds: float = 0.0) -> dict[Call, int]:
    """Of the calls that wait, in the order of their turns: which go into the next batch, with how many images, where an
    image takes so many seconds.

    Those of the first one's kind. Each gets ``GUARANTEED`` images, or all it has, as long as there is room; what room
    is left goes to those with more. A call that waits alone goes whole, as far as its model's bound allows.
    """
    first = waiting[0]
    if len(waiting) == 1:
        return {first: min(len(first), first.bound.images or len(first))}
    room = min(MAX_BATCH.get(first.x.device.type, MAX_BATCH_ELSEWHERE), first.bound.images or MAX_BATCH_ELSEWHERE)
    if seconds > 0:
        room = min(room, max(LEAST_BATCH, int(QUICK / seconds)))
    guaranteed = min(GUARANTEED, room)
    batch: dict[Call, int] = {}
    for call in waiting:
        count = min(len(call), guaranteed)
        if call.kind == first.kind and count <= room:
            batch[call] = count
            room -= count
    for call, count in batch.items():
        more = min(len(call) - count, room)
        batch[call] += more
        room -= more
    return batch


def compute(batch: dict[Call, int], look: Callable[[], None] | None = None) -> list[Tensor | BaseException]:
    """The network's output for each call of a batch, or the error. A batch that fails is tried again call by call: a
    failure goes only to the caller that caused it. ``look`` is called between the layers of a large network."""
    first = next(iter(batch))
    try:
        x, t = (torch.cat([getattr(call, name)[:n] for call, n in batch.items()]) for name in ("x", "t"))
        condition = Condition.cat([call.condition.rows(slice(n)) for call, n in batch.items()])
        with BetweenLayers(look) if look and first.bound.large else nullcontext():
            output = first.network(x, t, condition, **first.options)
        return list(output.split(list(batch.values())))
    except Stopped as stopped:
        return [stopped] * len(batch)
    except BaseException as error:  # handed to the caller
        if len(batch) == 1:
            return [error]
    return [output for call, n in batch.items() for output in compute({call: n}, look)]
