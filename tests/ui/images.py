"""What is in the PNGs that the app makes."""

import io
import json
from typing import Any

import numpy as np
from PIL import Image


def decoded(png: bytes) -> np.ndarray:
    """The pixels, (H, W, C) uint8."""
    return np.atleast_3d(np.asarray(Image.open(io.BytesIO(png))))


def recorded_settings(png: bytes) -> dict[str, Any]:
    """What its metadata say of how it was sampled."""
    return json.loads(Image.open(io.BytesIO(png)).text["settings"])  # type: ignore[attr-defined]
