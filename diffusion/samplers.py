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

from diffusion.parameterisation import Prediction
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
    behind = None  # (level, x0) of the step before
    for i, (hi, lo) in enumerate(pairwise(levels)):
        x0 = denoise(x, hi).x0
        x = follow(x, hi, lo, ahead(x0, hi, lo, behind))
        behind = hi, x0
        yield Step(i, lo, x, x0)


@torch.no_grad()
def unipc(denoise: BoundDenoise, x: Tensor, levels: list[Level], noise: Noise) -> Iterator[Step]:
    """UniPC-2 with B2(h), predicting x0 (Zhao et al. 2023): steps as ``dpmpp_2m``, each of them taken again, better,
    with the x0 predicted where it led to. That prediction serves the next step too, so there is no further evaluation,
    and the order is the 3rd."""
    behind = before = None  # (level, x0) of the last step, and of the one before it
    start = x  # of the last step
    for i, (hi, lo) in enumerate(pairwise(levels)):
        x0 = denoise(x, hi).x0
        if behind is not None:
            x = follow(start, behind[0], hi, between(behind[1], x0, behind[0], hi, before))
        start = x
        x = follow(x, hi, lo, ahead(x0, hi, lo, behind))
        behind, before = (hi, x0), behind
        yield Step(i, lo, x, x0)


def follow(x: Tensor, hi: Level, lo: Level, x0: Tensor) -> Tensor:
    """From x at ``hi`` to ``lo`` on the probability-flow ODE, were its x0 this all the way (Lu et al. 2022b, eq. 8)."""
    return lo.sigma / hi.sigma * x - lo.alpha * math.expm1(hi.lam - lo.lam) * x0


def ahead(x0: Tensor, hi: Level, lo: Level, behind: tuple[Level, Tensor] | None) -> Tensor:
    """The x0 of a step from ``hi`` by the line through x0 there and the one of the step before: its middle."""
    if behind is None or lo.sigma == 0:
        return x0
    level, x0_behind = behind
    return x0 + (lo.lam - hi.lam) / (hi.lam - level.lam) / 2 * (x0 - x0_behind)


def between(x0: Tensor, x0_lo: Tensor, hi: Level, lo: Level, behind: tuple[Level, Tensor] | None) -> Tensor:
    """The x0 of a step from ``hi`` to ``lo`` when both of its ends are known: the mean of the parabola through them and
    the one of the step before, as the ODE weighs a point u of the way, by exp(-h (1 - u)); the middle without that."""
    if behind is None:
        return (x0 + x0_lo) / 2
    level, x0_behind = behind
    h = lo.lam - hi.lam
    place = (level.lam - hi.lam) / h  # of the step before, on the way from 0 to 1
    first = -1 / math.expm1(-h) - 1 / h  # the mean of u ...
    second = -1 / math.expm1(-h) - 2 / h * first  # ... and of its square
    share = (second - place * first) / (1 - place)
    return x0 + share * (x0_lo - x0) + (first - share) / place * (x0_behind - x0)


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
        "Remembers its previous step to bend the path correctly; a dozen steps do.",
        12,
    ),
    "unipc": Sampler(
        unipc,
        "UniPC",
        "Goes on like DPM-Solver++, then mends each step with what it has just seen: the straightest of all.",
        10,
    ),
    "turbo": Sampler(
        ddim,  # what a distilled model predicts is where a single step of DDIM has to aim: ``train.distillation``
        "Turbo",
        "Jumps straight to the next level: for distilled models, which draw in one, two or four steps.",
        2,
        spacing="root",
    ),
}
