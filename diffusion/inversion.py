"""Inversion: which noise would this image have come from?  DDIM, walked from the image to the noise.

DDIM without fresh noise follows an ordinary differential equation, so the way back is the same way: the same step on
the reversed levels (Song et al. 2021, section 4.3; guided-diffusion's ``ddim_reverse_sample``). There and back again
an image returns up to an error that falls as one over the number of steps.
"""

from collections.abc import Iterator

from torch import Tensor

from diffusion.errors import InputError
from diffusion.process import Level, Process
from diffusion.samplers import BoundDenoise, Step, ddim


def invert(denoise: BoundDenoise, x0: Tensor, levels: list[Level], process: Process) -> Iterator[Step]:
    """Images x0 (N, C, H, W) in [-1, 1] -> steps up the same ``levels`` (from noise to clean) that sampling walks down;
    the last ends at levels[0]."""
    return ddim(denoise, x0, upwards(levels, process), _no_noise)


def upwards(levels: list[Level], process: Process) -> list[Level]:
    """The levels from clean to noise. A clean image has no noise to be predicted, so it is taken for one at the
    cleanest level that a network knows, t_min, or that the grid has. Raises InputError where the grid has no other."""
    rising = levels[-2::-1]
    if rising[-1].t <= process.t_min:
        raise InputError("model.no_inversion", t=rising[-1].t)
    return rising if rising[0].t <= process.t_min else [process.level(process.t_min), *rising]


def _no_noise() -> Tensor:
    raise AssertionError("DDIM drew noise without eta")
