"""Does a model copy?  The training images nearest to what it draws, by the distance of their pixels.

The distance is that of Euclid, of pixels from 0 to 1. A copy would be nearer to its original than any new image is to
the training set; so the generated images are compared with real test images, of which one in a hundred is nearer to
its nearest training image than the 1st percentile.
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
SHOWN, COLUMNS = 100, 10  # pairs on the sheet


def nearest(images: Tensor, training: Tensor, chunk: int = 200) -> tuple[Tensor, Tensor]:
    """For each image (N, C, H, W) uint8 its nearest training image: the distance (N,) float64, exact, and the index.

    |a - b|^2 = |a|^2 - 2 a b + |b|^2, a matrix product for each chunk of images, finds the nearest; its distance is
    then computed anew, without rounding.
    """
    known = training.flatten(1).float() / 255
    half_squares = known.square().sum(1) / 2
    indices = []
    for part in tqdm(images.split(chunk), desc="nearest neighbours", unit=" chunks", file=sys.stderr, leave=False):
        indices.append((half_squares - part.flatten(1).float() / 255 @ known.T).argmin(1))
    index = torch.cat(indices)
    difference = images.double() - training[index].double()
    return difference.flatten(1).norm(dim=1) / 255, index


def neighbours(generated: Tensor, training: Tensor, test: Tensor) -> tuple[dict[str, Any], np.ndarray]:
    """What tells whether images were copied, of generated and of real test images, and the sheet to be looked at; all
    images (N, C, H, W) uint8.

    nearest_distance: the mean distance to the nearest training image; near_copies: the share of images that are nearer
    to theirs than the 1st percentile of the test images' distances. The sheet has pairs, each the image drawn and the
    training image nearest to it.
    """
    distance, index = nearest(generated, training)
    of_test, _ = nearest(test, training)
    threshold = torch.quantile(of_test, PERCENTILE / 100)
    figures = {
        name: {
            "nearest_distance": values.mean().item(),
            "near_copies": (values < threshold).double().mean().item(),
        }
        for name, values in (("generated", distance), ("real", of_test))
    }
    return figures, pairs(generated[:SHOWN], training[index[:SHOWN]])


def pairs(left: Tensor, right: Tensor) -> np.ndarray:
    """A sheet of images (N, C, H, W) uint8, each with another to its right; uint8 (H, W, C)."""
    return sheet(rearrange(torch.cat([left, right], dim=3), "n c h w -> n h w c").numpy(), COLUMNS)
