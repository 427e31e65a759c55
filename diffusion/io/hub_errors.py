"""What goes wrong between this program and the Hub, in words for a person; and a clock over it.

The client's own time-outs and messages are made for programmers: here every failure becomes one ``ModelUnavailable``.
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

from diffusion.errors import InputError

ADDRESS = re.compile(r"https?://([\w.-]+|\[[0-9a-fA-F:]+\])(:\d{1,5})?(/[\w./-]*)?", re.ASCII)

# Rows: what an error is (the name of a class it descends from, or its HTTP status), whether it may pass by itself, and
# the end of the sentence about it; the first that fits. Names, for below the client is httpx or httpx2, by its version.
LOGIN = "'hf auth login' or HF_TOKEN"
NO_HUB = "{host} does not answer like a Hub{status}; check HF_ENDPOINT"
PULLING = (
    ({"RevisionNotFoundError"}, False, "it has no such revision; check what follows the @, or leave it out"),
    ({"GatedRepoError", 403}, False, f"access is refused{{status}}; ask its owner, then log in with {LOGIN}"),
    ({"RepositoryNotFoundError", 401}, False, f"it is not there or private{{status}}; check the name, or use {LOGIN}"),
    ({"EntryNotFoundError"}, False, "it lacks config.json or model.safetensors, so it is no model for this program"),
    ({404}, False, "{host} does not have it{status}; check the owner, the name and the revision"),
)
PUSHING = (
    ({401, 403, 404}, False, f"you may not write there{{status}}; check the owner, or use {LOGIN} with write access"),
    ({"JSONDecodeError"}, False, NO_HUB),
    ({"BadRequestError", "ValueError", 409, 413}, False, "{host} refuses the files: {error}"),
)
ALWAYS = (
    ({"OfflineModeIsEnabled"}, True, "HF_HUB_OFFLINE forbids the network; unset it, or use another model"),
    ({408, 429, 500, 502, 503, 504}, True, "{host} is down or overloaded{status}; try again in a few minutes"),
    ({"HfHubHTTPError", "FileMetadataError"}, True, NO_HUB),
    ({"TimeoutError", "TimeoutException"}, True, "{host} is silent or slow, given up after {seconds:.0f} s; try later"),
    ({"ConnectionError", "ConnectError", "ProxyError"}, True, "{host} cannot be reached; check your network"),
    ({"disk"}, False, "this machine's disk does not play along: {error}"),
    ({"Exception"}, True, "the connection broke before all had arrived; try again in a few minutes"),
)


class ModelUnavailable(InputError):
    """The Hub does not give, or take, a model. ``temporary``: it may do so later, with nothing changed."""

    def __init__(self, sentence: str, temporary: bool = False):
        super().__init__(sentence)
        self.temporary = temporary


def endpoint() -> str:
    """The Hub's address: HF_ENDPOINT as it is now, or the client's own. Raises ``InputError``."""
    url = os.environ.get("HF_ENDPOINT", "").rstrip("/") or constants.ENDPOINT
    if not ADDRESS.fullmatch(url):
        raise InputError(f"HF_ENDPOINT is {url!r:.100}; it has to be an address like https://huggingface.co.")
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
def explained(what: str, rows: tuple) -> Iterator[None]:
    """Turn what the client, its HTTP library and hf_xet raise into a ``ModelUnavailable`` that a person understands."""
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
        temporary, end = next((temporary, end) for signs, temporary, end in (*rows, *ALWAYS) if signs & traits)
        end = end.format(
            host=endpoint(),
            status=f" (HTTP {status})" if status else "",
            seconds=time.monotonic() - started,
            error=" ".join(str(error).split()).rstrip("."),
        )
        raise ModelUnavailable(f"{what}: {end}.", temporary) from error
