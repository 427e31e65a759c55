"""The files that endpoints answer with."""

import os
from contextlib import suppress
from threading import Lock

MAX_RESULT_BYTES = 200_000_000  # on disk


class Results:
    """The files of the last results, which callers fetch: the earliest make room."""

    def __init__(self) -> None:
        self._sizes: dict[str, int] = {}  # by path, in the order of their last use
        self._lock = Lock()

    def add(self, path: str) -> str:
        """Note a file that was written; the same result is the same file."""
        with self._lock:
            self._sizes.pop(path, None)
            self._sizes[path] = os.path.getsize(path)
            while sum(self._sizes.values()) > MAX_RESULT_BYTES and len(self._sizes) > 1:
                earliest = next(iter(self._sizes))
                del self._sizes[earliest]
                with suppress(OSError):
                    os.remove(earliest)
        return path
