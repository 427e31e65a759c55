"""Which models there are, who may ask for them, and the few that are held in memory."""

import os
from collections import OrderedDict
from concurrent.futures import Future
from pathlib import Path
from threading import Lock
from typing import Any, Literal, NamedTuple

from torch import nn

from diffusion.config import ModelConfig, Task
from diffusion.errors import InputError
from diffusion.io.hub import COMMIT, bundled, is_bundled, resolve
from diffusion.io.loading import load_classifier, load_model
from diffusion.io.model_directory import CONFIG, WEIGHTS, read_config
from diffusion.model import Model
from diffusion.noisy_classifier import NoisyClassifier
from diffusion.runtime.batching import BatchingService
from diffusion.runtime.threads import use_one_core
from train.presets import PRESETS

HELD = 4  # models in memory; the one unused for longest makes room
LISTED = 20  # models that visitors have fetched from the Hub; the earliest makes room
HUB = "hub:"

Source = Literal["bundled", "run", "hub"]
Stamp = tuple[int, ...]
Key = tuple[Literal["model", "classifier"], str]  # what a reference is wanted as, and the reference


class ModelEntry(NamedTuple):
    """One line of the model list. ``ref`` is what a request names it by."""

    ref: str
    title: str
    description: str
    source: Source
    task: Task
    few_steps: bool = False  # whether it was distilled to a few steps: quick enough for live sampling
    problem: InputError | None = None  # why it cannot be loaded


class Registry:
    """The models of this program: bundled ones, local runs, and the Hub's that were loaded since it started.

    Safe to use from many threads. A reference from outside must pass ``check``: it keeps visitors from reading the
    host's files by way of a path.
    """

    def __init__(self, own: str, runs_dir: str | Path):
        """``own``: the operator's reference, allowed whatever it is. ``runs_dir`` need not exist."""
        self.own = own
        self.runs_dir = Path(runs_dir)
        self._batching = BatchingService()  # of all models: they compute on the same device
        self._lock = Lock()
        self._held: OrderedDict[Key, tuple[Stamp, Any]] = OrderedDict()
        self._loading: dict[tuple[Key, Stamp], Future[Any]] = {}
        self._pulled: dict[str, ModelEntry] = {}

    def entries(self) -> list[ModelEntry]:
        """All models, read anew from disk: bundled (the operator's first, then in the order of the presets), the
        operator's own, runs (newest first), the Hub's."""
        order = [self.own, *PRESETS]
        names = sorted(bundled(), key=lambda name: order.index(name) if name in order else len(order))
        found = [_entry(name, "bundled") for name in names]
        runs = [_entry(ref, "run") for ref in self._run_refs()]
        known = {entry.ref for entry in found + runs}
        if self.own not in known and not self.own.startswith(HUB):
            found.append(_entry(self.own, "run"))
        with self._lock:
            return found + runs + list(self._pulled.values())

    def classifiers(self, config: ModelConfig) -> list[ModelEntry]:
        """Those that can guide a model of this configuration."""

        def fits(entry: ModelEntry) -> bool:
            try:
                Model(self.config(entry.ref), nn.Identity()).classifier().check_fits(config)
            except InputError:
                return False
            return True

        return [entry for entry in self.entries() if entry.task == "classification" and fits(entry)]

    def check(self, ref: str, setting: str = "model") -> str:
        """The reference, if anyone may ask for it; ``setting`` is what it was given as. Raises InputError."""
        named = isinstance(ref, str)  # a visitor may send anything
        if named and (ref == self.own or ref.startswith(HUB) or is_bundled(ref) or ref in self._run_refs()):
            return ref
        entries = self.entries()
        known = [entry.ref for entry in entries if (entry.task == "classification") == (setting == "classifier")]
        raise InputError("page.model", setting=setting, known=", ".join(known), given=ref)

    def config(self, ref: str) -> ModelConfig:
        """The configuration of a checked reference; a model from the Hub is loaded for it. Raises InputError."""
        return self.load(ref).config if ref.startswith(HUB) else read_config(resolve(ref))

    def load(self, ref: str) -> Model:
        """The model of a checked reference, from memory unless its files have changed since. Raises InputError.

        Threads that ask for the same model at the same time wait for one loading, and share its failure.
        """
        return self._get(("model", ref))

    def load_classifier(self, ref: str) -> NoisyClassifier:
        """``load`` of a classifier."""
        return self._get(("classifier", ref))

    def refresh(self) -> None:
        """Ask the Hub anew for what is held from there, but for what is named by its commit. The old ones draw until
        the new ones are here, and go on where the Hub fails."""
        with self._lock:
            held = [key for key in self._held if key[1].startswith(HUB)]
        for key in held:
            if not COMMIT.fullmatch(key[1].partition("@")[2]):
                self._fill(Future(), key, ())

    def _get(self, key: Key) -> Any:
        stamp = () if key[1].startswith(HUB) else _stamp(resolve(key[1]))
        with self._lock:
            held_stamp, loaded = self._held.get(key, (None, None))
            if loaded is not None and held_stamp == stamp:
                self._held.move_to_end(key)
                return loaded
            future = self._loading.get((key, stamp))
            mine = future is None
            if future is None:
                future = self._loading[key, stamp] = Future()
        if mine:
            self._fill(future, key, stamp)
        return future.result()

    def _fill(self, future: "Future[Any]", key: Key, stamp: Stamp) -> None:
        kind, ref = key
        use_one_core()
        try:
            loaded = load_model(ref, batching=self._batching) if kind == "model" else load_classifier(ref)
        except BaseException as error:  # handed to all who wait; what is held stays
            with self._lock:
                self._loading.pop((key, stamp), None)
            future.set_exception(error)
            return
        with self._lock:
            self._held[key] = stamp, loaded
            self._held.move_to_end(key)
            while len(self._held) > HELD:
                self._held.popitem(last=False)
            if isinstance(loaded, Model) and ref.startswith(HUB):
                self._pulled.pop(ref, None)
                self._pulled[ref] = _described(ref, loaded.config, "hub")
                for old in [other for other in self._pulled if other != self.own][:-LISTED]:
                    del self._pulled[old]
            self._loading.pop((key, stamp), None)
        future.set_result(loaded)

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
        raise InputError("weights.stat", directory=directory, reason=error.strerror) from None
    return tuple(number for stat in stats for number in (stat.st_mtime_ns, stat.st_ino, stat.st_size))


def _entry(ref: str, source: Source) -> ModelEntry:
    try:
        return _described(ref, read_config(resolve(ref)), source)
    except InputError as error:  # listed all the same: to hide it would leave its owner to wonder
        return ModelEntry(ref, _short_name(ref), "", source, "generation", problem=error)


def _described(ref: str, config: ModelConfig, source: Source) -> ModelEntry:
    title = config.title or config.name
    if source != "bundled":
        title = f"{_short_name(ref)} ({title})"
    return ModelEntry(ref, title, config.description, source, config.task, config.max_guidance is not None)


def _short_name(ref: str) -> str:
    """``mine`` of runs/mine/model, ``owner/name`` of hub:owner/name@revision."""
    if ref.startswith(HUB):
        return ref.removeprefix(HUB)
    path = Path(ref)
    return path.parent.name if path.name == "model" else path.name
