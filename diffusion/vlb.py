"""The variational lower bound: an upper bound of the bits per dimension of images, with the model as a compressor.

Ho et al. 2020, eq. 5, on any chain of levels from noise to clean: L_T, the KL divergence of the noisiest level from the
prior; L_t-1, that of each reverse step of the model from the posterior that knows x0; and L_0, the negative log-
likelihood of the 8-bit image at the last step (the decoder).
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

HALF_BIN = 1 / 255  # half the distance of neighbours among the 256 values in [-1, 1]


class Bound(NamedTuple):
    """The terms of the bound for N images and T steps, in bits per dimension."""

    prior: Tensor  # (N,), L_T
    terms: Tensor  # (N, T), L_T-1 to L_0

    @property
    def total(self) -> Tensor:
        """(N,): an upper bound of -log2 p(x0) / dimensions."""
        return self.prior + self.terms.sum(1)


@torch.no_grad()
def variational_bound(
    denoise: Callable[[Tensor, Level], Prediction], x0: Tensor, levels: list[Level], noise: Callable[[], Tensor]
) -> Bound:
    """The bound of images x0 (N, C, H, W) in [-1, 1], with one sample of ``noise()``, like x0, for each step.

    levels: at least 3, from noise to clean. The model is the chain that ``ddpm`` samples on these levels. Raises
    ValueError where there are fewer.
    """
    if len(levels) < 3:
        raise ValueError("the bound needs a chain of at least two steps")
    start = levels[0]
    prior = bits_per_dim((start.alpha / start.sigma * x0).square() / 2)  # from N(0, sigma^2), where sampling starts
    terms = []
    for (hi, lo), above in zip(pairwise(levels), levels[:1] + levels[:-2], strict=True):
        x = hi.alpha * x0 + hi.sigma * noise()
        term = transition_kl if lo.sigma > 0 else decoder_nll
        terms.append(term(x0, x, denoise(x, hi), clipped_transition(hi, lo, above)))
    return Bound(prior, torch.stack(terms, dim=1))


def clipped_transition(hi: Level, lo: Level, above: Level) -> Transition:
    """The transition from hi to lo with its posterior variance above 0: the step to the clean level, where it would be
    0, has that of the previous step, from ``above`` to hi (guided-diffusion's ``posterior_log_variance_clipped``)."""
    step = transition(hi, lo)
    return step._replace(small=step.small + (lo.sigma == 0) * transition(above, hi).small)


def transition_kl(x0: Tensor, x: Tensor, prediction: Prediction, step: Transition) -> Tensor:
    """L_t-1 = KL(q(x_lo | x, x0) || p(x_lo | x)) in bits per dimension, (N,). The means differ by B times the error of
    the predicted x0."""
    error = like(step.B, x0) * (x0 - prediction.x0)
    log_q = like(step.small, x0).log() if isinstance(step.small, Tensor) else math.log(step.small)
    return bits_per_dim(gaussian_kl(error, log_q, like(prediction.variance.log(step), x0)))


def decoder_nll(x0: Tensor, x: Tensor, prediction: Prediction, step: Transition) -> Tensor:
    """L_0 = -log p(x0 | x) at the step to the clean level in bits per dimension, (N,).

    The darkest bin has no lower end, so it includes an x0 with a margin below -1. The variance "large" is "small" here,
    as in Ho et al. 2020: beta_1 would be too large.
    """
    if prediction.variance.kind is VARIANCES["large"]:
        step = step._replace(large=step.small)
    mean = like(step.A, x0) * x + like(step.B, x0) * prediction.x0
    return bits_per_dim(discretised_gaussian_nll(x0.clamp(min=-1), mean, like(prediction.variance.log(step), x0)))


def gaussian_kl(difference: Tensor, log_variance_q: Number, log_variance_p: Number) -> Tensor:
    """KL(q || p) of Gaussians whose means differ by ``difference``, in nats, elementwise."""
    ratio = torch.as_tensor(log_variance_q - log_variance_p, dtype=difference.dtype, device=difference.device)
    precision = torch.as_tensor(-log_variance_p, dtype=difference.dtype, device=difference.device).exp()
    return (ratio.exp() - 1 - ratio + difference.square() * precision) / 2


def discretised_gaussian_nll(x0: Tensor, mean: Tensor, log_variance: Number) -> Tensor:
    """-log of the Gaussian's probability of x0's bin, in nats, elementwise; the first and the last of the 256 bins are
    unbounded (Ho et al. 2020, eq. 13).

    Accurate in the tails: the difference of the two cumulative probabilities is taken in the tail where both are small.
    """
    std = (torch.as_tensor(log_variance, dtype=x0.dtype, device=x0.device) / 2).exp()
    distance = (x0 - mean).abs()
    inner = torch.special.log_ndtr((HALF_BIN - distance) / std)
    outer = torch.special.log_ndtr((-HALF_BIN - distance) / std)
    log_bin = inner + (-torch.expm1(outer - inner)).log()
    log_darkest = torch.special.log_ndtr((x0 - mean + HALF_BIN) / std)
    log_brightest = torch.special.log_ndtr((mean - x0 + HALF_BIN) / std)
    return -torch.where(x0 < -1 + HALF_BIN, log_darkest, torch.where(x0 > 1 - HALF_BIN, log_brightest, log_bin))


def bits_per_dim(nats: Tensor) -> Tensor:
    """Nats (N, C, H, W) -> their mean in bits, (N,)."""
    return nats.flatten(1).mean(1) / math.log(2)
