"""What the server does when somebody samples: *Generate*, message by message, and *Live*, a sheet at a time.

Values come by name, over HTTP, from anyone: whatever is wrong with them is answered with a sentence in the language of
the page.
"""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

from diffusion.errors import InputError
from diffusion.settings import Use, applicable
from ui import player
from ui.calls import Values, checked
from ui.engine import Engine
from ui.hosting.places import Busy
from ui.i18n import error_text
from ui.request import REQUEST_SETTINGS, Request

MAX_LIVE_STEPS = 8  # more take too long to follow a hand


class Handlers:
    """Handlers of one engine."""

    def __init__(self, engine: Engine):
        self.engine = engine

    def request(self, values: Values) -> Request:
        """The request that the page's controls stand for. Controls that do not apply to the model are hidden, and steps
        count if they were typed: what such a control holds is nobody's choice, and is left out. Raises InputError."""
        chosen = {name: values.get(name) for name in ("label", "num_images", "model", "classifier", "sampler", "seed")}
        first = Request(**chosen)
        config = self.engine.config(first.model)
        use = Use(config, first.resolve(config, bool(first.classifier)).sampler, bool(first.classifier))
        names = set(applicable(use)) - ({"steps"} if not values.get("steps_by_hand") else set())
        return Request(**{name: values[name] for name in REQUEST_SETTINGS if name in values and name in names} | chosen)

    def generate(self, values: Values) -> Iterator[Values]:
        """A run, as messages for the player. Closing the generator stops the computation."""
        run, language = str(values.get("run")), values.get("language")
        try:
            request = self.request(values)
            with closing(self.engine.run(request)) as updates:
                for update in updates:
                    yield {"player": player.message(run, request, update)}
        except InputError as error:
            yield {"player": player.failure(run, error_text(error, language))}

    def live(self, values: Any) -> str | None:
        """A finished sheet, as one message for the player; None where too many people wait. ``values`` have the
        request's number, too."""
        sent: Values = values if isinstance(values, dict) else {}
        run = f"live {sent.get('number')!r:.20}"
        try:
            request = self.request(checked(values))
            self.check_live(request)
            update = player.merged(list(self.engine.run(request)))
            return player.message(run, request, update, live=True)
        except Busy:
            return None
        except InputError as error:
            return player.failure(run, error_text(error, sent.get("language")))

    def check_live(self, request: Request) -> None:
        """Raises InputError unless the request's model needs few steps."""
        config = self.engine.load(request.model).config
        if config.max_guidance is None:
            raise InputError("page.live_model", model=config.name)
        steps = request.resolve(config, bool(request.classifier)).steps
        if steps > MAX_LIVE_STEPS:
            raise InputError("page.live_steps", most=MAX_LIVE_STEPS, given=steps)

    def few_step_models(self) -> list[str]:
        """The references of the models that sample in a few steps."""
        return [entry.ref for entry in self.engine.models() if entry.few_steps]
