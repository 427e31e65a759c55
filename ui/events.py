"""Events with which the page asks the server, set up so that the browser has little to do for them.

Gradio tells how an event is going to all components that it changes and, from the end of the first one on, to all that
it read, several times a run; and each time it copies whatever they hold: pictures, choices, scripts. Here a component
that holds nothing stands in for all of them. What an event reads is put aside by an event of the browser before it.
"""

import inspect
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import gradio as gr

AS_IT_IS = "(...values) => values"


class Ask:
    """``ask(event, function, inputs, outputs)``: what ``event(function, inputs, outputs)`` is to Gradio, without
    preprocessing, since values come over HTTP from anyone and are checked in words elsewhere. Builds one component of
    its own inside an open ``gr.Blocks``."""

    def __init__(self) -> None:
        self.blank = gr.Checkbox(False, visible="hidden")
        self.numbers = count()

    def __call__(
        self,
        event: Callable[..., Any],
        function: Callable[..., Any],
        inputs: Sequence[gr.components.Component],
        outputs: Any,
        js: str = AS_IT_IS,
        trigger_mode: str = "always_last",
        **settings: Any,
    ) -> Any:
        """``js`` makes of the inputs the values that the function is to be told, as many. trigger_mode: what becomes of
        an event that comes while the one before is being answered; the last one is, too, unless it says otherwise."""
        aside = f"window.labAside[{next(self.numbers)}]"
        put = f"(...values) => {{ window.labAside ||= []; {aside} = ({js})(...values); }}"
        return event(fn=None, js=put, inputs=list(inputs), trigger_mode="multiple").then(
            told(function, len(inputs)),
            self.blank,
            outputs,
            js=f"() => [{aside}]",
            preprocess=False,
            api_visibility="private",
            show_progress="hidden",
            show_progress_on=self.blank,
            trigger_mode=trigger_mode,
            **settings,
        )


def told(function: Callable[..., Any], number: int) -> Callable[[Any], Any]:
    """The function, told so many values as one list. Raises gr.Error where it is told anything else."""

    def checked(values: Any) -> list:
        if not isinstance(values, list) or len(values) != number:
            raise gr.Error(f"The page's controls have {number} values, as a list.", print_exception=False)
        return values

    def answer(values: Any) -> Any:
        return function(*checked(values))

    def answers(values: Any) -> Any:
        yield from function(*checked(values))

    async def answers_in_time(values: Any) -> Any:
        async for each in function(*checked(values)):
            yield each

    if inspect.isasyncgenfunction(function):
        return answers_in_time
    return answers if inspect.isgeneratorfunction(function) else answer
