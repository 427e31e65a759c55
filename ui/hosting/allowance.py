"""What the visitors from one address may send together. A class behind one router is one address."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakValueDictionary

BURST, RATE = 300.0, 60.0  # requests that are no GET
ADDRESSES = 10_000  # that are remembered
READ_AT_ONCE, SENT_AT_ONCE = 500, 150  # requests under way; each open page reads a stream, or two
READ_BY_TURNS = 3  # responses that are being made: a page takes some hundredths of a second, of which others want some


class Allowance:
    """Requests that an address may send: ``BURST`` at once, and ``RATE`` a second for as long as it likes."""

    def __init__(self) -> None:
        self._left: dict[str, tuple[float, float]] = {}  # by address: how many, at which time

    def take(self, address: str) -> bool:
        """Whether it may send one more."""
        now = time.monotonic()
        left, since = self._left.pop(address, (BURST, now))
        left = min(BURST, left + RATE * (now - since))
        self._left[address] = (left - (left >= 1), now)
        while len(self._left) > ADDRESSES:
            del self._left[next(iter(self._left))]
        return left >= 1


class AtOnce:
    """Requests that are under way at the same time: ``most`` of an address."""

    def __init__(self, most: int):
        self.most = most
        self._under_way: Counter[str] = Counter()

    @contextmanager
    def one_of(self, address: str) -> Iterator[bool]:
        """One more while this lasts, if it may be."""
        if self._under_way[address] >= self.most:
            yield False
            return
        self._under_way[address] += 1
        try:
            yield True
        finally:
            self._under_way[address] -= 1
            if not self._under_way[address]:
                del self._under_way[address]


class Turns:
    """Turns of each address: so many at the same time, whoever comes later waits."""

    def __init__(self, at_once: int):
        self.at_once = at_once
        self._of_one: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    def of(self, address: str) -> asyncio.Semaphore:
        """To be entered for a turn."""
        return self._of_one.setdefault(address, asyncio.Semaphore(self.at_once))
