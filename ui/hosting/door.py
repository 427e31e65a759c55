"""The server's door: what is turned away before anything is made of it. Nothing here takes a file, and no request is
large."""

import asyncio
import logging
import os
import re
import time
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

from starlette.responses import JSONResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.hosting.allowance import READ_AT_ONCE, READ_BY_TURNS, SENT_AT_ONCE, Allowance, AtOnce, Turns
from ui.hosting.visitors import place_of

MAX_BODY = 50_000  # bytes of a request
MAX_VALUES = 2_000  # in it: each is looked at again and again, and an empty list takes thirty times its two bytes
VALUES = (b",", b"[", b"{")  # each is followed by one, or by none
MAX_BODIES = 60_000_000  # bytes of all requests that are arriving
PATIENCE = 30  # seconds for all of it to arrive
TOO_MANY = "You are sending too many requests: wait a second."
TOO_LARGE = f"A request has at most {MAX_BODY:,} bytes."
TOO_FULL = f"A request has at most {MAX_VALUES:,} values."
CLOSED = re.compile(
    r"/(upload(_progress)?|process_recording|vibe-.*|undo-vibe-edit|stream/.*|proxy=.*|file[=/]+https?:.*|deep_link"
    r"|run-history/.*|dev/reload)/?\Z",
    re.IGNORECASE | re.DOTALL,
)
READING = ("GET", "HEAD", "OPTIONS")
STREAMS = re.compile(r"/(heartbeat/[^/]*|queue/data|call/.*)\Z")
DELAY, DELAYED = 1.0, 500  # seconds before more than that are turned away, so many at once: they come less often
PREFIX = re.compile(r"(/[\w.~-]+)+", re.ASCII)
LOG_LINES, LOG_SECONDS = 30, 60.0  # of the server, which anybody can cause: so many in such a time


class Door:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp):
        self.app = app
        self.arriving = 0  # bytes
        self.delayed = 0  # requests
        self.allowance = Allowance()
        self.reading, self.sending = AtOnce(READ_AT_ONCE), AtOnce(SENT_AT_ONCE)
        self.turns = Turns(READ_BY_TURNS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or turn it away."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        sender = place_of((scope.get("client") or ("",))[0])
        reads = scope["method"] in READING
        with (self.reading if reads else self.sending).one_of(sender) as welcome:
            if not welcome or not (reads or self.allowance.take(sender)):
                await self.delay()
                return await refusal(429, TOO_MANY)(scope, receive, send)
            if not reads or STREAMS.search(scope["path"]):
                return await self.serve(scope, receive, send)
            async with AsyncExitStack() as turn:
                await turn.enter_async_context(self.turns.of(sender))

                async def begun(message: Message) -> None:
                    await turn.aclose()  # who reads slowly keeps nobody else waiting
                    await send(message)

                await self.serve(scope, receive, begun)

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request from an address that may send it, unless it is too much."""
        if prefix := prefix_of(scope):
            if scope["path"] == prefix and scope["method"] in ("GET", "HEAD"):  # the page's links are relative to it
                return await RedirectResponse(f"{prefix}/")(scope, receive, send)
            kept = scope["path"].startswith(f"{prefix}/")
            scope = {**scope, "root_path": prefix, "path": scope["path"] if kept else prefix + scope["path"]}
        if CLOSED.search(scope["path"]):
            return await refusal(404, "Nothing is uploaded, fetched from elsewhere or kept here.")(scope, receive, send)
        if scope["method"] in READING:
            return await self.app(scope, receive, send)
        headers = dict(scope["headers"])
        if headers.get(b"content-type", b"").startswith(b"multipart/"):
            return await refusal(415, "Requests are JSON: nothing here takes a file.")(scope, receive, send)
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > MAX_BODY:
            return await refusal(413, TOO_LARGE)(scope, receive, send)
        try:
            body = await asyncio.wait_for(self.body(receive), PATIENCE)
        except asyncio.TimeoutError:
            return await refusal(408, f"The request has not arrived within {PATIENCE} seconds.")(scope, receive, send)
        except Overflow as refused:
            return await refused.response(scope, receive, send)
        return await self.app(scope, replayed(body, receive), send)

    async def delay(self) -> None:
        """Let a request wait, unless many do."""
        if self.delayed < DELAYED:
            self.delayed += 1
            try:
                await asyncio.sleep(DELAY)
            finally:
                self.delayed -= 1

    async def body(self, receive: Receive) -> list[Message]:
        """The messages of a request's body. Raises Overflow."""
        messages, size, values = [], 0, 0
        try:
            while True:
                message = await receive()
                messages.append(message)
                part = message.get("body", b"")
                size += len(part)
                values += sum(map(part.count, VALUES))
                self.arriving += len(part)
                if size > MAX_BODY:
                    raise Overflow(413, TOO_LARGE)
                if values > MAX_VALUES:
                    raise Overflow(413, TOO_FULL)
                if self.arriving > MAX_BODIES:
                    raise Overflow(503, "Too many requests are arriving: try again in a minute.")
                if message["type"] != "http.request" or not message.get("more_body"):
                    return messages
        finally:
            self.arriving -= size


def prefix_of(scope: Scope) -> str:
    """The path that a proxy serves this app under, whether it keeps it in requests or strips it: by its header, or as
    Gradio's variable says; "" without one."""
    named = dict(scope["headers"]).get(b"x-forwarded-prefix", b"").decode("latin-1").split(",")[0].strip()
    path = (named or urlsplit(os.environ.get("GRADIO_ROOT_PATH", "")).path).rstrip("/")
    return path if PREFIX.fullmatch(path) else ""


class Overflow(Exception):
    """Too much is being sent."""

    def __init__(self, status: int, sentence: str):
        super().__init__(sentence)
        self.response = refusal(status, sentence)


def replayed(messages: list[Message], receive: Receive) -> Receive:
    """Receives these messages, and then what else comes."""
    waiting = list(reversed(messages))

    async def receive_again() -> Message:
        return waiting.pop() if waiting else await receive()

    return receive_again


def refusal(status: int, sentence: str) -> JSONResponse:
    """A response that also ends the connection, whatever else was about to be sent."""
    return JSONResponse({"detail": sentence}, status, headers={"Connection": "close"})


class FewLines(logging.Filter):
    """Lets at most ``LOG_LINES`` records pass in ``LOG_SECONDS``, the last of which says so: bad requests must not fill
    a host's disk."""

    def __init__(self) -> None:
        super().__init__()
        self.since, self.count = 0.0, 0

    def filter(self, record: logging.LogRecord) -> bool:
        now = time.monotonic()
        if now - self.since > LOG_SECONDS:
            self.since, self.count = now, 0
        self.count += 1
        if self.count == LOG_LINES:
            record.msg, record.args, record.exc_info = "More lines like the last are left out for a minute.", (), None
        return self.count <= LOG_LINES


def quieten(*names: str) -> None:
    """Let these loggers write few lines only."""
    for name in names:
        logging.getLogger(name).addFilter(FewLines())
