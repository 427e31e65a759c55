"""Sampling the images that are evaluated, as bytes: as they would be saved and seen."""

import sys
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from diffusion.io.images import to_input, to_uint8
from diffusion.model import Model
from diffusion.noisy_classifier import NoisyClassifier
from diffusion.settings import SamplingSettings


def sample_images(
    model: Model,
    num_images: int,
    batch_size: int,
    settings: SamplingSettings,
    labels: Tensor | None = None,
    low_res: Tensor | None = None,
    classifier: NoisyClassifier | None = None,
) -> Tensor:
    """Images (N, C, H, W) uint8. They do not depend on the batch size: every image has its own seed.

    settings: resolved ones. labels (N,): what the model, or the classifier that guides it, is conditioned on. low_res
    (N, C, h, h) uint8: what super-resolution enlarges.
    """
    images = []
    with tqdm(total=num_images, unit=" images", desc="sampling", file=sys.stderr) as bar:
        for first in range(0, num_images, batch_size):
            count = min(batch_size, num_images - first)
            part = slice(first, first + count)
            given: dict[str, Any] = {"num_images": count} if labels is None else {"labels": labels[part].tolist()}
            if low_res is not None:
                given["low_res"] = to_input(low_res[part])
            if classifier is not None:
                given["classifier"] = classifier
            images.append(to_bytes(model.generate(first_index=first, settings=settings, **given)))
            bar.update(count)
    return torch.cat(images)


def to_bytes(x: Tensor) -> Tensor:
    """x (N, C, H, W) in [-1, 1] -> uint8, on the CPU."""
    return torch.from_numpy(to_uint8(x)).permute(0, 3, 1, 2)


def cycled_labels(num_images: int, num_classes: int) -> Tensor:
    """0, 1, ..., 9, 0, ...: (N,) int64."""
    return torch.arange(num_images) % num_classes
