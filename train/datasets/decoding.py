"""Many image files decoded at once into one array, which takes hardly more memory than the array itself."""

import hashlib
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from statistics import median_low
from typing import NamedTuple

import numpy as np
import psutil
from tqdm import tqdm

from diffusion.errors import InputError, Message
from diffusion.io.image_folder import ImageFile, Skipped
from diffusion.io.image_reader import (
    LARGE_BYTES,
    UnreadableImage,
    decode,
    one_at_a_time,
    read_bytes,
    shorter_side,
    without_warnings,
)
from diffusion.runtime.threads import available_cores

MOST_THREADS = 16
AHEAD = 8  # images that a thread may be ahead of the array
PROBES = 500  # files by whose sizes the size of all is chosen
LEFT_FREE = 0.9  # share of the free memory that may be used


class Picture(NamedTuple):
    pixels: np.ndarray  # (size, size, 1 or 3) uint8
    own_size: int  # of the shorter side, before
    digest: bytes  # of the file


class Decoded(NamedTuple):
    images: np.ndarray  # (N, C, size, size) uint8, those that could be read
    indices: list[int]  # of their files
    own_sizes: set[int]
    digest: str  # of the files that could be read


def common_size(files: Sequence[ImageFile]) -> int | None:
    """The median length of the shorter sides, by up to ``PROBES`` files spread over all; None where none is an
    image."""
    probes = files[:: max(1, len(files) // PROBES)]
    with without_warnings():
        sizes = [size for file in probes if (size := shorter_side(file))]
    return median_low(sizes) if sizes else None


def decode_all(
    files: Sequence[ImageFile], size: int, channels: int | None, skipped: Skipped, advice: Message
) -> Decoded:
    """The images, cropped to squares of ``size`` pixels; files that cannot be read are noted in ``skipped``.

    channels: 1, 3, or None for 1 where all images are grey, though saved as colours maybe. Raises ``InputError`` where
    they do not fit into memory, with the ``advice`` what to do.
    """
    images = allocate(len(files), channels or 1, size, advice)
    indices: list[int] = []
    own_sizes: set[int] = set()
    digest = hashlib.blake2b(digest_size=16)
    for index, picture in enumerate(in_order(files, size, "L" if channels == 1 else "RGB")):
        if isinstance(picture, UnreadableImage):
            skipped.add(files[index].path, str(picture))
            continue
        pixels = picture.pixels.transpose(2, 0, 1)
        if channels is None and images.shape[1] == 1 and (pixels != pixels[:1]).any():  # the first one with colours
            images = in_colour(images, len(indices), advice)
        images[len(indices)] = pixels[: images.shape[1]]
        indices.append(index)
        own_sizes.add(picture.own_size)
        digest.update(picture.digest)
    return Decoded(images[: len(indices)], indices, own_sizes, digest.hexdigest())


def in_order(files: Sequence[ImageFile], size: int, mode: str) -> Iterator[Picture | UnreadableImage]:
    """Each file's image, or why it cannot be read; decoded by several threads, which wait where they are far ahead."""
    threads = min(MOST_THREADS, available_cores())
    bar = tqdm(total=len(files), desc="reading images", unit=" files", leave=False, disable=None, file=sys.stderr)
    waiting: deque[Future[Picture | UnreadableImage]] = deque()
    with without_warnings(), bar, ThreadPoolExecutor(threads) as pool:
        for file in files:
            waiting.append(pool.submit(picture_of, file, size, mode))
            if len(waiting) > threads * AHEAD:
                yield waiting.popleft().result()
                bar.update()
        for future in waiting:
            yield future.result()
            bar.update()


def picture_of(file: ImageFile, size: int, mode: str) -> Picture | UnreadableImage:
    try:
        with one_at_a_time(file.size > LARGE_BYTES):
            content = read_bytes(file)
            pixels, own_size = decode(content, size, mode)
        return Picture(pixels, own_size, hashlib.blake2b(content, digest_size=16).digest())
    except UnreadableImage as error:
        return UnreadableImage(str(error))  # without a traceback, which would hold on to the content of the file


def allocate(count: int, channels: int, size: int, advice: Message) -> np.ndarray:
    """(N, C, size, size) uint8, not yet filled: it takes memory as it is. Raises ``InputError`` where there is too
    little."""
    shape = (count, channels, size, size)
    needed, free = int(np.prod(shape, dtype=object)), psutil.virtual_memory().available
    if needed > LEFT_FREE * free:
        values = {"needed": f"{needed / 1e9:.1f}", "free": f"{free / 1e9:.1f}"}
        raise InputError("datasets.memory", count=f"{count:,}", size=size, advice=advice, **values)
    return np.empty(shape, np.uint8)


def in_colour(grey: np.ndarray, count: int, advice: Message) -> np.ndarray:
    """Grey images (N, 1, H, W), of which so many are filled, with three channels."""
    images = allocate(len(grey), 3, grey.shape[-1], advice)
    images[:count] = grey[:count]
    return images
