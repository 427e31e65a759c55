"""Which models there are, who may ask for them, and the few that are held in memory."""

import os
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from threading import BoundedSemaphore, Lock
from typing import Any
from weakref import WeakKeyDictionary

from torch import nn

from diffusion.config import ModelConfig
from diffusion.errors import InputError
from diffusion.io.guesses import hub_reference
from diffusion.io.hub import COMMIT, VISITORS, bundled, cache_dir, is_bundled, resolve
from diffusion.io.loading import load_classifier, load_model
from diffusion.io.model_directory import CONFIG, WEIGHTS, read_config
from diffusion.model import Model
from diffusion.noisy_classifier import NoisyClassifier
from diffusion.runtime.batches import Bound
from diffusion.runtime.batching import BatchingService
from diffusion.runtime.cost import NetworkCost, measured, network_cost
from diffusion.runtime.device import default_device
from diffusion.runtime.precision import use_bfloat16
from diffusion.runtime.threads import use_one_core
from train.presets import PRESETS
from ui.hosting.held_models import HeldModels, Key, Stamp
from ui.hosting.limits import LARGE, Limits
from ui.hosting.places import Busy
from ui.hosting.shared import Shared
from ui.model_names import HUB, ModelEntry, Source, described, public_name, run_refs, short_name, speaking_of

LISTED = 20  # models that visitors have fetched from the Hub; the earliest makes room
DOWNLOADS = 8  # who fetch from the Hub, or wait for it, at the same time
BYTES = {"fp32": 4, "bf16": 10}  # a weight: with bfloat16 there are a rounded copy, and one of what it was made from


class Registry:
    """The models of this program: bundled ones, local runs, and the Hub's that were loaded since it started.

    Safe to use from many threads. A reference from outside must pass ``check``: it keeps visitors from reading the
    host's files by way of a path.
    """

    def __init__(self, own: str, runs_dir: str | Path, limits: Limits | None = None):
        """``own``: the operator's reference, allowed whatever it is, and known by its name where it is a path that says
        more about the host. ``runs_dir`` need not exist."""
        self.own, self._own_path = public_name(own), own
        self.runs_dir = Path(runs_dir)
        self.limits = limits or Limits.of_host(default_device())
        self._batching = BatchingService()  # of all models: they compute on the same device
        self._lock = Lock()
        self._held = HeldModels(self.limits.weights, kept=self.own)
        self._costs: WeakKeyDictionary[Any, NetworkCost] = WeakKeyDictionary()
        self._loading: dict[tuple[Key, Stamp], Future[Any]] = {}
        self._loaded_from: WeakKeyDictionary[Any, Path] = WeakKeyDictionary()
        self._pulled: dict[str, tuple[ModelEntry, ModelConfig]] = {}
        self._downloads, self._refreshing = BoundedSemaphore(DOWNLOADS), Lock()
        self.entries = Shared(self._entries)
        """All models, read anew from disk: bundled (the operator's first, then in the order of the presets), the
        operator's own, runs (newest first), the Hub's."""

    def _entries(self) -> list[ModelEntry]:
        order = [self.own, *PRESETS]
        names = sorted(bundled(), key=lambda name: order.index(name) if name in order else len(order))
        found = [self._entry(name, "bundled") for name in names]
        runs = [self._entry(ref, "run") for ref in run_refs(self.runs_dir)]
        known = {entry.ref for entry in found + runs}
        if self.own not in known and not self.own.startswith(HUB):
            found.append(self._entry(self.own, "run"))
        with self._lock:
            return found + runs + [entry for entry, _ in self._pulled.values()]

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
        """The reference, if anyone may ask for it, by the name of what was given by its address on the Hub. ``setting``
        is what it was given as. Raises InputError."""
        if isinstance(ref, str):  # a visitor may send anything
            if ref == self.own or is_bundled(ref) or ref in run_refs(self.runs_dir):
                return ref
            if (on_hub := hub_reference(ref)) is not None:
                return on_hub
        entries = self.entries()
        known = [entry.ref for entry in entries if (entry.task == "classification") == (setting == "classifier")]
        raise InputError("page.model", setting=setting, known=", ".join(known), given=ref)

    def config(self, ref: str) -> ModelConfig:
        """The configuration of a checked reference; a model from the Hub is loaded for it once. Raises InputError."""
        if not ref.startswith(HUB):
            return self._config(ref)
        with self._lock:
            known = self._pulled.get(ref)
        return known[1] if known else self.load(ref).config

    def cost(self, loaded: Any) -> NetworkCost:
        """What a call of a model, or a classifier, that was loaded here costs."""
        return self._costs[loaded]

    def network_cost(self, ref: str) -> NetworkCost:
        """What a call of the model of a checked reference costs. A bundled one is loaded for that: to know it by shapes
        alone, torch imports its compiler once, which takes a second and 70 MB. Raises InputError."""
        return self.cost(self.load(ref)) if is_bundled(ref) else network_cost(self.config(ref))

    def load(self, ref: str) -> Model:
        """The model of a checked reference, from memory unless its files have changed since. Raises InputError.

        Threads that ask for the same model at the same time wait for one loading, and share its failure.
        """
        return self._get(("model", ref))

    def load_classifier(self, ref: str) -> NoisyClassifier:
        """``load`` of a classifier."""
        return self._get(("classifier", ref))

    def images(self, name: str, size: float, make: Callable[[], Any]) -> Any:
        """What is made of a data set, from memory or anew: its ``size`` in bytes counts as that of a model does. Raises
        Busy."""
        key: Key = ("images", name)
        if (made := self._held.get(key, ())) is None:
            with self._held.room_for(key, size):
                made = make()
                self._held.put(key, (), made, size)
        return made

    def refresh(self) -> None:
        """Load what is held from the Hub anew where it has another commit by now. The old ones draw until the new ones
        are here, and go on where the Hub fails. Does nothing where somebody else is doing it."""
        if not self._refreshing.acquire(blocking=False):
            return
        try:
            for key in self._held.held_keys():
                if key[1].startswith(HUB) and not COMMIT.fullmatch(key[1].partition("@")[2]):
                    with suppress(InputError):
                        loaded = self._held.get(key, ())
                        directory = self._directory(key[1])
                        if loaded is not None and directory != self._loaded_from[loaded]:
                            self._fill(Future(), key, (), directory)
        finally:
            self._refreshing.release()

    def _get(self, key: Key) -> Any:
        from_hub = key[1].startswith(HUB)
        stamp = () if from_hub else self._stamp(key[1])
        if (loaded := self._held.get(key, stamp)) is not None:
            return loaded
        if not from_hub or key[1] == self.own:
            return self._shared(key, stamp)
        if not self._downloads.acquire(blocking=False):
            raise Busy("host.downloads", most=DOWNLOADS)
        try:
            return self._shared(key, stamp)
        finally:
            self._downloads.release()

    def _shared(self, key: Key, stamp: Stamp) -> Any:
        """What is being loaded already, or is loaded now."""
        with self._lock:
            future = self._loading.get((key, stamp))
            mine = future is None
            if future is None:
                future = self._loading[key, stamp] = Future()
        if mine:
            self._fill(future, key, stamp)
        return future.result()

    def _fill(self, future: "Future[Any]", key: Key, stamp: Stamp, directory: Path | None = None) -> None:
        ref = key[1]
        use_one_core()
        try:
            loaded = self._load(key, stamp, directory or self._directory(ref))
        except BaseException as error:  # handed to all who wait; what is held stays
            with self._lock:
                self._loading.pop((key, stamp), None)
            future.set_exception(error)
            return
        with self._lock:
            if isinstance(loaded, Model) and ref.startswith(HUB):
                self._pulled.pop(ref, None)
                self._pulled[ref] = described(ref, loaded.config, "hub"), loaded.config
                for old in [other for other in self._pulled if other != self.own][:-LISTED]:
                    del self._pulled[old]
            self._loading.pop((key, stamp), None)
        future.set_result(loaded)

    def _load(self, key: Key, stamp: Stamp, directory: Path) -> Any:
        """Load a model from there, once it is known that this host can hold and call it."""
        kind, ref = key
        with speaking_of(ref, directory):
            config, trusted = read_config(directory), is_bundled(ref)
            cost = None if trusted else network_cost(config)
            weight = BYTES["bf16" if use_bfloat16(default_device()) else "fp32"]
            if cost is not None:
                self.limits.check_model(config, cost, weight)
            size = (directory / WEIGHTS).stat().st_size if cost is None else cost.weight_bytes / 4 * weight
            with self._held.room_for(key, size):
                is_model = kind == "model"
                loaded = load_model(directory, batching=self._batching) if is_model else load_classifier(directory)
                if cost is None:
                    cost = measured(loaded.network, config) if isinstance(loaded, Model) else network_cost(config)
                if isinstance(loaded, Model):
                    large = cost.operations > LARGE
                    self._batching.bound(loaded, Bound(self.limits.images_of_a_batch(cost), large))
                self._costs[loaded] = cost
                self._held.put(key, stamp, loaded, size)
                self._loaded_from[loaded] = directory
        return loaded

    def _directory(self, ref: str) -> Path:
        """Where the files of a checked reference are; a visitor's is fetched from the Hub as anybody may."""
        if ref == self.own:
            paths = os.path.expanduser(self._own_path), self._own_path
            with speaking_of("the cache", cache_dir()), speaking_of(ref, *paths):
                return resolve(self._own_path)
        if not ref.startswith(HUB):
            return resolve(ref)
        with speaking_of("the cache", cache_dir(VISITORS)):
            return resolve(ref, access=VISITORS)

    def _config(self, ref: str) -> ModelConfig:
        directory = self._directory(ref)
        with speaking_of(ref, directory):
            return read_config(directory)

    def _stamp(self, ref: str) -> Stamp:
        """Changes whenever a file of the model is replaced."""
        directory = self._directory(ref)
        with speaking_of(ref, directory):
            try:
                stats = [os.stat(directory / name) for name in (CONFIG, WEIGHTS)]
            except OSError as error:
                raise InputError("weights.stat", directory=directory, reason=error.strerror) from None
        return tuple(number for stat in stats for number in (stat.st_mtime_ns, stat.st_ino, stat.st_size))

    def _entry(self, ref: str, source: Source) -> ModelEntry:
        try:
            return described(ref, self._config(ref), source)
        except InputError as error:  # listed all the same: to hide it would leave its owner to wonder
            return ModelEntry(ref, short_name(ref), "", source, "generation", problem=error)
