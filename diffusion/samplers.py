"""Samplers: from noise to an image, level by level.

A sampler is a generator ``sampler(denoise, x, levels, noise, **options)``: ``denoise(x, level) -> Prediction``, x of
shape (N, C, H, W) at ``levels[0]``, and ``noise()`` a fresh standard normal sample like x, injected so that a test can
replay it. It yields one ``Step`` for each of the len(levels) - 1 steps; x keeps its dtype. A step goes from a level
``hi`` to the next cleaner one, ``lo``. Conditions, guidance and clipping are part of ``denoise``. A new sampler is one
function and one row of ``SAMPLERS``.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from diffusion.parameterisation import Prediction
from diffusion.process import Level, Process, transition

Noise = Callable[[], Tensor]
BoundDenoise = Callable[[Tensor, Level], Prediction]

FIRST_ITERATIONS = 4  # of the first step of an inversion


@dataclass(frozen=True)
class Step:
    """The state after a step: x (N, C, H, W) at ``level``, and the x0 that the step was computed from, like x."""

    index: int  # 0 to steps - 1
    level: Level
    x: Tensor
    x0: Tensor


@torch.no_grad()
def ddpm(denoise: BoundDenoise, x: Tensor, levels: list[Level], noise: Noise) -> Iterator[Step]:
    """Ancestral sampling (Ho et al. 2020, algorithm 2) with the variance of the prediction, by default the posterior's
    ("fixedsmall")."""
    for i, (hi, lo) in enumerate(pairwise(levels)):
        x0, _, variance = denoise(x, hi)
        step = transition(hi, lo)
        # mean of q(x_lo | x_hi, x0)
        x = step.A * x + step.B * x0
        # noise, except at the last step
        if lo.sigma > 0:
            x = x + (torch.as_tensor(variance.log(step), dtype=x.dtype) / 2).exp() * noise()
        yield Step(i, lo, x, x0)


@torch.no_grad()
def ddim(denoise: BoundDenoise, x: Tensor, levels: list[Level], noise: Noise, eta: float = 0.0) -> Iterator[Step]:
    """DDIM (Song et al. 2021, eq. 12): eta = 0 is deterministic, eta = 1 is ``ddpm``."""
    for i, (hi, lo) in enumerate(pairwise(levels)):
        x0, eps, _ = denoise(x, hi)
        sigma = eta * math.sqrt(transition(hi, lo).small) if eta else 0.0  # of the fresh noise, eq. 16
        # predicted x0 + direction pointing to x_t + noise
        x = lo.alpha * x0 + math.sqrt(lo.sigma**2 - sigma**2) * eps
        if sigma > 0:
            x = x + sigma * noise()
        yield Step(i, lo, x, x0)


@torch.no_grad()
def euler_maruyama(denoise: BoundDenoise, x: Tensor, levels: list[Level], noise: Noise) -> Iterator[Step]:
    """The reverse SDE ``dx = (f x - g^2 score) dt + g dw`` by the Euler-Maruyama method (Song et al. 2021, "Score-based
    generative modeling through SDEs", eq. 6); the last step is the mean alone."""
    for i, (hi, lo) in enumerate(pairwise(levels)):
        dt = hi.t - lo.t
        x0, eps, _ = denoise(x, hi)
        # drift, with score = -eps / sigma
        x = x - (hi.f * x + hi.g2 / hi.sigma * eps) * dt
        # diffusion
        if i < len(levels) - 2:
            x = x + math.sqrt(hi.g2 * dt) * noise()
        yield Step(i, lo, x, x0)


@torch.no_grad()
def heun(denoise: BoundDenoise, x: Tensor, levels: list[Level], noise: Noise) -> Iterator[Step]:
    """Heun's 2nd order method (Karras et al. 2022, algorithm 1) on the probability-flow ODE, which for x / alpha as a
    function of rho = sigma / alpha is ``d(x / alpha) / d rho = eps``. Two evaluations a step, one for the last."""
    for i, (hi, lo) in enumerate(pairwise(levels)):
        x0, eps, _ = denoise(x, hi)
        scale = lo.alpha / hi.alpha
        h = lo.sigma - scale * hi.sigma  # alpha_lo (rho_lo - rho_hi)
        # predictor: an Euler step
        x_lo = scale * x + h * eps
        # corrector: the trapezoidal rule, except where sigma is 0
        if lo.sigma > 0:
            x_lo = scale * x + h * (eps + denoise(x_lo, lo).eps) / 2
        x = x_lo
        yield Step(i, lo, x, x0)


@torch.no_grad()
def dpmpp_2m(denoise: BoundDenoise, x: Tensor, levels: list[Level], noise: Noise) -> Iterator[Step]:
    """DPM-Solver++(2M), of 2nd order from the last two predictions of x0 (Lu et al. 2022b, algorithm 2). The first step
    and the one to the clean level are of 1st order."""
    previous = None  # (level, x0) of the previous step
    for i, (hi, lo) in enumerate(pairwise(levels)):
        x0 = denoise(x, hi).x0
        x = exponential_step(x, hi, lo, midpoint_x0(x0, hi, lo, previous))
        previous = hi, x0
        yield Step(i, lo, x, x0)


@torch.no_grad()
def unipc(denoise: BoundDenoise, x: Tensor, levels: list[Level], noise: Noise) -> Iterator[Step]:
    """UniPC-2 with B_2(h), predicting x0 (Zhao et al. 2023, algorithms 1 and 2): ``dpmpp_2m`` is the predictor. The
    corrector uses the evaluation that the next step needs anyway, and raises the order to 3."""
    previous = earlier = None  # (level, x0) of the previous step and of the one before it
    x_previous = x
    for i, (hi, lo) in enumerate(pairwise(levels)):
        x0 = denoise(x, hi).x0
        # corrector: the previous step again, now that x0 is known at both of its ends
        if previous is not None:
            level, x0_previous = previous
            x = exponential_step(x_previous, level, hi, mean_x0(x0_previous, x0, level, hi, earlier))
        # predictor
        x_previous = x
        x = exponential_step(x, hi, lo, midpoint_x0(x0, hi, lo, previous))
        previous, earlier = (hi, x0), previous
        yield Step(i, lo, x, x0)


@torch.no_grad()
def invert(denoise: BoundDenoise, x0: Tensor, levels: list[Level]) -> Iterator[Step]:
    """DDIM inversion: from images x0 (N, C, H, W) to the noise from which ``ddim`` samples them, with ``Step``s up the
    same ``levels`` (from noise to clean).

    A step solves DDIM's for its noisier end, ``x_hi = scale x_lo + h eps(x_hi)``, by fixed-point iteration (Pan et al.
    2023, "Effective real image editing with accelerated iterative diffusion inversion"). One iteration is enough when
    it starts from the previous step's eps. The first step starts from eps = 0: there is no noise in a clean image.

    Needs eps that is accurate at low noise, which a network that predicts x0 does not have (``eps_gain``).
    """
    x, eps = x0, torch.zeros_like(x0)
    for i, (lo, hi) in enumerate(pairwise(reversed(levels))):
        scale = hi.alpha / lo.alpha
        h = hi.sigma - scale * lo.sigma
        for _ in range(FIRST_ITERATIONS if i == 0 else 1):
            x0, eps, _ = denoise(scale * x + h * eps, hi)
        x = scale * x + h * eps
        yield Step(i, hi, x, x0)


def exponential_step(x: Tensor, hi: Level, lo: Level, x0: Tensor) -> Tensor:
    """The probability-flow ODE from ``hi`` to ``lo``, exact for a constant x0 (Lu et al. 2022b, eq. 8):
    ``sigma_lo / sigma_hi x - alpha_lo (exp(-h) - 1) x0`` with h = lambda_lo - lambda_hi."""
    return lo.sigma / hi.sigma * x - lo.alpha * math.expm1(hi.lam - lo.lam) * x0


def midpoint_x0(x0: Tensor, hi: Level, lo: Level, previous: tuple[Level, Tensor] | None) -> Tensor:
    """x0 in the middle of the step from ``hi`` to ``lo``, extrapolated from the last two predictions (Lu et al. 2022b,
    algorithm 2): ``(1 + 1 / 2r) x0 - 1 / 2r x0_previous`` with r = h_previous / h."""
    if previous is None or lo.sigma == 0:
        return x0
    level, x0_previous = previous
    return x0 + (lo.lam - hi.lam) / (hi.lam - level.lam) / 2 * (x0 - x0_previous)


def mean_x0(x0: Tensor, x0_lo: Tensor, hi: Level, lo: Level, previous: tuple[Level, Tensor] | None) -> Tensor:
    """The mean x0 of the step from ``hi`` to ``lo`` with x0 predicted at both ends, for ``exponential_step``.

    It is that of the parabola through both ends and the previous prediction, where the ODE weights a fraction u of the
    step by exp(-h (1 - u)); without a previous one it is the average of the ends.
    """
    if previous is None:
        return (x0 + x0_lo) / 2
    level, x0_previous = previous
    h = lo.lam - hi.lam
    r = (level.lam - hi.lam) / h  # the previous prediction's u, below 0
    mean_u = -1 / math.expm1(-h) - 1 / h
    mean_u2 = -1 / math.expm1(-h) - 2 / h * mean_u
    weight = (mean_u2 - r * mean_u) / (1 - r)
    return x0 + weight * (x0_lo - x0) + (mean_u - weight) / r * (x0_previous - x0)


class Sampler(NamedTuple):
    """A row of the table, from which the command line, the API and the page are generated."""

    function: Callable[..., Iterator[Step]]
    title: str
    default_steps: int
    options: tuple[str, ...] = ()
    spacing: str = "time"  # of ``Process.levels``
    evaluations: Callable[[int], int] = lambda steps: steps  # denoiser calls in so many steps
    fresh_noise: bool = False  # whether each step adds some; with the option eta, if that is not 0
    multistep: bool = False  # whether a step uses those before it
    ancestral: bool = False  # its steps sample from a Gaussian: classifier guidance shifts the mean
    fewest_steps: int = 1  # that make a picture
    longest_step: float = math.inf  # in lambda: a longer one would amplify what it has to remove

    def levels(self, process: Process, steps: int) -> list[Level]:
        """The grid of so many steps that suits the sampler."""
        return process.levels(steps, self.spacing, self.longest_step)


SAMPLERS = {
    "ddpm": Sampler(ddpm, "DDPM", 100, fresh_noise=True, ancestral=True),
    "ddim": Sampler(ddim, "DDIM", 20, ("eta",)),
    "euler_maruyama": Sampler(
        *(euler_maruyama, "Euler–Maruyama", 200, (), "lambda"), fresh_noise=True, fewest_steps=4, longest_step=0.5
    ),
    "heun": Sampler(heun, "Heun", 10, (), "lambda", lambda steps: 2 * steps - 1, fewest_steps=2, longest_step=2.0),
    "dpmpp_2m": Sampler(dpmpp_2m, "DPM-Solver++(2M)", 12, multistep=True),
    "unipc": Sampler(unipc, "UniPC", 10, multistep=True),
    # a distilled model predicts the x0 with which one step of DDIM ends on the teacher's trajectory
    "turbo": Sampler(ddim, "Turbo", 2, spacing="root"),
}
