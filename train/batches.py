"""Batches: what a step trains on, as a function of (seed, step) alone.

So a resumed run gets exactly the batches of an uninterrupted one; and several processes, each of which generates the
random numbers of the whole batch and takes its own share, together train on the batch of one process.
"""

import functools
from typing import NamedTuple

import numpy as np
import torch
from numpy.random import SeedSequence
from torch import Tensor

from diffusion.condition import Condition
from diffusion.io.images import downscaled
from diffusion.losses import drop_labels, stratified_times
from diffusion.model import Model
from train.config import TrainConfig, time_knots
from train.datasets import Dataset


class Batch(NamedTuple):
    """The share of one process, n images: the arguments of a loss after the denoiser."""

    x0: Tensor  # (n, C, H, W) float32, as ``Model.encode`` returns it
    condition: Condition  # labels, some of them dropped; for super-resolution the images in low resolution
    t: Tensor  # (n,) float64
    eps: Tensor  # (n, C, H, W) float32


class Batches:
    """``batches(step, first)`` is the batch of a step, counted from 0, before which ``first`` images were seen: as many
    as in batches of this size, where it is not given. The images are on the device as one uint8 tensor."""

    def __init__(
        self, data: Dataset, model: Model, training: TrainConfig, process_index: int = 0, num_processes: int = 1
    ):
        self.images, self.labels = data.images.to(model.device), data.labels.to(model.device)
        self.scales = None if data.guidance_scales is None else data.guidance_scales.to(model.device)
        self.noise = None if data.noise is None else data.noise.to(model.device)
        self.model, self.training = model, training
        self.share = slice(process_index, None, num_processes)  # interleaved, as the times of a batch are in order

    def __call__(self, step: int, first: int | None = None) -> Batch:
        size, seed = self.training.batch_size, self.training.seed
        first = step * size if first is None else first
        config, device, share = self.model.config, self.model.device, self.share
        indices = image_order(len(self.images), first, first + size, seed).to(device)
        random = generator(device, seed, step)
        t = self.times(stratified_times(size, 0.0, generator("cpu", seed, step, 2)))[share]  # float64
        if self.noise is None:
            eps = torch.randn(size, *self.images.shape[1:], generator=random, device=device)[share]
            labels = drop_labels(self.labels[indices], self.training.label_dropout, random)[share]
        else:  # the images were sampled from it, with these labels
            eps, labels = self.noise[indices[share]], self.labels[indices[share]]
        x0 = self.images[indices[share]].to(torch.float32, memory_format=torch.channels_last).div_(127.5).sub_(1)
        low_res = None if config.low_res_size is None else downscaled(x0, config.low_res_size)
        scales = None if self.scales is None else self.scales[indices[share]]
        return Batch(self.model.encode(x0), Condition(labels if config.num_classes else None, low_res, scales), t, eps)

    def times(self, u: Tensor) -> Tensor:
        """Numbers u (n,), uniform in [0, 1], mapped to times from t_min to 1 with the distribution of
        ``TrainConfig.times``."""
        t_min = self.model.process.t_min
        knots, passed = (torch.tensor(values, dtype=u.dtype) for values in time_knots(self.training.times))
        knots = t_min + (1 - t_min) * knots
        part = torch.bucketize(u, passed[1:-1], right=True)
        within = (u - passed[part]) / (passed[part + 1] - passed[part])
        return torch.lerp(knots[part], knots[part + 1], within)


def image_order(num_images: int, first: int, end: int, seed: int) -> Tensor:
    """The indices of a run's images from ``first`` to before ``end``, (end - first,): every image once an epoch, each
    epoch in its own order."""
    parts = []
    for epoch in range(first // num_images, (end - 1) // num_images + 1):
        start = epoch * num_images
        parts.append(permutation(num_images, seed, epoch)[max(first - start, 0) : min(end - start, num_images)])
    return torch.cat(parts)


@functools.lru_cache(maxsize=2)
def permutation(num_images: int, seed: int, epoch: int) -> Tensor:
    """The order of the images in an epoch, (num_images,)."""
    return torch.randperm(num_images, generator=generator("cpu", seed, epoch, 1))


def generator(device: torch.device | str, *key: int) -> torch.Generator:
    """A random generator for a key of whole numbers; those of different keys are independent."""
    return torch.Generator(device).manual_seed(seed_of(*key))


def seed_of(*key: int) -> int:
    """One seed for a key of whole numbers."""
    return int(SeedSequence(key).generate_state(1, np.uint64)[0])
