"""A data set in memory, and the number of pixels and channels that its images are brought to."""

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F

log = logging.getLogger(__name__)

SMOOTH = "bicubic"
PART = 4096  # images converted at a time, as floats take four times the memory
MANY = 0.5  # share of images of one colour that is worth a warning

Sizing = int | None | Callable[[int], int]  # pixels; None: the images' own size; or made from that


@dataclass
class Dataset:
    images: torch.Tensor  # (N, C, H, W) uint8
    labels: torch.Tensor  # (N,) int64
    label_names: list[str]
    fingerprint: str = ""  # of what it was read from, to notice when that changes; "" is unknown
    guidance_scales: torch.Tensor | None = None  # (N,), where a model has sampled the images with them
    noise: torch.Tensor | None = None  # (N, C, H, W) float32, from which a model has sampled the images


def sized(own: int, sizing: Sizing) -> int:
    """The size that images are brought to, in pixels; ``own`` is the one that they have."""
    return own if sizing is None else sizing if isinstance(sizing, int) else sizing(own)


def convert(
    images: torch.Tensor, labels: torch.Tensor, label_names: Sequence[str], sizing: Sizing, channels: int | None
) -> Dataset:
    """Resize square images (N, C, H, H) uint8 and convert their channels; None keeps what they have."""
    if channels == 3 and images.shape[1] == 1:
        images = images.expand(-1, 3, -1, -1)
    elif channels == 1 and images.shape[1] == 3:
        luma = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)  # ITU-R 601, as Pillow's "L"
        images = torch.cat([(part * luma).sum(1, keepdim=True).round().byte() for part in images.split(PART)])
    size = sized(images.shape[-1], sizing)
    if size != images.shape[-1]:
        resized = (
            F.interpolate(part.float(), (size, size), mode=SMOOTH, antialias=True) for part in images.split(PART)
        )
        images = torch.cat([part.round().clamp(0, 255).byte() for part in resized])
    return Dataset(images.contiguous(), labels.long(), list(label_names))


def fingerprint_of(images: torch.Tensor, labels: torch.Tensor) -> str:
    """A checksum of pixels and labels."""
    digest = hashlib.blake2b(digest_size=16)
    for part in images.split(PART):
        digest.update(part.contiguous().numpy().data)
    digest.update(labels.numpy().data)
    return digest.hexdigest()


def warn_if_uniform(images: torch.Tensor, name: str) -> None:
    """Say so where many images (N, C, H, W) uint8 have one colour all over: something went wrong on their way here."""
    flat = [part.flatten(2) for part in images.split(PART)]
    uniform = sum(int((part.amax(2) == part.amin(2)).all(1).sum()) for part in flat)
    if uniform > MANY * len(images):
        log.warning(
            "%s: %d of %d images are of one colour all over: are they the right ones?", name, uniform, len(images)
        )
