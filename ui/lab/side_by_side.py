"""Runs side by side: each in a thread of its own, so that the network computes them in the same batches."""

import json
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from hashlib import blake2b
from queue import Empty, SimpleQueue
from typing import NamedTuple

from diffusion.errors import InputError
from diffusion.runtime.callers import Caller, Stopped, calling, current_caller
from ui.engine import Engine, Result, Update
from ui.hosting.places import Busy
from ui.job import Job

AT_ONCE = 8  # of one visitor: others want places, too
TOGETHER = 0.08  # seconds in which others that are finished join the first
PATIENCE = 20.0  # seconds in which a run that finds no place tries again
PAUSE = 1.0  # seconds before it does
POLL = 0.1  # seconds between two looks whether nobody waits for them any more


class Outcome(NamedTuple):
    """A finished run, or why it could not be finished. ``calls`` are the network's, for each image; ``seconds`` is the
    time that they took, of batches with others its share."""

    place: int  # the index of its job
    updates: list[Update]
    calls: float = 0.0
    seconds: float = 0.0
    problem: InputError | None = None

    @property
    def result(self) -> Result | None:
        """The images, if the run was finished."""
        return self.updates[-1].result if self.updates else None


Outcomes = Generator[list[Outcome], None, None]


def key_of(job: Job) -> str:
    """The same for runs that end in the same images."""
    return blake2b(json.dumps(job.record, sort_keys=True).encode(), digest_size=12).hexdigest()


def side_by_side(engine: Engine, jobs: dict[int, Job], watched: bool) -> Outcomes:
    """The outcomes of jobs, as soon as they are there, those together that come at the same time. Ends with ``Stopped``
    where the present caller is stopped; closing the generator stops all that is under way."""
    caller = current_caller()
    work = sum(job.cost.operations for job in jobs.values())
    callers = {index: Caller(work, caller.visitor) for index in jobs}
    finished: SimpleQueue[Outcome | BaseException] = SimpleQueue()

    def compute(index: int) -> None:
        mine = callers[index]
        try:
            with calling(mine):
                mine.check()
                updates = patiently(lambda: list(engine.updates(jobs[index], watched)), mine)
            calls = mine.images / len(jobs[index].labels)
            finished.put(Outcome(index, updates, calls, mine.seconds or updates[-1].seconds))
        except InputError as error:
            finished.put(Outcome(index, [], problem=error))
        except Stopped:
            return
        except BaseException as error:
            finished.put(error)

    pool = ThreadPoolExecutor(AT_ONCE, "side by side")
    try:
        for index in by_turns(jobs):
            pool.submit(compute, index)
        left = len(jobs)
        while left:
            outcomes = [awaited(finished, caller)]
            time.sleep(TOGETHER)
            while not finished.empty():
                outcomes.append(awaited(finished, caller))
            left -= len(outcomes)
            yield outcomes
    finally:
        for each in callers.values():
            each.stop()
        pool.shutdown(cancel_futures=True)


def by_turns(jobs: dict[int, Job]) -> list[int]:
    """The order in which jobs begin: the one that costs least, the one that costs most, and so on. Cheap ones are to be
    seen soon, and expensive ones begun late would be alone at the end, with nobody to share batches with."""
    rising = sorted(jobs, key=lambda index: jobs[index].cost.operations)
    return [index for pair in zip(rising, reversed(rising), strict=True) for index in pair][: len(rising)]


def patiently(sample: Callable[[], list[Update]], caller: Caller) -> list[Update]:
    """The updates of a run, which has a place a little later where there is none now. Raises InputError, Busy if there
    is still none, and Stopped."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return sample()
        except Busy:
            if time.monotonic() > end:
                raise
        caller.pause(PAUSE)


def awaited(finished: "SimpleQueue[Outcome | BaseException]", caller: Caller) -> Outcome:
    """The next outcome. Raises Stopped, and what has gone wrong."""
    while True:
        caller.check()
        with suppress(Empty):
            outcome = finished.get(timeout=POLL)
            break
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome
