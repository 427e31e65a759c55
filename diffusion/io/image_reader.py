"""Picture files of any kind, as arrays of one kind."""

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

MAX_PIXELS = 64_000_000  # a picture larger than this is taken for a decompression bomb
MAX_OWN_SIZE = 256  # pictures keep their own size up to here; above it the caller must name one
UNREADABLE = (  # what Pillow's readers and zipfile raise on files that are damaged, encrypted or no images
    *(OSError, ValueError, SyntaxError, EOFError, RuntimeError, IndexError, MemoryError, struct.error, zlib.error),
    *(Image.DecompressionBombError, zipfile.BadZipFile),
)


def read_picture(file: Path | zipfile.Path, image_size: int | None, mode: str) -> np.ndarray:
    """One picture as (size, size, 1 or 3) uint8, upright, its transparent parts white.

    mode is Pillow's, "L" or "RGB". Without ``image_size`` the shorter side is the size. Raises ``InputError`` where the
    caller has to name one, and one of ``UNREADABLE`` where the file cannot be read.
    """
    picture = open_picture(file, mode)
    size = image_size or min(picture.size)
    if image_size is None and size > MAX_OWN_SIZE:
        raise InputError(f"{file.name} is {picture.width}x{picture.height} pixels: say with --image-size what to use.")
    return square(picture, size)


def read_small_pictures(path: Path, size: int, mode: str) -> Tensor:
    """A picture, or all files in a folder in the order of their names, as (N, 1 or 3, size, size) float32 in [-1, 1]:
    each cropped at the centre and ``downscaled``. Raises InputError."""
    if not path.exists():
        raise InputError(f"low_res must be a picture or a folder of pictures; {path} is not there.")
    files = [path]
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith("."))
    if not files:
        raise InputError(f"low_res must be a picture or a folder of pictures; {path} is empty.")
    pictures = []
    for file in files:
        try:
            picture = open_picture(file, mode)
        except UNREADABLE as error:
            raise InputError(f"low_res must hold pictures only; {file} cannot be read as one ({error}).") from None
        pixels = np.stack([square(picture, min(picture.size))])  # (1, H, W, 1 or 3), a copy
        pictures.append(downscaled(from_uint8(pixels), size))
    return torch.cat(pictures)


def open_picture(file: Path | zipfile.Path, mode: str) -> Image.Image:
    """A picture upright, in Pillow's mode "L" or "RGB", its transparent parts white. Raises one of ``UNREADABLE``."""
    with file.open("rb") as stream, Image.open(stream) as opened:
        if opened.width * opened.height > MAX_PIXELS:
            raise Image.DecompressionBombError(f"{opened.width}x{opened.height} pixels are more than {MAX_PIXELS}")
        picture = ImageOps.exif_transpose(opened)
        if picture.mode.startswith("I"):  # 16-bit grey, which convert("L") would clip
            picture = Image.fromarray((np.asarray(picture).clip(0, 65535) // 257).astype(np.uint8))
        if picture.has_transparency_data:
            picture = picture.convert("RGBA")
            picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
        return picture.convert(mode)


def square(picture: Image.Image, size: int) -> np.ndarray:
    """The largest square at the centre of a picture, brought to (size, size, 1 or 3) uint8."""
    if picture.size != (size, size):
        picture = ImageOps.fit(picture, (size, size), Image.Resampling.BICUBIC)
    array = np.asarray(picture)
    return array[..., None] if picture.mode == "L" else array
