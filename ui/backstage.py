"""What is drawn before anyone asks: the example that the page shows at rest, and a thumbnail for every label.

All of it is computed by the model itself, in the background, so that the first page need not wait for it.
"""

import logging
from base64 import b64encode
from collections.abc import Iterator
from threading import Event, Thread
from weakref import WeakKeyDictionary

from diffusion.errors import InputError
from diffusion.images import png_bytes, to_uint8
from diffusion.model import Model
from diffusion.request import Request
from ui import player
from ui.engine import Engine
from ui.registry import HUB
from ui.texts import text

MOST_THUMBNAILS = 40  # of more labels, tiles show the names alone


class Backstage:
    """Example and thumbnails of one engine."""

    def __init__(self, engine: Engine):
        self.engine = engine
        self._thumbnails: WeakKeyDictionary[Model, list[str]] = WeakKeyDictionary()
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

    def thumbnails(self, ref: str = "") -> list[str]:
        """For each label of a model a PNG in base64; [] where there are no labels, or too many. Raises InputError."""
        model = self.engine.load(ref)
        if model not in self._thumbnails:
            labels = list(range(model.config.num_classes))
            few = 0 < len(labels) <= MOST_THUMBNAILS
            drawn = list(to_uint8(model.generate(labels, seed=3))) if few else []
            self._thumbnails[model] = [b64encode(png_bytes(image)).decode() for image in drawn]
        return self._thumbnails[model]

    def news(self, language: str) -> Iterator[tuple[str, str | None]]:
        """What to tell a visitor of the host's model on the Hub, with its reference once it is there; else nothing."""
        ref = self.engine.registry.own
        if not ref.startswith(HUB):
            return
        if self._fetching.is_alive():
            yield text("hub_loading", language).format(ref=ref), None
            self._fetching.join()
            if self.engine.default == ref:
                yield text("hub_arrived", language).format(ref=ref), ref
        if self.engine.default != ref:
            yield text("hub_failed", language).format(error=self.engine.status()), None

    def choices(self, language: str) -> list[tuple[str, str]]:
        """The models for the dropdown: (title and where it comes from, reference)."""
        return [(f"{entry.title} · {text(entry.source, language)}", entry.ref) for entry in self.engine.models()]
