"""What goes wrong between this program and the Hub, in words for a person; and a clock over it.

The client's own messages are made for programmers: here every failure becomes one ``ModelUnavailable``.
"""

import os
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotInTime  # the builtin one from Python 3.11 on
from contextlib import contextmanager
from threading import Lock, Thread
from typing import Any

from huggingface_hub import constants

from diffusion.errors import InputError, Message

ADDRESS = re.compile(r"https?://([\w.-]+|\[[0-9a-fA-F:]+\])(:\d{1,5})?(/[\w./-]*)?", re.ASCII)

# Rows: what an error is (the name of a class it descends from, or its HTTP status), whether it may pass by itself, and
# the message's name; the first that fits. Names, for below the client is httpx or httpx2, by its version.
LOGIN = "'hf auth login' or HF_TOKEN"
Row = tuple[set[str | int], bool, str]
PULLING: tuple[Row, ...] = (
    ({"RevisionNotFoundError"}, False, "no_revision"),
    ({"GatedRepoError", 403}, False, "access_refused"),
    ({"RepositoryNotFoundError", 401}, False, "not_there_or_private"),
    ({"EntryNotFoundError"}, False, "files_missing"),
    ({404}, False, "not_found"),
)
PUSHING: tuple[Row, ...] = (
    ({401, 403, 404}, False, "write_refused"),
    ({"JSONDecodeError"}, False, "not_a_hub"),
    ({"BadRequestError", "ValueError", 409, 413}, False, "files_refused"),
)
ALWAYS: tuple[Row, ...] = (
    ({"OfflineModeIsEnabled"}, True, "offline_mode"),
    ({408, 429, 500, 502, 503, 504}, True, "overloaded"),
    ({"HfHubHTTPError", "FileMetadataError"}, True, "not_a_hub"),
    ({"TimeoutError", "TimeoutException"}, True, "silent"),
    ({"ConnectionError", "ConnectError", "ProxyError"}, True, "unreachable"),
    ({"disk"}, False, "disk"),
    ({"Exception"}, True, "broken_off"),
)


class ModelUnavailable(InputError):
    """The Hub does not give, or take, a model. ``temporary``: it may do so later, with nothing changed."""

    def __init__(self, code: str, temporary: bool = False, **values: Any):
        super().__init__(code, **values)
        self.temporary = temporary


def endpoint() -> str:
    """The Hub's address: HF_ENDPOINT as it is now, or the client's own. Raises ``InputError``."""
    url = os.environ.get("HF_ENDPOINT", "").rstrip("/") or constants.ENDPOINT
    if not ADDRESS.fullmatch(url):
        raise InputError("hub.endpoint", given=url)
    return url


_running: dict[tuple, Future] = {}
_lock = Lock()


def within(seconds: float, key: tuple, call: Callable[..., Any], *args: Any) -> Any:
    """``call(*args)``, or ``NotInTime`` after so many seconds.

    The client's time-outs count per read and anew at each of its retries, and looking up a host name has none: so the
    clock runs outside, beside a daemon thread, which nothing waits for at exit. What it brings late is in the cache for
    the next time, and who asks for the same (``key``) meanwhile joins it: threads do not pile up.
    """

    def work(future: Future) -> None:
        settle: Callable = future.set_result
        try:
            outcome = call(*args)
        except BaseException as error:  # whatever it is, it belongs to those who wait
            settle, outcome = future.set_exception, error
        del _running[key]  # before they go on: who asks again gets a new answer
        settle(outcome)

    with _lock:
        future = _running.get(key)
        if future is None:
            future = _running[key] = Future()
            Thread(target=work, args=(future,), name=f"hub {key[0]}", daemon=True).start()
    return future.result(timeout=seconds)


@contextmanager
def explained(code: str, name: str, rows: tuple[Row, ...]) -> Iterator[None]:
    """Turn what the client, its HTTP library and hf_xet raise into a ``ModelUnavailable`` that a person understands:
    the message ``code`` about ``name``, with the reason by the rows."""
    from huggingface_hub.errors import HTTPError, LocalEntryNotFoundError

    started = time.monotonic()
    try:
        yield
    except InputError:
        raise
    except (OSError, ValueError, RuntimeError, HTTPError, NotInTime) as raised:
        # the client wraps what went wrong in "and it is not on this disk either"
        error = (isinstance(raised, LocalEntryNotFoundError) and raised.__cause__) or raised
        status = getattr(getattr(error, "response", None), "status_code", None)
        traits = {kind.__name__ for kind in type(error).__mro__} | {status}
        if getattr(error, "errno", None) and "ConnectionError" not in traits:
            traits.add("disk")
        temporary, reason = next((temporary, reason) for signs, temporary, reason in (*rows, *ALWAYS) if signs & traits)
        details = {
            "host": endpoint(),
            "status": f" (HTTP {status})" if status else "",
            "seconds": f"{time.monotonic() - started:.0f}",
            "login": LOGIN,
            "error": " ".join(str(error).split()).rstrip("."),
        }
        raise ModelUnavailable(code, temporary, name=name, reason=Message(f"hub.{reason}", **details)) from error
