"""DIRE: does the reconstruction error tell generated from real images?  (Wang et al. 2023.)

Real test images and generated ones are inverted to noise by DDIM and reconstructed from it (``diffusion.dire``), by the
plain model: without labels or guidance. AUC is the probability that of a real and a generated image the real one has
the larger error: 1/2 is chance.
"""

import sys
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from diffusion.dire import reconstruct
from diffusion.io.images import to_input
from diffusion.model import Model

MAX_IMAGES = 1000  # of each side


def dire_metrics(model: Model, generated: Tensor, test: Tensor, batch_size: int, steps: int) -> dict[str, Any]:
    """The mean reconstruction errors (0 to 2) of generated and of test images (N, C, H, W) uint8, with ``steps`` steps
    in each direction, and under "generated" the AUC of telling them apart."""
    generated_errors, real_errors = (
        reconstruction_errors(model, images[:MAX_IMAGES], batch_size, steps) for images in (generated, test)
    )
    return {
        "generated": {"dire_error": generated_errors.mean().item(), "dire_auc": auc(real_errors, generated_errors)},
        "real": {"dire_error": real_errors.mean().item()},
    }


def reconstruction_errors(model: Model, images: Tensor, batch_size: int, steps: int) -> Tensor:
    """The mean |x - reconstruction| of each image, (N,) float64."""
    result = []
    with tqdm(total=len(images), unit=" images", desc="reconstructing", file=sys.stderr) as bar:
        for part in images.split(batch_size):
            x = to_input(part)
            result.append((reconstruct(model, x, steps).cpu() - x).abs().double().flatten(1).mean(1))
            bar.update(len(part))
    return torch.cat(result)


def auc(higher: Tensor, lower: Tensor) -> float:
    """The area under the ROC curve: the share of pairs in which the first is above the second, ties counting half
    (Mann & Whitney 1947); (N,) and (M,)."""
    ordered = lower.sort().values
    below, not_above = (torch.searchsorted(ordered, higher, right=right) for right in (False, True))
    return ((below + not_above).double().mean() / (2 * len(lower))).item()
