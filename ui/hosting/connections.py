"""The server's connections: as many as the system allows, of which those that say nothing make room for others.

Reason: Gradio passes no settings on to uvicorn, which has no limit, waits for ever for the first request of a
connection, and for the rest of one that has begun. Gain: idle connections neither use up the files that a process may
open, nor keep others out (tests/ui/hosting/test_connections.py).
"""

import time
from collections.abc import Collection
from typing import Any

from gradio import http_server
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from ui.hosting.visitors import place_of

REQUEST = 20  # seconds in which the beginning of a request has to arrive
FILES, MOST = 65_536, 4000  # that are open; connections
OTHERS = 200  # files that are open for something else
UNREAD = 200_000_000  # bytes of responses that clients have not read yet, all together


def raise_file_limit() -> int | None:
    """Let the process open as many files and connections as the system allows, within reason; returns the number."""
    try:
        import resource
    except ImportError:  # on Windows there is no such limit
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(hard, FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return soft if soft != resource.RLIM_INFINITY else None


def connections(limit: int | None) -> int:
    """How many connections are served at the same time: some of the files that may be open are needed otherwise."""
    return max(50, min(MOST, (limit or FILES) - OTHERS))


class Connection(AutoHTTPProtocol):  # type: ignore[valid-type,misc]
    """A connection to a client. ``most``: how many there may be."""

    most = MOST

    def connection_made(self, transport: Any) -> None:
        """Its beginning."""
        make_room(self.connections, self.most)
        super().connection_made(transport)
        self.since = time.monotonic()
        self.deadline = self.loop.call_later(REQUEST, self.close_if_idle)

    def connection_lost(self, exc: Exception | None) -> None:
        """Its end."""
        self.deadline.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Data of a request. uvicorn ends a connection that is idle after a request, but not in the middle of one."""
        super().data_received(data)
        if not self.idle:
            self.deadline.cancel()
        elif self.deadline.cancelled():
            self.since = time.monotonic()
            self.deadline = self.loop.call_later(REQUEST, self.close_if_idle)

    def pause_writing(self) -> None:
        """More was sent than the client has read."""
        super().pause_writing()
        drop_unread(self.connections)

    @property
    def unread(self) -> int:
        """Bytes that were sent, and wait for the client to read what came before."""
        return self.transport.get_write_buffer_size()

    @property
    def idle(self) -> bool:
        """Whether no request is being served."""
        return self.cycle is None or self.cycle.response_complete

    def close_if_idle(self) -> None:
        """Close it, unless it is of use."""
        if self.idle and not self.transport.is_closing():
            self.transport.close()


def make_room(present: Collection[Connection], most: int) -> None:
    """Close some of the idle connections, the oldest first, where there are almost as many as there may be."""
    if len(present) < 0.9 * most:
        return
    idle = [each for each in present if each.idle and not each.transport.is_closing()]
    for each in sorted(idle, key=lambda each: each.since)[: max(1, most // 20)]:
        each.transport.close()


def drop_unread(present: Collection[Connection]) -> None:
    """Break connections off where responses that nobody reads would fill the memory: the largest of the address that
    has most of them first."""
    addresses: dict[str, list[Connection]] = {}
    for each in present:
        addresses.setdefault(place_of((each.client or ("",))[0]), []).append(each)
    while addresses:
        unread = {address: sum(each.unread for each in those) for address, those in addresses.items()}
        if sum(unread.values()) <= UNREAD:
            break
        those = addresses[max(unread, key=lambda address: unread[address])]
        largest = max(those, key=lambda each: each.unread)
        those.remove(largest)
        largest.transport.abort()


def bound_connections(limit: int) -> None:
    """Let Gradio's server have so many connections at a time."""

    class Bounded(Connection):
        most = limit

    class Server(http_server.Server):
        def __init__(self, config: Any, *others: Any, **named: Any):
            config.http, config.limit_concurrency = Bounded, limit
            super().__init__(config, *others, **named)

    http_server.Server = Server  # type: ignore[misc]
