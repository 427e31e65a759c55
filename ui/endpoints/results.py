"""What endpoints answer with: one result each, however long it takes, and its file."""

import os
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, suppress
from threading import Lock
from typing import Any

import gradio as gr

from ui.hosting.streams import STREAMS
from ui.hosting.visitors import visitor_of

MAX_RESULT_BYTES = 200_000_000  # on disk


class Results:
    """The files of the last results, which callers fetch: the earliest make room."""

    def __init__(self) -> None:
        self._sizes: dict[str, int] = {}  # by path, in the order of their last use
        self._lock = Lock()

    def add(self, path: str) -> str:
        """Note a file that was written; the same result is the same file."""
        with self._lock:
            self._sizes.pop(path, None)
            self._sizes[path] = os.path.getsize(path)
            while sum(self._sizes.values()) > MAX_RESULT_BYTES and len(self._sizes) > 1:
                earliest = next(iter(self._sizes))
                del self._sizes[earliest]
                with suppress(OSError):
                    os.remove(earliest)
        return path


async def answer(
    function: Callable[..., Iterator[tuple[Any, Any]]], request: gr.Request, values: tuple[Any, ...]
) -> AsyncGenerator[tuple[Any, Any], None]:
    """The one pair that ``function(*values)`` yields, computed on behalf of whoever sent the request, and pairs of None
    until it is there. (Not ``gr.skip()``: for each of these Gradio makes both components anew.)"""
    pairs = STREAMS.results(function, *values, visitor=visitor_of(request), pulse=(None, None))
    async with aclosing(pairs):
        async for pair in pairs:
            yield pair
            if pair[0] is not None:  # a pulse after it would take its place
                return
