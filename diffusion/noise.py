"""Reproducible noise: image ``i`` of seed ``s`` has the same noise alone or in any batch."""

import numpy as np
import torch
from numpy.random import SeedSequence  # loaded here: while numpy loads it, a Ctrl-C is lost
from torch import Tensor


class ImageNoise:
    """``noise()`` returns standard normal samples (N, *shape), float32 on ``device``; each image has its own generator.

    They are generated on the CPU, so that a seed gives the same image on every device.
    """

    def __init__(self, seed: int, num_images: int, shape: tuple[int, ...], first_index: int = 0, device="cpu"):
        self.shape, self.device = shape, device
        self.generators = [_generator(seed, index) for index in range(first_index, first_index + num_images)]

    def __call__(self) -> Tensor:
        samples = torch.empty(len(self.generators), *self.shape)
        for image, generator in zip(samples, self.generators, strict=True):
            image.normal_(generator=generator)
        return samples.to(self.device)


def _generator(seed: int, index: int) -> torch.Generator:
    state = SeedSequence((seed, index)).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state[0]))
