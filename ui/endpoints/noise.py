"""The public endpoint ``/noise``: what a network answers for one real digit at one noise level."""

from typing import Any

import gradio as gr
from torch import cat

from diffusion.errors import InputError
from diffusion.io.images import png_bytes, sheet, to_uint8
from ui.endpoints.parameters import component, describe
from ui.endpoints.results import RESULTS
from ui.gradio_workarounds import Download
from ui.hosting.streams import STREAMS
from ui.hosting.visitors import visitor_of
from ui.hosting.zero_gpu import on_gpu
from ui.lab.noise import NoiseLab
from ui.lab.noise_request import NOISE_SETTINGS, NoiseRequest

DEFAULTS = {name: NoiseRequest.model_fields[name].default for name in NOISE_SETTINGS}
DESCRIPTION = """Add noise to a real digit, and remove it in one call of the network."""
RETURNS = """A PNG of five images in a row (the digit, the digit with noise, the guesses of the network, of the ideal
denoiser of the training set and of a Gaussian blur), and a JSON object with "settings", the "level" (alpha and sigma),
the root mean square "errors" of the guesses, "blur_width" in pixels, "neighbours" (the digits that carry most of the
ideal denoiser's weight, with their weights) and "images", how many training images that knows."""


def add(lab: NoiseLab) -> None:
    """Put the endpoint into the open ``gr.Blocks``."""

    def answer(*values: Any) -> tuple[Download, dict[str, Any]]:
        try:
            request = NoiseRequest(**dict(zip(NOISE_SETTINGS, values, strict=True)))
            view = lab.view(request)
        except InputError as error:
            raise gr.Error(str(error), print_exception=False) from None
        scale = (view.level.alpha**2 + view.level.sigma**2) ** -0.5  # noise of any process is seen as noise
        images = cat([view.x0, view.x * scale, view.network.x0, view.ideal.x0, view.blur])
        settings = request.model_dump(exclude={"pixels"} if not request.pixels else None) | {"model": view.model}
        about = {
            "settings": settings,
            "level": {"alpha": view.level.alpha, "sigma": view.level.sigma},
            "errors": {
                "network": view.network.x0_error,
                "network_noise": view.network.eps_error,
                "ideal": view.ideal.x0_error,
                "ideal_noise": view.ideal.eps_error,
                "blur": view.blur_error,
            },
            "blur_width": view.blur_width,
            "neighbours": [{"digit": each.digit, "weight": each.weight} for each in view.neighbours],
            "images": view.images,
        }
        png = png_bytes(sheet(to_uint8(images), columns=len(images)), settings)
        return RESULTS.add("digit.png", png), about

    answering = on_gpu(answer)

    async def noise(request: gr.Request, *values: Any) -> Any:
        return await STREAMS.result(answering, *values, visitor=visitor_of(request))

    describe(noise, DESCRIPTION, RETURNS, NOISE_SETTINGS, DEFAULTS)
    with gr.Group(visible=False):
        inputs = [component(name, setting, DEFAULTS[name]) for name, setting in NOISE_SETTINGS.items()]
        picture = gr.Image(label="sheet", type="filepath", format="png")
        details = gr.JSON(label="about")
        gr.Button().click(noise, inputs, [picture, details], api_name="noise", preprocess=False, postprocess=False)
