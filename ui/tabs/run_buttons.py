"""Generate and Stop: how a run begins, and how it learns that nobody waits for it any more.

The browser names its runs, so that it knows whose messages arrive, and tells the name of one to be stopped. Gradio's
own way (``cancels``) ends the last run of an event, whichever that is by then, and reports it as several failures.
"""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import gradio as gr

from ui.events import Ask

SAMPLING = "sampling"  # the concurrency id of what people draw
REMEMBERED = 1000  # of the runs stopped last: one may still be in the queue
LONGEST_NAME = 64

# Before a run: the player names it, a new seed is thrown if wished, Stop takes over from Generate.
BEGIN = """(mode, seed) => {
  const run = window.digitPlayer.begin();
  const next = mode === "random" ? Math.floor(Math.random() * 2 ** 32) : seed;
  return [run, next, { __type__: "update", interactive: false }, { __type__: "update", interactive: true }];
}"""
END = """() => {
  const over = window.digitPlayer.end(BROKEN);
  return [{ __type__: "update", interactive: over }, { __type__: "update", interactive: !over }];
}"""
STOP = """() => {
  window.digitPlayer.stop();
  return [{ __type__: "update", interactive: true }, { __type__: "update", interactive: false }];
}"""


class Buttons:
    """The two, built inside an open ``gr.Blocks``. ``say`` gives a component its words, in either language."""

    def __init__(self, say: Callable[..., Any]):
        self.stops = Stops()
        self.run = gr.Textbox(visible="hidden")  # the name of the last one
        with gr.Row(elem_classes="lab-buttons"):
            self.generate = say(
                gr.Button(variant="primary", scale=3, min_width=120, elem_id="generate"), value="generate"
            )
            self.stop = say(
                gr.Button(variant="stop", interactive=False, scale=1, min_width=84, elem_id="stop"), value="stop"
            )

    def wire(
        self,
        ask: Ask,
        draw: Callable[..., Any],
        values: list[gr.components.Component],
        player: gr.HTML,
        seed_mode: gr.Radio,
        seed: gr.Number,
    ) -> Any:
        """``draw(run, *values)`` gives the messages of a run for the player. Returns the event of a run that begins."""
        both = [self.generate, self.stop]
        press = self.generate.click(fn=None, js=BEGIN, inputs=[seed_mode, seed], outputs=[self.run, seed, *both])
        run = ask(
            press.then,
            self.stops.heeded(draw),
            [self.run, *values],
            player,
            concurrency_id=SAMPLING,
            trigger_mode="multiple",  # also while a stopped run is still ending
        )
        for ended, broken in ((run.success, "false"), (run.failure, "true")):
            ended(fn=None, js=END.replace("BROKEN", broken), outputs=both)
        self.stop.click(fn=None, js=STOP, outputs=both)
        return press


class Stops:
    """The runs that were stopped."""

    def __init__(self) -> None:
        self.names: deque[str] = deque(maxlen=REMEMBERED)

    def add(self, name: Any) -> None:
        """Stop the run of that name."""
        if isinstance(name, str):
            self.names.append(name[:LONGEST_NAME])

    def heeded(self, draw: Callable[..., Any]) -> Callable[..., Iterator[str]]:
        """``draw``, whose first value is the run's name, until that run is stopped: then its generator is closed."""

        def draw_until_stopped(name: Any, *values: Any) -> Iterator[str]:
            name = str(name)[:LONGEST_NAME]
            if name in self.names:
                return
            with closing(draw(name, *values)) as messages:
                for message in messages:
                    if name in self.names:
                        return
                    yield message

        return draw_until_stopped


def stopping(stops: Stops) -> Callable[[Any], None]:
    """The server function ``stop_run``: takes the name of a run to be stopped."""

    def stop_run(name: Any) -> None:
        stops.add(name)

    return stop_run
