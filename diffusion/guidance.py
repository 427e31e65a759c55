"""Guidance: denoiser -> denoiser."""

import torch
from torch import Tensor

from diffusion.denoiser import Denoise
from diffusion.prediction import Prediction
from diffusion.process import Level


def classifier_free(denoise: Denoise, scale: float, null_label: int) -> Denoise:
    """Classifier-free guidance, ``u + scale (c - u)`` (Ho & Salimans 2022, eq. 6 with scale = 1 + w).

    scale 1 is no guidance, 0 is unconditional, more pulls harder towards the label. Both halves share one call on 2N
    images; where only one is needed, the call is on N.
    """

    def guided(x: Tensor, level: Level, labels: Tensor | None = None) -> Prediction:
        nulls = torch.full((len(x),), null_label, device=x.device)
        if labels is None or scale == 0:
            return denoise(x, level, nulls)
        if scale == 1 or bool((labels == null_label).all()):
            return denoise(x, level, labels)
        both = denoise(torch.cat([x, x]), level, torch.cat([labels, nulls]))
        (x0_c, x0_u), (eps_c, eps_u) = both.x0.chunk(2), both.eps.chunk(2)
        return Prediction(torch.lerp(x0_u, x0_c, scale), torch.lerp(eps_u, eps_c, scale))

    return guided
