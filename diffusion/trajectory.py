"""What a sampler's path looks like: at every level, the noisy image and the clean one that is predicted from it.

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
from diffusion.networks import FreeU
from diffusion.noise import ImageNoise
from diffusion.process import Level


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
    *,
    sampler: str,
    steps: int,
    guidance_scale: float,
    eta: float | None,
    seed: int,
    first_index: int = 0,
    respacing: str | None = None,
    freeu_b: float | None = None,
    freeu_s: float | None = None,
    **others: Any,
) -> Generator[State, None, None]:
    """The steps + 1 states of ``model.sample`` with the same arguments (checked ones: ``request.check_settings``);
    ``others`` are what else it takes.

    State i comes as soon as the network has looked at level i. Closing the generator ends the sampling.
    """
    config = model.config
    shape = (config.channels, config.image_size, config.image_size)
    level = model.levels(sampler, steps, respacing)[0]
    x = level.sigma * ImageNoise(seed, len(labels), shape, first_index, model.device)()  # the start that sample() draws
    freeu = None
    if freeu_b is not None or freeu_s is not None:
        freeu = FreeU(1.0 if freeu_b is None else freeu_b, 1.0 if freeu_s is None else freeu_s)
    sampling = model.sample(
        labels,
        sampler=sampler,
        steps=steps,
        guidance_scale=guidance_scale,
        eta=eta,
        seed=seed,
        first_index=first_index,
        respacing=respacing,
        freeu=freeu,
        **others,
    )
    for step in sampling:
        yield State(step.index, level, x, step.x0)
        level, x = step.level, step.x
    yield State(steps, level, x, x)


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
