"""The variational bound: how many bits a pixel costs at most, if the model's chain is used to compress images.

Ho et al. 2020, eq. 5, on any chain of levels from noise to clean: what the noisy end still shows (the prior term), what
each reverse step adds to that (a divergence of two Gaussians, the transition that knows x0 and the model's), and what
the last step leaves to be said of images with 256 levels of brightness (the decoder). All in bits per dimension.
"""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from diffusion.parameterisation import Prediction
from diffusion.process import Level, Number, Transition, like, transition
from diffusion.variance import VARIANCES

HALF_BIN = 1 / 255  # of the 256 levels in [-1, 1]


class Bound(NamedTuple):
    """In bits per dimension, of N images and T steps."""

    prior: Tensor  # (N,)
    terms: Tensor  # (N, T), from noise to clean; the last is the decoder's

    @property
    def total(self) -> Tensor:
        """(N,): an upper bound of -log2 p(x0) / dimensions."""
        return self.prior + self.terms.sum(1)


@torch.no_grad()
def variational_bound(
    denoise: Callable[[Tensor, Level], Prediction], x0: Tensor, levels: list[Level], noise: Callable[[], Tensor]
) -> Bound:
    """The bound of images x0 (N, C, H, W) in [-1, 1], estimated with one draw of ``noise()``, like x0, for each step.

    levels: 3 or more, from noise to clean; the model is that which ``ddpm`` samples from on the same levels.
    """
    if len(levels) < 3:
        raise ValueError("the bound is that of a chain of at least two steps")
    start = levels[0]
    prior = in_bits((start.alpha / start.sigma * x0).square() / 2)  # against N(0, sigma^2), where sampling starts
    terms = []
    for (hi, lo), above in zip(pairwise(levels), levels[:1] + levels[:-2], strict=True):
        x = hi.alpha * x0 + hi.sigma * noise()
        term = step_divergence if lo.sigma > 0 else decoder_cost
        terms.append(term(x0, x, denoise(x, hi), bound_step(hi, lo, above)))
    return Bound(prior, torch.stack(terms, dim=1))


def bound_step(hi: Level, lo: Level, above: Level) -> Transition:
    """The transition from hi to lo with a small variance above 0: the step to the clean level borrows that of the step
    before it, from ``above`` to hi (guided-diffusion's clipped log-variance)."""
    step = transition(hi, lo)
    return step._replace(small=step.small + (lo.sigma == 0) * transition(above, hi).small)


def step_divergence(x0: Tensor, x: Tensor, prediction: Prediction, step: Transition) -> Tensor:
    """KL(q(x_lo | x, x0) || p(x_lo | x)), (N,); the means differ by B times the error of the predicted x0."""
    error = like(step.B, x0) * (x0 - prediction.x0)
    log_q = like(step.small, x0).log() if isinstance(step.small, Tensor) else math.log(step.small)
    return in_bits(gaussian_divergence(error, log_q, like(prediction.variance.log(step), x0)))


def decoder_cost(x0: Tensor, x: Tensor, prediction: Prediction, step: Transition) -> Tensor:
    """-log p(x0 | x) at the step to the clean level, (N,). The darkest bin reaches from -1 + 1/255 down, so an x0 with
    a margin below -1 is in it. "large" is here what "small" is, as Ho et al. 2020 have it: beta_1 would be too much."""
    if prediction.variance.kind is VARIANCES["large"]:
        step = step._replace(large=step.small)
    mean = like(step.A, x0) * x + like(step.B, x0) * prediction.x0
    return in_bits(discretised_gaussian_cost(x0.clamp(min=-1), mean, like(prediction.variance.log(step), x0)))


def gaussian_divergence(difference: Tensor, log_variance_q: Number, log_variance_p: Number) -> Tensor:
    """KL(q || p) of Gaussians whose means differ by ``difference``, in nats, elementwise."""
    ratio = torch.as_tensor(log_variance_q - log_variance_p, dtype=difference.dtype, device=difference.device)
    precision = torch.as_tensor(-log_variance_p, dtype=difference.dtype, device=difference.device).exp()
    return (ratio.exp() - 1 - ratio + difference.square() * precision) / 2


def discretised_gaussian_cost(x0: Tensor, mean: Tensor, log_variance: Number) -> Tensor:
    """-log of the Gaussian's probability of x0's bin, in nats, elementwise; the outermost of the 256 bins reach to
    infinity (Ho et al. 2020, eq. 13).

    Exact in the tails too: both ends of a bin are taken on the side of the mean where the probability is small.
    """
    std = (torch.as_tensor(log_variance, dtype=x0.dtype, device=x0.device) / 2).exp()
    distance = (x0 - mean).abs()
    inner = torch.special.log_ndtr((HALF_BIN - distance) / std)
    outer = torch.special.log_ndtr((-HALF_BIN - distance) / std)
    log_bin = inner + (-torch.expm1(outer - inner)).log()
    log_darkest = torch.special.log_ndtr((x0 - mean + HALF_BIN) / std)
    log_brightest = torch.special.log_ndtr((mean - x0 + HALF_BIN) / std)
    return -torch.where(x0 < -1 + HALF_BIN, log_darkest, torch.where(x0 > 1 - HALF_BIN, log_brightest, log_bin))


def in_bits(nats: Tensor) -> Tensor:
    """Nats for each pixel (N, C, H, W) -> bits per dimension (N,)."""
    return nats.flatten(1).mean(1) / math.log(2)
