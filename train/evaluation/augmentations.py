"""Random augmentations of small images, each ``(images (N, C, H, W) in [-1, 1], generator) -> images``."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F

Augmentation = Callable[[torch.Tensor, torch.Generator], torch.Tensor]


def random_warp(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """A small random affine map and smooth warp of each image (N, 1, 28, 28), in one grid_sample."""

    def uniform(limit: float) -> torch.Tensor:
        return (torch.rand(len(x), generator=generator, device=x.device) * 2 - 1) * limit

    angle, shear = uniform(math.radians(12)), uniform(0.12)
    scale_x, scale_y = 1 + uniform(0.12), 1 + uniform(0.12)
    row_x = torch.stack([scale_x * angle.cos(), shear - angle.sin(), uniform(2 / 14)], 1)  # a pixel is 1/14
    row_y = torch.stack([angle.sin(), scale_y * angle.cos(), uniform(2 / 14)], 1)
    grid = F.affine_grid(torch.stack([row_x, row_y], 1), list(x.shape), align_corners=False)
    warp = torch.randn(len(x), 2, 6, 6, generator=generator, device=x.device) * (0.7 / 14)  # after Simard et al. 2003
    warp = F.interpolate(warp, x.shape[-2:], mode="bicubic", align_corners=True)
    return F.grid_sample(x + 1, grid + warp.permute(0, 2, 3, 1), align_corners=False) - 1  # outside is black


def random_shift(x: torch.Tensor, generator: torch.Generator, max_pixels: int = 2) -> torch.Tensor:
    """Translate each image (N, C, H, W) by up to ``max_pixels`` whole pixels in both directions; the border is
    replicated."""
    n, _, height, width = x.shape
    padded = F.pad(x, (max_pixels,) * 4, mode="replicate")
    top, left = torch.randint(2 * max_pixels + 1, (2, n, 1), generator=generator, device=x.device)
    rows = (top + torch.arange(height, device=x.device))[:, :, None]
    columns = (left + torch.arange(width, device=x.device))[:, None, :]
    moved = padded.permute(0, 2, 3, 1)[torch.arange(n, device=x.device)[:, None, None], rows, columns]
    return moved.permute(0, 3, 1, 2)  # channels_last, which convolutions prefer


def random_flip_and_shift(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Mirror each image (N, C, H, W) with probability 1/2, and translate it by up to four pixels."""
    mirrored = torch.rand(len(x), 1, 1, 1, generator=generator, device=x.device) < 0.5
    return random_shift(torch.where(mirrored, x.flip(3), x), generator, max_pixels=4)
