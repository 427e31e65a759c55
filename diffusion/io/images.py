"""Images as tensors in [-1, 1], as uint8 arrays, as contact sheets and as PNG."""

import io
import json
import math

import numpy as np
import torch
from einops import rearrange
from PIL import Image, PngImagePlugin
from torch import Tensor, nn


def to_uint8(x: Tensor) -> np.ndarray:
    """x (N, C, H, W) in [-1, 1], clipped -> uint8 (N, H, W, C)."""
    pixels = (x.clamp(-1, 1) + 1).mul(127.5).round().byte()
    return rearrange(pixels, "n c h w -> n h w c").cpu().numpy()


def from_uint8(images: np.ndarray) -> Tensor:
    """uint8 (N, H, W, C) -> float32 (N, C, H, W) in [-1, 1]."""
    return to_input(torch.from_numpy(images).permute(0, 3, 1, 2))


def to_input(images: Tensor) -> Tensor:
    """uint8 of any shape -> float32 in [-1, 1]: images as networks take them."""
    return images.float() / 127.5 - 1


def downscaled(x: Tensor, size: int) -> Tensor:
    """x (N, C, H, W) -> (N, C, size, size): each small pixel is the mean of the large ones that it covers.
    Super-resolution learns the inverse."""
    return nn.functional.interpolate(x, (size, size), mode="area")


def sheet(images: np.ndarray, columns: int | None = None, pad: int = 2) -> np.ndarray:
    """Images (N, H, W, C) laid out row by row, ``columns`` wide (as square as may be by default) with black gutters of
    ``pad`` pixels between them -> (rows H + gutters, columns W + gutters, C)."""
    n, h, w, c = images.shape
    columns = columns or math.ceil(math.sqrt(n))
    rows = math.ceil(n / columns)
    cells = np.zeros((rows * columns, h + pad, w + pad, c), images.dtype)
    cells[:n, :h, :w] = images
    laid = rearrange(cells, "(r k) h w c -> (r h) (k w) c", r=rows)
    return laid[: laid.shape[0] - pad, : laid.shape[1] - pad]


def png_bytes(picture: np.ndarray, info: dict | None = None, compress_level: int = 1) -> bytes:
    """A uint8 picture (H, W, 1 or 3) as PNG, with ``info`` as JSON under the text key "settings"."""
    meta = PngImagePlugin.PngInfo()
    if info is not None:
        meta.add_itxt("settings", json.dumps(info))
    buffer = io.BytesIO()
    to_pillow(picture).save(buffer, "PNG", pnginfo=meta, compress_level=compress_level)
    return buffer.getvalue()


def to_pillow(picture: np.ndarray) -> Image.Image:
    """A uint8 picture (H, W, 1 or 3) as a Pillow image, mode L or RGB."""
    return Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
