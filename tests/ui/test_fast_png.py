"""The PNG writer for frames."""

import io

import numpy as np
import pytest
from PIL import Image

from ui.fast_png import fast_png


@pytest.mark.parametrize("channels", [1, 3])
def test_fast_png_is_a_png(channels):
    picture = np.random.default_rng(0).integers(0, 256, (13, 29, channels), np.uint8)
    image = Image.open(io.BytesIO(fast_png(picture)))
    assert image.mode == {1: "L", 3: "RGB"}[channels]
    assert np.array_equal(np.atleast_3d(np.asarray(image)), picture)
