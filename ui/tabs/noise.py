"""The *Noise* tab: what a network is asked, and what it answers, for one real digit at every noise level.

All of it is made in the browser (``web/noise/``) when the tab is first opened. It calls three server functions: for the
digits, the noise and the noise levels, from which it makes x_t itself; for the guesses at one noise level; and for the
errors at all of them.
"""

from base64 import b64encode
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

from diffusion.io.images import to_uint8
from diffusion.noise import ImageNoise
from diffusion.process import CosineVP, ExponentialVE, Flow, LinearVP, Process
from ui import i18n, player
from ui.calls import Values
from ui.endpoints import noise as endpoint
from ui.lab.ideal_sampling import endings
from ui.lab.noise import Guess, NoiseLab, NoiseRequest
from ui.lab.real_digits import OF_EACH, SIZE, bundled, bundled_index
from ui.tabs.server_functions import server_function

PROCESSES = (LinearVP(), CosineVP(), ExponentialVE(), Flow())
TIMES = 101  # of the slider, from 0 to 1
NOISE_RANGE = 3.0  # of a picture of noise: black is -3, white is 3


class NoiseTab:
    """Builds the tab inside an open ``gr.Blocks``, and its endpoint."""

    def __init__(self, lab: NoiseLab):
        self.lab = lab
        functions = [served("scene", self.scene), served("view", self.view), served("curve", self.curve)]
        functions.append(served("endings", self.endings))
        self.component = player.noise(functions)
        endpoint.add(self.lab)

    def scene(self, request: NoiseRequest) -> Values:
        """All that x_t is made of, for each of the digits, and what there is to choose from."""
        config = self.lab.config(request.model)
        digits = bundled(request.split).images[[bundled_index(digit, request.index) for digit in range(10)]]
        processes = {process.kind: process for process in PROCESSES} | {config.process.kind: config.process}
        return {
            "model": request.model or self.lab.default(),
            "models": [
                [entry.ref, {code: i18n.model_words(entry.ref, entry.title, "", code)[0] for code in i18n.LANGUAGES}]
                for entry in self.lab.models()
            ],
            "of_each": OF_EACH,
            "digits": encoded(digits),
            "darkest": config.darkest,
            "noise": encoded(ImageNoise(request.seed, 1, (1, SIZE, SIZE))()),
            "process": config.process.kind,
            "schedules": {kind: table(process) for kind, process in processes.items()},
            "whole": self.lab.training().whole,
        }

    def view(self, request: NoiseRequest) -> Values:
        """The guesses at the request's noise level, as pictures of 28x28 bytes."""
        view = self.lab.view(request)
        return {
            "network": guessed(view.network),
            "ideal": guessed(view.ideal),
            "blur": picture(view.blur),
            "blur_error": view.blur_error,
            "blur_width": view.blur_width,
            "neighbours": [[encoded(each.image), each.digit, each.weight] for each in view.neighbours],
            "effective": view.effective,
            "images": view.images,
        }

    def curve(self, request: NoiseRequest) -> Values:
        """The errors at all noise levels."""
        return self.lab.curve(request)._asdict()

    def endings(self, request: NoiseRequest) -> Values:
        """What sampling ends on, with the network and with the ideal denoiser, and the nearest training digits."""
        return {name: [each.encoded() for each in found] for name, found in endings(self.lab, request).items()}


def served(name: str, function: Callable[[NoiseRequest], Values]) -> Callable[..., Any]:
    """A server function of that name, of a request."""

    def of_values(values: Values) -> Values:
        sent = {key: value for key, value in values.items() if key not in ("language", "number")}
        return function(NoiseRequest(**sent))

    return server_function(name, of_values)


@cache
def table(process: Process) -> dict[str, list[float]]:
    """alpha and sigma at ``TIMES`` times from 0 to 1, to six digits."""
    alpha, sigma = process.alpha_sigma(torch.linspace(0, 1, TIMES, dtype=torch.float64))
    names = {"alpha": alpha, "sigma": sigma}
    return {name: [float(f"{value:.6g}") for value in values.tolist()] for name, values in names.items()}


def guessed(guess: Guess) -> Values:
    """A guess as two pictures, and its errors."""
    pictures = {"x0": picture(guess.x0), "eps": picture(guess.eps / NOISE_RANGE)}
    return {**pictures, "x0_error": guess.x0_error, "eps_error": guess.eps_error}


def picture(image: Tensor) -> str:
    """An image (1, 1, 28, 28) in [-1, 1] as 28x28 bytes in base64."""
    return b64encode(to_uint8(image).tobytes()).decode()


def encoded(tensor: Tensor) -> str:
    """A tensor's bytes, little-endian, in base64."""
    return b64encode(tensor.contiguous().numpy().tobytes()).decode()
