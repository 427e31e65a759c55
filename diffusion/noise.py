"""Noise that belongs to an image: image ``i`` of seed ``s`` draws the same numbers alone or among sixteen."""

import numpy as np
import torch
from torch import Tensor


class ImageNoise:
    """``noise()`` gives (N, *shape) standard normal float32; each image has a generator of its own.

    Drawn on the CPU, so that a seed gives the same picture on every device, then moved.
    """

    def __init__(self, seed: int, num_images: int, shape: tuple[int, ...], first_index: int = 0, device="cpu"):
        self.shape, self.device = shape, device
        self.generators = [_generator(seed, index) for index in range(first_index, first_index + num_images)]

    def __call__(self) -> Tensor:
        drawn = torch.empty(len(self.generators), *self.shape)
        for image, generator in zip(drawn, self.generators, strict=True):
            image.normal_(generator=generator)
        return drawn.to(self.device)


def _generator(seed: int, index: int) -> torch.Generator:
    state = np.random.SeedSequence((seed, index)).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state[0]))
