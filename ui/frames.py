"""The frames of a run, as many and as large as a few megabytes hold: one moment each, as PNG sheets."""

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

from torch import nn

from diffusion.config import ModelConfig
from diffusion.io.images import downscaled, sheet, to_uint8
from diffusion.trajectory import State, displayed
from ui.fast_png import fast_png

MAX_FRAMES = 120  # of one run: a scrubber has no more places than that
FEWEST_FRAMES = 24  # rather than fewer, smaller ones
MAX_BYTES = 6_000_000  # of all frames of a run, before they are compressed, which noise hardly is
SIDE_BY_SIDE = 16_000_000  # of all runs that are shown together
FEWEST_SIDE_BY_SIDE = 8  # frames of each of them


@dataclass(frozen=True)
class Frame:
    """One moment: x at a noise level and the x0 predicted from it, as PNG sheets of one pixel per pixel, unless that
    would be too much to send."""

    index: int  # 0 is pure noise, the number of steps the finished images (in both)
    t: float
    alpha: float
    sigma: float
    x: bytes
    x0: bytes


class FrameShape(NamedTuple):
    """How many frames a run may have, and the size of each image in them, in pixels."""

    most: int
    size: int
    factor: int  # how many times smaller than the images that is
    columns: int | None = None  # of the sheet; None for as square as may be

    @classmethod
    def of(cls, config: ModelConfig, num_images: int, runs: int = 1) -> "FrameShape":
        """For a run of so many images, which is one of so many ``runs`` that are shown together."""
        most_bytes, fewest = (MAX_BYTES, FEWEST_FRAMES)
        if runs > 1:
            most_bytes, fewest = min(MAX_BYTES, SIDE_BY_SIDE // runs), FEWEST_SIDE_BY_SIDE
        factor = 1
        while True:
            size = math.ceil(config.image_size / factor)
            most = most_bytes // (2 * num_images * config.channels * size**2)
            if most >= fewest or size == 1:
                return cls(max(1, min(MAX_FRAMES, most)), size, factor)
            factor += 1

    def frame(self, state: State) -> Frame:
        """The frame of a moment."""
        level, finished = state.level, state.x0 is state.x
        if self.factor > 1:
            x0 = downscaled(state.x0, self.size)
            # noise is noise at any size, and would be grey if it were averaged
            x = x0 if finished else nn.functional.interpolate(state.x, (self.size, self.size))
            state = replace(state, x=x, x0=x0)
        x_png = fast_png(sheet(displayed(state), self.columns))
        x0_png = x_png if finished else fast_png(sheet(to_uint8(state.x0), self.columns))
        return Frame(state.index, level.t, level.alpha, level.sigma, x_png, x0_png)
