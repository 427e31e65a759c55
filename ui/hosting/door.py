"""The server's door: what is turned away before anything is made of it. Nothing here takes a file, and no request is
large."""

import asyncio
import logging
import os
import re
import time
from urllib.parse import urlsplit

from starlette.responses import JSONResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY = 2_000_000  # bytes of a request
MAX_BODIES = 60_000_000  # bytes of all requests that are arriving
PATIENCE = 30  # seconds for all of it to arrive
TOO_LARGE = f"A request has at most {MAX_BODY:,} bytes."
CLOSED = re.compile(r"/(upload(_progress)?|process_recording|vibe-.*|undo-vibe-edit|stream/.*|proxy=.*)/?$")
BURST, RATE = 300.0, 60.0  # requests that are no GET, of one address: of a class, say, behind one router
ADDRESSES = 10_000  # that are remembered
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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or turn it away."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        if prefix := prefix_of(scope):
            if scope["path"] == prefix and scope["method"] in ("GET", "HEAD"):  # the page's links are relative to it
                return await RedirectResponse(f"{prefix}/")(scope, receive, send)
            kept = scope["path"].startswith(f"{prefix}/")
            scope = {**scope, "root_path": prefix, "path": scope["path"] if kept else prefix + scope["path"]}
        if CLOSED.search(scope["path"]):
            return await refusal(404, "There is nothing to upload to here.")(scope, receive, send)
        if scope["method"] in ("GET", "HEAD", "OPTIONS"):
            return await self.app(scope, receive, send)
        if not self.allowance.take((scope.get("client") or ("",))[0]):
            await self.delay()
            return await refusal(429, "You are sending too many requests: wait a second.")(scope, receive, send)
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
        messages, size = [], 0
        try:
            while True:
                message = await receive()
                messages.append(message)
                part = len(message.get("body", b""))
                size += part
                self.arriving += part
                if size > MAX_BODY:
                    raise Overflow(413, TOO_LARGE)
                if self.arriving > MAX_BODIES:
                    raise Overflow(503, "Too many requests are arriving: try again in a minute.")
                if message["type"] != "http.request" or not message.get("more_body"):
                    return messages
        finally:
            self.arriving -= size


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


def raise_file_limit() -> int | None:
    """Let the process open as many files and connections as the system allows, within reason; returns the number."""
    try:
        import resource
    except ImportError:  # on Windows there is no such limit
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return soft if soft != resource.RLIM_INFINITY else None


def connections(limit: int | None) -> int:
    """How many connections are served at the same time: some of the files that may be open are needed otherwise."""
    return max(50, min(4000, (limit or 65_536) - 200))
