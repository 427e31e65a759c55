"""The public endpoint ``/generate``: for gradio_client, plain HTTP and MCP. Its parameters and their documentation
are those of a ``Request``."""

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, closing
from typing import Any

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache

from diffusion.errors import InputError
from ui.endpoints.parameters import component, describe
from ui.endpoints.results import Results
from ui.engine import Engine
from ui.hosting.streams import STREAMS, visitor_of
from ui.hosting.zero_gpu import on_gpu
from ui.request import REQUEST_SETTINGS, Request

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
