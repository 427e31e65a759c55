"""What is sampled before anyone asks: the example that the page shows at rest, and a thumbnail for every label.

All of it comes from the model itself, in the background, so that the first page need not wait for it.
"""

import asyncio
import logging
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from threading import Event, Thread
from typing import Any
from weakref import WeakKeyDictionary

from torch import Tensor

from diffusion.errors import InputError
from diffusion.io.images import png_bytes, to_uint8
from diffusion.model import Model
from diffusion.runtime.batches import MUCH_WORK
from diffusion.runtime.callers import calling, current_caller
from diffusion.runtime.threads import use_one_core
from diffusion.samplers import SAMPLERS
from diffusion.settings import SamplingSettings
from train.datasets import DIGITS
from ui import player
from ui.controls import START_VALUES
from ui.engine import Engine
from ui.example_digits import low_res_digits
from ui.hosting.limits import out_of_memory_explained, request_cost
from ui.i18n import error_text, text
from ui.model_names import HUB
from ui.request import Request

log = logging.getLogger(__name__)

MAX_THUMBNAILS = 40  # of more labels, tiles show the names alone
POLL = 0.2  # seconds between looks whether the host's model has come
MAX_STEPS = 50  # a model that takes more by itself samples its thumbnails with a quicker sampler
QUICK_SAMPLER = "heun"  # its grid ends at little noise for every process
PACE_STEPS = 4  # of a run of one image that is there to be timed
MAX_WORK = MUCH_WORK  # operations for all thumbnails of a model


class Precomputed:
    """Example and thumbnails of one engine."""

    def __init__(self, engine: Engine):
        self.engine = engine
        self._thumbnails: WeakKeyDictionary[Model, dict[str, list[str]]] = WeakKeyDictionary()  # by classifier
        self._example = ""
        self._ready = Event()

    def start(self, label: str, prepared: Callable[[], object] | None = None) -> None:
        """In the background: sample the example (16 images of ``label``) and thumbnails, then call ``prepared``; fetch
        the host's model."""
        Thread(target=self._prepare, args=(label, prepared), name="example", daemon=True).start()
        self._fetching = self.engine.fetch_default()

    def _prepare(self, label: str, prepared: Callable[[], object] | None) -> None:
        request = Request(label=label, num_images=16, seed=START_VALUES["seed"])
        try:
            updates = list(self.engine.run(request))
            self._example = player.message("example", request, player.merged(updates), example=True)
        except InputError as error:
            log.warning("No example can be sampled: %s", error)
            self._example = player.failure("example", str(error))
        finally:
            self._ready.set()
        try:
            self.thumbnails()
            list(self.engine.run(Request(num_images=1, steps=PACE_STEPS)))  # how time grows with the number of images
            # what takes seconds: rather now than beside a crowd, where the engines could not be compared either
            self.engine.registry.network_cost(self.engine.default)
            self.engine.load().choose_engine(lambda: list(self.engine.run(Request(num_images=16, steps=PACE_STEPS))))
        except InputError as error:  # each is tried again when somebody wants it
            log.warning("No thumbnails can be sampled yet: %s", error)
        if prepared is not None:
            prepared()

    async def example(self, patience: float) -> str | None:
        """The player's message for the example; None if it is not there after so many seconds. Those who wait for it
        take no thread."""
        end = time.monotonic() + patience
        while not self._ready.is_set() and time.monotonic() < end:
            await asyncio.sleep(POLL)
        return self._example if self._ready.is_set() else None

    def thumbnails(self, ref: str = "", classifier: str = "") -> list[str]:
        """For each of a model's tiles a PNG in base64; [] where there are none, or too many. A classifier that does not
        fit the model is left aside: tiles show what the model samples alone. Raises InputError."""
        model = self.engine.load(ref)
        known = self._thumbnails.setdefault(model, {})
        if classifier not in known:
            info = self.engine.describe(ref, classifier)
            if classifier and classifier not in info.classifiers:  # it may come from anyone, and may be a path
                return self.thumbnails(ref)
            few = 0 < len(info.tiles) <= MAX_THUMBNAILS
            images = self._images(model, classifier) if few else None
            known[classifier] = [] if images is None else [b64encode(png_bytes(i)).decode() for i in to_uint8(images)]
        return known[classifier]

    def _images(self, model: Model, classifier: str) -> Tensor | None:
        """One image a tile, (N, C, H, W): what the model samples for it, or what it is to enlarge; None where that
        would take too much of the host."""
        use_one_core()
        if model.config.task == "super-resolution":
            return low_res_digits(model.config, DIGITS, len(DIGITS))[0]
        given: dict[str, Any] = {"seed": 3}
        arguments: dict[str, Any] = {}
        count = model.config.num_classes
        if classifier:
            arguments["classifier"] = guide = self.engine.registry.load_classifier(classifier)
            given["classifier_scale"] = START_VALUES["classifier_scale"]
            count = guide.num_classes
        if SamplingSettings().resolve(model.config).steps > MAX_STEPS:
            given |= {"sampler": QUICK_SAMPLER, "steps": SAMPLERS[QUICK_SAMPLER].default_steps}
        settings = SamplingSettings(**given).resolve(model.config, bool(classifier))
        registry, caller = self.engine.registry, current_caller()
        guide_cost = registry.cost(guide) if classifier else None
        cost = request_cost(model.config, settings, list(range(count)), registry.cost(model), guide_cost)
        if cost.operations > MAX_WORK:
            return None
        caller.work = cost.operations
        with calling(caller), self.engine.places.taken(caller, cost.memory), out_of_memory_explained():
            return model.generate(range(count), settings=settings, **arguments)

    async def news(self, language: str) -> AsyncIterator[tuple[str, str | None]]:
        """What to tell a visitor of the host's model on the Hub, with its reference once it is there; else nothing.
        While it is on its way, those who wait for it take no thread."""
        ref = self.engine.registry.own
        if not ref.startswith(HUB):
            return
        if self._fetching.is_alive():
            yield text("hub.loading", language, ref=ref), None
            while self._fetching.is_alive():
                await asyncio.sleep(POLL)
            if self.engine.default == ref:
                yield text("hub.arrived", language, ref=ref), ref
        status = self.engine.status()
        if self.engine.default != ref and status is not None:
            yield error_text(status, language), None
