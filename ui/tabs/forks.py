"""Branches of the run on show, below the player: what goes on from one of its steps with other settings.

All of it is made in the browser (``web/fork/``) when somebody first wants a branch. It asks for what may change by a
server function, and for a branch by an event of its own, whose messages are a player's.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import gradio as gr

from diffusion.errors import InputError
from diffusion.samplers import SAMPLERS
from diffusion.settings_schema import SCOPES, Use
from ui import i18n, player
from ui.calls import Values, call, checked, in_browser
from ui.engine import Engine
from ui.hosting.zero_gpu import on_gpu
from ui.job import Job
from ui.lab.fork import ForkLab, ForkRequest, unfit
from ui.request import REQUEST_SETTINGS, Request
from ui.tabs.server_functions import server_function


class Forks:
    """Builds the component inside an open ``gr.Blocks``."""

    def __init__(self, engine: Engine):
        self.engine, self.lab = engine, ForkLab(engine)
        self.component = player.forks([server_function("options", self.options)])

    def wire(self, stoppable: Callable[[Any], Any]) -> None:
        """The event of a branch. ``stoppable`` wraps its handler, which is given the name of the "run"."""
        sample = stoppable(self.sample)

        def sample_named(values: Values) -> Iterator[Values]:
            sent = values.get("request")
            run = sent.get("run") if isinstance(sent, dict) else None
            with closing(sample(values | {"run": run})) as messages:
                yield from messages

        outputs = {"forks": self.component}
        inputs = {"request": self.component}
        run = call(self.component.input, on_gpu(sample_named), inputs, outputs, trigger_mode="multiple")
        for event, broken in ((run.success, False), (run.failure, True)):
            event(fn=None, js=in_browser(f"lab.forks.end({str(broken).lower()})"))

    def sample(self, values: Values) -> Iterator[Values]:
        """A branch, as messages for its player. Closing the generator stops the computation."""
        run, language = str(values.get("run")), values.get("language")
        try:
            request = asked(checked(values.get("request")))
            with closing(self.lab.run(request)) as updates:
                for update in updates:
                    message = player.message(run, shown(request), update)
                    yield {"forks": gr.update(message=message)}
        except InputError as error:
            yield {"forks": gr.update(message=player.failure(run, i18n.error_text(error, language)))}

    def options(self, values: Values) -> Values:
        """What may change from a step on, with the values that hold there. Raises InputError."""
        job = self.lab.last(asked(values))
        config, settings = job.model.config, job.settings
        info = self.engine.describe(job.record["model"], job.record.get("classifier", ""))
        most = REQUEST_SETTINGS["guidance_scale"].slider
        assert most is not None
        use = Use(config, settings.sampler, False)
        row = SAMPLERS[settings.sampler]
        names = ("label", "sampler", "guidance_scale", "seed", "model")
        return {
            "values": {name: job.record.get(name) for name in names},
            "labels": info.tiles,
            "samplers": [[name, sampler.title] for name, sampler in SAMPLERS.items()],
            "most_guidance": (config.max_guidance or most[0]) if SCOPES["labels"](use) else None,
            "fresh_noise": row.fresh_noise or bool("eta" in row.options and settings.eta),
            "multistep": row.multistep,
            "models": self.models(job),
        }

    def models(self, job: Job) -> list[list[Any]]:
        """Each model that generates: its reference, its title by language, and why it cannot go on from there."""
        origin = job.model.config
        listed = [entry for entry in self.engine.models() if not entry.problem and entry.task != "classification"]
        return [
            [
                entry.ref,
                {code: i18n.model_words(entry.ref, entry.title, "", code)[0] for code in i18n.LANGUAGES},
                unfit(self.engine.describe(entry.ref).config, origin),
            ]
            for entry in listed
        ]


def asked(values: Values) -> ForkRequest:
    """The request that values stand for: "settings" of a run by name, and "forks". Raises InputError."""
    return ForkRequest.of(checked(values.get("settings")), values.get("forks"))


def shown(request: ForkRequest) -> Request:
    """What a branch's player has to know of its request: the label and the seed that hold at its end."""
    changes: Values = {}
    for change in request.forks:
        changes |= {name: change.settings[name] for name in ("label", "seed") if name in change.settings}
    return request.origin.model_copy(update=Request(**changes).model_dump(include=set(changes)))
