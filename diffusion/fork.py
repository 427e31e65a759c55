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
    if not process.t_min < start_t <= 1:
        raise InputError("model.start_t", low=process.t_min, given=start_t)
    first = next((level for level in levels if abs(level.t - start_t) < SAME), process.level(start_t))
    rest = [level for level in levels if level.t < first.t - SAME]
    for _ in range(len(levels) - len(rest)):  # one for the beginning, and one for each step
        noise()
    return [first, *rest]
