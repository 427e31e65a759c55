"""Gaussian data N(m, c^2): everything about its diffusion is known in closed form, a reference for samplers."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from diffusion.parameterisation import Prediction
from diffusion.process import CosineVP, ExponentialVE, Flow, Level, LinearVP

PROCESSES = {"linear": LinearVP(), "cosine": CosineVP(), "ve": ExponentialVE(), "flow": Flow()}


@dataclass(frozen=True)
class Gaussian:
    """Independent pixels, each N(mean, std^2)."""

    mean: float = 0.3
    std: float = 0.5

    def spread(self, level: Level) -> float:
        """The standard deviation of x at a level."""
        return math.hypot(level.alpha * self.std, level.sigma)

    def denoise(self, x: Tensor, level: Level, condition: object = None) -> Prediction:
        """The exact denoiser, E[x0 | x]."""
        gain = level.alpha * self.std**2 / self.spread(level) ** 2
        x0 = self.mean + gain * (x - level.alpha * self.mean)
        return Prediction(x0, (x - level.alpha * x0) / level.sigma)

    def flow(self, x: Tensor, hi: Level, lo: Level) -> Tensor:
        """Where the probability-flow ODE carries x from one level to the other: z-scores do not change."""
        return lo.alpha * self.mean + self.spread(lo) / self.spread(hi) * (x - hi.alpha * self.mean)

    def start(self, level: Level, n: int = 64, seed: int = 0) -> Tensor:
        """n samples of the process's own distribution at a level, float64 (n, 1, 1, 1)."""
        z = torch.randn(n, 1, 1, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
        return level.alpha * self.mean + self.spread(level) * z


def last(steps):
    """The last of a sampler's steps."""
    for step in steps:
        final = step
    return final


def no_noise() -> Tensor:
    raise AssertionError("a deterministic sampler took noise")
