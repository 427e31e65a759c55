"""Evaluation of super-resolution: test images downscaled and enlarged again, beside bicubic interpolation.

- PSNR (peak signal-to-noise ratio) in dB, of each image, then the mean: how close the enlarged image is to the original
- the evaluation classifier's accuracy: whether the enlarged image is still classified as the original's label
"""

import time
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from diffusion.io.images import downscaled, to_input
from diffusion.model import Model
from diffusion.settings import SamplingSettings
from train.datasets import Dataset
from train.evaluation.classifier import CLASSIFIERS, load_evaluation_classifier, required_dataset
from train.evaluation.classifier_metrics import classifier_metrics
from train.evaluation.metrics import result_header
from train.evaluation.reference_metrics import read_reference, real_images
from train.evaluation.sample import sample_images, to_bytes


def evaluate_super_resolution(
    model: Model, num_images: int, batch_size: int, settings: SamplingSettings, data_dir: str
) -> tuple[dict[str, Any], Tensor]:
    """The metrics of test images that were downscaled and enlarged by the model, beside the same ones enlarged by
    bicubic interpolation, and the originals; and the enlarged images, (N, C, H, W) uint8.

    settings: resolved ones. Raises ``InputError`` where no evaluation classifier fits the model.
    """
    dataset = required_dataset(model.config)
    spec, classifier = CLASSIFIERS[dataset], load_evaluation_classifier(dataset)
    training, _ = read_reference(spec.directory)
    test = real_images(dataset, data_dir, num_images)

    start = time.monotonic()
    enlarged = enlarge(model, test, batch_size, settings)
    result = result_header(model, dataset, len(test.images), settings, time.monotonic() - start)
    for name, images in enlarged.items():
        result[name] = classifier_metrics(classifier, images, test.labels, spec.label_names, training)
        result[name]["psnr"] = psnr(images, test.images).mean().item()
    real = classifier_metrics(classifier, test.images, test.labels, spec.label_names, training)
    return result | {"real": real}, enlarged["generated"]


def enlarge(model: Model, test: Dataset, batch_size: int, settings: SamplingSettings) -> dict[str, Tensor]:
    """The test images downscaled and enlarged again, (N, C, H, W) uint8 each: by the model ("generated"; without
    labels) and by bicubic interpolation ("bicubic")."""
    assert model.config.low_res_size is not None  # as every model for super-resolution has one
    low_res = downscale(test.images, model.config.low_res_size)
    generated = sample_images(model, len(low_res), batch_size, settings, low_res=low_res)
    return {"generated": generated, "bicubic": bicubic(low_res, model.config.image_size)}


def downscale(images: Tensor, size: int) -> Tensor:
    """Images (N, C, H, W) uint8 -> (N, C, size, size) uint8, as the model's training images were."""
    return to_bytes(downscaled(to_input(images), size))


def bicubic(low_res: Tensor, size: int) -> Tensor:
    """Images (N, C, h, h) uint8, enlarged to (N, C, size, size) uint8."""
    return to_bytes(F.interpolate(to_input(low_res), (size, size), mode="bicubic", align_corners=False))


def psnr(images: Tensor, originals: Tensor) -> Tensor:
    """10 log10(255^2 / mean squared error) of each image, (N,) float64; both (N, C, H, W) uint8.

    The error is at least that of rounding (1/12), so that a perfect copy has a finite 58.9 dB.
    """
    error = (images.double() - originals.double()).square().flatten(1).mean(1)
    return 10 * torch.log10(255**2 / error.clamp(min=1 / 12))
