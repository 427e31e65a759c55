"""What an endpoint takes: the parameters of its function, their documentation, and a component for each, made from
settings."""

import inspect
from collections.abc import Callable
from typing import Any

import gradio as gr

from diffusion.settings_schema import Setting


def describe(
    function: Callable[..., Any], description: str, returns: str, settings: dict[str, Setting], defaults: dict[str, Any]
) -> None:
    """Give the function of an endpoint, which takes a ``gr.Request`` and values, the signature and the documentation
    that Gradio reads: it takes each line of what is returned for a result."""
    lines = [documented(name, setting, defaults[name]) for name, setting in settings.items()]
    parts = [description, "\n".join(["Args:", *lines]), f"Returns:\n    {' '.join(returns.split())}"]
    function.__doc__ = "\n\n".join(parts)
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(name, kind, default=defaults[name]) for name in settings]
    sender = inspect.Parameter("request", inspect.Parameter.POSITIONAL_ONLY, annotation=gr.Request)
    function.__signature__ = inspect.Signature([sender, *parameters])  # type: ignore[attr-defined]


def component(name: str, setting: Setting, default: Any) -> gr.components.Component:
    """What takes a parameter. Nobody sees it, but the description of the API calls the parameter by its label."""
    kind = gr.Number if setting.kind in ("integer", "number") else gr.Textbox
    made = kind(default, label=setting.help or name)
    made.api_info = lambda: schema(setting)  # type: ignore[method-assign]
    return made


def schema(setting: Setting) -> dict[str, Any]:
    """The values of a parameter, as JSON schema."""
    if setting.kind in ("integer", "number"):
        return {"type": setting.kind, "minimum": setting.low, "maximum": setting.high}
    return {"type": "string", **({"enum": list(setting.choices)} if setting.kind == "choice" else {})}


def documented(name: str, setting: Setting, default: Any) -> str:
    """A parameter's line in the description of an endpoint."""
    allowed = "" if setting.kind == "text" else f": {setting.allowed}"
    unset = "the model's own" if setting.own else setting.default
    unset = unset if default in (None, "") else default
    left_out = "" if unset is None else f"; if left out, {unset}"
    return f"    {name}: {setting.help}{allowed}{left_out}."
