"""Live drawing: while its switch is on, the images follow the controls as they move, with no button pressed.

The browser decides when to ask (``ui/web/live.js``): one sheet at a time, always for where the hand is now. It asks
by a server function of the player, past the queue of Gradio's events: to go through that, and back as an update of a
component, takes as long as a distilled model takes to draw.
"""

from collections.abc import Callable, Sequence
from typing import Any

import anyio
import gradio as gr

from ui.events import Ask
from ui.handlers import PEOPLE, WAITING_PEOPLE, Answers
from ui.zero_gpu import on_gpu

HERE = "window.digitPlayer.live"
IN_BROWSER: dict[str, Any] = {"fn": None, "trigger_mode": "multiple"}


class Live:
    """The switch, and what it does. ``say`` gives a component its words, in either language."""

    def __init__(self, say: Callable[..., Any], answers: Answers):
        self.answers = answers
        self.switch = say(
            gr.Checkbox(False, visible=bool(answers.quick_models()), container=False, elem_id="live"),
            label="live",
            info="live_help",
        )

    def wire(
        self,
        ask: Ask,
        values: list,
        model: gr.Dropdown,
        moved: list,
        by_hand: Callable,
        settled: Sequence[Callable],
    ) -> None:
        """``values``: what a run is told. ``moved``: the controls that a hand drags; each sends only its own value,
        since Gradio copies an event's inputs every time. ``by_hand`` and ``settled``: events after which all values are
        sent again, because a hand has changed two of them, or something else has, such as the choice of a model."""
        for control in moved:
            tell = f"(model, value) => {{ {HERE}.move(model, {{{values.index(control)}: value}}); }}"
            control.input(js=tell, inputs=[model, control], **IN_BROWSER)
        by_hand(js=f"(model, ...values) => {{ {HERE}.move(model, values); }}", inputs=[model, *values], **IN_BROWSER)
        told = {"inputs": [self.switch, model, *values], **IN_BROWSER}
        for event in settled:
            event(js=f"(on, model, ...values) => {{ {HERE}.settle(on, model, values); }}", **told)
        switched = ask(
            self.switch.input,
            self.answers.switch_live,
            [self.switch, model],
            model,
            js=f"(on, model) => {HERE}.turn(on, model)",
            queue=False,
        )
        switched.then(js=f"(on, model, ...values) => {{ {HERE}.turned(on, model, values); }}", **told)


def asking(answers: Answers) -> Callable[..., Any]:
    """The server function ``draw_live``: takes what ``Answers.draw_live`` takes and gives its message, or None where
    too many people wait. It draws for as many at a time as Generate does, in the same batches of the network."""
    draw = on_gpu(answers.draw_live)
    places = anyio.CapacityLimiter(PEOPLE)

    async def draw_live(values: Any) -> str | None:
        if places.statistics().tasks_waiting >= WAITING_PEOPLE:
            return None
        return await anyio.to_thread.run_sync(draw, values, limiter=places)

    return draw_live
