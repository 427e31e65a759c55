"""Real digits for super-resolution: made small, they are what it enlarges."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from PIL import Image
from torch import Tensor

from diffusion.config import ModelConfig
from diffusion.errors import InputError, Message
from diffusion.io.images import downscaled, to_input
from train.datasets import DIGITS
from train.evaluation.classifier import matching_dataset
from ui.labels import repeated

SHEET = Path(__file__).parents[1] / "assets" / "digits.png"  # made by scripts/example_digits.py
SIZE = 28  # pixels of a digit


@cache
def digits() -> Tensor:
    """(10, 16, 1, 28, 28) in [-1, 1]: held-out images of each digit."""
    with Image.open(SHEET) as opened:
        sheet = torch.from_numpy(np.array(opened))
    return to_input(rearrange(sheet, "(d h) (k w) -> d k 1 h w", h=SIZE, w=SIZE))


def low_res_digits(config: ModelConfig, labels: Sequence[str], count: int) -> tuple[Tensor, list[str]]:
    """What a model for super-resolution enlarges, (count, 1, h, h) in [-1, 1], and which digit each is: the labels in
    turn, or all of them for [""]. The same for every seed, so that another seed shows what else they could have been.

    Raises InputError where the digits are not what the model learned to enlarge.
    """
    if config.low_res_size is None or matching_dataset(config) != "mnist":
        raise InputError(
            "page.no_examples_to_enlarge",
            model=config.name,
            size=config.image_size,
            channels=config.channels,
            dataset=config.dataset or Message("evaluation.unknown_origin", key="dataset"),
            digit_size=SIZE,
        )
    turns = DIGITS if list(labels) == [""] else labels
    chosen = repeated(turns, count)
    images = digits()
    picked = [images[int(digit), i // len(turns) % images.shape[1]] for i, digit in enumerate(chosen)]
    return downscaled(torch.stack(picked), config.low_res_size), chosen
