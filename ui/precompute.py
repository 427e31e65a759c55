"""What is drawn before anyone asks: the example that the page shows at rest, and a thumbnail for every label.

All of it is computed by the model itself, in the background, so that the first page need not wait for it.
"""

import asyncio
import logging
from base64 import b64encode
from collections.abc import AsyncIterator
from textwrap import shorten
from threading import Event, Thread
from typing import Any
from weakref import WeakKeyDictionary

from torch import Tensor

from diffusion.errors import InputError
from diffusion.io.images import png_bytes, to_uint8
from diffusion.model import Model
from diffusion.samplers import SAMPLERS
from diffusion.settings import Request
from train.datasets import DIGITS
from ui import player
from ui.engine import Engine
from ui.example_digits import small_digits
from ui.registry import HUB, ModelEntry
from ui.tabs.advanced import STEERING
from ui.texts import model_words, sentence, text

MOST_THUMBNAILS = 40  # of more labels, tiles show the names alone
LOOK = 0.2  # seconds between looks whether the host's model has come
MOST_STEPS = 50  # a model that takes more by itself draws its thumbnails with a quicker sampler


class Backstage:
    """Example and thumbnails of one engine."""

    def __init__(self, engine: Engine):
        self.engine = engine
        self._thumbnails: WeakKeyDictionary[Model, dict[str, list[str]]] = WeakKeyDictionary()  # by classifier
        self._example = ""
        self._ready = Event()

    def start(self, label: str) -> None:
        """In the background: draw the example (16 images of ``label``) and thumbnails; fetch the host's model."""
        Thread(target=self._prepare, args=(label,), name="example", daemon=True).start()
        self._fetching = self.engine.fetch_default()

    def _prepare(self, label: str) -> None:
        request = Request(label=label, num_images=16, seed=7)
        try:
            size = self.engine.describe()["image_size"]
            updates = list(self.engine.run(request))
            self._example = player.message("example", request, size, player.merged(updates), example=True)
            self.thumbnails()
        except InputError as error:
            logging.getLogger(__name__).warning("No example can be drawn: %s", error)
            self._example = player.failure("example", str(error))
        finally:
            self._ready.set()

    def example(self) -> str:
        """The player's message for the example; waits until it is drawn."""
        self._ready.wait()
        return self._example

    def thumbnails(self, ref: str = "", classifier: str = "") -> list[str]:
        """For each of a model's tiles a PNG in base64; [] where there are none, or too many. Raises InputError."""
        model = self.engine.load(ref)
        drawn = self._thumbnails.setdefault(model, {})
        if classifier not in drawn:
            few = 0 < len(self.engine.describe(ref, classifier)["tiles"]) <= MOST_THUMBNAILS
            images = list(to_uint8(self._pictures(model, classifier))) if few else []
            drawn[classifier] = [b64encode(png_bytes(image)).decode() for image in images]
        return drawn[classifier]

    def _pictures(self, model: Model, classifier: str) -> Tensor:
        """One image a tile, (N, C, H, W): what the model draws for it, or what it is to enlarge."""
        if model.config.task == "super-resolution":
            return small_digits(model.config, "", len(DIGITS))[0]
        settings: dict[str, Any] = {"seed": 3}
        count = model.config.num_classes
        if classifier:
            settings["classifier"] = self.engine.registry.load_classifier(classifier)
            settings["classifier_scale"] = STEERING
            count = settings["classifier"].num_classes
        if model.config.steps > MOST_STEPS:
            settings |= {"sampler": "dpmpp_2m", "steps": SAMPLERS["dpmpp_2m"].default_steps}
        return model.generate(range(count), **settings)

    async def news(self, language: str) -> AsyncIterator[tuple[str, str | None]]:
        """What to tell a visitor of the host's model on the Hub, with its reference once it is there; else nothing.
        While it is on its way, those who wait for it take no thread."""
        ref = self.engine.registry.own
        if not ref.startswith(HUB):
            return
        if self._fetching.is_alive():
            yield text("hub_loading", language).format(ref=ref), None
            while self._fetching.is_alive():
                await asyncio.sleep(LOOK)
            if self.engine.default == ref:
                yield text("hub_arrived", language).format(ref=ref), ref
        if self.engine.default != ref:
            yield text("hub_failed", language).format(error=sentence(self.engine.status() or "", language)), None

    def choices(self, language: str) -> list[tuple[str, str]]:
        """The models that draw, for a dropdown: (what it is and where it comes from, reference)."""
        return [_choice(entry, language) for entry in self.engine.models() if entry.task != "classification"]

    def classifiers(self, about: dict[str, Any], language: str) -> list[tuple[str, str]]:
        """The same for the classifiers that may steer a model (``Engine.describe``), after "none"."""
        fitting = [entry for entry in self.engine.models() if entry.ref in about["classifiers"]]
        return [(text("none", language), ""), *(_choice(entry, language) for entry in fitting)]


def _choice(entry: ModelEntry, language: str) -> tuple[str, str]:
    """A dropdown's choice is one string. style.css sets its first line apart from its second; the field above the list
    has but one line, where a wide space stands between them."""
    title, description = model_words(entry.ref, entry.title, entry.description, language)
    return f"{title} · {text(entry.source, language)}\u2003\n{shorten(description, 110, placeholder='…')}", entry.ref
