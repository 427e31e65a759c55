"""Pixels of any kind as 8 bits of grey or colour, opaque: as an image viewer would show them.

Transparency lies over white, as on a page; over black where what is visible would hardly be seen on white, as with
white strokes. Grey of 16 bits is white at the largest value of 8, 12 or 16 bits, whichever is the first that holds all
its values (cameras and scanners store 12 bits in 16). Integers of 32 bits beyond that range, and floats beyond 0 to 1,
are stretched from their smallest to their largest value.
"""

import math
from typing import NamedTuple

import numpy as np
from PIL import Image

DEEP = ("I", "F")  # how the names of Pillow's modes with more than 8 bits begin
WHITES = (255, 4095, 65535)  # the largest values of 8, 12 and 16 bits
TOLERANCE = 0.1  # how far floats may overshoot 0 to 1
HARDLY_SEEN = 32  # of 255: the mean contrast to white below which black is taken for the background
ROWS = 256
SAMPLE = 1_000_000  # pixels by which the background is chosen
PHOTOMETRIC, SAMPLE_FORMAT = 262, 339  # TIFF's tags


class Storage(NamedTuple):
    """How a file stores its values, which Pillow forgets as it decodes them."""

    sixteen_bits: bool  # a colour
    unsigned: bool
    white_is_zero: bool

    @classmethod
    def of(cls, opened: Image.Image) -> "Storage":
        """Of an image that has not been decoded yet."""
        tags = getattr(opened, "tag_v2", {})  # a TIFF's
        decoders = [tile[3] for tile in getattr(opened, "tile", ())]  # their arguments: the mode in the file first
        sixteen = any(";16" in str(given[0] if isinstance(given, tuple) else given) for given in decoders)
        return cls(sixteen, bool(tags) and tags.get(SAMPLE_FORMAT, (1,))[0] == 1, tags.get(PHOTOMETRIC) == 0)


def eight_bit(image: Image.Image, storage: Storage) -> Image.Image:
    """A decoded image in mode "L", "RGB" or, where a part of it is transparent, "RGBA". Raises ``ValueError`` where it
    cannot be shown."""
    if image.mode.startswith(DEEP):
        return shallow(image, storage)
    if storage.sixteen_bits:
        check_depth(image)
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image.convert("L" if image.mode in ("1", "L") else "RGB")


def shallow(image: Image.Image, storage: Storage) -> Image.Image:
    """A grey image of more than 8 bits."""
    values = np.asarray(image)
    if image.mode == "I" and storage.unsigned:
        values = values.view(np.uint32)
    grey = eight_bits(values)
    shown = Image.fromarray(255 - grey if storage.white_is_zero else grey)
    clear = image.info.get("transparency")
    if not isinstance(clear, int):
        return shown
    alpha = Image.fromarray(np.where(values == clear, 0, 255).astype(np.uint8))
    return Image.merge("RGBA", (shown, shown, shown, alpha))


def eight_bits(values: np.ndarray) -> np.ndarray:
    """Grey values (H, W) of more bits as uint8, by the rules above. Raises ``ValueError`` where some are not finite."""
    low, high = float(values.min()), float(values.max())
    if not math.isfinite(low + high):
        raise ValueError("some of its values are not finite")
    whites = WHITES if values.dtype.kind in "iu" else (1.0,)
    slack = 0.0 if values.dtype.kind in "iu" else TOLERANCE
    fitting = [white for white in whites if -slack <= low and high <= white + slack]
    black, white = (0.0, fitting[0]) if fitting else (low, high)
    grey = np.empty(values.shape, np.uint8)
    for row in range(0, len(values), ROWS):  # in parts, as floats take four times the memory
        scaled = (values[row : row + ROWS].astype(np.float32) - black) * (255 / ((white - black) or 1.0))
        grey[row : row + ROWS] = scaled.round().clip(0, 255)
    return grey


def check_depth(image: Image.Image) -> None:
    """Of 16-bit colours Pillow keeps the upper half; of 12 bits in 16, that is next to nothing. Raises
    ``ValueError``."""
    if 0 < np.asarray(image.convert("RGB")).max() <= WHITES[1] >> 8:
        raise ValueError("its colours have 12 of 16 bits: save it with 8")


def background(image: Image.Image) -> str:
    """Of an "RGBA" image, the colour that it is seen on."""
    return "black" if hardly_seen_on_white(image) else "white"


def flattened(image: Image.Image, colour: str) -> Image.Image:
    """An "RGBA" image over a colour, as "RGB"."""
    return Image.alpha_composite(Image.new("RGBA", image.size, colour), image).convert("RGB")


def hardly_seen_on_white(image: Image.Image) -> bool:
    """Whether the visible part of an "RGBA" image is white, or nearly."""
    if (shrink := math.sqrt(SAMPLE / (image.width * image.height))) < 1:
        smaller = (math.ceil(image.width * shrink), math.ceil(image.height * shrink))
        image = image.resize(smaller, Image.Resampling.NEAREST)
    alpha = np.asarray(image.getchannel("A"), np.float64)
    contrast = 255 - np.asarray(image.convert("RGB").convert("L"), np.float64)
    visible = alpha.sum()
    return bool(visible) and float((alpha * contrast).sum() / visible) < HARDLY_SEEN
