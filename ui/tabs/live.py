"""Live sampling: while its switch is on, the images follow the controls as they move, with no button pressed.

The browser decides when to send a request (``web/live.js``): one sheet at a time, always for where the hand is now. It
calls a server function of the player, past the queue of Gradio's events: the way through that, and back as an update of
a component, takes as long as a distilled model takes to sample.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import gradio as gr

from ui.calls import choose, in_browser, named
from ui.choices import Choices
from ui.handlers import Handlers
from ui.hosting.streams import STREAMS
from ui.hosting.zero_gpu import on_gpu

IN_BROWSER: dict[str, Any] = {"fn": None, "trigger_mode": "multiple"}


class Live:
    """The switch, and what it does. ``say`` gives a component its words, in every language."""

    def __init__(self, say: Callable[..., Any], choices: Choices):
        self.choices = choices
        self.switch = say(
            gr.Checkbox(False, visible=bool(choices.handlers.few_step_models()), container=False, elem_id="live"),
            label="live.switch",
            info="live.help",
        )

    def wire(
        self,
        controls: dict[str, gr.components.Component],
        outputs: dict[str, Any],
        moved: Iterable[str],
        by_hand: Callable,
        settled: Sequence[Callable],
    ) -> None:
        """``controls``: what a request consists of; ``outputs``: what the choice of a model sets. ``moved``: the names
        of those that a hand drags; each sends only its own value, since Gradio copies an event's inputs every time.
        ``by_hand`` and ``settled``: events after which all values are sent again, because a hand has changed two of
        them, or something else has, such as the choice of a model."""
        model = controls["model"]
        for name in moved:
            key = json.dumps(name)
            noted = f"lab.choices.set({key}, value), lab.live.move(model, {{ {key}: value }})"
            js = in_browser(f"void ({noted})", "model", "value")
            controls[name].input(js=js, inputs=[model, controls[name]], **IN_BROWSER)  # type: ignore[attr-defined]
        every = {"live": self.switch, **controls}

        def tell(method: str) -> dict[str, Any]:
            js = in_browser(f"lab.live.{method}({named(every)})", "...list")
            return {"js": js, "inputs": list(every.values()), **IN_BROWSER}

        by_hand(**tell("moveAll"))
        for event in settled:
            event(**tell("settle"))
        self.switch.input(**tell("turn"))
        switched = choose(
            self.switch.input,
            "live",
            {"live": self.switch, "model": model, "label": controls["label"]},
            outputs,
        )
        switched.then(**tell("turned"))


def sampling_live(handlers: Handlers) -> Callable[..., Any]:
    """The server function ``live``: takes values by name and returns ``Handlers.live``'s message, or None where too
    many people wait."""
    sample = on_gpu(handlers.live)

    async def live(values: Any, request: gr.Request) -> str | None:
        return await STREAMS.answer(sample, values, request=request)

    return live
