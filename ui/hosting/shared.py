"""Answers for a crowd: of those who ask the same at the same time, one looks, and all have what it has found."""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class Shared(Generic[T]):
    """A function without arguments, of which one call at a time is under way. Whoever comes meanwhile shares the next
    one with all others who do: so nothing that is returned is older than the question."""

    def __init__(self, function: Callable[[], T]):
        self.function = function
        self._asking, self._looking = Lock(), Lock()
        self._next: Future[T] | None = None  # that of the call that has not begun
        self.waiting = 0  # how many wait for that one

    def __call__(self) -> T:
        """What the function returns, or raises."""
        with self._asking:
            mine = self._next is None
            future = self._next = Future() if self._next is None else self._next
            self.waiting += 1
        if mine:
            with self._looking:
                with self._asking:
                    self._next, self.waiting = None, 0
                try:
                    future.set_result(self.function())
                except BaseException as error:  # for all who wait
                    future.set_exception(error)
        return future.result()
