"""Adversarial distillation: a student's images are also judged beside its teacher's.

    python -m train.run turbo --teacher unet --adversarial-from 0.2 --batch-size 64 --learning-rate 5e-4 --minutes 120

A student of few steps cannot follow its teacher from noise to the very same image, and the squared error makes it
answer with a mean of what is possible: haze, broken strokes. A discriminator asks for less and for more: not for that
image, but for one that cannot be told from those that the teacher samples with the same label and guidance scale
(``train.teacher_samples``; Sauer et al. 2024, "Fast high-resolution image synthesis with latent adversarial diffusion
distillation"). It consists of small heads on the feature maps that the teacher's network has of an image at a random
noise level, so it has little to learn, and it sees strokes at high noise, edges at low noise; and of one more on the
shares of grey levels, which a network made for denoising hardly looks at.
The student's own steps are unrolled, as in sampling, and the gradient goes through all of them.

A discriminator of single images sees neither whether all kinds of them come nor how much they vary, and a student that
learns from it alone comes to prefer the typical. So its image also stays near the one that the teacher samples from the
same noise, not by pixels but by those feature maps, in which a stroke that lies a little elsewhere is no great matter;
and the moments of features are matched (``train.moment_matching``).

Both are trained at once, with one loss: the heads see the student's images as constants, the student sees the heads as
constants. It is for a student whose images are digits already, from an earlier run or from the first part of this one,
which distils alone (``train.distillation``); some images of each batch are distilled to the end, which keeps what the
guidance scale means.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import torch
from accelerate import PartialState
from accelerate.utils import reduce
from torch import Tensor, nn
from torch.func import functional_call

from diffusion.condition import NULL_LABEL, Condition
from diffusion.config import ModelConfig
from diffusion.denoiser import Denoiser, preconditioned
from diffusion.io.images import to_input
from diffusion.losses import noised
from diffusion.model import Model
from diffusion.process import Level, Process
from diffusion.runtime.precision import use_bfloat16
from diffusion.samplers import SAMPLERS
from train.discriminator import BINS, Discriminator, grey_levels, straight_through
from train.distillation import Distillation, distillation
from train.moment_matching import MomentMatching

DISTILLED = 16  # one image in so many is still distilled where samples are judged
WEIGHT = 0.5  # of the student's adversarial loss beside that of distillation
PAIRED_WEIGHT = 1.0  # of the distance between features of two images from the same noise
MOMENT_WEIGHT = 2e-4  # of moment matching
MOMENT_TIME = 0.1  # the time at which its features are computed
NOISIEST = 0.6  # the largest time at which an image is judged; small ones are more frequent
NEAR = 0.02  # the standard deviation of a small change of an image
STEADINESS = 400.0  # the weight of what that changes in the discriminator's logits

Features = Callable[[Tensor, Level, Condition], list[Tensor]]


@dataclass(frozen=True)
class AdversarialDistillation:
    """A loss with the signature of those in ``diffusion.losses``, whose ``discriminator`` is trained with the model. In
    it the teacher's images are the "real" ones."""

    distillation: Distillation
    discriminator: Discriminator
    matching: MomentMatching
    features: Features  # of noised images, by a network whose weights are fixed
    encode: Callable[[Tensor], Tensor]  # ``Model.encode``
    begins: float = 0.0  # the share of the run's length from which on the student's samples are judged
    bfloat16: bool = False  # whether features and discriminator are computed in it

    def at(self, progress: float) -> Callable[..., Tensor]:
        """The loss at this share of the run's length: at first that of distillation alone."""
        return self if progress >= self.begins else self.distilled

    def __call__(self, denoiser: Denoiser, x0: Tensor, condition: Condition, t: Tensor, eps: Tensor) -> Tensor:
        """x0 (N, C, H, W): the teacher's images; eps, condition: what it has sampled them from, and the student samples
        its own from; t is not used -> (N,) float32."""
        part = slice(-(-len(x0) // DISTILLED))
        distilled = self.distilled(denoiser, x0[part], condition.rows(part), t[part], eps[part])
        sampled = self.as_seen(self.sampled(denoiser, eps, condition))

        judged_t = judged_times(len(x0), denoiser.process.t_min)
        noise = torch.randn_like(x0)
        (real_x, level), (x, _) = (noised(denoiser.process, each, judged_t, noise) for each in (x0, sampled))
        with torch.autocast(x0.device.type, torch.bfloat16, enabled=self.bfloat16):
            with torch.no_grad():
                real_maps = self.feature_maps(real_x, x0, level, condition)
            maps = self.feature_maps(x, sampled, level, condition)
            detached = {name: weight.detach() for name, weight in self.discriminator.named_parameters()}
            judged = functional_call(self.discriminator, detached, (maps, condition))
            told_apart = self.told_apart(x0, real_x, real_maps, [h.detach() for h in maps], level, condition)
        loss = distilled.mean() + (WEIGHT * nn.functional.softplus(-judged) + told_apart).mean(1)
        mine, theirs = (self.pooled(denoiser.process, images) for images in (sampled, x0))
        matched = self.matching(mine, theirs, condition.labels)
        return loss + PAIRED_WEIGHT * feature_distance(maps, real_maps) + MOMENT_WEIGHT * matched

    def distilled(self, denoiser: Denoiser, x0: Tensor, condition: Condition, t: Tensor, eps: Tensor) -> Tensor:
        """The loss of distillation, with noise that is new in every epoch."""
        return self.distillation(denoiser, x0, condition, t, torch.randn_like(eps))

    def pooled(self, process: Process, images: Tensor) -> Tensor:
        """Images (N, C, H, W) -> their features without a label, slightly noised, the means over places (N, F)."""
        with torch.autocast(images.device.type, torch.bfloat16, enabled=self.bfloat16):
            t = torch.full((len(images),), MOMENT_TIME, dtype=torch.float64)
            x, level = noised(process, images, t, torch.randn_like(images))
            unlabelled = Condition(torch.full((len(images),), NULL_LABEL, device=images.device))
            return torch.cat([h.float().mean((2, 3)) for h in self.features(x, level, unlabelled)], dim=1)

    def told_apart(
        self,
        x0: Tensor,
        x: Tensor,
        real_maps: list[Tensor],
        fake_maps: list[Tensor],
        level: Level,
        condition: Condition,
    ) -> Tensor:
        """The discriminator's own loss, (N, number of heads): the student's images are not real; and its logits change
        little with the teacher's image (Lin et al. 2025, approximated R1), or it would soon be sure of itself and the
        student have nothing to learn from."""
        with torch.no_grad():
            near_maps = self.feature_maps(x + NEAR * torch.randn_like(x), x0, level, condition)
        real, near, fake = (self.discriminator(h, condition) for h in (real_maps, near_maps, fake_maps))
        return nn.functional.softplus(-real) + nn.functional.softplus(fake) + STEADINESS * (real - near).square()

    def sampled(self, denoiser: Denoiser, eps: Tensor, condition: Condition) -> Tensor:
        """The student's images as the sampler ``turbo`` draws them, with gradients: clipping has that of the
        identity."""
        levels = denoiser.process.levels(self.distillation.segments, SAMPLERS["turbo"].spacing)
        x = levels[0].sigma * eps
        for level, end in pairwise(levels):
            x0 = denoiser(x, level, condition).x0
            x0 = straight_through(x0.clamp(self.distillation.darkest, 1), x0)
            x = end.alpha * x0 + end.sigma * (x - level.alpha * x0) / level.sigma
        return x

    def as_seen(self, x: Tensor) -> Tensor:
        """In whole grey levels, black being wholly black, like the real images."""
        levels = (x.clamp(-1, 1) + 1).mul(127.5).round()
        return straight_through(self.encode(to_input(levels)), x)

    def feature_maps(self, x: Tensor, images: Tensor, level: Level, condition: Condition) -> list[Tensor]:
        """What the discriminator sees of images, and of x, the same with noise."""
        return [grey_levels(images), *self.features(x, level, condition)]


def feature_distance(maps: list[Tensor], others: list[Tensor]) -> Tensor:
    """How far apart the feature maps (N, C, h, w) of two batches of images are: the mean squared difference, in units
    of the variance of ``others``, the mean over all maps: (N,) float32 (Johnson et al. 2016, eq. 2)."""
    distances = [
        (h.float() - other.float()).square().flatten(1).mean(1) / other.float().var()
        for h, other in zip(maps, others, strict=True)
    ]
    return torch.stack(distances).mean(0)


def judged_times(n: int, t_min: float) -> Tensor:
    """Times (n,) float64 at which images are judged: half of them below a quarter of ``NOISIEST``, where edges
    are seen."""
    return t_min + (NOISIEST - t_min) * torch.rand(n, dtype=torch.float64) ** 2


def adversarial_distillation(teacher: Model, student: Model, begins: float) -> AdversarialDistillation:
    """The loss that distils a teacher into such a student, and from that share of the run's length on also judges its
    samples. Raises ``InputError`` where the student's network takes no scale."""
    network: Any = teacher.network.requires_grad_(False)
    device = teacher.device

    def features(x: Tensor, level: Level, condition: Condition) -> list[Tensor]:
        x, t = preconditioned(teacher.process, x, level, torch.float32)
        return network.feature_maps(x, t, replace(condition, guidance_scale=None))

    config: ModelConfig = student.config
    image = torch.zeros(1, *config.image_shape, device=device)
    with torch.no_grad():
        nothing = teacher.condition(torch.tensor([NULL_LABEL], device=device), None, 1)
        maps = features(image, teacher.process.level(0.5), nothing)
    widths = [BINS * config.channels, *(h.shape[1] for h in maps)]
    discriminator = Discriminator(widths, config.num_classes).to(device)
    average_gradients(discriminator)
    return AdversarialDistillation(
        distillation(teacher, config),
        discriminator,
        MomentMatching(sum(widths[1:]), config.num_classes),
        features,
        student.encode,
        begins=begins,
        bfloat16=use_bfloat16(device),
    )


def average_gradients(module: nn.Module) -> None:
    """From now on, let the gradients of a module be the mean over all processes, as those of the network are."""
    if PartialState().num_processes == 1:
        return

    def average(weight: Tensor) -> None:
        assert weight.grad is not None
        weight.grad.copy_(reduce(weight.grad, "mean"))

    for weight in module.parameters():
        weight.register_post_accumulate_grad_hook(average)
