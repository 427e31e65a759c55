"""Animated GIF of a trajectory: small, looping, pausing on the finished image."""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from diffusion.io.images import to_pillow

GREYS = 32  # noise does not compress: each bit less makes the file a seventh smaller, invisibly
SIDE = 360  # pixels; smaller pictures are enlarged by a whole number up to this


def gif_bytes(pictures: Sequence[np.ndarray], seconds: float = 3.0, hold: float = 1.5) -> bytes:
    """Pictures (H, W, 1 or 3) uint8, all of one size, as a looping GIF: all of them in ``seconds``, but at least 0.4 s
    for the first, and ``hold`` seconds for the last."""
    height, width, channels = pictures[0].shape
    size = max(1, SIDE // max(height, width))
    indexed = _grey(pictures) if channels == 1 else _coloured(pictures)
    images = [image.resize((width * size, height * size), Image.Resampling.NEAREST) for image in indexed]
    frame = max(20, round(1000 * seconds / len(images)))  # ms; browsers slow anything under 20 down to 100
    durations = [max(400, frame), *[frame] * (len(images) - 2), round(1000 * hold)][-len(images) :]
    buffer = io.BytesIO()
    images[0].save(
        buffer, "GIF", save_all=True, append_images=images[1:], duration=durations, loop=0, optimize=False, disposal=1
    )
    return buffer.getvalue()


def _grey(pictures: Sequence[np.ndarray]) -> list[Image.Image]:
    """Indexed images in evenly spaced greys, the same for every picture, so that nothing flickers."""
    palette = np.linspace(0, 255, GREYS).round().astype(np.uint8).repeat(3).tobytes()
    images = []
    for picture in pictures:
        image = Image.fromarray((picture[..., 0] / 255 * (GREYS - 1)).round().astype(np.uint8))
        image.putpalette(palette)
        images.append(image)
    return images


def _coloured(pictures: Sequence[np.ndarray]) -> list[Image.Image]:
    """Indexed images in one palette, chosen from the first picture (noise) and the last, which counts twice."""
    both = to_pillow(np.concatenate([pictures[0], pictures[-1], pictures[-1]]))
    palette = both.quantize(128, Image.Quantize.MEDIANCUT)
    return [to_pillow(picture).quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
