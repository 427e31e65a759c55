"""Going on from the middle of a trajectory: a fork of it, with other settings, or the rest of it as it was."""

from torch import Tensor

from diffusion.errors import InputError
from diffusion.noise import ImageNoise
from diffusion.process import Level, Process

SAME = 1e-9  # times that differ by less are one


def forked_levels(
    process: Process, levels: list[Level], start: Tensor | None, start_t: float, noise: ImageNoise
) -> list[Level]:
    """Of the levels of a sampling grid those from ``start_t`` on, which need not be among them, but is the first of
    those returned. What the steps before it have used of the noise is passed over. Raises InputError."""
    if start is None:
        raise InputError("model.start_t_alone")
    on_grid = any(abs(level.t - start_t) < SAME for level in levels[:-1])
    if not (on_grid or process.t_min < start_t <= 1):
        raise InputError("model.start_t", low=process.t_min, given=start_t)
    rest = levels_from(process, levels, start_t)
    for _ in range(len(levels) + 1 - len(rest)):  # one for the beginning, and one for each step
        noise()
    return rest


def levels_from(process: Process, levels: list[Level], start_t: float) -> list[Level]:
    """The level of ``start_t`` in [0, 1], and of the levels of a sampling grid those beyond it."""
    first = next((level for level in levels if abs(level.t - start_t) < SAME), process.level(start_t))
    return [first, *(level for level in levels if level.t < first.t - SAME)]
