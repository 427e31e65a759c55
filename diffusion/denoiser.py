"""Denoiser: network + process + parameterisation -> ``Prediction``; and clipping, which comes once, after guidance."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from diffusion.prediction import Parameterisation, Prediction
from diffusion.process import Level, Process


class Network(Protocol):
    """``network(x, t, y) -> output``: x (N, C, H, W), t (N,), y (N,) class indices or None; output like x."""

    def __call__(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor: ...


class Denoise(Protocol):
    """``denoise(x, level, labels) -> Prediction``: what guidance wraps and, with its labels bound, a sampler calls."""

    def __call__(self, x: Tensor, level: Level, labels: Tensor | None = None) -> Prediction: ...


@dataclass(frozen=True)
class Denoiser:
    """Asks the network and reads its answer. Coefficients are float64 and meet the network in ``network_dtype``."""

    network: Network
    process: Process
    parameterisation: Parameterisation
    network_dtype: torch.dtype = torch.float32

    def __call__(self, x: Tensor, level: Level, labels: Tensor | None = None) -> Prediction:
        """x (N, C, H, W) at ``level``, labels (N,) int64 or None -> x0 and eps like x."""
        c_in = 1 / math.hypot(level.alpha, level.sigma)  # Karras et al. 2022, c_in: 1 on VP, what makes VE learnable
        t = self.process.embed_time(level.t).to(x.device, self.network_dtype).expand(len(x))
        output = self.network((x * c_in).to(self.network_dtype), t, labels).to(x.dtype)
        return Prediction(*self.parameterisation.invert(x, output, level.alpha, level.sigma))


def clipped(denoise: Denoise, denoised_fn: Callable[[Tensor], Tensor] = lambda x0: x0.clamp(-1, 1)) -> Denoise:
    """Apply ``denoised_fn`` to the predicted x0 (to [-1, 1] by default) and derive eps anew, so that both agree."""

    def denoise_clipped(x: Tensor, level: Level, labels: Tensor | None = None) -> Prediction:
        prediction = denoise(x, level, labels)
        x0 = denoised_fn(prediction.x0)
        return prediction._replace(x0=x0, eps=(x - level.alpha * x0) / level.sigma)

    return denoise_clipped
