"""The path of a sampler, to be looked at: at every level, the noisy image and the clean one predicted from it.

A sampler's ``Step`` pairs the x *after* a step with the x0 predicted *before* it. To look at, the other pairing is
right: ``State`` holds x and the x0 predicted from that very x, from pure noise (index 0) to the finished image.
"""

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from diffusion.io.images import to_uint8
from diffusion.model import Model
from diffusion.noise import ImageNoise
from diffusion.process import Level
from diffusion.settings import SamplingSettings


@dataclass(frozen=True)
class State:
    """x (N, C, H, W) at ``level`` and the x0 predicted from it, both float32; at the last level both are the result."""

    index: int  # 0 (noise) to steps (clean)
    level: Level
    x: Tensor
    x0: Tensor


def trajectory(
    model: Model,
    labels: Sequence[int],
    settings: SamplingSettings,
    first_index: int = 0,
    fork: State | None = None,
    **arguments: Any,
) -> Generator[State, None, None]:
    """The steps + 1 states of ``model.sample`` with resolved settings; ``arguments`` are its others. With the ``fork``
    of a trajectory of the same process, those from there on, whose indices go on from its own.

    State i comes as soon as the network has been called at level i. Closing the generator ends the sampling.
    """
    if fork is None:
        level = model.levels(settings)[0]
        noise = ImageNoise(settings.seed, len(labels), model.config.image_shape, first_index, model.device)
        first, x = 0, level.sigma * noise()  # where sample() starts
    else:
        first, level, x = fork.index, fork.level, fork.x
        arguments |= {"start": x, "start_t": level.t}
    index = first
    for step in model.sample(labels, settings=settings, first_index=first_index, **arguments):
        yield State(index, level, x, step.x0)
        index, level, x = first + step.index + 1, step.level, step.x
    yield State(index, level, x, x)


def kept_indices(steps: int, most: int) -> set[int]:
    """Which of the states 0 to ``steps`` to show, at most ``most``: evenly spread, the first and the last among them.
    One is the last."""
    if most == 1:
        return {steps}
    return {round(index) for index in np.linspace(0, steps, min(most, steps + 1)).tolist()}


def displayed(state: State) -> np.ndarray:
    """x as uint8 (N, H, W, C): scaled to the spread of a VP process (a factor of 1 there), so that the noise of a VE
    process, many times as bright as any image, is seen as noise and not as black and white."""
    return to_uint8(state.x / math.hypot(state.level.alpha, state.level.sigma))
