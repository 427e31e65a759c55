"""Responses that are the same for everybody: made once, compressed once, and then sent from memory.

Reason: Gradio writes the page and its descriptions anew for each visitor, from all of its components, and compresses
each of its own files each time that one is fetched; a first visit fetches some ninety. Others wait meanwhile. Gain:
``python -m benchmarks.run workarounds``.
"""

from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.hosting.compression import THOROUGH, accepts_gzip, pack, send_whole
from ui.instances import is_unnamed

FILES = ("/assets/", "/static/", "/theme.css")  # Gradio's, which do not change while it runs
PAGES = ("/", "/config", "/gradio_api/info", "/gradio_api/openapi.json")
PARAMETERS = (b"deep_link", b"page", b"all_endpoints")  # that change them
ADDRESS = (b"host", b"x-forwarded-host", b"x-forwarded-proto", b"x-gradio-server")  # what the page's own one is made of
CONDITIONS = {b"range", b"if-none-match", b"if-modified-since"}  # of a reader that has some of it already
MOST_BYTES = 16_000_000  # of all that is kept
LARGEST = 2_000_000  # of one response
SMALLEST = 500  # bytes that are compressed

Key = tuple[object, ...]


@dataclass
class Ready:
    """A response, in one piece."""

    start: Message
    body: bytes

    @cached_property
    def compressed(self) -> bytes | None:
        """None where nobody gets it: the body is small, or has to be named first (``ui.instances``)."""
        return None if len(self.body) < SMALLEST or is_unnamed(self.body) else pack(self.body, THOROUGH)

    async def sent(self, scope: Scope, send: Send) -> None:
        """Send it, compressed where the browser takes that."""
        if self.compressed is None:
            return await send_whole(send, self.start, self.body)
        packed = accepts_gzip(scope)
        await send_whole(send, self.start, self.compressed if packed else self.body, packed)


class ReadyResponses:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp):
        self.app = app
        self.kept: OrderedDict[Key, Ready] = OrderedDict()  # the one unused for longest first

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = key_of(scope)
        if key is None:
            return await self.app(scope, receive, send)
        if key in self.kept:
            self.kept.move_to_end(key)
            return await self.kept[key].sent(scope, send)
        start: Message | None = None
        parts: list[bytes] = []
        size = 0

        async def collected(message: Message) -> None:
            """Keep a good response until it is complete, and pass all others on."""
            nonlocal start, size
            if message["type"] == "http.response.start" and is_good(message):
                start = message
                return
            if start is None:
                return await send(message)
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > LARGEST:
                await send(start)
                start, message = None, {**message, "body": b"".join(parts)}
                return await send(message)
            if not message.get("more_body"):
                ready = Ready(start, b"".join(parts))
                self.keep(key, ready)
                await ready.sent(scope, send)

        await self.app(scope, receive, collected)

    def keep(self, key: Key, ready: Ready) -> None:
        """Keep a response; those unused for longest make room."""
        self.kept[key] = ready
        while sum(len(each.body) for each in self.kept.values()) > MOST_BYTES:
            self.kept.popitem(last=False)


def key_of(scope: Scope) -> Key | None:
    """What a response depends on; None where it has to be made."""
    if scope["type"] != "http" or scope["method"] != "GET":
        return None
    if {name for name, _ in scope["headers"]} & CONDITIONS:
        return None
    root = scope.get("root_path", "")
    path = scope["path"].removeprefix(root)
    if path.startswith(FILES):
        return path, root
    query = scope.get("query_string", b"")
    if path not in PAGES or any(name in query for name in PARAMETERS):
        return None
    # all of them: of several with the same name, it is the server's to say which counts
    return path, root, scope["scheme"], *(pair for pair in scope["headers"] if pair[0] in ADDRESS)


def is_good(start: Message) -> bool:
    """Whether a response is one to be kept: complete, for everybody, and not compressed already."""
    names = {name.lower() for name, _ in start["headers"]}
    return start["status"] == 200 and not names & {b"set-cookie", b"content-encoding"}
