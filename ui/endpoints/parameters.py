"""What an endpoint takes: the parameters of its function, their documentation, and a component for each, made from
settings."""

import inspect
from collections.abc import Callable
from typing import Any

import gradio as gr

from diffusion.settings_schema import Setting


def describe(
    function: Callable[..., Any], description: str, settings: dict[str, Setting], defaults: dict[str, Any]
) -> None:
    """Give the function of an endpoint, which takes a ``gr.Request`` and values, the signature and the documentation
    that Gradio reads. ``description`` has a place for the "{parameters}"."""
    lines = (documented(name, setting) for name, setting in settings.items())
    function.__doc__ = description.format(parameters="\n".join(lines))
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(name, kind, default=defaults[name]) for name in settings]
    sender = inspect.Parameter("request", inspect.Parameter.POSITIONAL_ONLY, annotation=gr.Request)
    function.__signature__ = inspect.Signature([sender, *parameters])  # type: ignore[attr-defined]


def component(name: str, setting: Setting, default: Any) -> gr.components.Component:
    """What takes a parameter. Nobody sees it, but the description of the API calls the parameter by its label."""
    kind = gr.Number if setting.kind in ("integer", "number") else gr.Textbox
    return kind(default, label=setting.help or name)


def documented(name: str, setting: Setting) -> str:
    """A parameter's line in the description of an endpoint."""
    allowed = "" if setting.kind == "text" else f": {setting.allowed}"
    unset = "the model's own" if setting.own else setting.default
    left_out = "" if unset is None else f"; if left out, {unset}"
    return f"    {name}: {setting.help}{allowed}{left_out}."
