"""The one public endpoint, ``/generate``: for gradio_client, plain HTTP and MCP."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache

from diffusion.errors import InputError
from diffusion.settings import Request
from ui.engine import Engine
from ui.tabs.run_buttons import SAMPLING
from ui.zero_gpu import on_gpu

NEEDED = 7  # values that a call by plain HTTP has to give


class Blocks(gr.Blocks):
    """``gr.Blocks`` in which a call of the endpoint by plain HTTP, whose values have no names, may end after those that
    are needed. Gradio's own client fills in what is left out; over HTTP, Gradio would refuse it."""

    async def preprocess_data(self, block_fn: Any, inputs: list[Any], *others: Any, **named: Any) -> Any:
        """Gradio's, with the endpoint's last values filled in. Raises gr.Error where others are missing."""
        if block_fn.api_name == "generate":
            if len(inputs) < NEEDED:
                raise gr.Error(f"generate takes at least {NEEDED} values, not {len(inputs)}.", print_exception=False)
            inputs = [*inputs, *(component.value for component in block_fn.inputs[len(inputs) :])]
        return await super().preprocess_data(block_fn, inputs, *others, **named)


def add(engine: Engine) -> None:
    """Put the endpoint into the open ``gr.Blocks``, with components that nobody sees to say what it takes and gives."""

    def generate(
        label: str = "",
        num_images: int = 16,
        sampler: str = "",
        steps: int | None = None,
        guidance_scale: float | None = None,
        seed: int = 0,
        model: str = "",
        classifier: str = "",
        classifier_scale: float | None = None,
        freeu_b: float | None = None,
        freeu_s: float | None = None,
        guidance_t_min: float | None = None,
        guidance_t_max: float | None = None,
        skip_scale: float | None = None,
        guidance_power: float | None = None,
    ) -> Iterator[tuple[Any, Any]]:
        """Draw images with a diffusion model.

        Args:
            label: What to draw: the name of one of the model's classes, such as "7", or "" for any. For
                super-resolution, which digits to enlarge.
            num_images: How many images, 1 to 64.
            sampler: One of ddpm, ddim, euler_maruyama, heun, dpmpp_2m, unipc, turbo, or "" for the model's own.
            steps: Sampling steps, 1 to 1000; null for the default.
            guidance_scale: 0 ignores the label, 1 is no guidance, up to 20; null for the model's default.
            seed: 0 to 4294967295; the same seed gives the same images.
            model: The name of a model, or hub:owner/name, or "" for the default.
            classifier: The name of a classifier that steers the model to the label, or "" for none.
            classifier_scale: How strongly it steers, 0 to 100; null for 1.
            freeu_b: FreeU's scale of a U-Net's backbone, 0 to 4; null or 1 is off.
            freeu_s: FreeU's scale of a U-Net's skip connections, 0 to 4; null or 1 is off.
            guidance_t_min: A guidance_scale above 1 acts at times t from here, 0 to 1; null for the model's default.
            guidance_t_max: And to here; 1 is pure noise.
            skip_scale: How far a DiT is guided away from itself without its middle, 0 to 20; null for its default.
            guidance_power: How strongly to favour images that the label still changes: 0 (all alike) to 4; null for
                the model's default.

        Returns:
            A PNG of all images on one sheet, and a JSON object with "labels", "readings" (what a classifier reads in
            each image, with its confidence), "settings" and "seconds".
        """
        try:
            request = Request(
                label=label,
                num_images=num_images,
                sampler=sampler,
                steps=steps,
                guidance_scale=guidance_scale,
                seed=seed,
                model=model,
                classifier=classifier,
                classifier_scale=classifier_scale,
                freeu_b=freeu_b,
                freeu_s=freeu_s,
                guidance_t_min=guidance_t_min,
                guidance_t_max=guidance_t_max,
                skip_scale=skip_scale,
                guidance_power=guidance_power,
            )
            with closing(engine.run(request, watched=False)) as updates:
                for update in updates:
                    result = update.result
                    # Here it is noticed that a caller has cancelled, or gone. Not gr.skip(): for each of these Gradio
                    # makes both components anew.
                    yield None, None
        except InputError as error:
            raise gr.Error(str(error), print_exception=False) from None
        assert result is not None  # the last update of a run has it
        path = save_bytes_to_cache(result.sheet_png, "digits.png", sheet.GRADIO_CACHE)
        answer: dict[str, Any] = {
            "labels": result.labels,
            "readings": result.readings and [reading._asdict() for reading in result.readings],
            "settings": result.settings,
            "seconds": result.seconds,
        }
        yield path, answer

    with gr.Group(visible=False):
        inputs = [
            gr.Textbox("", label="label"),
            gr.Number(16, label="num_images"),
            gr.Textbox("", label="sampler"),
            gr.Number(label="steps"),
            gr.Number(label="guidance_scale"),
            gr.Number(0, label="seed"),
            gr.Textbox("", label="model"),
            gr.Textbox("", label="classifier"),
            gr.Number(label="classifier_scale"),
            gr.Number(label="freeu_b"),
            gr.Number(label="freeu_s"),
            gr.Number(label="guidance_t_min"),
            gr.Number(label="guidance_t_max"),
            gr.Number(label="skip_scale"),
            gr.Number(label="guidance_power"),
        ]
        sheet = gr.Image(label="sheet", type="filepath", format="png")
        about = gr.JSON(label="about")
        gr.Button().click(
            on_gpu(generate),
            inputs,
            [sheet, about],
            api_name="generate",
            preprocess=False,  # wrong types are answered by Request, in words
            concurrency_id=SAMPLING,
        )
