"""A grid of runs as one picture, with what its rows and columns are."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from diffusion.io.images import sheet, to_pillow
from train.output.fonts import default_font, with_font
from ui.lab.compare import Plan
from ui.lab.side_by_side import Outcome

CELL = 84  # pixels, at least, to which the images of a cell are enlarged by a whole factor
GAP = 6  # pixels between cells
LEFT, TOP = 150, 46  # pixels for the legends
PAPER, INK, QUIET = (255, 255, 255), (29, 34, 56), (86, 96, 121)


def picture_of(plan: Plan, outcomes: dict[int, Outcome]) -> Image.Image:
    """What has come of a plan, by the indices of its cells, of which at least one must be there."""
    results = (outcomes[i].result if i in outcomes else None for i in range(len(plan.cells)))
    cells = [None if result is None else result.images for result in results]
    corner = f"{plan.rows.setting} \\ {plan.columns.setting}"
    return grid_picture(cells, plan.rows.titles, plan.columns.titles, corner)


def grid_picture(
    cells: Sequence[np.ndarray | None], rows: Sequence[str], columns: Sequence[str], corner: str
) -> Image.Image:
    """Cells row by row, each the images (N, H, W, C) uint8 of a run, or none; titles of rows and columns; and what the
    two are, for the corner. Smaller sheets are enlarged by more, as far as they fit."""
    sheets = [None if images is None else sheet(images) for images in cells]
    height, width = (max(each.shape[side] for each in sheets if each is not None) for side in (0, 1))
    zoom = max(1, round(CELL / width))
    wide, high = width * zoom + GAP, height * zoom + GAP
    page = Image.new("RGB", (LEFT + len(columns) * wide, TOP + len(rows) * high), PAPER)
    pen = ImageDraw.Draw(page)
    text, font = with_font(corner, "", LEFT - 2 * GAP)
    pen.text((GAP, TOP / 2), text, QUIET, font or default_font(), anchor="lm")
    for j, name in enumerate(columns):
        text, font = with_font(name, f"#{j + 1}", wide - GAP)
        pen.text((LEFT + j * wide + (wide - GAP) / 2, TOP / 2), text, INK, font, anchor="mm")
    for i, name in enumerate(rows):
        text, font = with_font(name, f"#{i + 1}", LEFT - 2 * GAP)
        pen.text((LEFT - 2 * GAP, TOP + i * high + (high - GAP) / 2), text, INK, font, anchor="rm")
    for index, pixels in enumerate(sheets):
        if pixels is not None:
            most = min(height * zoom // pixels.shape[0], width * zoom // pixels.shape[1])
            large = to_pillow(pixels.repeat(most, axis=0).repeat(most, axis=1))
            page.paste(large, (LEFT + index % len(columns) * wide, TOP + index // len(columns) * high))
    return page
