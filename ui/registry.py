"""Which models there are, who may ask for them, and the few that are held in memory."""

import os
from collections import OrderedDict
from concurrent.futures import Future
from pathlib import Path
from threading import Lock
from typing import Literal, NamedTuple

from diffusion.config import ModelConfig
from diffusion.errors import InputError
from diffusion.hub import bundled, resolve
from diffusion.model import CONFIG, WEIGHTS, Model, load_model, read_config

HELD = 4  # models in memory; the one unused for longest makes room
HUB = "hub:"

Stamp = tuple[int, ...]


class ModelEntry(NamedTuple):
    """One line of the model list. ``ref`` is what a request names it by."""

    ref: str
    title: str
    description: str
    source: Literal["bundled", "run", "hub"]


class Registry:
    """The models of this program: bundled ones, local runs, and the Hub's that were loaded since it started.

    Safe to use from many threads. A reference from outside must pass ``check``: it keeps visitors from reading the
    host's files by way of a path.
    """

    def __init__(self, own: str, runs_dir: str | Path):
        """``own``: the operator's reference, allowed whatever it is. ``runs_dir`` need not exist."""
        self.own = own
        self.runs_dir = Path(runs_dir)
        self._lock = Lock()
        self._held: OrderedDict[str, tuple[Stamp, Model]] = OrderedDict()
        self._loading: dict[tuple[str, Stamp], Future[Model]] = {}
        self._pulled: dict[str, ModelEntry] = {}

    def entries(self) -> list[ModelEntry]:
        """All models, read anew from disk: bundled, the operator's own, runs (newest first), the Hub's."""
        found = [_entry(name, "bundled") for name in bundled()]
        runs = [_entry(ref, "run") for ref in self._run_refs()]
        known = {entry.ref for entry in found + runs}
        if self.own not in known and not self.own.startswith(HUB):
            found.append(_entry(self.own, "run"))
        with self._lock:
            return found + runs + list(self._pulled.values())

    def check(self, ref: str) -> str:
        """The reference, if anyone may ask for it. Raises InputError."""
        named = isinstance(ref, str)  # a visitor may send anything
        if named and (ref == self.own or ref.startswith(HUB) or ref in bundled() or ref in self._run_refs()):
            return ref
        known = ", ".join(entry.ref for entry in self.entries())
        raise InputError(f"model must be one of {known}, or hub:owner/name, not {ref!r:.60}.")

    def config(self, ref: str) -> ModelConfig:
        """The configuration of a checked reference; a model from the Hub is loaded for it. Raises InputError."""
        return self.load(ref).config if ref.startswith(HUB) else read_config(resolve(ref))

    def load(self, ref: str) -> Model:
        """The model of a checked reference, from memory unless its files have changed since. Raises InputError.

        Threads that ask for the same model at the same time wait for one loading, and share its failure.
        """
        stamp = () if ref.startswith(HUB) else _stamp(resolve(ref))
        with self._lock:
            held_stamp, model = self._held.get(ref, (None, None))
            if model is not None and held_stamp == stamp:
                self._held.move_to_end(ref)
                return model
            future = self._loading.get((ref, stamp))
            mine = future is None
            if future is None:
                future = self._loading[ref, stamp] = Future()
        if mine:
            self._fill(future, ref, stamp)
        return future.result()

    def _fill(self, future: "Future[Model]", ref: str, stamp: Stamp) -> None:
        try:
            model = load_model(ref)
        except BaseException as error:  # handed to all who wait; what is held stays
            with self._lock:
                del self._loading[ref, stamp]
            future.set_exception(error)
            return
        with self._lock:
            self._held[ref] = stamp, model
            self._held.move_to_end(ref)
            while len(self._held) > HELD:
                self._held.popitem(last=False)
            if ref.startswith(HUB):
                self._pulled[ref] = _described(ref, model.config, "hub")
            del self._loading[ref, stamp]
        future.set_result(model)

    def _run_refs(self) -> list[str]:
        """``RUNS_DIR/NAME/model`` of every run that has a model, the newest first."""
        found = []
        for weights in self.runs_dir.glob(f"*/model/{WEIGHTS}"):
            try:
                found.append((weights.stat().st_mtime, str(weights.parent)))
            except FileNotFoundError:  # being replaced or removed at this moment
                continue
        return [ref for _, ref in sorted(found, reverse=True)]


def _stamp(directory: Path) -> Stamp:
    """Changes whenever a file of the model is replaced."""
    try:
        stats = [os.stat(directory / name) for name in (CONFIG, WEIGHTS)]
    except OSError as error:
        raise InputError(f"{directory} cannot be read: {error.strerror}.") from None
    return tuple(number for stat in stats for number in (stat.st_mtime_ns, stat.st_ino, stat.st_size))


def _entry(ref: str, source: Literal["bundled", "run"]) -> ModelEntry:
    try:
        return _described(ref, read_config(resolve(ref)), source)
    except InputError as error:  # listed all the same: to hide it would leave its owner to wonder
        return ModelEntry(ref, _short_name(ref), str(error), source)


def _described(ref: str, config: ModelConfig, source: Literal["bundled", "run", "hub"]) -> ModelEntry:
    title = config.title or config.name
    if source != "bundled":
        title = f"{_short_name(ref)} ({title})"
    return ModelEntry(ref, title, config.description, source)


def _short_name(ref: str) -> str:
    """``mine`` of runs/mine/model, ``owner/name`` of hub:owner/name@revision."""
    if ref.startswith(HUB):
        return ref.removeprefix(HUB)
    path = Path(ref)
    return path.parent.name if path.name == "model" else path.name
