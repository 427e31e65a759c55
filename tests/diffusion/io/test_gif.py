import io

import numpy as np
import pytest
from PIL import Image

from diffusion.io.gif import gif_bytes


def denoising(frames, size, channels):
    """A gradient under less and less noise."""
    ramp = np.linspace(0, 255, size)[None, :, None].repeat(size, 0).repeat(channels, 2)
    ramp[..., 1:] = ramp[..., 1:].transpose(1, 0, 2)
    noise = np.random.default_rng(0).normal(0, 128, (frames, size, size, channels))
    shares = np.linspace(1, 0, frames)[:, None, None, None]
    return list(((1 - shares) * ramp + shares * (noise + 128)).clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize("channels", [1, 3])
def test_it_loops_rests_on_both_ends_and_ends_with_the_last_picture(channels):
    pictures = denoising(12, 30, channels)
    gif = Image.open(io.BytesIO(gif_bytes(pictures, seconds=2.4, hold=1.5)))
    assert gif.n_frames == 12
    assert gif.info["loop"] == 0
    assert gif.size == (360, 360)  # enlarged by a whole number
    durations = []
    for i in range(gif.n_frames):
        gif.seek(i)
        durations.append(gif.info["duration"])
    assert durations == [400, *[200] * 10, 1500]
    shown = np.atleast_3d(np.asarray(gif.convert("RGB")))[6::12, 6::12, :channels].astype(int)
    assert np.abs(shown - pictures[-1]).max() <= (5 if channels == 1 else 60)
    assert np.abs(shown - pictures[-1]).mean() < 12


def test_sixteen_digits_in_forty_frames_stay_small():
    strokes = np.full((118, 118, 1), -1.0)
    strokes[:, ::8] = 1.0
    noise = np.random.default_rng(0).normal(size=(40, 118, 118, 1))
    sigma = np.linspace(1, 0, 40)[:, None, None, None]
    x = np.sqrt(1 - sigma**2) * strokes + sigma * noise
    pictures = ((x.clip(-1, 1) + 1) * 127.5).astype(np.uint8)
    assert len(gif_bytes(list(pictures))) < 1_500_000


@pytest.mark.parametrize("frames", [1, 2])
def test_few_frames(frames):
    gif = Image.open(io.BytesIO(gif_bytes(denoising(frames, 8, 1))))
    assert gif.n_frames == frames
    gif.seek(frames - 1)
    assert gif.info["duration"] == 1500
