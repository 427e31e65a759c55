"""Fitting a small image classifier: what the evaluator's training and the two-sample test share.

One random change of each image a batch (`augment`), a cosine of the learning rate after a short warm-up, and averaged
weights at the end.
"""

import copy
import math
import sys
import time
from collections.abc import Callable
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import nn
from tqdm import tqdm

from diffusion.io.images import to_input
from train.datasets import Dataset

LEARNING_RATE = 3e-3
WARM_UP = 0.05  # share of the training
EMA_DECAY = 0.998

Network = TypeVar("Network", bound=nn.Module)
Augment = Callable[[torch.Tensor, torch.Generator], torch.Tensor]  # (N, C, H, W) in [-1, 1] -> the same, changed


def fit(
    network: Network,
    data: Dataset,
    augment: Augment,
    epochs: float,
    minutes: float | None = None,
    seed: int = 0,
    batch_size: int = 256,
    task: str = "training",
) -> tuple[Network, int]:
    """Train a fresh network to name the labels of `data`, for so many epochs or, if given, so many minutes.

    Returns the averaged network, on a GPU where there is one and ready to read, and the number of images seen.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    generator = torch.Generator(device).manual_seed(seed)
    images, labels = data.images.to(device), data.labels.to(device)
    network = network.to(device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    averaged = copy.deepcopy(network)
    optimizer = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=0.01)

    seen, total, start = 0, round(epochs * len(images)), time.monotonic()
    order = torch.empty(0, dtype=torch.int64, device=device)
    bar = tqdm(total=None if minutes else total, unit=" images", unit_scale=True, desc=task, file=sys.stderr)
    while (progress := (time.monotonic() - start) / (60 * minutes) if minutes else seen / total) < 1:
        if len(order) < batch_size:
            order = torch.cat([order, torch.randperm(len(images), generator=generator, device=device)])
        batch, order = order[:batch_size], order[batch_size:]
        optimizer.param_groups[0]["lr"] = LEARNING_RATE * min(
            progress / WARM_UP, 0.5 + 0.5 * math.cos(math.pi * progress)
        )
        loss = F.cross_entropy(network(augment(to_input(images[batch]), generator)), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seen += len(batch)
        update_average(averaged, network, seen // batch_size)
        bar.update(len(batch))
        if seen % (20 * batch_size) == 0:
            bar.set_postfix(loss=f"{loss.item():.3f}")
    bar.close()
    return averaged.eval(), seen


@torch.no_grad()
def update_average(averaged: nn.Module, network: nn.Module, steps: int) -> None:
    """Move the averaged weights and batch statistics towards the current ones, faster in the first steps."""
    share = max(1 - EMA_DECAY, 10 / (10 + steps))
    for mean, value in zip(averaged.state_dict().values(), network.state_dict().values(), strict=True):
        if mean.is_floating_point():
            mean.lerp_(value, share)
        else:
            mean.copy_(value)  # BatchNorm's count of batches


# ----------------------------------------------------------------------------------------------- augmentations


def bend(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """A random small affine map and a random smooth warp of each image (N, 1, 28, 28), in one grid_sample."""

    def uniform(limit: float) -> torch.Tensor:
        return (torch.rand(len(x), generator=generator, device=x.device) * 2 - 1) * limit

    angle, shear = uniform(math.radians(12)), uniform(0.12)
    scale_x, scale_y = 1 + uniform(0.12), 1 + uniform(0.12)
    row_x = torch.stack([scale_x * angle.cos(), shear - angle.sin(), uniform(2 / 14)], 1)  # a pixel is 1/14
    row_y = torch.stack([angle.sin(), scale_y * angle.cos(), uniform(2 / 14)], 1)
    grid = F.affine_grid(torch.stack([row_x, row_y], 1), list(x.shape), align_corners=False)
    warp = torch.randn(len(x), 2, 6, 6, generator=generator, device=x.device) * (0.7 / 14)  # after Simard et al. 2003
    warp = F.interpolate(warp, x.shape[-2:], mode="bicubic", align_corners=True)
    return F.grid_sample(x + 1, grid + warp.permute(0, 2, 3, 1), align_corners=False) - 1  # beyond the edge is black


def shift(x: torch.Tensor, generator: torch.Generator, most: int = 2) -> torch.Tensor:
    """Each image (N, C, H, W) moved by up to `most` whole pixels each way; its edge pixels go on beyond the edge."""
    n, _, height, width = x.shape
    padded = F.pad(x, (most, most, most, most), mode="replicate")
    top, left = torch.randint(2 * most + 1, (2, n, 1), generator=generator, device=x.device)
    rows = (top + torch.arange(height, device=x.device))[:, :, None]
    columns = (left + torch.arange(width, device=x.device))[:, None, :]
    moved = padded.permute(0, 2, 3, 1)[torch.arange(n, device=x.device)[:, None, None], rows, columns]
    return moved.permute(0, 3, 1, 2)  # channels_last, as the convolutions like it


def flip_and_shift(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Every other image (N, C, H, W), by chance, as in a mirror, and each moved by up to four pixels."""
    mirrored = torch.rand(len(x), 1, 1, 1, generator=generator, device=x.device) < 0.5
    return shift(torch.where(mirrored, x.flip(3), x), generator, most=4)
