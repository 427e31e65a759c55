"""Denoiser: network + process + parameterisation -> ``Prediction``; and clipping, which comes once, after guidance."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from diffusion.parameterisation import Parameterisation, Prediction
from diffusion.process import Level, Process, like
from diffusion.variance import VARIANCES, Variance, VarianceKind


class Network(Protocol):
    """``network(x, t, y) -> output``: x (N, C, H, W), t (N,), y (N,) class indices or None; output like x, with 2C
    channels where it learns a variance. One for super-resolution takes ``low_res`` (N, C, h, h), too, one that is told
    the guidance scale ``guidance`` (N,)."""

    def __call__(self, x: Tensor, t: Tensor, y: Tensor | None = None, **beside: Any) -> Tensor: ...


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
    variance: VarianceKind = VARIANCES["small"]
    low_res: Tensor | None = None  # (n, C, h, h): what super-resolution enlarges, one an image
    guidance: float | Tensor | None = None  # the scale, where it is an input of the network; one, or (N,) an image

    def __call__(self, x: Tensor, level: Level, labels: Tensor | None = None) -> Prediction:
        """x (N, C, H, W) at ``level``, labels (N,) int64 or None -> x0 and eps like x."""
        return self.read(x, level, *self.ask(x, level, labels))

    def ask(self, x: Tensor, level: Level, labels: Tensor | None = None) -> tuple[Tensor, Variance]:
        """The network's raw output, like x, and what it says of the variance."""
        network_input, t = conditioned(self.process, x, level, self.network_dtype)
        beside = {}
        if self.low_res is not None:  # guidance asks about the same images twice, side by side
            beside["low_res"] = self.low_res.repeat(len(x) // len(self.low_res), 1, 1, 1)
        if self.guidance is not None:
            beside["guidance"] = torch.as_tensor(self.guidance, device=x.device).expand(len(x))
        output = self.network(network_input, t, labels, **beside).to(x.dtype)
        output, raw = output.chunk(2, dim=1) if self.variance.learned else (output, None)
        return output, Variance(self.variance, raw)

    def read(self, x: Tensor, level: Level, output: Tensor, variance: Variance) -> Prediction:
        """What the raw output means."""
        return Prediction(*self.parameterisation.invert(x, output, level, self.process), variance)


def conditioned(process: Process, x: Tensor, level: Level, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """What a network is shown: x (N, C, H, W) scaled to unit variance, and the time (N,)."""
    c_in = (level.alpha**2 + level.sigma**2) ** -0.5  # Karras et al. 2022, c_in: 1 on VP, what makes VE learnable
    t = process.embed_time(level.t).to(x.device, dtype).flatten().expand(len(x))
    return (x * like(c_in, x)).to(dtype), t


def clipped(denoise: Denoise, denoised_fn: Callable[[Tensor], Tensor] | None = None, darkest: float = -1.0) -> Denoise:
    """Clip the predicted x0 to [darkest, 1], after ``denoised_fn`` if there is one, and derive eps anew, so that both
    agree; hold a learned variance within its range."""

    def denoise_clipped(x: Tensor, level: Level, labels: Tensor | None = None) -> Prediction:
        prediction = denoise(x, level, labels)
        x0 = prediction.x0 if denoised_fn is None else denoised_fn(prediction.x0)
        x0 = x0.clamp(darkest, 1)
        eps = (x - level.alpha * x0) / level.sigma
        return Prediction(x0, eps, prediction.variance.held())

    return denoise_clipped
