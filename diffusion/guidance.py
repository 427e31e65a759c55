"""Guidance: denoiser -> denoiser.

classifier_free     u + scale (c - u)                 one network, called with and without the label
skip_layer          d + scale (d - w)                 one network, called whole and without its middle; needs no label
classifier          eps - sigma scale grad log p      any network and a classifier of noisy images; any sampler
classifier_mean     mean + variance scale grad log p  the same for ancestral sampling, whose steps have a mean
"""

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

from diffusion.condition import Condition
from diffusion.denoiser import Denoise
from diffusion.parameterisation import Prediction
from diffusion.process import Level, like, transition

MAX_STRENGTHENING = 2.0  # of the power law: an image is guided at most so many times as strongly as the scale says

LogProb = Callable[[Tensor, Level], Tensor]  # x (N, C, H, W) at a level -> log p(y | x), (N,), with the labels y bound


def classifier_free(
    denoise: Denoise,
    scale: float | Tensor,
    t_min: float = 0.0,
    t_max: float = 1.0,
    power: float = 0.0,
    typical_gap: float = 1.0,
) -> Denoise:
    """Classifier-free guidance, ``u + scale (c - u)`` (Ho & Salimans 2022, eq. 6 with scale = 1 + w).

    scale 1 is no guidance, 0 is unconditional, more follows the label more strictly; a tensor (N,) is a scale for each
    image. Both predictions come from one call of the network; where only one is needed, it is called for that one. A
    learned variance is the conditional prediction's.

    Scales above 1 hold from t_min to t_max only, and are 1 elsewhere (Kynkäänniemi et al. 2024): where noise is strong
    they make all images of a label alike, and where it is weak the label has been decided on.

    With a ``power`` above 0, what a scale exceeds 1 by is multiplied, image by image, by that power of the distance of
    the scores of c and u, in units of ``typical_gap``, and at most by ``MAX_STRENGTHENING`` (the power law of Pavasovic
    et al. 2025, "Classifier-free guidance: from high-dimensional analysis to generalized guidance forms"): guided are
    those images for which the label makes a difference, and others stay as varied as they are.
    """
    per_image = isinstance(scale, Tensor)
    outside = scale.clamp(max=1) if isinstance(scale, Tensor) else min(scale, 1)

    def guided(x: Tensor, level: Level, condition: Condition | Tensor | None = None) -> Prediction:
        condition = Condition.of(condition)
        here = scale if t_min <= level.t <= t_max else outside
        if condition.labels is not None and not per_image and here == 1:
            return denoise(x, level, condition)
        if (not per_image and here == 0) or condition.is_null:
            return denoise(x, level, condition.null())
        both = denoise(torch.cat([x, x]), level, Condition.cat([condition, condition.null()]))
        c, u = both.split([len(x), len(x)])
        weight = here.to(x).view(-1, 1, 1, 1) if isinstance(here, Tensor) else here
        if power:
            weight = strengthened(torch.as_tensor(weight, dtype=x.dtype), c, u, level, power, typical_gap)
        return c._replace(x0=torch.lerp(u.x0, c.x0, weight), eps=torch.lerp(u.eps, c.eps, weight))

    return guided


def strengthened(scale: Tensor, c: Prediction, u: Prediction, level: Level, power: float, typical_gap: float) -> Tensor:
    """Scales, (N, 1, 1, 1) or one for all, with what they exceed 1 by made a power law -> (N, 1, 1, 1)."""
    gap = (c.eps - u.eps).square().mean((1, 2, 3), keepdim=True).sqrt() / like(level.sigma, c.eps)
    factor = (gap / typical_gap).pow(power).clamp(max=MAX_STRENGTHENING)
    return scale.clamp(max=1) + (scale.clamp(min=1) - 1) * factor


def skip_layer(denoise: Denoise, weaker: Denoise, scale: float, t_min: float = 0.0, t_max: float = 1.0) -> Denoise:
    """Guidance away from a weaker denoiser, ``d + scale (d - w)`` (Karras et al. 2024, "Guiding a diffusion model with
    a bad version of itself", eq. 3 with a weight of 1 + scale), here the same network without one of its layers (Hyung
    et al. 2024, "Spatiotemporal skip guidance").

    What both get wrong, the weaker one gets more wrong in the same direction. scale 0 is no guidance; others hold from
    t_min to t_max only. The variance is that of ``denoise``.
    """

    def guided(x: Tensor, level: Level, condition: Condition | Tensor | None = None) -> Prediction:
        strong = denoise(x, level, condition)
        if scale == 0 or not t_min <= level.t <= t_max:
            return strong
        return extrapolated(strong, weaker(x, level, condition), scale)

    return guided


def extrapolated(strong: Prediction, weak: Prediction, scale: float) -> Prediction:
    """``d + scale (d - w)`` of two predictions; the variance is that of ``strong``."""
    x0, eps = (torch.lerp(w, d, 1 + scale) for w, d in ((weak.x0, strong.x0), (weak.eps, strong.eps)))
    return strong._replace(x0=x0, eps=eps)


def classifier(denoise: Denoise, log_prob: LogProb, scale: float) -> Denoise:
    """Classifier guidance in score form (Dhariwal & Nichol 2021, algorithm 2): the score of p(x) p(y | x)^scale.

    The score is -eps / sigma, so eps moves by -sigma scale grad; x being what it is, x0 moves by sigma^2 / alpha scale
    grad. Exact in the limit of small steps, for every sampler. scale 0 is no guidance.
    """

    def guided(x: Tensor, level: Level, condition: Condition | Tensor | None = None) -> Prediction:
        prediction = denoise(x, level, condition)
        push = level.sigma * scale * gradient(log_prob, x, level)
        return prediction._replace(x0=prediction.x0 + level.sigma / level.alpha * push, eps=prediction.eps - push)

    return guided


def classifier_mean(denoise: Denoise, log_prob: LogProb, scale: float, levels: list[Level]) -> Denoise:
    """Classifier guidance in mean form (Dhariwal & Nichol 2021, algorithm 1), for ``ddpm`` over these levels: the mean
    of a step moves by its variance * scale * grad, the gradient being taken at x.

    The mean is A x + B x0, so moving x0 by 1 / B of that is the same thing. The variance is the one of the prediction,
    which is the one that the step samples with: a learned range is to be clamped before. The last step adds no noise
    and is not moved.
    """
    following = dict(pairwise(levels))

    def guided(x: Tensor, level: Level, condition: Condition | Tensor | None = None) -> Prediction:
        prediction, lo = denoise(x, level, condition), following[level]
        if lo.sigma == 0:
            return prediction
        step = transition(level, lo)
        variance = torch.as_tensor(prediction.variance.log(step), dtype=x.dtype).exp()
        x0 = prediction.x0 + variance / step.B * scale * gradient(log_prob, x, level)
        return prediction._replace(x0=x0, eps=(x - level.alpha * x0) / level.sigma)

    return guided


def gradient(log_prob: LogProb, x: Tensor, level: Level) -> Tensor:
    """The gradient of each image's log-probability by its x, like x; also where gradients are switched off."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        return torch.autograd.grad(log_prob(x, level).sum(), x)[0]
