"""Autoguidance, learned: a model comes to say what it would say if it were guided away from a weaker one.

    python -m train.run unet --init-from unet --away-from runs/unet/model --minutes 30

Of two models of the same images the one that has learned less is wrong in the same places, and more so: a step further
in the direction from it to the better one improves on both (Karras et al. 2024, "Guiding a diffusion model with a bad
version of itself", eq. 3). Classifier-free guidance makes the digits of a label alike; this mends them and leaves them
as varied as they are. Drawn with, it would ask two networks at each step. Here the guided answer is what a network is
trained on, in place of the image, as Meng et al. 2023 do it for classifier-free guidance, and drawing costs no more.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from diffusion.config import ModelConfig
from diffusion.denoiser import Denoise, Denoiser
from diffusion.guidance import away
from diffusion.losses import noised
from train.distillation import load_teacher


@dataclass(frozen=True)
class Autoguidance:
    """A loss like those of ``diffusion.losses``: ``loss(denoiser, x0, labels, t, eps, low_res)``."""

    strong: Denoise
    weak: Denoise
    scale: float  # 0 would be ``strong`` itself

    def __call__(
        self, denoiser: Denoiser, x0: Tensor, labels: Tensor | None, t: Tensor, eps: Tensor, low_res: None = None
    ) -> Tensor:
        """Arguments as for a ``Loss`` -> (N,) float32: the squared error of the parameterisation's target, which is not
        the images' but the guided prediction's."""
        x, level = noised(denoiser.process, x0, t, eps)
        with torch.no_grad():
            guided = away(self.strong(x, level, labels), self.weak(x, level, labels), self.scale)
            target = denoiser.parameterisation.target(guided.x0, guided.eps, level, denoiser.process)
        output, _ = denoiser.ask(x, level, labels)
        return (output.float() - target.float()).square().flatten(1).mean(1)


def autoguidance(strong: str, weak: str, scale: float, student: ModelConfig, device: torch.device) -> Autoguidance:
    """The loss of two models given by reference. Raises ``InputError`` where one cannot be read or does not fit."""
    better, weaker = (load_teacher(ref, student, device).denoiser() for ref in (strong, weak))
    return Autoguidance(better, weaker, scale)
