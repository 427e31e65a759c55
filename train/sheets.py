"""Sample sheets: what the model draws at a point of its training, a row a class, the class names beside them."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from diffusion.config import ModelConfig
from diffusion.images import sheet, to_pillow, to_uint8
from diffusion.model import Model

COLUMNS = 5
MAX_ROWS = 16  # of the classes of a large data set the first
PAD = 2  # pixels between images


def sample_sheet(model: Model, caption: str, seed: int = 0) -> Image.Image:
    """Draw each class five times (an unconditional model: 25 images) with the model's own defaults.

    The seed being the same, sheets of one run show the same images getting better.
    """
    names = model.config.label_names[:MAX_ROWS]
    labels = [index for index in range(len(names)) for _ in range(COLUMNS)] if names else [-1] * COLUMNS**2
    images = to_uint8(model.generate(labels, seed=seed))  # (rows * COLUMNS, H, W, C)
    zoom = max(1, 56 // images.shape[1])
    images = images.repeat(zoom, axis=1).repeat(zoom, axis=2)
    return annotate(sheet(images, COLUMNS, PAD), names, images.shape[1] + PAD, caption)


def evaluations(config: ModelConfig) -> int:
    """How often the network is asked about an image for a sheet, roughly: what a sheet costs."""
    rows = min(config.num_classes, MAX_ROWS) or COLUMNS
    return rows * COLUMNS * config.steps * (1 if config.guidance_scale in (0, 1) else 2)


def annotate(picture: np.ndarray, names: tuple[str, ...], row_height: int, caption: str) -> Image.Image:
    """Put a class name before each row of a sheet (H, W, C), and a caption over it."""
    font = ImageFont.load_default(size=14)
    margin = 12 + max((int(font.getlength(name)) for name in names), default=-4)
    head = 28
    page = Image.new("RGB", (margin + picture.shape[1] + 8, head + picture.shape[0] + 8), (24, 24, 27))
    page.paste(to_pillow(picture), (margin, head))
    draw = ImageDraw.Draw(page)
    draw.text((margin, head // 2), caption, (212, 212, 216), font, anchor="lm")
    for row, name in enumerate(names):
        draw.text((margin - 6, head + row * row_height + row_height // 2), name, "white", font, anchor="rm")
    return page
