"""The public endpoint ``/generate``: for gradio_client, plain HTTP and MCP. Its parameters and their documentation
are those of a ``Request``."""

import inspect
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, closing, suppress
from threading import Lock
from typing import Any

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache

from diffusion.errors import InputError
from diffusion.settings_schema import Setting
from ui.engine import Engine
from ui.request import REQUEST_SETTINGS, Request
from ui.streams import STREAMS, visitor_of
from ui.zero_gpu import on_gpu

MAX_RESULT_BYTES = 200_000_000  # on disk
DESCRIPTION = """Sample images from a diffusion model.

Args:
{parameters}

Returns:
    A PNG of all images on one sheet, and a JSON object with "labels", "readings" (the label that a classifier predicts
    for each image, with its confidence), "settings" (all that is needed to sample the same again), "seconds" and,
    where the settings cannot make a picture, a "warning".
"""


def parameter_names() -> list[str]:
    """The parameters in their order, in which plain HTTP calls give them: what most calls need comes first."""
    everyday = [name for name, setting in REQUEST_SETTINGS.items() if not setting.advanced]
    first = ["label", "num_images", "sampler", "steps", "guidance_scale", "seed", "model", "classifier"]
    advanced = [name for name, setting in REQUEST_SETTINGS.items() if setting.advanced]
    return [*first, *advanced, *(name for name in everyday if name not in first)]


def default_of(name: str) -> Any:
    """What a call may leave out."""
    unset = Request.model_fields[name].default
    return "" if unset is None and REQUEST_SETTINGS[name].kind in ("text", "choice") else unset


def documented(name: str, setting: Setting) -> str:
    """A parameter's line in the description of an endpoint."""
    allowed = "" if setting.kind == "text" else f": {setting.allowed}"
    unset = "the model's own" if setting.own else setting.default
    left_out = "" if unset is None else f"; if left out, {unset}"
    return f"    {name}: {setting.help}{allowed}{left_out}."


class Results:
    """The files of the last results, which callers fetch: the earliest make room."""

    def __init__(self) -> None:
        self._sizes: dict[str, int] = {}  # by path, in the order of their last use
        self._lock = Lock()

    def add(self, path: str) -> str:
        """Note a file that was written; the same result is the same file."""
        with self._lock:
            self._sizes.pop(path, None)
            self._sizes[path] = os.path.getsize(path)
            while sum(self._sizes.values()) > MAX_RESULT_BYTES and len(self._sizes) > 1:
                earliest = next(iter(self._sizes))
                del self._sizes[earliest]
                with suppress(OSError):
                    os.remove(earliest)
        return path


def add(engine: Engine) -> None:
    """Put the endpoint into the open ``gr.Blocks``, with components that nobody sees to say what it takes and gives."""

    def sample(*values: Any) -> Iterator[tuple[Any, Any]]:
        try:
            request = Request(**dict(zip(parameter_names(), values, strict=True)))
            with closing(engine.run(request, watched=False)) as updates:
                for update in updates:
                    result = update.result
        except InputError as error:
            raise gr.Error(str(error), print_exception=False) from None
        assert result is not None  # the last update of a run has it
        path = results.add(save_bytes_to_cache(result.sheet_png, "digits.png", sheet.GRADIO_CACHE))
        classifications = result.classifications
        about: dict[str, Any] = {
            "labels": result.labels,
            "readings": classifications and [each._asdict() for each in classifications],
            "settings": result.record,
            "seconds": result.seconds,
        }
        if result.warning is not None:
            about["warning"] = result.warning.text()
        yield path, about

    sampling = on_gpu(sample)

    async def generate(request: gr.Request, *values: Any) -> AsyncIterator[tuple[Any, Any]]:
        # Not gr.skip() as the pulse: for each of these Gradio makes both components anew.
        answers = STREAMS.results(sampling, *values, visitor=visitor_of(request), pulse=(None, None))
        async with aclosing(answers):
            async for answer in answers:
                yield answer
                if answer[0] is not None:  # a pulse after it would take its place
                    return

    names, results = parameter_names(), Results()
    describe(generate, DESCRIPTION, {name: REQUEST_SETTINGS[name] for name in names}, {n: default_of(n) for n in names})
    with gr.Group(visible=False):
        inputs = [component(name, REQUEST_SETTINGS[name], default_of(name)) for name in names]
        sheet = gr.Image(label="sheet", type="filepath", format="png")
        details = gr.JSON(label="about")
        gr.Button().click(
            generate,
            inputs,
            [sheet, details],
            api_name="generate",
            preprocess=False,  # wrong types are answered by Request, in words
        )


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
    """What takes a parameter; nobody sees it."""
    numeric = setting.kind in ("integer", "number")
    return gr.Number(default, label=name) if numeric else gr.Textbox(default, label=name)
