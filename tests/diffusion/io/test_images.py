import io
import json

import numpy as np
import torch
from PIL import Image

from diffusion.io.images import downscaled, png_bytes, sheet, to_uint8


def test_to_uint8_rounds_and_clips():
    x = torch.tensor([-2.0, -1.0, 0.0, 1.0, 3.0]).view(1, 1, 1, 5)
    assert to_uint8(x).tolist() == [[[[0], [0], [128], [255], [255]]]]  # 127.5 rounds to even


def test_sheet_lays_out_row_by_row():
    images = np.arange(1, 6, dtype=np.uint8).reshape(5, 1, 1, 1)
    assert sheet(images, columns=3, pad=1)[..., 0].tolist() == [[1, 0, 2, 0, 3], [0] * 5, [4, 0, 5, 0, 0]]
    assert sheet(np.zeros((16, 28, 28, 3), np.uint8)).shape == (118, 118, 3)


def test_png_carries_its_settings():
    for picture in (np.random.randint(0, 256, (5, 7, 1), np.uint8), np.random.randint(0, 256, (5, 7, 3), np.uint8)):
        back = Image.open(io.BytesIO(png_bytes(picture, {"seed": 3, "label": "猫"})))
        assert json.loads(back.text["settings"]) == {"seed": 3, "label": "猫"}
        assert np.array_equal(np.asarray(back).reshape(picture.shape), picture)
    png_bytes(picture, {"low_res": "q\udcd7.png"})  # a file name that is no UTF-8, as Python carries it


def test_downscaled_pixels_are_the_means_of_their_squares():
    x = torch.arange(2 * 3 * 8 * 8, dtype=torch.float32).reshape(2, 3, 8, 8) / 400 - 0.5
    small = downscaled(x, 2)
    assert small.shape == (2, 3, 2, 2)
    torch.testing.assert_close(small[1, 2, 0, 1], x[1, 2, :4, 4:].mean())
    assert torch.equal(downscaled(x, 8), x)
