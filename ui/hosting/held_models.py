"""The models that are in memory: bounded by their bytes, also while runs go on with models that have made room."""

import gc
import weakref
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Any, Literal

from diffusion.errors import InputError
from ui.hosting.limits import MEMORY, gigabytes
from ui.hosting.places import Busy

Stamp = tuple[int, ...]
Key = tuple[Literal["model", "classifier", "images"], str]  # what a reference is wanted as, and the reference


class HeldModels:
    """Models by key and stamp, at most ``most`` bytes of them. Whichever is unused for longest makes room, but none of
    the ``kept``."""

    def __init__(self, most: float, kept: str):
        self.most, self.kept = most, kept
        self._lock = RLock()  # a model may be freed, and take it again, while something is dropped here
        self._held: OrderedDict[Key, tuple[Stamp, Any, float]] = OrderedDict()  # and its bytes
        self._bytes = 0.0  # of all that are in memory, here or in a run, and of those being loaded

    def get(self, key: Key, stamp: Stamp) -> Any:
        """What is held, or None."""
        with self._lock:
            held_stamp, loaded, _ = self._held.get(key, (None, None, 0.0))
            if loaded is None or held_stamp != stamp:
                return None
            self._held.move_to_end(key)
            return loaded

    def held_keys(self) -> list[Key]:
        """Of all that are held."""
        with self._lock:
            return list(self._held)

    @contextmanager
    def room_for(self, key: Key, size: float) -> Iterator[None]:
        """Room for a model of so many bytes, from before it is loaded until it is ``put`` here; the one in whose place
        it comes goes last. Raises Busy where runs go on with too many others, InputError where there is never room
        beside what is kept."""
        with self._lock:
            others = [other for other in self._held if other[1] != self.kept and other != key]
            kept = sum(self._held[other][2] for other in self._held if other[1] == self.kept and other != key)
            if size + kept > self.most and kept:
                left = gigabytes(self.most - kept)
                raise InputError("host.weights", model=key[1], given=gigabytes(size), most=left, variable=MEMORY)
            for other in [*others, key]:
                if self._bytes + size <= self.most:
                    break
                self._held.pop(other, None)
            if self._bytes + size > self.most:
                gc.collect()  # an exception's traceback may hold one
            if self._bytes + size > self.most and self._bytes:
                raise Busy("host.models_in_use")
            self._bytes += size
        try:
            yield
        finally:
            self._freed(size)

    def put(self, key: Key, stamp: Stamp, loaded: Any, size: float) -> None:
        """Hold a model of so many bytes, in the place of the one of this key."""
        with self._lock:
            self._bytes += size
            weakref.finalize(loaded, self._freed, size)
            self._held[key] = stamp, loaded, size
            self._held.move_to_end(key)

    def _freed(self, size: float) -> None:
        with self._lock:
            self._bytes -= size
