"""Picture files of any kind, as arrays of one kind."""

import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from diffusion.errors import InputError

MAX_PIXELS = 64_000_000  # a picture larger than this is taken for a decompression bomb
MAX_OWN_SIZE = 256  # pictures keep their own size up to here; above it the caller must name one
UNREADABLE = (  # what Pillow's readers and zipfile raise on files that are damaged, encrypted or no images
    *(OSError, ValueError, SyntaxError, EOFError, RuntimeError, struct.error, zlib.error),
    *(Image.DecompressionBombError, zipfile.BadZipFile),
)


def read_picture(file: Path | zipfile.Path, image_size: int | None, mode: str) -> np.ndarray:
    """One picture as (size, size, 1 or 3) uint8, upright, its transparent parts white.

    mode is Pillow's, "L" or "RGB". Without ``image_size`` the shorter side is the size. Raises ``InputError`` where the
    caller has to name one, and one of ``UNREADABLE`` where the file cannot be read.
    """
    with file.open("rb") as stream, Image.open(stream) as opened:
        if opened.width * opened.height > MAX_PIXELS:
            raise Image.DecompressionBombError(f"{opened.width}x{opened.height} pixels are more than {MAX_PIXELS}")
        picture = ImageOps.exif_transpose(opened)
        if picture.mode.startswith("I"):  # 16-bit grey, which convert("L") would clip
            picture = Image.fromarray((np.asarray(picture).clip(0, 65535) // 257).astype(np.uint8))
        if picture.has_transparency_data:
            picture = picture.convert("RGBA")
            picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
        picture = picture.convert(mode)
    size = image_size or min(picture.size)
    if image_size is None and size > MAX_OWN_SIZE:
        raise InputError(f"{file.name} is {picture.width}x{picture.height} pixels: say with --image-size what to use.")
    if picture.size != (size, size):
        picture = ImageOps.fit(picture, (size, size), Image.Resampling.BICUBIC)
    array = np.asarray(picture)
    return array[..., None] if mode == "L" else array
