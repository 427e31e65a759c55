"""On whose behalf networks are called, so that whoever needs little need not wait for those who need much, and so that
a network call ends when nobody waits for it any more.

    caller = Caller(work=3e10)
    with calling(caller):                     # in the thread that samples
        model.generate([7])
    caller.stop()                             # from any other thread: the sampling ends with ``Stopped``
"""

import time
from collections.abc import Iterator
from concurrent.futures import Future, InvalidStateError
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Event
from typing import Any

HALF_LIFE = 3.0  # seconds


class Stopped(Exception):
    """Raised where a network is called on behalf of a caller that was stopped."""


class Caller:
    """Somebody who samples. ``work``: the operations that all of it will take, as far as they are known; ``visitor``:
    who it is, for those who share a host fairly. A batching service counts what it computes: ``images``, each time that
    a network was called with one, and ``seconds``, of batches with others its share."""

    def __init__(self, work: float = 0.0, visitor: tuple[str, str] = ("", "")):
        self.work, self.visitor = work, visitor
        self.images, self.seconds = 0, 0.0
        self._stopping = Event()
        self._pending: Future[Any] | None = None

    @property
    def stopped(self) -> bool:
        """Whether nobody waits for it any more."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """End what is computed on its behalf. May be called twice, from any thread."""
        self._stopping.set()
        if (pending := self._pending) is not None:
            try:
                pending.set_exception(Stopped())
            except InvalidStateError:  # just computed
                return

    def charge(self, images: int, seconds: float) -> None:
        """Count what was computed on its behalf."""
        self.images += images
        self.seconds += seconds

    def check(self) -> None:
        """Raises Stopped."""
        if self.stopped:
            raise Stopped

    def pause(self, seconds: float) -> None:
        """Wait so long. Raises Stopped as soon as this is stopped."""
        if self._stopping.wait(seconds):
            raise Stopped

    def wait(self, pending: "Future[Any]") -> Any:
        """The result of a computation, or Stopped as soon as this is stopped."""
        self._pending = pending
        if self.stopped:
            self.stop()  # what it waits for, too
        try:
            return pending.result()
        finally:
            self._pending = None


_current: ContextVar[Caller | None] = ContextVar("caller", default=None)


def current_caller() -> Caller:
    """The caller in whose context this runs; a new one where there is none."""
    return _current.get() or Caller()


@contextmanager
def calling(caller: Caller) -> Iterator[None]:
    """Within it networks are called on the caller's behalf."""
    token = _current.set(caller)
    try:
        yield
    finally:
        _current.reset(token)


def set_caller(caller: Caller) -> None:
    """From now on, in the present context, networks are called on the caller's behalf."""
    _current.set(caller)


class Shares:
    """How much was computed of late for whom: what is ``HALF_LIFE`` seconds ago counts for half."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}  # by address
        self._faded = time.perf_counter()

    def seconds(self, address: str) -> float:
        """What was computed for those at an address."""
        return self._seconds.get(address, 0.0)

    def note(self, images: list[tuple[Caller, int]], seconds: float) -> None:
        """So many images were computed for each caller, in so many seconds, of which each is charged its share."""
        now = time.perf_counter()
        fading, self._faded = 0.5 ** (max(now - self._faded, 0.0) / HALF_LIFE), now
        self._seconds = {address: used * fading for address, used in self._seconds.items() if used * fading > 1e-3}
        total = sum(count for _, count in images)
        for caller, count in images:
            address, share = caller.visitor[0], seconds * count / total
            self._seconds[address] = self.seconds(address) + share
            caller.charge(count, share)
