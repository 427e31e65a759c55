"""Real digits without a download: 500 of each split of MNIST come with the app, and the whole training set is used
where it lies in ``data/`` or in the folder that DIGIT_DIFFUSION_DATA names."""

import os
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from einops import rearrange
from PIL import Image
from torch import Tensor

ASSETS = Path(__file__).parents[2] / "assets"  # digits-train.png and digits-test.png, made by scripts/real_digits.py
SIZE = 28  # pixels of a digit
COLUMNS = 20  # of a sheet
OF_EACH = 50  # images of each digit on it, the digits from 0 to 9 by turns
DATA = "DIGIT_DIFFUSION_DATA"
WHOLE = 60_000  # images of the training set
MAGIC = {"images": (16, 2051), "labels": (8, 2049)}  # bytes of MNIST's headers, and the number that they begin with


class Digits(NamedTuple):
    """images (M, 1, 28, 28) uint8, labels (M,) int64; ``whole``: whether this is all of MNIST's split."""

    images: Tensor
    labels: Tensor
    whole: bool


@cache
def bundled(split: str) -> Digits:
    """The digits of a split, "train" or "test", that come with the app: image ``i`` is of the digit ``i % 10``."""
    with Image.open(ASSETS / f"digits-{split}.png") as opened:
        sheet = torch.from_numpy(np.array(opened))
    images = rearrange(sheet, "(r h) (k w) -> (r k) 1 h w", h=SIZE, w=SIZE)
    return Digits(images, torch.arange(len(images)) % 10, whole=False)


def bundled_index(digit: int, index: int) -> int:
    """Where the image number ``index`` (0 to 49) of a digit is."""
    return 10 * index + digit


@cache
def training_set() -> Digits:
    """All of MNIST's training set where its files are, else what is bundled of it."""
    folder = Path(os.environ.get(DATA) or "data") / "MNIST" / "raw"
    images = read_idx(folder / "train-images-idx3-ubyte", "images", WHOLE * SIZE * SIZE)
    labels = read_idx(folder / "train-labels-idx1-ubyte", "labels", WHOLE)
    if images is None or labels is None:
        return bundled("train")
    return Digits(images.view(WHOLE, 1, SIZE, SIZE), labels.long(), whole=True)


def read_idx(path: Path, kind: str, count: int) -> Tensor | None:
    """The bytes of one of MNIST's files; None where it is not there, or is not what it should be."""
    header, magic = MAGIC[kind]
    try:
        content = np.fromfile(path, np.uint8)
    except OSError:
        return None
    if len(content) != header + count or int.from_bytes(content[:4].tobytes(), "big") != magic:
        return None
    return torch.from_numpy(content[header:])
