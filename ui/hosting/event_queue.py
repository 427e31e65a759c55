"""Gradio's queue of events, in which nobody's take all places, and in which those end that nobody listens to.

Reason: whoever sends an event may never fetch its results; Gradio computes them all the same, and keeps them. Its 2,000
sessions with messages are those that began last, so that who begins many ends what others listen to; and it runs events
in the order in which they came, whoever sent them. Gain: ``tests/ui/hosting/test_event_queue.py``.
"""

import asyncio
import logging
import re
import time
from types import SimpleNamespace
from typing import Any

from gradio import queueing
from gradio.server_messages import ProcessCompletedMessage
from gradio.utils import run_coro_in_background

from diffusion.errors import InputError
from ui import i18n
from ui.hosting.visitors import address_of

logger = logging.getLogger(__name__)

UNHEARD = 15.0  # seconds after which an event ends that nobody listens to: curl has to send a second request
FORGOTTEN = 60.0  # seconds after which a session's messages are
INTERVAL = 1.0  # seconds between two looks
UNREAD = 200_000_000  # characters of the messages that all sessions are still to be sent
SESSION = re.compile(r"[\w.-]{1,100}")  # the name of one, which a browser makes up
OF_ONE = 120  # events under way of one address: of a class, say, behind one router; some more than have a place or wait


class Messages(asyncio.Queue):
    """What a session is still to be sent. It knows how much that is, and how long nobody has listened."""

    def __init__(self) -> None:
        super().__init__()
        self._listeners, self._since = 0, time.monotonic()
        self.size = 0  # in characters

    def _put(self, item: Any) -> None:
        super()._put(item)
        self.size += characters(getattr(item, "output", None))

    def _get(self) -> Any:
        item = super()._get()
        self.size -= characters(getattr(item, "output", None))
        return item

    def clear(self) -> None:
        """Leave nothing to be sent: a listener to whom something is being sent holds on to this."""
        while not self.empty():
            self.get_nowait()

    async def get(self) -> Any:
        self._listeners += 1
        try:
            return await super().get()
        finally:
            self._listeners -= 1
            self._since = time.monotonic()

    @property
    def unheard(self) -> float:
        """Seconds since somebody last listened."""
        return 0.0 if self._listeners else time.monotonic() - self._since


class EventQueue(queueing.Queue):
    """Gradio's, with these bounds."""

    def __init__(self, *arguments: Any, **named: Any):
        super().__init__(*arguments, **named)
        self.pending_messages_per_session: dict[str, Messages] = {}  # type: ignore[assignment]

    def start(self) -> None:
        """Begin to serve events."""
        super().start()
        run_coro_in_background(self.end_unheard)

    async def push(self, body: Any, request: Any, username: str | None) -> tuple[bool, Any, Any]:
        """Take an event, unless many from the same address are under way, or its session's name is none."""
        if body.session_hash is not None and not SESSION.fullmatch(body.session_hash):
            return False, str(InputError("host.session")), "error"
        sender, refusal = address_of(request), None
        if self.max_size is not None and len(self) >= self.max_size:
            refusal = InputError("host.busy")
        elif sum(address_of(event.request) == sender for event in self.event_ids_to_events.values()) >= OF_ONE:
            refusal = InputError("host.events", most=OF_ONE)
        if refusal is not None:
            language = language_of(body.data)  # where Gradio's page is told that a queue is full, it has its own words
            return False, i18n.error_text(refusal, language), "error" if language else "queue_full"
        return await super().push(body, request, username)

    async def end_unheard(self) -> None:
        """Again and again, end the events that nobody listens to, and forget sessions that nobody has listened to for
        long."""
        while not self.stopped:
            await asyncio.sleep(INTERVAL)
            under_way: dict[str, list[queueing.Event]] = {}
            for event in self.event_ids_to_events.values():
                under_way.setdefault(event.session_hash, []).append(event)
            for session, messages in list(self.pending_messages_per_session.items()):
                if messages.unheard > FORGOTTEN and session not in under_way:
                    self.forget(session)
            for session in self.unread_most():
                if session in under_way:
                    await self.end(session, under_way.pop(session))
                self.forget(session)
            known = {*self.pending_messages_per_session, *under_way}
            for session in self.pending_event_ids_session.keys() - known:
                del self.pending_event_ids_session[session]
            for session, events in under_way.items():
                heard = self.pending_messages_per_session.get(session)
                late = any(time.monotonic() - event.enqueue_time > UNHEARD for event in events)
                if late and (heard is None or heard.unheard > UNHEARD):
                    await self.end(session, events)

    def forget(self, session: str) -> None:
        """Send a session nothing more. A listener is told that it has gone."""
        self.pending_messages_per_session.pop(session).clear()

    def unread_most(self) -> list[str]:
        """Sessions to be forgotten, those with most to read first: where listeners read more slowly than runs send, all
        together would fill the memory."""
        sizes = {session: messages.size for session, messages in self.pending_messages_per_session.items()}
        total, found = sum(sizes.values()), []
        for session in sorted(sizes, key=lambda session: sizes[session], reverse=True):
            if total <= UNREAD:
                break
            total -= sizes[session]
            found.append(session)
        return found

    async def end(self, session: str, events: list[queueing.Event]) -> None:
        """End the events of a session, with a sentence for whoever comes to hear it."""
        refusal = {"error": str(InputError("host.unheard", seconds=UNHEARD)), "visible": True}
        if session in self.pending_messages_per_session:  # else its listener has left
            for event in events:
                self.send_message(event, ProcessCompletedMessage(output=refusal, success=False))
        await self.clean_events(session_hash=session)
        ids = tuple(event._id for event in events)
        for task in [task for task in self._asyncio_tasks if task.get_name().endswith(ids)]:
            task.cancel()


def characters(value: Any) -> int:
    """Of all texts in a value, as far as it is made of lists and dictionaries."""
    if isinstance(value, dict):
        return sum(map(characters, value.values()))
    if isinstance(value, list | tuple):
        return sum(map(characters, value))
    return len(value) if isinstance(value, str) else 0


def language_of(values: Any) -> Any:
    """The language of the page, of the values by name that its events send (``ui.calls``); None for other senders."""
    by_name = values[0] if isinstance(values, list) and values else None
    return by_name.get("language") if isinstance(by_name, dict) else None


def use_event_queue() -> None:
    """Let apps be made with such a queue."""
    queueing.AsyncQueue = Messages  # type: ignore[assignment,misc]
    queueing.Queue = EventQueue  # type: ignore[misc]
    # what has failed is said by a logger, which can be held to a few lines
    said = SimpleNamespace(print_exc=lambda: logger.exception("An event has failed:"))
    queueing.traceback = said  # type: ignore[assignment]
