"""Computations in the threads of those who want them, one after the other: together they would take all cores from the
networks, and each its memory. Next is whoever comes from where least was computed of late."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from diffusion.runtime.callers import Caller, Shares

POLL = 0.2  # seconds between two looks whether whoever waits has been stopped


class OneByOne:
    """Of one kind of computation."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: list[Caller] = []
        self._computing = False
        self._shares = Shares()

    @contextmanager
    def turn(self, caller: Caller) -> Iterator[None]:
        """The caller's turn. Raises Stopped once the caller is stopped while it waits."""
        with self._changed:
            self._waiting.append(caller)
            try:
                while self._computing or self._next() is not caller:
                    caller.check()
                    self._changed.wait(POLL)
                self._computing = True
            finally:
                self._waiting.remove(caller)
                self._changed.notify_all()
        start = time.perf_counter()
        try:
            yield
        finally:
            with self._changed:
                self._computing = False
                self._shares.note([(caller, 1)], time.perf_counter() - start)
                self._changed.notify_all()

    def _next(self) -> Caller:
        return min(self._waiting, key=lambda each: self._shares.seconds(each.visitor[0]))
