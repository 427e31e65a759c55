"""Learned autoguidance: a model is trained to predict what it would if it were guided away from a weaker one.

    python -m train.run unet --init-from unet --away-from runs/unet/model --minutes 30

Of two models of the same images, the one that has learned less makes the same errors, only larger ones; so a step from
its prediction to the better one's and beyond improves on both (Karras et al. 2024, "Guiding a diffusion model with a
bad version of itself", eq. 3). Classifier-free guidance makes the samples of a label alike; this corrects them and
keeps their variety. Applied while sampling, it would call two networks at each step. Here the guided prediction is the
target of training, in place of the image, as Meng et al. 2023 do it for classifier-free guidance, and sampling costs no
more than before.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from diffusion.condition import Condition
from diffusion.config import ModelConfig
from diffusion.denoiser import Denoise, Denoiser
from diffusion.guidance import extrapolated
from diffusion.losses import noised
from train.distillation import load_teacher


@dataclass(frozen=True)
class Autoguidance:
    """A loss with the signature of those in ``diffusion.losses``: ``loss(denoiser, x0, condition, t, eps)``."""

    strong: Denoise
    weak: Denoise
    scale: float  # 0 is ``strong`` itself

    def __call__(
        self, denoiser: Denoiser, x0: Tensor, condition: Condition | Tensor | None, t: Tensor, eps: Tensor
    ) -> Tensor:
        """Arguments as for ``diffusion.losses.Loss`` -> (N,) float32: the squared error of the parameterisation's
        target, which is computed from the guided prediction in place of the image."""
        x, level = noised(denoiser.process, x0, t, eps)
        with torch.no_grad():
            guided = extrapolated(self.strong(x, level, condition), self.weak(x, level, condition), self.scale)
            target = denoiser.parameterisation.target(guided.x0, guided.eps, level, denoiser.process)
        output, _ = denoiser.output(x, level, condition)
        return (output.float() - target.float()).square().flatten(1).mean(1)


def autoguidance(strong: str, weak: str, scale: float, student: ModelConfig, device: torch.device) -> Autoguidance:
    """The loss for two models given by reference. Raises ``InputError`` where one cannot be loaded or does not fit."""
    strong_denoiser, weak_denoiser = (load_teacher(ref, student, device).denoiser() for ref in (strong, weak))
    return Autoguidance(strong_denoiser, weak_denoiser, scale)
