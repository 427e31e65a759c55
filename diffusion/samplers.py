"""Samplers: from noise to an image, level by level.

A sampler is a generator ``sampler(denoise, x, levels, noise, **options)``: ``denoise(x, level) -> Prediction``, x the
start (N, C, H, W) at ``levels[0]``, and ``noise()`` a fresh standard normal like x, injected so that a test can replay
every draw. It yields one ``Step`` for each of the len(levels) - 1 steps; x keeps its dtype. Nothing here knows of
devices, progress bars, labels or clipping. A new sampler is one function and one row of ``SAMPLERS``.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from diffusion.prediction import Prediction
from diffusion.process import Level, transition

Noise = Callable[[], Tensor]
BoundDenoise = Callable[[Tensor, Level], Prediction]


@dataclass(frozen=True)
class Step:
    """Where a sampler stands after a step: x at ``level``, and the x0 that the step before it predicted."""

    index: int  # 0 to steps - 1
    level: Level
    x: Tensor
    x0: Tensor


@torch.no_grad()
def ddpm(denoise: BoundDenoise, x: Tensor, levels: list[Level], noise: Noise) -> Iterator[Step]:
    """Ancestral sampling (Ho et al. 2020, algorithm 2), with the variance that the prediction asks for: the posterior's
    own unless it says otherwise, "fixedsmall"."""
    for i, (hi, lo) in enumerate(pairwise(levels)):
        x0, _, variance = denoise(x, hi)
        step = transition(hi, lo)
        x = step.A * x + step.B * x0
        if lo.sigma > 0:
            x = x + (torch.as_tensor(variance.log(step), dtype=x.dtype) / 2).exp() * noise()
        yield Step(i, lo, x, x0)


@torch.no_grad()
def ddim(denoise: BoundDenoise, x: Tensor, levels: list[Level], noise: Noise, eta: float = 0.0) -> Iterator[Step]:
    """DDIM (Song et al. 2021, eq. 12): eta = 0 is deterministic, 1 is ``ddpm``. On reversed levels, with eta = 0, it is
    the inversion from image to noise (``inversion.py``)."""
    for i, (hi, lo) in enumerate(pairwise(levels)):
        x0, eps, _ = denoise(x, hi)
        fresh = eta * math.sqrt(transition(hi, lo).small) if eta else 0.0
        x = lo.alpha * x0 + math.sqrt(lo.sigma**2 - fresh**2) * eps
        if fresh > 0:
            x = x + fresh * noise()
        yield Step(i, lo, x, x0)


@torch.no_grad()
def euler_maruyama(denoise: BoundDenoise, x: Tensor, levels: list[Level], noise: Noise) -> Iterator[Step]:
    """The reverse SDE ``dx = (f x - g^2 score) dt + g dw`` by Euler's method (Song et al. 2021, eq. 6); the mean alone
    at the last step."""
    for i, (hi, lo) in enumerate(pairwise(levels)):
        dt = hi.t - lo.t
        x0, eps, _ = denoise(x, hi)
        x = x - (hi.f * x + hi.g2 / hi.sigma * eps) * dt  # score = -eps / sigma
        if i < len(levels) - 2:
            x = x + math.sqrt(hi.g2 * dt) * noise()
        yield Step(i, lo, x, x0)


@torch.no_grad()
def heun(denoise: BoundDenoise, x: Tensor, levels: list[Level], noise: Noise) -> Iterator[Step]:
    """Heun's 2nd-order method (Karras et al. 2022, algorithm 1) on the probability-flow ODE, which in x / alpha and
    sigma / alpha is d(x / alpha) / d(sigma / alpha) = eps. Two evaluations a step, one for the last."""
    for i, (hi, lo) in enumerate(pairwise(levels)):
        x0, eps, _ = denoise(x, hi)
        scale = lo.alpha / hi.alpha
        change = lo.sigma - scale * hi.sigma
        ahead = scale * x + change * eps
        if lo.sigma > 0:
            ahead = scale * x + change * (eps + denoise(ahead, lo).eps) / 2
        x = ahead
        yield Step(i, lo, x, x0)


@torch.no_grad()
def dpmpp_2m(denoise: BoundDenoise, x: Tensor, levels: list[Level], noise: Noise) -> Iterator[Step]:
    """DPM-Solver++(2M): 2nd order from the last two predictions of x0 (Lu et al. 2022b, algorithm 2). The first step
    and the one to the clean level are of 1st order."""
    previous = None  # (x0, lambda) of the step before
    for i, (hi, lo) in enumerate(pairwise(levels)):
        x0 = denoise(x, hi).x0
        h = lo.lam - hi.lam
        data = x0
        if previous is not None and lo.sigma > 0:
            ratio = h / (hi.lam - previous[1])  # 1 / r in the paper
            data = x0 + ratio / 2 * (x0 - previous[0])
        x = lo.sigma / hi.sigma * x - lo.alpha * math.expm1(-h) * data
        previous = x0, hi.lam
        yield Step(i, lo, x, x0)


class Sampler(NamedTuple):
    """A row of the table: what the command line, the API and the dropdown are made from."""

    function: Callable[..., Iterator[Step]]
    title: str
    sentence: str
    default_steps: int
    options: tuple[str, ...] = ()
    spacing: str = "time"  # of ``Process.levels``
    evaluations: Callable[[int], int] = lambda steps: steps  # denoiser calls for so many steps
    ancestral: bool = False  # its steps have a mean and a variance: classifier guidance moves the mean


SAMPLERS = {
    "ddpm": Sampler(
        ddpm, "DDPM", "Removes a little noise and adds a little back, at every step; wants many.", 100, ancestral=True
    ),
    "ddim": Sampler(
        ddim, "DDIM", "Points at the clean image and moves straight towards it; a few steps do.", 20, ("eta",)
    ),
    "euler_maruyama": Sampler(
        euler_maruyama,
        "Euler–Maruyama",
        "Follows the reverse stochastic differential equation with the simplest of methods; wants many steps.",
        200,
        spacing="lambda",
    ),
    "heun": Sampler(
        heun,
        "Heun",
        "Follows the same deterministic path as DDIM, looking ahead once per step: twice the work, a straighter path.",
        10,
        spacing="lambda",
        evaluations=lambda steps: 2 * steps - 1,
    ),
    "dpmpp_2m": Sampler(
        dpmpp_2m,
        "DPM-Solver++(2M)",
        "Remembers its previous step to bend the path correctly; the fewest steps of all.",
        12,
    ),
    "turbo": Sampler(
        ddim,  # what a distilled model predicts is where a single step of DDIM has to aim: ``train.distill``
        "Turbo",
        "Jumps straight to the next level: for distilled models, which draw in one, two or four steps.",
        2,
        spacing="root",
    ),
}
