"""Places: how many sample at the same time on this host, and who is next.

Whoever needs little has a place sooner than whoever needs much, and whoever has none sooner than whoever has some.
Where too many wait, the last to come of whoever has most waiting is asked to come back.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from diffusion.errors import InputError
from diffusion.runtime.batches import MUCH_WORK
from diffusion.runtime.callers import Caller

RUNNING = 24  # at the same time: they share the network's batches
RUNNING_LONG = 12  # of them, that need much work
RUNNING_OF_ONE = 20  # of them, from one address: others find a place at once, which else is free when a run has ended
WAITING = 64
WAITING_LONG = 24
POLL = 0.2  # seconds between two looks whether whoever waits has been stopped


class Busy(InputError):
    """Too many wait for a place."""


class Entry:
    """One who has a place, or waits for one."""

    def __init__(self, caller: Caller, memory: int, number: int):
        self.caller, self.memory, self.number = caller, memory, number
        self.settled = threading.Event()  # whether it is admitted or refused
        self.refused = False
        self.long = caller.work >= MUCH_WORK


class Places:
    """The places of one engine. ``memory``: bytes that all who have one may take together."""

    def __init__(self, memory: float):
        self._memory = memory
        self._lock = threading.Lock()
        self._running: list[Entry] = []
        self._waiting: list[Entry] = []
        self._number = 0

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    @property
    def running(self) -> int:
        """How many have a place."""
        return len(self._running)

    def works(self, but: tuple[str, str]) -> list[float]:
        """The operations that each who has a place, or waits for one, needs in all; without those of a visitor."""
        with self._lock:
            callers = {id(entry.caller): entry.caller for entry in self._running + self._waiting}
        return [caller.work for caller in callers.values() if caller.visitor != but]

    @contextmanager
    def taken(self, caller: Caller, memory: int = 0) -> Iterator[None]:
        """A place, as soon as there is one. Raises Busy where too many wait, and Stopped once the caller is stopped."""
        entry = self._join(caller, memory)
        try:
            while not entry.settled.wait(POLL):
                caller.check()
            if entry.refused:
                raise Busy("host.busy")
            yield
        finally:
            with self._lock:
                for entries in (self._running, self._waiting):
                    if entry in entries:
                        entries.remove(entry)
                self._admit()

    def _join(self, caller: Caller, memory: int) -> Entry:
        with self._lock:
            self._number += 1
            entry = Entry(caller, memory, self._number)
            self._waiting.append(entry)
            self._admit()
            alike = [other for other in self._waiting if other.long == entry.long]
            if len(alike) > (WAITING_LONG if entry.long else WAITING):
                share = shares(alike + self._running)
                last = max(alike, key=lambda other: (*share(other), other.number))
                self._waiting.remove(last)
                last.refused = True
                last.settled.set()
            return entry

    def _admit(self) -> None:
        """Give free places to those who are next."""
        while len(self._running) < RUNNING:
            room = self._memory - sum(entry.memory for entry in self._running)
            all_long = sum(entry.long for entry in self._running) >= RUNNING_LONG
            addresses = Counter(each.caller.visitor[0] for each in self._running)
            may = [each for each in self._waiting if addresses[each.caller.visitor[0]] < RUNNING_OF_ONE]
            fits = [each for each in may if each.memory <= room or not self._running]
            fitting = [each for each in fits if not (each.long and all_long)]
            if not fitting:
                break
            share = shares(self._running)
            first = min(fitting, key=lambda each: (each.long, *share(each), each.number))
            self._waiting.remove(first)
            self._running.append(first)
            first.settled.set()


def shares(entries: list[Entry]) -> Callable[[Entry], tuple[int, int]]:
    """Of one more entry, how many of these are of the same address, and how many of the same session."""
    addresses = Counter(each.caller.visitor[0] for each in entries)
    sessions = Counter(each.caller.visitor for each in entries)
    return lambda entry: (addresses[entry.caller.visitor[0]], sessions[entry.caller.visitor])
