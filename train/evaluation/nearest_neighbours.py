"""Does a model copy its training images?  The nearest training image of each generated one, by the distance of pixels.

The distance is Euclidean, of pixels from 0 to 1. A copy would be nearer to its original than a new image usually is to
the training set; so the generated images are compared with real test images, one in a hundred of which is nearer to its
nearest training image than the 1st percentile.
"""

import sys
from typing import Any

import numpy as np
import torch
from einops import rearrange
from torch import Tensor
from tqdm import tqdm

from diffusion.io.images import sheet

PERCENTILE = 1
NUM_PAIRS, COLUMNS = 100, 10  # on the sheet


def compare_neighbours(generated: Tensor, training: Tensor, test: Tensor) -> tuple[dict[str, Any], np.ndarray]:
    """Metrics of copying, for generated and for real test images, and a sheet to look at; all images (N, C, H, W)
    uint8.

    nearest_distance: the mean distance to the nearest training image. near_copies: the share of images nearer to theirs
    than the 1st percentile of the test images' distances. The sheet shows pairs: a generated image, and the training
    image nearest to it.
    """
    distance, index = nearest(generated, training)
    test_distance, _ = nearest(test, training)
    threshold = torch.quantile(test_distance, PERCENTILE / 100)
    metrics = {
        name: {
            "nearest_distance": distances.mean().item(),
            "near_copies": (distances < threshold).double().mean().item(),
        }
        for name, distances in (("generated", distance), ("real", test_distance))
    }
    return metrics, sheet_of_pairs(generated[:NUM_PAIRS], training[index[:NUM_PAIRS]])


def nearest(images: Tensor, training: Tensor, chunk: int = 200) -> tuple[Tensor, Tensor]:
    """For each image (N, C, H, W) uint8 its nearest training image: the distance (N,) float64, exact, and the index.

    |a - b|^2 = |a|^2 - 2 a b + |b|^2, a matrix product for each chunk of images, finds the nearest; its distance is
    then computed again, without rounding errors.
    """
    flat_training = training.flatten(1).float() / 255
    half_squares = flat_training.square().sum(1) / 2
    indices = []
    for part in tqdm(images.split(chunk), desc="nearest neighbours", unit=" chunks", file=sys.stderr, leave=False):
        indices.append((half_squares - part.flatten(1).float() / 255 @ flat_training.T).argmin(1))
    index = torch.cat(indices)
    difference = images.double() - training[index].double()
    return difference.flatten(1).norm(dim=1) / 255, index


def sheet_of_pairs(left: Tensor, right: Tensor) -> np.ndarray:
    """A sheet of images (N, C, H, W) uint8, each with another one to its right; uint8 (H, W, C)."""
    return sheet(rearrange(torch.cat([left, right], dim=3), "n c h w -> n h w c").numpy(), COLUMNS)
