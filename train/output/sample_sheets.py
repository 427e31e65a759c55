"""Sample sheets: one annotated image that shows what a model can do at a point of its training.

task              rows and columns
generation        a row a class, five samples each
super-resolution  a row an image: low resolution, two samples, original
classification    a row a noise level: a noisy image of each class, with its predicted class
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageDraw

from diffusion.config import ModelConfig
from diffusion.io.images import downscaled, sheet, to_input, to_pillow, to_uint8
from diffusion.losses import noised
from diffusion.model import Model
from diffusion.settings import SamplingSettings
from train.datasets import Dataset
from train.output.fonts import default_font, with_font

COLUMNS = 5
MAX_ROWS = 16  # of a data set with more classes the first
NUM_ENLARGED = 8  # images of a super-resolution sheet
TIMES = (0.05, 0.15, 0.25, 0.35, 0.5, 0.7)  # noise levels of a classifier's sheet
NUM_CLASSIFIED = 100  # images for the accuracy at each of them
PADDING = 2  # pixels between images
LONGEST = 160  # pixels of the text beside a row
CELL = 56  # pixels to which smaller images are enlarged, by a whole factor


class Grid(NamedTuple):
    """Images in rows, and the text beside each row and on each image."""

    images: np.ndarray  # (rows * columns, H, W, C) uint8
    row_titles: Sequence[str]
    columns: int
    image_titles: Sequence[str] = ()


def sample_sheet(model: Model, data: Dataset, caption: str, seed: int = 0) -> Image.Image:
    """A sheet of the model's task with its own sampling settings, and images of the data set where it needs some.

    With the same seed, the sheets of a run show the same images improving.
    """
    grid = SHEETS[model.config.task].render(model, data, seed)
    zoom = max(1, CELL // grid.images.shape[1])
    images = grid.images.repeat(zoom, axis=1).repeat(zoom, axis=2)
    return annotate(sheet(images, grid.columns, PADDING), grid, images.shape[1] + PADDING, caption)


def generation(model: Model, data: Dataset, seed: int) -> Grid:
    """Five samples of each class; of an unconditional model 25."""
    names = model.config.label_names[:MAX_ROWS]
    labels = [index for index in range(len(names)) for _ in range(COLUMNS)] if names else [-1] * COLUMNS**2
    return Grid(to_uint8(model.generate(labels, seed=seed)), names, COLUMNS)


def super_resolution(model: Model, data: Dataset, seed: int) -> Grid:
    """Images of the data set in low resolution, as enlarged with two seeds, and the originals."""
    size = model.config.low_res_size
    assert size is not None, "the configuration has seen to that"
    real = to_input(data.images[examples_by_class(data, NUM_ENLARGED)].to(model.device))
    low_res = downscaled(real, size)
    samples = [model.generate(low_res=low_res, seed=seed + offset) for offset in (0, 1)]
    squares = torch.nn.functional.interpolate(low_res, real.shape[-2:])  # its pixels as squares
    rows = torch.stack([squares, *samples, real], dim=1)  # (N, 4, C, H, W)
    return Grid(to_uint8(rows.flatten(0, 1)), [""] * len(real), rows.shape[1])


def classification(model: Model, data: Dataset, seed: int) -> Grid:
    """Images of the data set at several noise levels, and the accuracy at each."""
    classifier = model.classifier()
    chosen = examples_by_class(data, NUM_CLASSIFIED)
    x0, labels = to_input(data.images[chosen].to(model.device)), data.labels[chosen].to(model.device)
    eps = torch.randn(x0.shape, generator=torch.Generator().manual_seed(seed)).to(model.device)
    columns = min(len(classifier.label_names), 10, len(x0))
    images, row_titles, image_titles = [], [], []
    for time in TIMES:
        x, level = noised(model.process, x0, torch.full((len(x0),), time, dtype=torch.float64), eps)
        with torch.no_grad():
            predicted = classifier.logits(x, level).argmax(1)
        images.append(to_uint8(x[:columns]))
        row_titles.append(f"t {time:g}: {(predicted == labels).float().mean():.0%}")
        image_titles += [classifier.label_names[index] for index in predicted[:columns].tolist()]
    return Grid(np.concatenate(images), row_titles, columns, image_titles)


class SheetKind(NamedTuple):
    """A row of the table: how a task's sheet is rendered, and roughly how many network evaluations of one image it
    costs."""

    render: Callable[[Model, Dataset, int], Grid]
    evaluations: Callable[[ModelConfig], int]


def generation_evaluations(config: ModelConfig) -> int:
    settings = SamplingSettings().resolve(config)
    two_passes = (config.two_passes and settings.guidance_scale not in (0, 1)) or settings.skip_scale
    images = (min(config.num_classes, MAX_ROWS) or COLUMNS) * COLUMNS
    return images * settings.steps * (2 if two_passes else 1)


SHEETS = {
    "generation": SheetKind(generation, generation_evaluations),
    "super-resolution": SheetKind(
        super_resolution, lambda config: 2 * NUM_ENLARGED * SamplingSettings().resolve(config).steps
    ),
    "classification": SheetKind(classification, lambda config: NUM_CLASSIFIED * len(TIMES)),
}


def network_evaluations(config: ModelConfig) -> int:
    """The cost of a sheet: roughly how many network evaluations of one image."""
    return SHEETS[config.task].evaluations(config)


def examples_by_class(data: Dataset, count: int) -> torch.Tensor:
    """Indices of images, cycling through the classes (0, 1, ..., 0, 1, ...), always the same ones."""
    by_class = [(data.labels == label).nonzero()[:, 0] for label in range(len(data.label_names))]
    cycled = [indices[turn] for turn in range(count) for indices in by_class if turn < len(indices)]
    return torch.stack(cycled[:count])


def annotate(image: np.ndarray, grid: Grid, cell: int, caption: str) -> Image.Image:
    """Add the titles of rows and images, and a caption on top, to a sheet (H, W, C) with cells of ``cell`` pixels."""
    titles = [with_font(name, f"#{row}", LONGEST) for row, name in enumerate(grid.row_titles)]
    margin = 12 + max((int(font.getlength(name)) for name, font in titles), default=-4)
    top = 28
    page = Image.new("RGB", (margin + image.shape[1] + 8, top + image.shape[0] + 8), (24, 24, 27))
    page.paste(to_pillow(image), (margin, top))
    draw = ImageDraw.Draw(page)
    draw.text((margin, top // 2), caption, (212, 212, 216), default_font(), anchor="lm")
    for row, (name, font) in enumerate(titles):
        draw.text((margin - 6, top + row * cell + cell // 2), name, "white", font, anchor="rm")
    for index, title in enumerate(grid.image_titles):
        row, column = divmod(index, grid.columns)
        place = (margin + column * cell + 2, top + row * cell)
        title, font = with_font(title, "?", cell - 4)
        draw.text(place, title, (251, 191, 36), font, stroke_width=2, stroke_fill="black")
    return page
