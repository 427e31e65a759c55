"""What is judged: images drawn by a model, as bytes, as they would be saved and seen."""

import sys

import torch
from torch import Tensor
from tqdm import tqdm

from diffusion.guidance import NoisyClassifier
from diffusion.io.images import to_input, to_uint8
from diffusion.model import Model


def draw(
    model: Model,
    num_images: int,
    batch_size: int,
    settings: dict,
    labels: Tensor | None = None,
    low_res: Tensor | None = None,
    classifier: NoisyClassifier | None = None,
) -> Tensor:
    """Images (N, C, H, W) uint8, drawn in batches: the same ones for every batch size, by their per-image seeds.

    settings: sampler, steps, guidance_scale, eta, seed and so on, for `Model.generate`. labels (N,): what to draw, by
    the model itself or by the classifier; low_res (N, C, h, h) uint8: what to enlarge.
    """
    images = []
    with tqdm(total=num_images, unit=" images", desc="drawing", file=sys.stderr) as bar:
        for first in range(0, num_images, batch_size):
            count = min(batch_size, num_images - first)
            part = slice(first, first + count)
            beside: dict = {"num_images": count} if labels is None else {"labels": labels[part].tolist()}
            if low_res is not None:
                beside["low_res"] = to_input(low_res[part])
            if classifier is not None:
                beside["classifier"] = classifier
            images.append(as_bytes(model.generate(first_index=first, **beside, **settings)))
            bar.update(count)
    return torch.cat(images)


def as_bytes(x: Tensor) -> Tensor:
    """x (N, C, H, W) in [-1, 1] -> uint8, on the CPU."""
    return torch.from_numpy(to_uint8(x)).permute(0, 3, 1, 2)


def labels_in_turn(num_images: int, num_classes: int) -> Tensor:
    """0, 1, ..., 9, 0, ...: (N,) int64."""
    return torch.arange(num_images) % num_classes
