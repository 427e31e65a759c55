"""Timestep respacing: a chain of fewer steps through the noise levels that a network was trained on.

The strings are those of guided-diffusion (``space_timesteps``), for a process of T steps, counted from the clean end:

    "100"        100 steps spread evenly over all T, both ends among them
    "10,15,20"   T cut into three sections of equal length, with 10, 15 and 20 steps, the cleanest section first
    "ddim50"     50 steps at a whole stride from the cleanest on, as the DDIM paper takes them
"""

import re
from itertools import accumulate, repeat

import torch

from diffusion.errors import InputError
from diffusion.process import Level, Process

PATTERN = re.compile(r"\s*(ddim\d{1,5}|\d{1,5}(\s*,\s*\d{1,5})*)\s*")


def respaced(process: Process, spec: str) -> list[Level]:
    """The levels of a respacing string, from noise to clean. Raises InputError."""
    indices = respaced_indices(spec, process.steps)
    times = (torch.tensor(indices[::-1], dtype=torch.float64) + 1) / process.steps
    return process.levels_at(torch.cat([times, times.new_zeros(1)]))


def respaced_indices(spec: str, steps: int) -> list[int]:
    """Which of the steps 0 to ``steps`` - 1 are kept, rising. Raises InputError."""
    if not PATTERN.fullmatch(spec):
        raise InputError(f'respacing must be like "100", "10,15,20" or "ddim50", not {spec[:40]!r}.')
    if spec.strip().startswith("ddim"):
        return _strided(int(spec.strip().removeprefix("ddim")), steps)
    counts = [int(part) for part in spec.split(",")]
    size, larger = divmod(steps, len(counts))  # the first ``larger`` sections are one step longer
    indices: list[int] = []
    start = 0
    for i, count in enumerate(counts):
        length = size + (i < larger)
        if not 1 <= count <= length:
            raise InputError(f"each number of the respacing {spec!r} must be from 1 to {length}, not {count}.")
        stride = (length - 1) / (count - 1) if count > 1 else 1.0
        # added up, not multiplied: where a half is to be rounded the two differ, and the original adds
        indices += [start + round(position) for position in accumulate(repeat(stride, count - 1), initial=0.0)]
        start += length
    return indices


def _strided(count: int, steps: int) -> list[int]:
    for stride in range(1, steps):
        if len(range(0, steps, stride)) == count:
            return list(range(0, steps, stride))
    raise InputError(f"no whole stride takes {count} of {steps} steps: ddim{count} is no respacing, ddim50 is one.")
