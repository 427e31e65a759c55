"""What endpoints answer with: one result each, however long it takes, and its file.

Files are kept in memory, and called by a name: no disk is needed, and no visitor learns of the host's folders.
"""

from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from hashlib import sha256
from threading import Lock
from typing import Any

import gradio as gr
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ui.gradio_workarounds import Download
from ui.hosting.streams import STREAMS
from ui.hosting.visitors import visitor_of

MAX_RESULT_BYTES = 32_000_000


class Results:
    """The PNGs of the last results, which callers fetch: the earliest make room."""

    def __init__(self) -> None:
        self._files: dict[str, bytes] = {}  # the earliest first
        self._lock = Lock()

    def add(self, name: str, png: bytes) -> Download:
        """Keep a file; the same result is the same file."""
        path = f"{sha256(png).hexdigest()}/{name}"
        with self._lock:
            self._files.pop(path, None)
            self._files[path] = png
            while sum(map(len, self._files.values())) > MAX_RESULT_BYTES and len(self._files) > 1:
                del self._files[next(iter(self._files))]
        return Download(path, "image/png")

    def get(self, path: str) -> bytes | None:
        """A file by its path, if it is still kept."""
        return self._files.get(path)

    async def serve(self, request: Request) -> Response:
        """One of the files."""
        name = request.path_params["name"]
        png = self.get(f"{request.path_params['digest']}/{name}")
        if png is None:
            return Response("There is no such result any more.", status_code=404)
        return Response(png, media_type="image/png", headers={"Content-Disposition": f'inline; filename="{name}"'})


RESULTS = Results()
ROUTE = Route("/gradio_api/file={digest}/{name}", RESULTS.serve)  # where clients look for the files of results


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
