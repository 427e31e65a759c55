"""The images that super-resolution enlarges, from files."""

import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from diffusion.errors import InputError
from diffusion.io.files import user_path
from diffusion.io.image_folder import ImageFile, Listing, is_listable, list_files
from diffusion.io.image_reader import UnreadableImage, read_image, without_warnings
from diffusion.io.images import downscaled, from_uint8


def read_low_res(path: str | Path, size: int, mode: str, setting: str = "low_res") -> Tensor:
    """An image, or all images in a folder (or a .zip of one) in the order of their names, as (N, 1 or 3, size, size)
    float32 in [-1, 1]: each cropped at the centre and ``downscaled``. What is no image in a folder is skipped, with a
    line on stderr. Raises InputError."""
    path = user_path(path, setting)
    listing = listed(path, setting)
    images, skipped = [], listing.skipped
    with without_warnings():
        for file in listing.files:
            try:
                pixels = read_image(file, None, mode)
            except UnreadableImage as error:
                skipped.add(file.path, str(error))
                continue
            images.append(downscaled(from_uint8(np.stack([pixels])), size))
    if not images:
        only = [why for _, why in skipped.reasons] if path.is_file() and len(skipped) == 1 else []
        code = "images.low_res_unreadable" if skipped else "images.low_res_empty"
        raise InputError(code, setting=setting, path=path, reason=only[0] if only else str(skipped))
    if skipped:
        print(f"{path}: {len(skipped)} skipped: {skipped}", file=sys.stderr)
    return torch.cat(images)


def listed(path: Path, setting: str) -> Listing:
    """The file, or what is in the folder or archive. Raises InputError."""
    try:
        if is_listable(path):
            return list_files(path)
        if path.is_file():
            return Listing([ImageFile.at(path)])
    except OSError as error:
        reason = error.strerror or error
        raise InputError("images.low_res_unreadable", setting=setting, path=path, reason=reason) from None
    raise InputError("images.low_res_not_there", setting=setting, path=path)
