"""What is asked of the *Noise* tab: a digit, real or drawn, how much noise, and which model is to remove it."""

from base64 import b64decode
from typing import Any, Literal

import torch
from pydantic import field_validator
from torch import Tensor

from diffusion.errors import InputError
from diffusion.settings import MAX_SEED
from diffusion.settings_schema import Settings, field, settings_of
from train.datasets import DIGITS
from ui.lab.real_digits import OF_EACH, SIZE, bundled, bundled_index
from ui.request import as_name

T_MIN = 1e-3  # where training ends, too


class NoiseRequest(Settings):
    """A digit, how much noise, and which model is to remove it. Everything may come from anyone."""

    digit: Literal["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"] = field(
        "The digit, a real one from MNIST", "choice", choices=tuple(DIGITS), unset="7"
    )
    index: int = field("Which of the images of that digit that come with the app", "integer", 0, OF_EACH - 1, unset=0)
    split: Literal["test", "train"] = field(
        "test: images that no model was trained on; train: images of the training set",
        *("choice",),
        choices=("test", "train"),
        unset="test",
    )
    t: float = field("Time: close to 0 is clean, 1 is noise", "number", T_MIN, 1, unset=0.5)
    seed: int = field("Of the noise: the same seed gives the same", "integer", 0, MAX_SEED, unset=0)
    model: str = field('The name of a model, or hub:owner/name, or "" for the default', "text", 0, 300, unset="")
    pixels: str = field(
        f"A digit of your own in place of a real one: {SIZE}x{SIZE} bytes in base64, row by row, white on black",
        *("text", 0, 2000),
        unset="",
    )

    @field_validator("digit", mode="before")
    @classmethod
    def _number_is_a_name(cls, value: Any) -> Any:
        return as_name(value)


NOISE_SETTINGS = settings_of(NoiseRequest)


def picture_of(request: NoiseRequest) -> Tensor:
    """The digit of a request, uint8 (1, 1, 28, 28): its own pixels, or a real one. Raises InputError where its pixels
    are none."""
    if not request.pixels:
        digit = bundled_index(int(request.digit), request.index)
        return bundled(request.split).images[digit : digit + 1]
    try:
        sent = b64decode(request.pixels, validate=True)
    except ValueError:
        sent = b""
    if len(sent) != SIZE * SIZE:
        raise InputError("page.pixels", setting="pixels", size=SIZE, count=SIZE * SIZE, given=len(sent))
    return torch.frombuffer(bytearray(sent), dtype=torch.uint8).view(1, 1, SIZE, SIZE)
