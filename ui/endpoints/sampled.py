"""What endpoints that sample have in common: they answer with a sheet of images, and what there is to say of them."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, closing
from typing import Any

import gradio as gr

from diffusion.errors import InputError
from diffusion.settings_schema import Setting
from ui.endpoints.parameters import component, describe
from ui.endpoints.results import RESULTS, answer
from ui.engine import Update
from ui.hosting.zero_gpu import on_gpu

RETURNS = """A PNG of all images on one sheet, and a JSON object with "labels", "readings" (the label that a classifier
predicts for each image, with its confidence), "settings" (all that is needed to sample the same again), "seconds" and,
where the settings cannot make a picture, a "warning"."""


def add(
    name: str,
    description: str,
    settings: dict[str, Setting],
    defaults: dict[str, Any],
    run: Callable[[dict[str, Any]], Iterator[Update]],
) -> None:
    """Put an endpoint of that name into the open ``gr.Blocks``, with components that nobody sees to say what it takes
    and gives. ``run`` takes values by the names of ``settings``, in their order, and yields the updates of a run; it
    may raise InputError."""

    def sample(*values: Any) -> Iterator[tuple[Any, Any]]:
        try:
            with closing(run(dict(zip(settings, values, strict=True)))) as updates:  # type: ignore[type-var]
                for update in updates:
                    result = update.result
        except InputError as error:
            raise gr.Error(str(error), print_exception=False) from None
        assert result is not None  # the last update of a run has it
        classifications = result.classifications
        about: dict[str, Any] = {
            "labels": result.labels,
            "readings": classifications and [each._asdict() for each in classifications],
            "settings": result.record,
            "seconds": result.seconds,
        }
        if result.warning is not None:
            about["warning"] = result.warning.text()
        yield RESULTS.add("digits.png", result.sheet_png), about

    sampling = on_gpu(sample)

    async def endpoint(request: gr.Request, *values: Any) -> AsyncIterator[tuple[Any, Any]]:
        async with aclosing(answer(sampling, request, values)) as pairs:
            async for pair in pairs:
                yield pair

    endpoint.__name__ = name
    describe(endpoint, description, RETURNS, settings, defaults)
    with gr.Group(visible=False):
        inputs = [component(each, setting, defaults[each]) for each, setting in settings.items()]
        sheet = gr.Image(label="sheet", type="filepath", format="png")
        details = gr.JSON(label="about")
        # wrong types are answered by ``run``, in words; results are as they are sent
        gr.Button().click(endpoint, inputs, [sheet, details], api_name=name, preprocess=False, postprocess=False)
