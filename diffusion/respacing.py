"""Timestep respacing: sampling at a subset of the T steps of the chain that a network was trained on.

The strings are those of guided-diffusion (``space_timesteps``); steps are counted from the clean end:

    "100"        100 steps spaced evenly over all T, the first and the last included
    "10,15,20"   T split into three sections of equal length, with 10, 15 and 20 steps, the cleanest section first
    "ddim50"     50 steps at a constant integer stride from the cleanest on (Song et al. 2021, DDIM)
"""

import re
from itertools import accumulate, repeat

import torch

from diffusion.errors import InputError
from diffusion.process import Level, Process

PATTERN = re.compile(r"\s*(ddim\d{1,5}|\d{1,5}(\s*,\s*\d{1,5})*)\s*")


def respaced(process: Process, spec: str) -> list[Level]:
    """The levels of a respacing string, from noise to clean: one more than it has steps. Raises InputError."""
    indices = respaced_indices(spec, process.steps)
    times = (torch.tensor(indices[::-1], dtype=torch.float64) + 1) / process.steps
    return process.levels_at(torch.cat([times, times.new_zeros(1)]))


def respaced_indices(spec: str, steps: int) -> list[int]:
    """Which of the steps 0 to ``steps`` - 1 are kept, in ascending order. Raises InputError."""
    if not PATTERN.fullmatch(spec):
        raise InputError("settings.respacing", setting="respacing", given=spec)
    if spec.strip().startswith("ddim"):
        return _strided(int(spec.strip().removeprefix("ddim")), steps)
    counts = [int(part) for part in spec.split(",")]
    size, remainder = divmod(steps, len(counts))  # the first ``remainder`` sections are one step longer
    indices: list[int] = []
    start = 0
    for i, count in enumerate(counts):
        length = size + (i < remainder)
        if not 1 <= count <= length:
            raise InputError(
                "settings.respacing_section", setting="respacing", respacing=spec, high=length, given=count
            )
        stride = (length - 1) / (count - 1) if count > 1 else 1.0
        # a running sum, as in guided-diffusion: a product would round some halves the other way
        indices += [start + round(position) for position in accumulate(repeat(stride, count - 1), initial=0.0)]
        start += length
    return indices


def _strided(count: int, steps: int) -> list[int]:
    for stride in range(1, steps):
        if len(range(0, steps, stride)) == count:
            return list(range(0, steps, stride))
    raise InputError("settings.respacing_stride", setting="respacing", count=count, steps=steps)
