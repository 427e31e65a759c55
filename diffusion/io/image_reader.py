"""Image files as people have them, decoded as an image viewer shows them: upright, opaque, 8 bits a channel.

One rule for every door: folders and zips to train on, ``diffusion.dire``, super-resolution. Only formats of the list
are tried, by decoders that start no other program; the size of a file and its pixels are bounded, and whatever a
decoder raises on a damaged file is one kind of error, ``UnreadableImage``.
"""

import io
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import RLock

import numpy as np
from PIL import Image, ImageOps, JpegImagePlugin, UnidentifiedImageError

from diffusion.io.image_folder import ImageFile
from diffusion.io.pixel_formats import Storage, background, eight_bit, flattened

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM", "ICO", "QOI", "TGA")
MAX_PIXELS = 64_000_000  # an image larger than this is taken for a decompression bomb
MAX_BYTES = 128_000_000  # of a file
LARGE_PIXELS, LARGE_BYTES = 12_000_000, 48_000_000  # images above are decoded one at a time, whatever the threads
ORIENTATION = 274  # the only EXIF tag that is needed
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_large = RLock()


class UnreadableImage(ValueError):
    """A file that cannot be decoded; ``str(error)`` is why, in a few words."""


def read_image(file: ImageFile, image_size: int | None, mode: str) -> np.ndarray:
    """One image as (size, size, 1 or 3) uint8: upright, opaque, cropped at the centre to a square.

    mode is Pillow's, "L" or "RGB". Without ``image_size`` the size is that of the shorter side. Raises
    ``UnreadableImage``.
    """
    with one_at_a_time(file.size > LARGE_BYTES):
        return decode(read_bytes(file), image_size, mode)[0]


def decode(content: bytes, image_size: int | None, mode: str) -> tuple[np.ndarray, int]:
    """``read_image`` of a file's bytes; and the length of the shorter side of the image as it was."""
    try:
        with opened(io.BytesIO(content)) as image:
            own = min(image.size)
            with one_at_a_time(image.width * image.height > LARGE_PIXELS):
                if image.format == "JPEG" and image_size:  # decoded at a half, a quarter or an eighth: much faster
                    image.draft("RGB", (2 * image_size, 2 * image_size))
                storage = Storage.of(image)
                return square(eight_bit(upright(image), storage), image_size or own, mode), own
    except UnreadableImage:
        raise
    except Exception as error:  # on damaged files, decoders raise whatever they stumble on
        raise UnreadableImage(reason(error)) from None


def shorter_side(file: ImageFile) -> int | None:
    """In pixels, from the file's first bytes; None where it is no image."""
    try:
        with file.open() as stream, opened(stream) as image:
            return min(image.size)
    except Exception:  # as above
        return None


def read_bytes(file: ImageFile) -> bytes:
    """The content of a file. Raises ``UnreadableImage``."""
    if file.size > MAX_BYTES:
        raise UnreadableImage(f"more than {MAX_BYTES // 1_000_000} MB")
    try:
        with file.open() as stream:
            return stream.read(MAX_BYTES)
    except Exception as error:  # of the disk, and of damaged or encrypted archives
        raise UnreadableImage(reason(error)) from None


def opened(stream) -> Image.Image:
    """The image in a stream, not yet decoded. Raises ``UnreadableImage``, or what Pillow raises."""
    Image.init()
    formats = [name for name in FORMATS if name in Image.OPEN]
    try:
        image = Image.open(stream, formats=formats)
    except Image.DecompressionBombError:
        raise UnreadableImage(f"more than {MAX_PIXELS:,} pixels") from None
    except Exception:
        stream.seek(0)
        if stream.read(2) != b"\xff\xd8":
            raise
        stream.seek(0)  # a JPEG whose list of further pictures is damaged, which is not needed
        image = JpegImagePlugin.JpegImageFile(stream)
    if image.width * image.height > MAX_PIXELS:
        raise UnreadableImage(f"{image.width}x{image.height} pixels, more than {MAX_PIXELS:,}")
    if not min(image.size):
        raise UnreadableImage("no pixels")
    return image


def upright(image: Image.Image) -> Image.Image:
    """The decoded image, turned as its EXIF orientation says; what else is in there may be as damaged as it likes."""
    image.load()
    try:
        turn = TURNS.get(image.getexif().get(ORIENTATION, 1))
    except Exception:  # as above
        turn = None
    return image if turn is None else image.transpose(turn)


def square(image: Image.Image, size: int, mode: str) -> np.ndarray:
    """The largest square at the centre of an image in mode "L", "RGB" or "RGBA", resized to (size, size, 1 or 3)
    uint8, opaque. Resized first, as it then takes less memory."""
    colour = background(image) if image.mode == "RGBA" else None
    if image.size != (size, size):
        image = ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC)
    if colour is not None:
        image = flattened(image, colour)
    array = np.asarray(image.convert(mode))
    return array[..., None] if mode == "L" else array


def one_at_a_time(large: bool) -> AbstractContextManager:
    """Within it a large image is decoded: several at once would take too much memory."""
    return _large if large else nullcontext()


@contextmanager
def without_warnings() -> Iterator[None]:
    """Within it Pillow does not print what it finds odd about a file. For the main thread, around all of a folder."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def reason(error: Exception) -> str:
    """Why a file cannot be read, in a few words that name no object in memory."""
    if isinstance(error, UnidentifiedImageError):
        return "no image of a known format"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    words = " ".join(str(error).split())[:100]
    return words or type(error).__name__
