"""DIRE, judged: does the reconstruction error tell what a model drew from real images?  (Wang et al. 2023.)

Real test images and the model's own are walked to noise and back (`diffusion.dire`). AUC is the chance that of one real
and one generated image the real one comes back more changed: 1/2 is guessing, 1 is always.
"""

import sys
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from diffusion.dire import reconstruct
from diffusion.io.images import to_input
from diffusion.model import Model

IMAGES = 1000  # at most, of each side


def dire(model: Model, generated: Tensor, test: Tensor, batch_size: int, steps: int) -> dict[str, Any]:
    """The mean reconstruction errors (0 to 2) of generated and of test images (N, C, H, W) uint8, by so many steps up
    and down again, and under "generated" the AUC of telling them apart."""
    of_generated, of_real = (errors(model, images[:IMAGES], batch_size, steps) for images in (generated, test))
    return {
        "generated": {"dire_error": of_generated.mean().item(), "dire_auc": auc(of_real, of_generated)},
        "real": {"dire_error": of_real.mean().item()},
    }


def errors(model: Model, images: Tensor, batch_size: int, steps: int) -> Tensor:
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
