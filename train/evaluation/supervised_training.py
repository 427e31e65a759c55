"""Supervised training of a small image classifier, shared by the evaluation classifiers and the two-sample test."""

import math
import sys
import time
from typing import TypeVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from diffusion.io.images import to_input
from train.datasets import Dataset
from train.evaluation.augmentations import Augmentation

LEARNING_RATE = 3e-3
WARMUP_SHARE = 0.05  # of the training
EMA_DECAY = 0.998

Network = TypeVar("Network", bound=nn.Module)
Tensors = list[Tensor] | tuple[Tensor, ...]


def train_supervised(
    network: Network,
    data: Dataset,
    augment: Augmentation,
    epochs: float,
    minutes: float | None = None,
    seed: int = 0,
    batch_size: int = 256,
    description: str = "training",
) -> tuple[Network, int]:
    """Train a fresh network on the labels of ``data`` for so many epochs or, if given, so many minutes: at least a
    step.

    Cross entropy on augmented images, AdamW, a cosine learning rate after a short warm-up. Returns the network with the
    averaged weights, in eval mode, on a GPU where there is one; and the number of images seen.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    generator = torch.Generator(device).manual_seed(seed)
    images, labels = data.images.to(device), data.labels.to(device)
    network = network.to(device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    averaged = AveragedModel(network, multi_avg_fn=update_average, use_buffers=True)
    optimizer = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=0.01)

    seen, total, start = 0, max(1, round(epochs * len(images))), time.monotonic()
    order = torch.empty(0, dtype=torch.int64, device=device)
    bar = tqdm(total=None if minutes else total, unit=" images", unit_scale=True, desc=description, file=sys.stderr)
    while (progress := (time.monotonic() - start) / (60 * minutes) if minutes else seen / total) < 1 or not seen:
        if len(order) < batch_size:
            order = torch.cat([order, torch.randperm(len(images), generator=generator, device=device)])
        batch, order = order[:batch_size], order[batch_size:]
        cosine = 0.5 + 0.5 * math.cos(math.pi * min(progress, 1))
        optimizer.param_groups[0]["lr"] = LEARNING_RATE * min(progress / WARMUP_SHARE, cosine)
        loss = F.cross_entropy(network(augment(to_input(images[batch]), generator)), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        averaged.update_parameters(network)
        seen += len(batch)
        bar.update(len(batch))
        if seen % (20 * batch_size) == 0:
            bar.set_postfix(loss=f"{loss.item():.3f}")
    bar.close()
    return cast(Network, averaged.module.eval()), seen


@torch.no_grad()
def update_average(averaged: Tensors, current: Tensors, num_updates: Tensor | int) -> None:
    """Exponential moving average of weights and batch statistics, over fewer steps at first: for short trainings.
    Tensors of integers (batch norm's count of batches) are copied."""
    weight = max(1 - EMA_DECAY, 10 / (11 + int(num_updates)))
    if averaged[0].is_floating_point():
        torch._foreach_lerp_(averaged, current, weight)
    else:
        torch._foreach_copy_(averaged, current)
