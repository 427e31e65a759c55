"""Super-resolution, judged: test images made small and enlarged again, beside what bicubic interpolation makes of them.

- PSNR (peak signal-to-noise ratio) in dB, of each image, then the mean: how near the enlarged image is to the original
- the evaluator's accuracy: whether it still reads what the original shows
"""

import time
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from diffusion.io.images import downscaled, to_input
from diffusion.model import Model
from train.datasets import Dataset
from train.evaluation.classifier import EVALUATORS, load_evaluator
from train.evaluation.frechet import bundled_reference, figures, judging, real_images
from train.evaluation.metrics import described
from train.evaluation.sample import as_bytes, draw


def psnr(images: Tensor, originals: Tensor) -> Tensor:
    """10 log10(255^2 / mean squared error) of each image, (N,) float64; both (N, C, H, W) uint8.

    An error below that of rounding (1/12) counts as that, so that a perfect copy has a finite 58.9 dB.
    """
    error = (images.double() - originals.double()).square().flatten(1).mean(1)
    return 10 * torch.log10(255**2 / error.clamp(min=1 / 12))


def small(images: Tensor, size: int) -> Tensor:
    """Images (N, C, H, W) uint8 -> (N, C, size, size) uint8, as the model was trained to take them."""
    return as_bytes(downscaled(to_input(images), size))


def bicubic(low_res: Tensor, size: int) -> Tensor:
    """Images (N, C, h, h) uint8, enlarged to (N, C, size, size) uint8."""
    return as_bytes(F.interpolate(to_input(low_res), (size, size), mode="bicubic", align_corners=False))


def enlarge(model: Model, test: Dataset, batch_size: int, settings: dict[str, Any]) -> dict[str, Tensor]:
    """The test images made small and enlarged again, (N, C, H, W) uint8 each: by the model ("generated"; it is not told
    the labels) and by bicubic interpolation ("bicubic")."""
    assert model.config.low_res_size is not None  # as every model for super-resolution has one
    low_res = small(test.images, model.config.low_res_size)
    generated = draw(model, len(low_res), batch_size, settings, low_res=low_res)
    return {"generated": generated, "bicubic": bicubic(low_res, model.config.image_size)}


def evaluate_enlarging(
    model: Model, num_images: int, batch_size: int, settings: dict[str, Any], data_dir: str
) -> tuple[dict[str, Any], Tensor]:
    """The figures of so many test images, made small and enlarged by a model for super-resolution, beside the same ones
    enlarged by bicubic interpolation, and the originals; and the enlarged images, (N, C, H, W) uint8. Raises InputError
    where no evaluator can read them."""
    dataset = judging(model.config)
    row, evaluator = EVALUATORS[dataset], load_evaluator(dataset)
    training, _ = bundled_reference(row.directory)
    test = real_images(dataset, data_dir, num_images)

    start = time.monotonic()
    enlarged = enlarge(model, test, batch_size, settings)
    result = described(model, dataset, len(test.images), settings, time.monotonic() - start)
    for name, images in enlarged.items():
        result[name] = figures(evaluator, images, test.labels, row.label_names, training)
        result[name]["psnr"] = psnr(images, test.images).mean().item()
    real = {"real": figures(evaluator, test.images, test.labels, row.label_names, training)}
    return result | real, enlarged["generated"]
