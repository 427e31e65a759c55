"""Sample sheets: what a model can do at a point of its training, as one picture, annotated.

task              rows and columns
generation        a row a class, five images each
super-resolution  a row an image: small, drawn twice, real
classification    a row a noise level: a noisy image of each class, with what it is read as
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from diffusion.config import ModelConfig
from diffusion.io.images import downscaled, sheet, to_input, to_pillow, to_uint8
from diffusion.losses import noised
from diffusion.model import Model
from train.datasets import Dataset

COLUMNS = 5
MAX_ROWS = 16  # of the classes of a large data set the first
ENLARGED = 8  # images of a sheet of super-resolution
TIMES = (0.05, 0.15, 0.25, 0.35, 0.5, 0.7)  # noise levels of a classifier's sheet
READ = 100  # images that it reads at each of them
PAD = 2  # pixels between images
CELL = 56  # pixels to which smaller images are enlarged, a whole number of times


class Labelled(NamedTuple):
    """Images in rows, and what stands beside each row and upon each image."""

    images: np.ndarray  # (rows * columns, H, W, C) uint8
    rows: Sequence[str]
    columns: int
    upon: Sequence[str] = ()


def sample_sheet(model: Model, data: Dataset, caption: str, seed: int = 0) -> Image.Image:
    """What the model does by its own defaults, with images of the data set where it needs some.

    The seed being the same, sheets of one run show the same images getting better.
    """
    shown = SHEETS[model.config.task].draw(model, data, seed)
    zoom = max(1, CELL // shown.images.shape[1])
    images = shown.images.repeat(zoom, axis=1).repeat(zoom, axis=2)
    return annotate(sheet(images, shown.columns, PAD), shown, images.shape[1] + PAD, caption)


def generation(model: Model, data: Dataset, seed: int) -> Labelled:
    """Each class five times; of an unconditional model 25 images."""
    names = model.config.label_names[:MAX_ROWS]
    labels = [index for index in range(len(names)) for _ in range(COLUMNS)] if names else [-1] * COLUMNS**2
    return Labelled(to_uint8(model.generate(labels, seed=seed)), names, COLUMNS)


def super_resolution(model: Model, data: Dataset, seed: int) -> Labelled:
    """Images of the data set as they go in, as they come out for two seeds, and as they are."""
    size = model.config.low_res_size
    assert size is not None, "the configuration has seen to that"
    real = to_input(data.images[some(data, ENLARGED)].to(model.device))
    small = downscaled(real, size)
    drawn = [model.generate(low_res=small, seed=seed + offset) for offset in (0, 1)]
    large = torch.nn.functional.interpolate(small, real.shape[-2:])  # its pixels as squares
    rows = torch.stack([large, *drawn, real], dim=1)  # (N, 4, C, H, W)
    return Labelled(to_uint8(rows.flatten(0, 1)), [""] * len(real), rows.shape[1])


def classification(model: Model, data: Dataset, seed: int) -> Labelled:
    """Images of the data set at several noise levels, and the share of them read rightly at each."""
    classifier = model.classifier()
    chosen = some(data, READ)
    x0, labels = to_input(data.images[chosen].to(model.device)), data.labels[chosen].to(model.device)
    eps = torch.randn(x0.shape, generator=torch.Generator().manual_seed(seed)).to(model.device)
    columns = min(len(classifier.label_names), 10, len(x0))
    pictures, rows, upon = [], [], []
    for time in TIMES:
        x, level = noised(model.process, x0, torch.full((len(x0),), time, dtype=torch.float64), eps)
        with torch.no_grad():
            reading = classifier.logits(x, level).argmax(1)
        pictures.append(to_uint8(x[:columns]))
        rows.append(f"t {time:g}: {(reading == labels).float().mean():.0%}")
        upon += [classifier.label_names[index] for index in reading[:columns].tolist()]
    return Labelled(np.concatenate(pictures), rows, columns, upon)


class Sheet(NamedTuple):
    """A row of the table: how a task's sheet is drawn, and how often that asks the network about an image, roughly."""

    draw: Callable[[Model, Dataset, int], Labelled]
    evaluations: Callable[[ModelConfig], int]


SHEETS = {
    "generation": Sheet(
        generation,
        lambda config: (
            (min(config.num_classes, MAX_ROWS) or COLUMNS) * COLUMNS * config.steps * (1 if unguided(config) else 2)
        ),
    ),
    "super-resolution": Sheet(super_resolution, lambda config: 2 * ENLARGED * config.steps),
    "classification": Sheet(classification, lambda config: READ * len(TIMES)),
}


def evaluations(config: ModelConfig) -> int:
    """How often the network is asked about an image for a sheet, roughly: what a sheet costs."""
    return SHEETS[config.task].evaluations(config)


def unguided(config: ModelConfig) -> bool:
    """Whether a step asks the network about an image once and not twice."""
    return not (config.two_passes and config.guidance_scale not in (0, 1)) and not config.skip_scale


def some(data: Dataset, count: int) -> torch.Tensor:
    """Indices of images, the classes in turn (0, 1, ..., 0, 1, ...), always the same ones."""
    places = [(data.labels == label).nonzero()[:, 0] for label in range(len(data.label_names))]
    turns = [place[turn] for turn in range(count) for place in places if turn < len(place)]
    return torch.stack(turns[:count])


def annotate(picture: np.ndarray, shown: Labelled, cell: int, caption: str) -> Image.Image:
    """Put a name before each row of a sheet (H, W, C), a word upon each of its images, and a caption over it."""
    font = ImageFont.load_default(size=14)
    margin = 12 + max((int(font.getlength(name)) for name in shown.rows), default=-4)
    head = 28
    page = Image.new("RGB", (margin + picture.shape[1] + 8, head + picture.shape[0] + 8), (24, 24, 27))
    page.paste(to_pillow(picture), (margin, head))
    draw = ImageDraw.Draw(page)
    draw.text((margin, head // 2), caption, (212, 212, 216), font, anchor="lm")
    for row, name in enumerate(shown.rows):
        draw.text((margin - 6, head + row * cell + cell // 2), name, "white", font, anchor="rm")
    for index, word in enumerate(shown.upon):
        row, column = divmod(index, shown.columns)
        place = (margin + column * cell + 2, head + row * cell)
        draw.text(place, word, (251, 191, 36), font, stroke_width=2, stroke_fill="black")
    return page
