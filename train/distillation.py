"""Distillation of a guided model to a few steps (``python -m train.run turbo --teacher unet``).

The teacher's deterministic trajectory from noise to image, with classifier-free guidance at a random scale w for each
image, is cut into segments. At any point x_t of a segment the student's target is the x0 for which a single DDIM step
from x_t ends where the trajectory leaves the segment, at x_s:

    alpha_s x0 + sigma_s eps = x_s   and   alpha_t x0 + sigma_t eps = x_t

This is multistep consistency distillation (Heek et al. 2024, "Multistep consistency models"; with as many segments as
steps it is the target of Salimans & Ho 2022, appendix G), with two differences. The end of the segment is computed by
the teacher's solver and not predicted by the student, so that there is nothing to anneal. And each segment begins where
the student's own step ends, not on the teacher's trajectory, so that the student learns to correct its own errors (Ross
et al. 2011, "DAgger"). The boundary condition, that a step of length zero changes nothing, holds by construction. The
scale w is an input of the student (Meng et al. 2023), so that it needs no second pass. The images of the data set are
not used: trajectories begin at noise, as in sampling. They are in what follows (``train.adversarial``).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor

from diffusion.condition import Condition
from diffusion.config import ModelConfig
from diffusion.denoiser import Denoise, Denoiser, clipped
from diffusion.errors import InputError
from diffusion.io.loading import load_model
from diffusion.model import Model
from diffusion.process import Level, Process, like
from diffusion.samplers import SAMPLERS, dpmpp_2m
from diffusion.settings import SamplingSettings

SEGMENTS = 2  # the number of steps that the student samples best in
SUBSTEPS = 6  # of the teacher in each segment


@dataclass(frozen=True)
class Distillation:
    """A loss with the signature of those in ``diffusion.losses``: ``loss(denoiser, x0, condition, t, eps)``.

    guided_teacher: the teacher's denoiser, guided by scales (N,), one an image; of the same process as the student's.
    max_guidance: the scales are uniform from 0 to it; None: there are none, as without labels.
    """

    guided_teacher: Callable[[Tensor | None], Denoise]
    max_guidance: float | None
    darkest: float = -1.0  # the smallest value of an x0
    segments: int = SEGMENTS
    substeps: int = SUBSTEPS

    def __call__(
        self, denoiser: Denoiser, x0: Tensor, condition: Condition | Tensor | None, t: Tensor, eps: Tensor
    ) -> Tensor:
        """eps (N, C, H, W) is the start of N trajectories with a condition; x0 and t are not used -> (N,) float32: the
        squared error of the parameterisation's target, the mean over the points of a trajectory."""
        scale = None if self.max_guidance is None else self.max_guidance * torch.rand(len(eps), device=eps.device)
        condition = replace(Condition.of(condition), guidance_scale=None)  # each part of it has its own
        x, t, target_x0 = self.training_points(denoiser, condition, eps, scale)
        level = denoiser.process.level(t)
        num_points = len(x) // len(eps)  # of a trajectory
        conditions = Condition.cat([replace(condition, guidance_scale=scale)] * num_points)
        output, _ = denoiser.output(x, level, conditions)
        target_eps = (x - like(level.alpha, x) * target_x0) / like(level.sigma, x)
        target = denoiser.parameterisation.target(target_x0, target_eps, level, denoiser.process)
        errors = (output.float() - target.float()).square().flatten(1).mean(1)
        return errors.view(num_points, len(eps)).mean(0)

    @torch.no_grad()
    def training_points(
        self, student: Denoiser, condition: Condition, eps: Tensor, scale: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Inputs and targets of the student, one trajectory after another within each point: x (M, C, H, W), t (M, 1,
        1, 1) and x0 (M, C, H, W), where M = 2 N segments: of each segment its beginning, which matters most, and a
        random point."""
        teacher = partial(clipped(self.guided_teacher(scale), darkest=self.darkest), condition=condition)
        learner = partial(clipped(student, darkest=self.darkest), condition=replace(condition, guidance_scale=scale))
        levels = teacher_levels(student.process, self.segments, self.substeps)
        x = levels[0].sigma * eps
        points, times, targets = [], [], []
        for first in range(0, len(levels) - 1, self.substeps):
            segment = levels[first : first + self.substeps + 1]
            path = [x, *(step.x for step in dpmpp_2m(teacher, x, segment, no_noise))]
            for i in (0, int(torch.randint(1, self.substeps, ()))):
                points.append(path[i])
                times.append(segment[i].t)
                target = ddim_target(path[i], segment[i], path[-1], segment[-1])
                targets.append(target.clamp(self.darkest, 1))  # as a sampler clips
            (step,) = SAMPLERS["turbo"].function(learner, x, [segment[0], segment[-1]], no_noise)
            x = step.x
        t = torch.tensor(times, dtype=torch.float64).repeat_interleave(len(eps))
        return torch.cat(points), t.view(-1, 1, 1, 1), torch.cat(targets)


def teacher_levels(process: Process, segments: int, substeps: int) -> list[Level]:
    """The levels of the teacher's trajectory: those of the sampler ``turbo`` with ``segments`` steps, and others evenly
    spaced in time between them."""
    ends = torch.tensor([level.t for level in process.levels(segments, SAMPLERS["turbo"].spacing)], dtype=torch.float64)
    parts = [torch.lerp(hi, lo, torch.arange(substeps, dtype=torch.float64) / substeps) for hi, lo in pairwise(ends)]
    return process.levels_at(torch.cat([*parts, ends[-1:]]))


def ddim_target(x: Tensor, level: Level, x_end: Tensor, end: Level) -> Tensor:
    """The x0 for which one DDIM step from x at a level ends at x_end (Salimans & Ho 2022, eq. 8)."""
    ratio = end.sigma / level.sigma
    return (x_end - ratio * x) / (end.alpha - ratio * level.alpha)


def no_noise() -> Tensor:
    raise AssertionError("the trajectories are deterministic")


# ------------------------------------------------------------------------------------------------------- the teacher


def load_teacher(ref: str, student: ModelConfig, device: torch.device) -> Model:
    """Raises ``InputError`` where the model cannot be loaded or does not fit the student."""
    teacher = load_model(ref, device)
    config = teacher.config
    if config.task != "generation":
        raise InputError("training.teacher_task", ref=ref, task=config.task)
    if config.max_guidance is not None:
        raise InputError("training.teacher_distilled", ref=ref)
    for name in ("process", "image_size", "channels", "black_margin", "label_names"):
        theirs, ours = getattr(config, name), getattr(student, name)
        if theirs != ours:
            field = name.replace("_", " ")
            raise InputError("training.teacher_differs", ref=ref, field=field, wanted=ours, given=theirs)
    return teacher


def initialise_from_teacher(teacher: Model, student: Model) -> None:
    """Copy the teacher's weights to the student wherever both have one of the same name and shape."""
    own = student.network.state_dict()
    fitting = {
        name: tensor
        for name, tensor in teacher.network.state_dict().items()
        if name in own and own[name].shape == tensor.shape
    }
    student.network.load_state_dict(fitting, strict=False)


def distillation(teacher: Model, student: ModelConfig) -> Distillation:
    """The loss that distils a teacher, guided by its own settings, into such a student. Raises ``InputError`` where
    the student's network takes no scale."""
    if student.max_guidance is None and student.label_names:
        raise InputError("training.student_takes_no_scale", model=student.name)
    settings = SamplingSettings().resolve(teacher.config)
    guided_teacher = partial(teacher.guided_denoiser, settings)
    return Distillation(guided_teacher, student.max_guidance, student.darkest)
