"""Guidance: denoiser -> denoiser.

classifier_free     u + scale (c - u)                 one network, asked with and without the label
skip_layer          d + scale (d - w)                 one network, asked whole and without its middle; needs no label
classifier          eps - sigma scale grad log p      any network and a classifier of noisy images; any sampler
classifier_mean     mean + variance scale grad log p  the same for ancestral sampling, whose steps have a mean
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor

from diffusion.config import ModelConfig
from diffusion.denoiser import Denoise, conditioned
from diffusion.errors import InputError
from diffusion.parameterisation import Prediction
from diffusion.process import Level, Process, like, transition

# Of the power law: the root mean square of a pixel's score with the label minus without, as measured on MNIST's cosine
# model from t = 0.4 to 0.75. For another model it only changes which scale is the best.
TYPICAL = 0.045
MOST = 2.0  # an image is pushed at most so many times as hard as the scale says

LogProb = Callable[[Tensor, Level], Tensor]  # x (N, C, H, W) at a level -> log p(y | x), (N,), with the labels y bound


def classifier_free(
    denoise: Denoise,
    scale: float | Tensor,
    null_label: int,
    t_min: float = 0.0,
    t_max: float = 1.0,
    power: float = 0.0,
) -> Denoise:
    """Classifier-free guidance, ``u + scale (c - u)`` (Ho & Salimans 2022, eq. 6 with scale = 1 + w).

    scale 1 is no guidance, 0 is unconditional, more pulls harder towards the label. Both halves share one call on 2N
    images; where only one is needed, the call is on N. A learned variance is the conditional half's. A tensor (N,) is
    a scale for each image.

    Scales above 1 hold from t_min to t_max only, and are 1 elsewhere (Kynkäänniemi et al. 2024): where noise is strong
    they make all images of a label alike, and where it is weak the label has been decided on.

    With a ``power`` above 0, what a scale exceeds 1 by is multiplied, image by image, by that power of how far apart
    the scores of c and u are, in units of ``TYPICAL``, and at most by ``MOST`` (the power law of Pavasovic et al. 2025,
    "Classifier-free guidance: from high-dimensional analysis to generalized guidance forms"): pushed are those images
    for which the label makes a difference, and others stay as varied as they are.
    """
    own = isinstance(scale, Tensor)
    outside = scale.clamp(max=1) if isinstance(scale, Tensor) else min(scale, 1)

    def guided(x: Tensor, level: Level, labels: Tensor | None = None) -> Prediction:
        here = scale if t_min <= level.t <= t_max else outside
        if labels is not None and not own and here == 1:
            return denoise(x, level, labels)
        nulls = torch.full((len(x),), null_label, device=x.device)
        if labels is None or (not own and here == 0) or bool((labels == null_label).all()):
            return denoise(x, level, nulls)
        c, u = denoise(torch.cat([x, x]), level, torch.cat([labels, nulls])).halves()
        weight = here.to(x).view(-1, 1, 1, 1) if isinstance(here, Tensor) else here
        if power:
            weight = strengthened(torch.as_tensor(weight, dtype=x.dtype), c, u, level, power)
        return c._replace(x0=torch.lerp(u.x0, c.x0, weight), eps=torch.lerp(u.eps, c.eps, weight))

    return guided


def strengthened(scale: Tensor, c: Prediction, u: Prediction, level: Level, power: float) -> Tensor:
    """Scales, (N, 1, 1, 1) or one for all, with what they exceed 1 by made a power law -> (N, 1, 1, 1)."""
    apart = (c.eps - u.eps).square().mean((1, 2, 3), keepdim=True).sqrt() / like(level.sigma, c.eps)
    return scale.clamp(max=1) + (scale.clamp(min=1) - 1) * (apart / TYPICAL).pow(power).clamp(max=MOST)


def skip_layer(denoise: Denoise, weaker: Denoise, scale: float, t_min: float = 0.0, t_max: float = 1.0) -> Denoise:
    """Guidance away from a weaker denoiser, ``d + scale (d - w)`` (Karras et al. 2024, "Guiding a diffusion model with
    a bad version of itself", eq. 3 with a weight of 1 + scale), here the same network without one of its layers (Hyung
    et al. 2024, "Spatiotemporal skip guidance").

    What both get wrong, the weaker one gets more wrong in the same direction. scale 0 is no guidance; others hold from
    t_min to t_max only. The variance is that of ``denoise``.
    """

    def guided(x: Tensor, level: Level, labels: Tensor | None = None) -> Prediction:
        strong = denoise(x, level, labels)
        if scale == 0 or not t_min <= level.t <= t_max:
            return strong
        return away(strong, weaker(x, level, labels), scale)

    return guided


def away(strong: Prediction, weak: Prediction, scale: float) -> Prediction:
    """``d + scale (d - w)`` of two predictions; the variance is that of ``strong``."""
    x0, eps = (torch.lerp(w, d, 1 + scale) for w, d in ((weak.x0, strong.x0), (weak.eps, strong.eps)))
    return strong._replace(x0=x0, eps=eps)


def classifier(denoise: Denoise, log_prob: LogProb, scale: float) -> Denoise:
    """Classifier guidance in score form (Dhariwal & Nichol 2021, algorithm 2): the score of p(x) p(y | x)^scale.

    The score is -eps / sigma, so eps moves by -sigma scale grad; x being what it is, x0 moves by sigma^2 / alpha scale
    grad. Exact in the limit of small steps, for every sampler. scale 0 is no guidance.
    """

    def guided(x: Tensor, level: Level, labels: Tensor | None = None) -> Prediction:
        prediction = denoise(x, level, labels)
        push = level.sigma * scale * gradient(log_prob, x, level)
        return prediction._replace(x0=prediction.x0 + level.sigma / level.alpha * push, eps=prediction.eps - push)

    return guided


def classifier_mean(denoise: Denoise, log_prob: LogProb, scale: float, levels: list[Level]) -> Denoise:
    """Classifier guidance in mean form (Dhariwal & Nichol 2021, algorithm 1), for ``ddpm`` over these levels: the mean
    of a step moves by its variance * scale * grad, the gradient being taken at x.

    The mean is A x + B x0, so moving x0 by 1 / B of that is the same thing. The variance is the one that the step will
    draw with, fixed or learned; the last step draws nothing and is not moved.
    """
    following = dict(pairwise(levels))

    def guided(x: Tensor, level: Level, labels: Tensor | None = None) -> Prediction:
        prediction, lo = denoise(x, level, labels), following[level]
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


@dataclass(frozen=True)
class NoisyClassifier:
    """A network that reads noisy images: ``network(x, t) -> logits`` (N, num_classes), trained on ``process``. It may
    steer any model of the same process that draws images of the same kind."""

    network: Callable[[Tensor, Tensor], Tensor]
    process: Process
    label_names: tuple[str, ...]
    image_shape: tuple[int, int, int] | None = None  # (C, H, W) of what it reads; None: any

    @property
    def num_classes(self) -> int:
        return len(self.label_names)

    def logits(self, x: Tensor, level: Level) -> Tensor:
        """x (N, C, H, W) at a level (a batch of levels in training) -> (N, num_classes)."""
        return self.network(*conditioned(self.process, x, level, torch.float32))

    def log_prob(self, x: Tensor, level: Level, labels: Tensor) -> Tensor:
        """log p(label | x), (N,); 0 for an image without a label (-1), which is left to itself."""
        log_probs = self.logits(x, level).log_softmax(1)
        chosen = log_probs.gather(1, labels.clamp(min=0)[:, None])[:, 0]
        return torch.where(labels < 0, torch.zeros_like(chosen), chosen)

    def steer(self, denoise: Denoise, labels: Tensor, scale: float, levels: list[Level] | None = None) -> Denoise:
        """Guidance towards the labels (N,), -1 for none: in mean form over these levels, in score form without."""
        log_prob = partial(self.log_prob, labels=labels)
        if levels is None:
            return classifier(denoise, log_prob, scale)
        return classifier_mean(denoise, log_prob, scale, levels)

    def check_fits(self, config: ModelConfig) -> None:
        """Raises InputError where it cannot steer such a model: labels, if the model has any, must be the same."""
        shape = (config.channels, config.image_size, config.image_size)
        if config.process != self.process:
            raise InputError("the classifier was trained on another process than the model: it cannot steer it.")
        if self.image_shape not in (None, shape):
            raise InputError(f"the classifier reads images of {self.image_shape} (C, H, W), the model draws {shape}.")
        if config.label_names not in ((), self.label_names):
            raise InputError(
                f"the classifier tells {self.num_classes} labels apart that are not the model's {config.num_classes}: "
                "it cannot steer it."
            )
