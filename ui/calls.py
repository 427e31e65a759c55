"""Events of the page that call the server, with values by name.

An event takes two steps. In the browser the values of its controls become one object, {name: value}, which is the value
of a component that nobody sees; that object is all that the server's function gets. So values have names on the whole
way, and Gradio, which reports every event's progress to all components that it reads, has one small one to report to.
What a function returns are values by the names of its outputs, too.
"""

import inspect
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any

import gradio as gr

from diffusion.errors import InputError
from ui.hosting.streams import in_background
from ui.instances import LAB

Values = dict[str, Any]


def in_browser(expression: str, *parameters: str) -> str:
    """The ``js`` of an event: an expression of the parameters and of ``lab``, once its modules are there."""
    body = f"const lab = await {LAB}.ready; return {expression};"
    return f"async ({', '.join(parameters)}) => {{ {body} }}"


def named(inputs: Mapping[str, Any]) -> str:
    """An expression for ``in_browser``, of the parameter "...list": an event's values as one object by name."""
    return f"Object.fromEntries({json.dumps(list(inputs))}.map((name, i) => [name, list[i]]))"


def call(
    event: Callable[..., Any],
    function: Callable[[Values], Any],
    inputs: Mapping[str, gr.components.Component],
    outputs: Mapping[str, gr.components.Component],
    trigger_mode: str = "always_last",
    **settings: Any,
) -> Any:
    """``function({name: value})`` at an event; it returns, or yields, {name of an output: value}.

    trigger_mode: what becomes of an event that comes while the one before is being answered; by default the last one
    is, too. ``settings`` are Gradio's.
    """
    values = gr.JSON(visible="hidden")
    js = in_browser(f"({{ ...{named(inputs)}, language: lab.language() }})", "...list")
    collected = event(fn=None, js=js, inputs=list(inputs.values()), outputs=values, trigger_mode="multiple")
    handler = outputs_by_name(function, outputs)
    return collected.then(
        handler if inspect.isasyncgenfunction(handler) else in_background(handler, pulse=gr.skip()),
        values,
        list(outputs.values()),
        preprocess=False,  # values come over HTTP from anyone, and are checked in words
        api_visibility="private",
        show_progress="hidden",
        show_progress_on=values,
        trigger_mode=trigger_mode,
        **settings,
    )


def choose(
    event: Callable[..., Any],
    what: str,
    inputs: Mapping[str, gr.components.Component],
    outputs: Mapping[str, gr.components.Component],
    also: Mapping[str, str] | None = None,
) -> Any:
    """An event at which the browser asks for what the page is to show (``Choices.answer``), with values by name, and
    gives to each output what is still wanted by then (``ui/web/choices.js``). ``also``: values that are no controls',
    as expressions of the browser."""
    more = "".join(f", {name}: {expression}" for name, expression in (also or {}).items())
    answer = f"lab.choices.request({json.dumps(what)}, {{ ...{named(inputs)}{more} }})"
    return event(fn=None, inputs=list(inputs.values()), **updating(answer, outputs))


def updating(expression: str, outputs: Mapping[str, gr.components.Component]) -> dict[str, Any]:
    """An event's ``js``, and more of it: an expression of "...list" that gives updates by the names of outputs."""
    js = in_browser(f"lab.inOrder({json.dumps(list(outputs))}, {expression})", "...list")
    return {"js": js, "outputs": list(outputs.values()), "trigger_mode": "multiple", "show_progress": "hidden"}


def outputs_by_name(
    function: Callable[[Values], Any], outputs: Mapping[str, gr.components.Component]
) -> Callable[[Any], Any]:
    """The function as Gradio calls it, with its outputs as a dictionary of components. Raises gr.Error where it is
    given anything but values by name."""

    def by_name(values: Any) -> Values:
        try:
            return checked(values)
        except InputError as error:
            raise gr.Error(str(error), print_exception=False) from None

    def components(result: Values) -> dict[Any, Any]:
        # for Gradio, an empty dictionary is no dictionary of components
        return {outputs[name]: value for name, value in result.items()} or gr.skip()

    def handler(values: Any) -> dict[Any, Any]:
        return components(function(by_name(values)))

    def streaming_handler(values: Any) -> Iterator[dict[Any, Any]]:
        for result in function(by_name(values)):
            yield components(result)

    async def async_handler(values: Any) -> AsyncIterator[dict[Any, Any]]:
        async for result in function(by_name(values)):
            yield components(result)

    if inspect.isasyncgenfunction(function):
        return async_handler
    return streaming_handler if inspect.isgeneratorfunction(function) else handler


def checked(values: Any) -> Values:
    """Values by name. Raises InputError where they are anything else."""
    if isinstance(values, dict) and all(isinstance(name, str) for name in values):
        return values
    raise InputError("page.values_by_name")
