"""Denoiser: network + process + parameterisation -> ``Prediction``; and clipping, which comes once, after guidance."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from diffusion.condition import Condition
from diffusion.parameterisation import Parameterisation, Prediction
from diffusion.process import Level, Process, like
from diffusion.variance import VARIANCES, Variance, VarianceKind


class Network(Protocol):
    """``network(x, t, condition, **options) -> output``: x (N, C, H, W), t (N,); output like x, with 2C channels where
    it learns a variance."""

    def __call__(self, x: Tensor, t: Tensor, condition: Condition, **options: Any) -> Tensor: ...


class Denoise(Protocol):
    """``denoise(x, level, condition) -> Prediction``: what guidance wraps and, with its condition bound, a sampler
    calls."""

    def __call__(self, x: Tensor, level: Level, condition: Condition | Tensor | None = None) -> Prediction: ...


@dataclass(frozen=True)
class Denoiser:
    """Calls the network and interprets its output. Coefficients are float64, cast to ``network_dtype`` at the
    network."""

    network: Network
    process: Process
    parameterisation: Parameterisation
    network_dtype: torch.dtype = torch.float32
    variance: VarianceKind = VARIANCES["small"]

    def __call__(self, x: Tensor, level: Level, condition: Condition | Tensor | None = None) -> Prediction:
        """x (N, C, H, W) at ``level``, a condition or labels (N,) alone -> x0 and eps like x."""
        return self.interpret(x, level, *self.output(x, level, condition))

    def output(self, x: Tensor, level: Level, condition: Condition | Tensor | None = None) -> tuple[Tensor, Variance]:
        """The network's raw output, like x, and the variance that it predicts."""
        network_input, t = preconditioned(self.process, x, level, self.network_dtype)
        output = self.network(network_input, t, Condition.of(condition)).to(x.dtype)
        output, raw = output.chunk(2, dim=1) if self.variance.learned else (output, None)
        return output, Variance(self.variance, raw)

    def interpret(self, x: Tensor, level: Level, output: Tensor, variance: Variance) -> Prediction:
        """The prediction that a raw output stands for."""
        return Prediction(*self.parameterisation.invert(x, output, level, self.process), variance)


def preconditioned(process: Process, x: Tensor, level: Level, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """The inputs of a network: x (N, C, H, W) scaled to unit variance, and the time (N,)."""
    c_in = (level.alpha**2 + level.sigma**2) ** -0.5  # Karras et al. 2022, c_in: 1 on VP, what makes VE learnable
    t = process.embed_time(level.t).to(x.device, dtype).flatten().expand(len(x))
    return (x * like(c_in, x)).to(dtype), t


def clipped(denoise: Denoise, denoised_fn: Callable[[Tensor], Tensor] | None = None, darkest: float = -1.0) -> Denoise:
    """Clip the predicted x0 to [darkest, 1], after ``denoised_fn`` if there is one, and derive eps anew, so that both
    agree."""

    def clipped_denoise(x: Tensor, level: Level, condition: Condition | Tensor | None = None) -> Prediction:
        prediction = denoise(x, level, condition)
        x0 = prediction.x0 if denoised_fn is None else denoised_fn(prediction.x0)
        x0 = x0.clamp(darkest, 1)
        return prediction._replace(x0=x0, eps=(x - level.alpha * x0) / level.sigma)

    return clipped_denoise


def with_clamped_variance(denoise: Denoise) -> Denoise:
    """Clamp a learned range of variances to that range. It comes before guidance by a classifier, which weights its
    gradient by the variance that the step will sample with."""

    def clamped_denoise(x: Tensor, level: Level, condition: Condition | Tensor | None = None) -> Prediction:
        prediction = denoise(x, level, condition)
        return prediction._replace(variance=prediction.variance.clamped())

    return clamped_denoise
