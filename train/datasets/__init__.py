"""Data sets, each as one uint8 tensor in memory.

    dataset = load_dataset("mnist", data_dir="data", split="train")
    dataset.images   # (60000, 1, 28, 28) uint8
    dataset.labels   # (60000,) int64, indices into dataset.label_names

A new data set is one function and one row of ``DATASETS``. ``folder:PATH`` is a folder of images, or a .zip of one, as
people have them: ``train.datasets.layout`` says which folders are classes.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from diffusion.errors import InputError
from diffusion.io.files import user_path
from train.datasets.dataset import Dataset, Sizing, convert, fingerprint_of, warn_if_uniform
from train.datasets.folder import folder
from train.datasets.torchvision_source import from_torchvision, import_torchvision

__all__ = ["DATASETS", "DIGITS", "FOLDER", "Dataset", "Sizing", "convert", "import_torchvision", "load_dataset"]

SPLITS = ("train", "test")
DIGITS = [str(digit) for digit in range(10)]
FOLDER = "folder:"  # what a data set's name begins with that is a path


def load_dataset(
    name: str = "mnist",
    data_dir: str | Path = "data",
    split: str = "train",
    image_size: Sizing = None,
    channels: int | None = None,
) -> Dataset:
    """Load one split of a data set: square images, ``image_size`` pixels wide, with 1 (grey) or 3 (RGB) channels.

    name: a row of ``DATASETS``, or folder:PATH. data_dir: the directory of the known data sets, to which they are
    downloaded where they are missing. None keeps the images' own size and channels; a function makes the size from
    their own. Raises ``InputError``.
    """
    kind, _, path = name.partition(":")
    if kind not in DATASETS or (kind == "folder") != bool(path):
        if name and kind not in DATASETS and os.path.exists(user_path(name, "dataset")):
            raise InputError("datasets.unknown_folder", given=name)
        known = ", ".join(key for key in DATASETS if key != "folder")
        raise InputError("datasets.unknown", given=name, known=known)
    if split not in SPLITS:
        raise InputError("datasets.split", given=split)
    if isinstance(image_size, int) and not 1 <= image_size <= 1024:
        raise InputError("settings.integer", setting="image_size", low=1, high=1024, given=image_size)
    if channels not in (None, 1, 3):
        raise InputError("datasets.channels", given=channels)
    place = user_path(path, "dataset") if path else user_path(data_dir, "data_dir")
    data = DATASETS[kind](place, split, image_size, channels)
    warn_if_uniform(data.images, name)
    return data if data.fingerprint else replace(data, fingerprint=fingerprint_of(data.images, data.labels))


# ---------------------------------------------------------------------------------------------------- the rows


def mnist(directory: Path, split: str, image_size: Sizing, channels: int | None) -> Dataset:
    """Handwritten digits, 60,000 + 10,000, 28x28 grey (LeCun et al. 1998)."""
    source = from_torchvision("MNIST", directory, split)
    return convert(source.data[:, None], source.targets, DIGITS, image_size, channels)


def fashion_mnist(directory: Path, split: str, image_size: Sizing, channels: int | None) -> Dataset:
    """Articles of clothing, 60,000 + 10,000, 28x28 grey (Xiao et al. 2017)."""
    source = from_torchvision("FashionMNIST", directory, split)
    return convert(source.data[:, None], source.targets, source.classes, image_size, channels)


def cifar10(directory: Path, split: str, image_size: Sizing, channels: int | None) -> Dataset:
    """Objects and animals, 50,000 + 10,000, 32x32 RGB (Krizhevsky 2009).

    Loaded from the image folder cifar10-train or cifar10-train.zip (and -test) where there is one, otherwise from the
    original files.
    """
    for candidate in (directory / f"cifar10-{split}", directory / f"cifar10-{split}.zip"):
        if os.path.exists(candidate):
            return folder(candidate, "train", image_size, channels)
    source = from_torchvision("CIFAR10", directory, split)
    images = torch.from_numpy(source.data).permute(0, 3, 1, 2)
    return convert(images, torch.tensor(source.targets), source.classes, image_size, channels)


DATASETS: dict[str, Callable[[Path, str, Sizing, int | None], Dataset]] = {
    "mnist": mnist,
    "fashion_mnist": fashion_mnist,
    "cifar10": cifar10,
    "folder": folder,
}
