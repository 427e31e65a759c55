"""Distillation: a student learns to jump where its teacher walks (``python -m train.run turbo --teacher unet``).

The teacher's deterministic path from noise to image, with classifier-free guidance at a scale w drawn for each image,
is cut into segments. From any point x_t of a segment the student predicts the x0 at which the straight line from x_t
has to aim so that a single DDIM step lands where the path leaves the segment, at x_s:

    alpha_s x0 + sigma_s eps = x_s   and   alpha_t x0 + sigma_t eps = x_t

This is multistep consistency distillation (Heek et al. 2024, "Multistep consistency models"; with as many segments as
steps it is the target of Salimans & Ho 2022, appendix G), but for two things. The end of the segment is the teacher's
own, walked to, not the student's guess of it, so that there is nothing to anneal. And each segment begins where the
student lands as it is now, not on the path that the teacher would have taken, so that it learns to go on from its own
mistakes (Ross et al. 2011, "DAgger"). The boundary condition, that a step of zero length changes nothing, holds by
construction. The scale w is an input of the student (Meng et al. 2023), so that it needs no second pass. The images of
the data set are not looked at: the paths begin at noise, as those do on which the student will be drawn from.
"""

from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor

from diffusion.config import ModelConfig
from diffusion.denoiser import Denoise, Denoiser, clipped
from diffusion.errors import InputError
from diffusion.guidance import classifier_free
from diffusion.io.loading import load_model
from diffusion.model import Model
from diffusion.process import Level, Process, like
from diffusion.samplers import SAMPLERS, dpmpp_2m

SEGMENTS = 2  # the number of steps that the student is best at
SUBSTEPS = 6  # of the teacher in each segment


@dataclass(frozen=True)
class Distillation:
    """A loss like those of ``diffusion.losses``: ``loss(denoiser, x0, labels, t, eps, low_res)``.

    teacher: its bare denoiser, of the same process as the student's; max_guidance: w is uniform from 0 to it.
    """

    teacher: Denoise
    null_label: int
    max_guidance: float
    darkest: float = -1.0  # of an x0
    guidance_times: tuple[float, float] = (0.0, 1.0)  # that the teacher's guidance is limited to
    guidance_power: float = 0.0  # of the teacher's
    segments: int = SEGMENTS
    substeps: int = SUBSTEPS

    def __call__(
        self, denoiser: Denoiser, x0: Tensor, labels: Tensor | None, t: Tensor, eps: Tensor, low_res: None = None
    ) -> Tensor:
        """eps (N, C, H, W) begins N paths to labels (N,); x0 and t are not looked at -> (N,) float32: the squared error
        of the parameterisation's target, the mean over a path's points."""
        scale = self.max_guidance * torch.rand(len(eps), device=eps.device)
        x, t, target_x0 = self.lessons(replace(denoiser, guidance=scale), labels, eps, scale)
        points = len(x) // len(eps)  # of a path
        level = denoiser.process.level(t)
        told = replace(denoiser, guidance=scale.repeat(points))
        output, _ = told.ask(x, level, None if labels is None else labels.repeat(points))
        target_eps = (x - like(level.alpha, x) * target_x0) / like(level.sigma, x)
        target = denoiser.parameterisation.target(target_x0, target_eps, level, denoiser.process)
        errors = (output.float() - target.float()).square().flatten(1).mean(1)
        return errors.view(points, len(eps)).mean(0)

    def lessons(
        self, student: Denoiser, labels: Tensor | None, eps: Tensor, scale: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """What the student is shown and should say, path by path within each point: x (M, C, H, W), t (M, 1, 1, 1), x0
        (M, C, H, W), where M = 2 N segments: of a segment its beginning, which matters most, and a point at random."""
        guided = classifier_free(self.teacher, scale, self.null_label, *self.guidance_times, self.guidance_power)
        teacher, learner = (
            partial(clipped(denoise, darkest=self.darkest), labels=labels) for denoise in (guided, student)
        )
        levels = walk(student.process, self.segments, self.substeps)
        x = levels[0].sigma * eps
        shown, times, targets = [], [], []
        for first in range(0, len(levels) - 1, self.substeps):
            part = levels[first : first + self.substeps + 1]
            path = [x, *(step.x for step in dpmpp_2m(teacher, x, part, no_noise))]
            for i in (0, int(torch.randint(1, self.substeps, ()))):
                shown.append(path[i])
                times.append(part[i].t)
                targets.append(aim(path[i], part[i], path[-1], part[-1]).clamp(self.darkest, 1))  # as a sampler clips
            (jump,) = SAMPLERS["turbo"].function(learner, x, [part[0], part[-1]], no_noise)
            x = jump.x
        t = torch.tensor(times, dtype=torch.float64).repeat_interleave(len(eps))
        return torch.cat(shown), t.view(-1, 1, 1, 1), torch.cat(targets)


def walk(process: Process, segments: int, substeps: int) -> list[Level]:
    """The teacher's levels: those of the sampler ``turbo`` with so many steps, and others evenly between in time."""
    ends = torch.tensor([level.t for level in process.levels(segments, SAMPLERS["turbo"].spacing)], dtype=torch.float64)
    parts = [torch.lerp(hi, lo, torch.arange(substeps, dtype=torch.float64) / substeps) for hi, lo in pairwise(ends)]
    return process.levels_at(torch.cat([*parts, ends[-1:]]))


def aim(x: Tensor, at: Level, x_end: Tensor, end: Level) -> Tensor:
    """The x0 for which one DDIM step from x at one level lands at x_end (Salimans & Ho 2022, eq. 8)."""
    ratio = end.sigma / at.sigma
    return (x_end - ratio * x) / (end.alpha - ratio * at.alpha)


def no_noise() -> Tensor:
    raise AssertionError("the teacher's path is deterministic")


def load_teacher(ref: str, student: ModelConfig, device: torch.device) -> Model:
    """Raises ``InputError`` where it cannot be read or cannot teach such a student."""
    teacher = load_model(ref, device)
    config = teacher.config
    if config.task != "generation":
        raise InputError(f"The teacher {ref} is for {config.task}: it cannot be distilled.")
    if config.max_guidance is not None:
        raise InputError(f"The teacher {ref} is itself distilled: name the model that it was distilled from.")
    for name in ("process", "image_size", "channels", "black_margin", "label_names"):
        theirs, ours = getattr(config, name), getattr(student, name)
        if theirs != ours:
            what = name.replace("_", " ")
            raise InputError(f"The teacher {ref} does not fit: its {what} must be the student's {ours}, not {theirs}.")
    return teacher


def start_from(teacher: Model, student: Model) -> None:
    """Give the student its teacher's weights wherever both have one of the same name and shape."""
    own = student.network.state_dict()
    fitting = {
        name: tensor
        for name, tensor in teacher.network.state_dict().items()
        if name in own and own[name].shape == tensor.shape
    }
    student.network.load_state_dict(fitting, strict=False)


def distillation(teacher: Model, student: ModelConfig) -> Distillation:
    """The loss that makes such a student of the teacher. Raises ``InputError`` where the student takes no scale."""
    if student.max_guidance is None:
        raise InputError(f"{student.name} cannot be distilled: its network has no max_guidance.")
    config = teacher.config
    return Distillation(
        teacher.denoiser(),
        config.num_classes,
        student.max_guidance,
        student.darkest,
        (config.guidance_t_min, config.guidance_t_max),
        config.guidance_power,
    )
