"""Failures of the Hub as messages for a person, and a time limit for calls of its client.

The client's own messages are written for programmers; here every failure becomes one ``ModelUnavailable``.
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

LOGIN_OF_ADDRESS = re.compile(r"(?<=//)[^/\s]*@")
ADDRESS = re.compile(r"https?://([\w.-]+|\[[0-9a-fA-F:]+\])(:\d{1,5})?(/[\w./-]*)?", re.ASCII)

# Rows: what identifies an error (the name of one of its base classes, or an HTTP status), whether it is temporary, and
# the name of its message; the first match counts. Names, because the client uses httpx or httpx2, by its version.
LOGIN = "'hf auth login' or HF_TOKEN"
PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
UNREACHABLE: set[str | int] = {"ConnectionError", "ConnectError", "ProxyError"}
Row = tuple[set[str | int], bool, str]
FIRST: tuple[Row, ...] = (
    ({"unusable proxy"}, True, "proxy"),
    ({"refused token"}, False, "token_refused"),
    ({"OfflineModeIsEnabled"}, True, "offline_mode"),
)
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
    ({408, 429, 500, 502, 503, 504}, True, "overloaded"),
    ({"HfHubHTTPError", "FileMetadataError"}, True, "not_a_hub"),
    ({"TimeoutError", "TimeoutException"}, True, "silent"),
    ({"unreachable by proxy"}, True, "unreachable_by_proxy"),
    (UNREACHABLE, True, "unreachable"),
    ({"disk"}, False, "disk"),
    ({"Exception"}, True, "broken_off"),
)


class ModelUnavailable(InputError):
    """A model cannot be downloaded or uploaded. ``temporary``: the same call may succeed later."""

    def __init__(self, code: str, temporary: bool = False, **values: Any):
        super().__init__(code, **values)
        self.temporary = temporary


def endpoint() -> str:
    """The Hub's address: HF_ENDPOINT as it is now, or the client's own. Raises ``InputError``."""
    url = os.environ.get("HF_ENDPOINT", "").rstrip("/") or constants.ENDPOINT
    if not ADDRESS.fullmatch(url):
        raise InputError("hub.endpoint", given=without_login(url))
    return url


def without_login(text: str) -> str:
    """A text in which the names and passwords that addresses may have before the host are hidden: anyone may read
    it."""
    return LOGIN_OF_ADDRESS.sub("***@", text)


_running: dict[tuple, Future] = {}
_lock = Lock()


def within(seconds: float, key: tuple, call: Callable[..., Any], *args: Any) -> Any:
    """``call(*args)``, or ``NotInTime`` after so many seconds.

    The client's time-outs are per read and start again at each retry, and host name look-up has none. So the call runs
    in a daemon thread, which nothing waits for at exit; a download that finishes late is in the cache for the next
    call. Concurrent calls with the same ``key`` share one thread, so threads do not pile up.
    """

    def work(future: Future) -> None:
        settle: Callable = future.set_result
        try:
            outcome = call(*args)
        except BaseException as error:  # raised in the waiting threads
            settle, outcome = future.set_exception, error
        del _running[key]  # before they continue, so that a repeated call starts anew
        settle(outcome)

    with _lock:
        future = _running.get(key)
        if future is None:
            future = _running[key] = Future()
            Thread(target=work, args=(future,), name=f"hub {key[0]}", daemon=True).start()
    return future.result(timeout=seconds)


@contextmanager
def explained(code: str, name: str, rows: tuple[Row, ...]) -> Iterator[None]:
    """Turn what the client, its HTTP library and hf_xet raise into ``ModelUnavailable``: the message ``code`` about
    ``name``, with the reason of the first row that matches, of ``FIRST``, ``rows`` and then ``ALWAYS``."""
    from huggingface_hub.errors import HTTPError, LocalEntryNotFoundError

    started = time.monotonic()
    try:
        yield
    except InputError:
        raise
    except (OSError, ValueError, RuntimeError, ImportError, HTTPError, NotInTime) as raised:
        # the client wraps the cause in an error that says that the file is not cached either
        error = (isinstance(raised, LocalEntryNotFoundError) and raised.__cause__) or raised
        response = getattr(error, "response", None)
        status = getattr(response, "status_code", None)
        traits = {kind.__name__ for kind in type(error).__mro__} | {status}
        if getattr(error, "errno", None) and "ConnectionError" not in traits:
            traits.add("disk")
        proxy = next((name for name in PROXIES if os.environ.get(name)), None)
        if proxy and traits & UNREACHABLE:
            traits.add("unreachable by proxy")
        elif proxy and isinstance(error, ValueError | ImportError) and "prox" in str(error).lower():
            traits.add("unusable proxy")
        if response is not None and status == 401 and "authorization" in response.request.headers:
            traits.add("refused token")
        table = (*FIRST, *rows, *ALWAYS)
        temporary, reason = next((temporary, reason) for signs, temporary, reason in table if signs & traits)
        details = {
            "host": endpoint(),
            "status": f" (HTTP {status})" if status else "",
            "seconds": f"{time.monotonic() - started:.0f}",
            "login": LOGIN,
            "variable": proxy,
            "proxy": without_login(os.environ.get(proxy or "", "")),
            "error": without_login(" ".join(str(error).split()).rstrip(".")),
        }
        raise ModelUnavailable(code, temporary, name=name, reason=Message(f"hub.{reason}", **details)) from error
