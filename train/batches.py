"""Batches: what a step trains on, as a function of (seed, step) alone.

So a resumed run meets the very batches an unbroken one would, and several processes, each of which draws the numbers of
the whole batch and keeps its share of them, together meet the batch of one.
"""

import functools
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from diffusion.io.images import downscaled
from diffusion.losses import drop_labels, stratified_times
from diffusion.model import Model
from train.config import TrainConfig, time_knots
from train.datasets import Dataset


class Batch(NamedTuple):
    """One process's share, of n images."""

    x0: Tensor  # (n, C, H, W) float32, as ``Model.encode`` gives it
    labels: Tensor | None  # (n,) int64, some of them the null label; None for an unconditional model
    t: Tensor  # (n,) float64
    eps: Tensor  # (n, C, H, W) float32
    low_res: Tensor | None  # (n, C, h, h) float32, what super-resolution is to enlarge; None for other models


class Batches:
    """``batches(step)`` draws the batch of a step, from 0. The images lie on the device as one uint8 tensor."""

    def __init__(
        self, data: Dataset, model: Model, training: TrainConfig, process_index: int = 0, num_processes: int = 1
    ):
        self.images, self.labels = data.images.to(model.device), data.labels.to(model.device)
        self.model, self.training = model, training
        self.share = slice(process_index, None, num_processes)  # interleaved, as the times of a batch are in order

    def __call__(self, step: int) -> Batch:
        size, seed = self.training.batch_size, self.training.seed
        device, share = self.model.device, self.share
        chosen = image_order(len(self.images), size, step, seed).to(device)
        draw = generator(device, seed, step)
        t = self.times(stratified_times(size, 0.0, generator("cpu", seed, step, 2)))[share]  # float64
        eps = torch.randn(size, *self.images.shape[1:], generator=draw, device=device)[share]
        labels = None
        if num_classes := self.model.config.num_classes:
            labels = drop_labels(self.labels[chosen], self.training.label_dropout, num_classes, draw)[share]
        x0 = self.images[chosen[share]].to(torch.float32, memory_format=torch.channels_last).div_(127.5).sub_(1)
        small = self.model.config.low_res_size
        return Batch(self.model.encode(x0), labels, t, eps, None if small is None else downscaled(x0, small))

    def times(self, u: Tensor) -> Tensor:
        """Numbers u (n,), uniform in [0, 1], as times from t_min to 1, of which each of ``TrainConfig.times`` has its
        share."""
        t_min = self.model.process.t_min
        knots, passed = (torch.tensor(values, dtype=u.dtype) for values in time_knots(self.training.times))
        knots = t_min + (1 - t_min) * knots
        part = torch.bucketize(u, passed[1:-1], right=True)
        within = (u - passed[part]) / (passed[part + 1] - passed[part])
        return torch.lerp(knots[part], knots[part + 1], within)


def image_order(num_images: int, batch_size: int, step: int, seed: int) -> Tensor:
    """The indices of a step's images, (batch_size,): every image once a pass, each pass in its own order."""
    first, end = step * batch_size, (step + 1) * batch_size
    parts = []
    for epoch in range(first // num_images, (end - 1) // num_images + 1):
        start = epoch * num_images
        parts.append(permutation(num_images, seed, epoch)[max(first - start, 0) : min(end - start, num_images)])
    return torch.cat(parts)


@functools.lru_cache(maxsize=2)
def permutation(num_images: int, seed: int, epoch: int) -> Tensor:
    return torch.randperm(num_images, generator=generator("cpu", seed, epoch, 1))


def generator(device: torch.device | str, *key: int) -> torch.Generator:
    """A generator for a key of whole numbers; different keys give streams that have nothing to do with each other."""
    return torch.Generator(device).manual_seed(mixed(*key))


def mixed(*key: int) -> int:
    """One seed for a key of whole numbers."""
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0])
