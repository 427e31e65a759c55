"""Image files of any format, as square arrays in grey or RGB."""

import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from diffusion.errors import InputError
from diffusion.io.images import downscaled, from_uint8

MAX_PIXELS = 64_000_000  # an image larger than this is taken for a decompression bomb
LARGEST_OWN_SIZE = 256  # pixels: images keep their own size up to here; above it the caller must choose one
UNREADABLE = (  # what Pillow's decoders and zipfile raise on files that are damaged, encrypted or no images
    *(OSError, ValueError, SyntaxError, EOFError, RuntimeError, IndexError, MemoryError, struct.error, zlib.error),
    *(Image.DecompressionBombError, zipfile.BadZipFile),
)


def read_image(file: Path | zipfile.Path, image_size: int | None, mode: str) -> np.ndarray:
    """One image as (size, size, 1 or 3) uint8, upright, its transparent parts white.

    mode is Pillow's, "L" or "RGB". Without ``image_size`` the size is that of the shorter side. Raises ``InputError``
    where that is too large, and one of ``UNREADABLE`` where the file cannot be read.
    """
    image = open_image(file, mode)
    size = image_size or min(image.size)
    if image_size is None and size > LARGEST_OWN_SIZE:
        raise InputError(
            "images.size_needed", file=file.name, width=image.width, height=image.height, setting="image_size"
        )
    return square(image, size)


def read_low_res(path: Path, size: int, mode: str) -> Tensor:
    """An image, or all files in a folder in the order of their names, as (N, 1 or 3, size, size) float32 in [-1, 1]:
    each cropped at the centre and ``downscaled``. Raises InputError."""
    if not path.exists():
        raise InputError("images.low_res_not_there", setting="low_res", path=path)
    files = [path]
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith("."))
    if not files:
        raise InputError("images.low_res_empty", setting="low_res", path=path)
    images = []
    for file in files:
        try:
            image = open_image(file, mode)
        except UNREADABLE as error:
            raise InputError("images.low_res_unreadable", setting="low_res", path=file, reason=error) from None
        pixels = np.stack([square(image, min(image.size))])  # (1, H, W, 1 or 3), a copy
        images.append(downscaled(from_uint8(pixels), size))
    return torch.cat(images)


def open_image(file: Path | zipfile.Path, mode: str) -> Image.Image:
    """An image upright, in Pillow's mode "L" or "RGB", its transparent parts white. Raises one of ``UNREADABLE``."""
    with file.open("rb") as stream, Image.open(stream) as opened:
        if opened.width * opened.height > MAX_PIXELS:
            raise Image.DecompressionBombError(f"{opened.width}x{opened.height} pixels are more than {MAX_PIXELS}")
        image = ImageOps.exif_transpose(opened)
        if image.mode.startswith("I"):  # 16-bit grey, which convert("L") would clip
            image = Image.fromarray((np.asarray(image).clip(0, 65535) // 257).astype(np.uint8))
        if image.has_transparency_data:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        return image.convert(mode)


def square(image: Image.Image, size: int) -> np.ndarray:
    """The largest square at the centre of an image, resized to (size, size, 1 or 3) uint8."""
    if image.size != (size, size):
        image = ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC)
    array = np.asarray(image)
    return array[..., None] if image.mode == "L" else array
