"""Runs in the background of the page: each in a thread, so that the page's own thread serves everybody meanwhile; and
each ends when nobody waits for it any more.

A generator function becomes an asynchronous one that yields its results, and a ``pulse`` now and then while there is
none: at the next one Gradio notices that a visitor has gone, and closes it.
"""

import asyncio
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, suppress
from contextvars import copy_context
from typing import Any, TypeVar
from weakref import WeakValueDictionary

import gradio as gr
from anyio import CapacityLimiter, to_thread

from diffusion.runtime.callers import Caller, Stopped, set_caller
from ui.hosting.visitors import visitor_of

PULSE, LONGEST_PULSE = 0.5, 4.0  # seconds; each is longer than the one before, since to Gradio it is a result
THREADS = 160  # most of them wait: for a place, the network, or the Hub
THREADS_OF_ONE = 64  # of them for the visitors from one address; what more they begin waits for these
FIRST = 4  # threads that each address has besides: whoever needs few does not wait for those who have many
END = object()

T = TypeVar("T")


class Streams:
    """The threads of one app."""

    def __init__(self) -> None:
        self._threads, self._first = CapacityLimiter(THREADS), CapacityLimiter(THREADS)
        self._of_one: WeakValueDictionary[str, CapacityLimiter] = WeakValueDictionary()  # by address
        self._ending: set[asyncio.Task[None]] = set()

    async def results(
        self, function: Callable[..., Iterator[T]], *arguments: Any, visitor: tuple[str, str], pulse: T
    ) -> AsyncGenerator[T, None]:
        """The results of ``function(*arguments)``, computed on a visitor's behalf."""
        threads = self._of_one.setdefault(visitor[0], CapacityLimiter(THREADS_OF_ONE))
        caller, context = Caller(visitor=visitor), copy_context()
        context.run(set_caller, caller)
        iterator = context.run(function, *arguments)

        def advance() -> Any:
            return next(iterator, END)

        task: asyncio.Future[Any] | None = None
        patience = PULSE
        try:
            while True:
                task = asyncio.ensure_future(self._in_thread(context.run, advance, threads=threads))
                while not (await asyncio.wait({task}, timeout=patience))[0]:
                    patience = min(1.5 * patience, LONGEST_PULSE)
                    yield pulse
                try:
                    result = task.result()
                except Stopped:
                    return
                if result is END:
                    return
                yield result
        finally:
            caller.stop()
            ending = asyncio.ensure_future(self._end(task, lambda: context.run(iterator.close)))  # type: ignore[attr-defined]
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)

    async def result(
        self,
        function: Callable[..., T],
        *arguments: Any,
        visitor: tuple[str, str],
        gone: Callable[[], Any] | None = None,
    ) -> T | None:
        """What ``function(*arguments)`` returns, computed on a visitor's behalf; None if that was stopped. ``gone`` is
        awaited now and then: whether the visitor is."""

        def once() -> Iterator[T]:
            yield function(*arguments)

        async with aclosing(self.results(once, visitor=visitor, pulse=None)) as results:
            async for result in results:
                if result is not None or (gone is not None and await gone()):
                    return result
        return None

    async def answer(self, function: Callable[..., T], *arguments: Any, request: gr.Request) -> T | None:
        """What ``function(*arguments)`` returns to a request, past the queue; None once whoever sent it has gone."""
        gone = getattr(request, "is_disconnected", None)
        return await self.result(function, *arguments, visitor=visitor_of(request), gone=gone)

    async def _end(self, task: "asyncio.Future[Any] | None", close: Callable[[], None]) -> None:
        """Wait for what still computes, and close it."""
        with suppress(Exception):
            if task is not None:
                await task
            await to_thread.run_sync(close, limiter=self._threads)

    async def _in_thread(self, function: Callable[..., T], *arguments: Any, threads: CapacityLimiter) -> T:
        """What the function returns, computed once there is a thread: one of ``threads``, which are those of an
        address, and one of all."""
        async with threads:
            limiter = self._first if threads.borrowed_tokens <= FIRST else self._threads
            return await to_thread.run_sync(function, *arguments, limiter=limiter)


STREAMS = Streams()


def in_background(function: Callable[..., Any], pulse: Any = None) -> Callable[..., Any]:
    """A function of values, or a generator function, as one that Gradio calls: it runs in the background."""

    async def streaming(values: Any, request: gr.Request) -> AsyncIterator[Any]:
        results = STREAMS.results(function, values, visitor=visitor_of(request), pulse=pulse)
        async with aclosing(results):
            async for result in results:
                yield result

    async def plain(values: Any, request: gr.Request) -> Any:
        return await STREAMS.result(function, values, visitor=visitor_of(request))

    return streaming if inspect.isgeneratorfunction(function) else plain
