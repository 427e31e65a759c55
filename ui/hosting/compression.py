"""Responses compressed for those who take that."""

import gzip

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Scope, Send

FAST, THOROUGH = 3, 6  # levels: for what is sent once, and often


def accepts_gzip(scope: Scope) -> bool:
    """Whether the sender of a request takes compressed responses."""
    taken = b",".join(value for name, value in scope["headers"] if name == b"accept-encoding")
    for each in taken.lower().split(b","):
        coding, _, quality = b"".join(each.split()).partition(b";q=")
        if coding == b"gzip":
            return not quality or quality.strip(b"0.") != b""  # a quality of 0 refuses it
    return False


def pack(body: bytes, level: int) -> bytes:
    """A body, compressed: the same bytes at any time."""
    return gzip.compress(body, level, mtime=0)


async def send_whole(send: Send, start: Message, body: bytes, packed: bool | None = None) -> None:
    """Send a response in one piece. packed: whether the body is compressed; None where it would be for nobody."""
    headers = MutableHeaders(raw=list(start["headers"]))
    headers["Content-Length"] = str(len(body))
    if packed is not None:
        headers.add_vary_header("Accept-Encoding")
        if headers.get("ETag", "").startswith('"'):  # who has a part of one form must not be sent the rest of the other
            headers["ETag"] = f"W/{headers['ETag']}"
    if packed:
        headers["Content-Encoding"] = "gzip"
    await send({**start, "headers": headers.raw})
    await send({"type": "http.response.body", "body": body})
