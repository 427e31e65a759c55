"""Generate and Stop: how a run begins, and how it learns that nobody waits for it any more.

The browser names its runs, so that it knows whose messages arrive, and sends the name of one to be stopped. Gradio's
own way (``cancels``) ends the last run of an event, whichever that is by then, and reports it as several failures.
"""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import gradio as gr

from diffusion.runtime.callers import Caller, Stopped, current_caller
from ui.calls import Values, call, in_browser

REMEMBERED = 1000  # of the runs stopped last: one may still be in the queue
LONGEST_NAME = 64

# Updates of Generate and Stop, of which one can be pressed.
BUTTONS = '(idle) => [idle, !idle].map((interactive) => ({ __type__: "update", interactive }))'
# Before a run: the player names it, a new seed is chosen if wished, Stop takes over from Generate.
BEGIN = in_browser(f"[lab.player.begin(), lab.seeds.next(mode, seed), ...({BUTTONS})(false)]", "mode", "seed")
STOP = in_browser(f"(lab.player.stop(), [...({BUTTONS})(true), lab.player.nothing ? lab.seeds.giveBack() : undefined])")


def ended(broken: bool) -> str:
    """After a run, broken off or not. One that came to nothing gives its seed back."""
    over = f"lab.player.end({str(broken).lower()})"
    return in_browser(f"[...({BUTTONS})({over}), lab.player.nothing ? lab.seeds.giveBack() : undefined]")


class RunButtons:
    """The two, built inside an open ``gr.Blocks``. ``say`` gives a component its words, in every language."""

    def __init__(self, say: Callable[..., Any]):
        self.stops = Stops()
        self.run = gr.Textbox(visible="hidden")  # the name of the last one
        with gr.Row(elem_classes="lab-buttons"):
            self.generate = say(
                gr.Button(variant="primary", scale=3, min_width=120, elem_id="generate"), value="generate.button"
            )
            self.stop = say(
                gr.Button(variant="stop", interactive=False, scale=1, min_width=84, elem_id="stop"),
                value="generate.stop",
            )

    def wire(
        self,
        generate: Callable[[Values], Iterator[Values]],
        controls: dict[str, gr.components.Component],
        player: gr.HTML,
        seed_mode: gr.Radio,
    ) -> Any:
        """``generate(values)`` yields the messages of a run for the player. Returns the event of a run that begins."""
        buttons = [self.generate, self.stop]
        press = self.generate.click(
            fn=None, js=BEGIN, inputs=[seed_mode, controls["seed"]], outputs=[self.run, controls["seed"], *buttons]
        )
        run = call(
            press.then,
            self.stops.heeded(generate),
            {"run": self.run, **controls},
            {"player": player},
            trigger_mode="multiple",  # also while a stopped run is still ending
        )
        outputs = [*buttons, controls["seed"]]
        run.success(fn=None, js=ended(broken=False), outputs=outputs)
        run.failure(fn=None, js=ended(broken=True), outputs=outputs)
        self.stop.click(fn=None, js=STOP, outputs=outputs)
        return press


class Stops:
    """The runs that were stopped."""

    def __init__(self) -> None:
        self.names: deque[str] = deque(maxlen=REMEMBERED)
        self.callers: dict[str, Caller] = {}  # of the runs under way
        self.sent: dict[str, int] = {}  # of their messages

    def add(self, name: Any) -> None:
        """Stop the run of that name."""
        if isinstance(name, str):
            self.names.append(name[:LONGEST_NAME])
            if (caller := self.callers.get(name[:LONGEST_NAME])) is not None:
                caller.stop()

    def heeded(self, generate: Callable[[Values], Iterator[Values]]) -> Callable[[Values], Iterator[Values]]:
        """``generate`` until the run named in its values is stopped: then its generator is closed."""

        def generate_until_stopped(values: Values) -> Iterator[Values]:
            name = str(values.get("run"))[:LONGEST_NAME]
            if name in self.names:
                return
            self.callers[name] = current_caller()
            self.sent[name] = sent = 0  # another run may have the same name, which anyone may choose
            try:
                with closing(generate(values | {"run": name})) as results:  # type: ignore[type-var]  # it is a generator
                    while name not in self.names and (result := next(results, None)) is not None:
                        self.sent[name] = sent = sent + 1
                        yield result
            except Stopped:
                return
            finally:
                self.callers.pop(name, None)
                self.sent.pop(name, None)

        return generate_until_stopped


def stopping(stops: Stops) -> Callable[[Any], None]:
    """The server function ``stop``: takes the name of a run to be stopped."""

    def stop(name: Any) -> None:
        stops.add(name)

    return stop


def counting_messages(stops: Stops) -> Callable[[Any], int | None]:
    """The server function ``sent``: takes the name of a run and returns how many of its messages were sent, or None
    where it is not under way."""

    def sent(name: Any) -> int | None:
        return stops.sent.get(name[:LONGEST_NAME]) if isinstance(name, str) else None

    return sent
