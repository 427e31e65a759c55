"""Messages for a player, as ``ui.player`` makes them."""

import io
from base64 import b64encode
from typing import Any

import numpy as np
from PIL import Image

COUNT, SIZE, GUTTER = 4, 8, 2  # images of a sheet, in two rows, and their pixels


def png(shade: int = 0, colour: bool = False) -> str:
    """A sheet of four images in base64, each with a square of its own."""
    side = 2 * SIZE + GUTTER
    pixels = np.zeros((side, side, 3) if colour else (side, side), np.uint8)
    for i in range(COUNT):
        top, left = (i // 2) * (SIZE + GUTTER), (i % 2) * (SIZE + GUTTER)
        pixels[top + i : top + i + 3, left : left + SIZE] = (shade, 255 - shade, 40 * i) if colour else 60 + 40 * i
        pixels[top : top + SIZE, left] = shade
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return b64encode(buffer.getvalue()).decode()


def message(run: str, steps: list[int], total: int, done: bool = False, **changes: Any) -> dict[str, Any]:
    """A message as ``ui.player`` makes it, with frames of these steps."""

    def frame(step: int) -> list:
        share = step / total
        shade = round(255 * share)
        return [step, 1 - share, round(share**0.5, 5), round((1 - share) ** 0.5, 5), png(shade), png(255 - shade)]

    content = {"run": run, "example": False, "live": False, "label": "7", "seed": 1, "count": COUNT, "size": SIZE}
    content |= {"step": max(steps), "total": total, "seconds": 1.5, "frames": [frame(step) for step in steps]}
    content["settings"] = {"label": "7", "model": "quick", "seed": 1}
    content["names"] = {"model": "Quick", "sampler": "DDIM"}
    if done:
        found = [["7", 0.998], ["7", 0.9], ["1", 0.6], ["7", 1.0]]
        content["result"] = {"png": png(), "labels": ["7"] * COUNT, "classifications": found}
    return content | changes
