"""Data sets, each as one uint8 tensor in memory.

    dataset = load_dataset("mnist", data_dir="data", split="train")
    dataset.images   # (60000, 1, 28, 28) uint8
    dataset.labels   # (60000,) int64, indices into dataset.label_names

A new data set is one function and one row of ``DATASETS``. ``folder:PATH`` is a folder (or a .zip of one) with one
sub-folder of images a class.
"""

import logging
import socket
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
import torch.nn.functional as F
from tqdm import tqdm

from diffusion.errors import InputError
from diffusion.io.image_reader import UNREADABLE, read_image

log = logging.getLogger(__name__)

SPLITS = ("train", "test")
DIGITS = [str(digit) for digit in range(10)]
DOWNLOAD_TIMEOUT = 20.0  # seconds without a response


@dataclass
class Dataset:
    images: torch.Tensor  # (N, C, H, W) uint8
    labels: torch.Tensor  # (N,) int64
    label_names: list[str]


def load_dataset(
    name: str = "mnist",
    data_dir: str | Path = "data",
    split: str = "train",
    image_size: int | None = None,
    channels: int | None = None,
) -> Dataset:
    """Load one split of a data set: square images, ``image_size`` pixels wide, with 1 (grey) or 3 (RGB) channels.

    name: a row of ``DATASETS``, or folder:PATH. data_dir: the directory of the known data sets, to which they are
    downloaded where they are missing. None keeps the images' own size and channels. Raises ``InputError``.
    """
    kind, _, path = name.partition(":")
    if kind not in DATASETS or (kind == "folder") != bool(path):
        known = ", ".join(key for key in DATASETS if key != "folder")
        raise InputError("datasets.unknown", given=name, known=known)
    if split not in SPLITS:
        raise InputError("datasets.split", given=split)
    if image_size is not None and not 1 <= image_size <= 1024:
        raise InputError("settings.integer", setting="image_size", low=1, high=1024, given=image_size)
    if channels not in (None, 1, 3):
        raise InputError("datasets.channels", given=channels)
    return DATASETS[kind](Path(path or data_dir).expanduser(), split, image_size, channels)


# ---------------------------------------------------------------------------------------------------- the rows


def mnist(directory: Path, split: str, image_size: int | None, channels: int | None) -> Dataset:
    """Handwritten digits, 60,000 + 10,000, 28x28 grey (LeCun et al. 1998)."""
    source = from_torchvision("MNIST", directory, split)
    return convert(source.data[:, None], source.targets, DIGITS, image_size, channels)


def fashion_mnist(directory: Path, split: str, image_size: int | None, channels: int | None) -> Dataset:
    """Articles of clothing, 60,000 + 10,000, 28x28 grey (Xiao et al. 2017)."""
    source = from_torchvision("FashionMNIST", directory, split)
    return convert(source.data[:, None], source.targets, source.classes, image_size, channels)


def cifar10(directory: Path, split: str, image_size: int | None, channels: int | None) -> Dataset:
    """Objects and animals, 50,000 + 10,000, 32x32 RGB (Krizhevsky 2009).

    Loaded from the image folder cifar10-train or cifar10-train.zip (and -test) where there is one, otherwise from the
    original files.
    """
    for candidate in (directory / f"cifar10-{split}", directory / f"cifar10-{split}.zip"):
        if candidate.exists():
            return folder(candidate, "train", image_size, channels)
    source = from_torchvision("CIFAR10", directory, split)
    images = torch.from_numpy(source.data).permute(0, 3, 1, 2)
    return convert(images, torch.tensor(source.targets), source.classes, image_size, channels)


def folder(directory: Path, split: str, image_size: int | None, channels: int | None) -> Dataset:
    """Images in one sub-folder a class; the sorted names of the sub-folders are the label names.

    With sub-folders train and test the classes are within those; otherwise all is the training split. Images are
    cropped at the centre to a square. Files that cannot be read are skipped and logged.
    """
    root = open_folder(directory)
    if (root / "train").is_dir() and (root / "test").is_dir():
        root = root / split
    elif split != "train":
        raise InputError("datasets.no_test_split", path=directory)
    classes = [item for item in sorted_items(root) if item.is_dir()]
    if not classes:
        raise InputError("datasets.no_class", path=directory)

    entries: list[tuple[int, Path | zipfile.Path]] = [
        (label, file)
        for label, class_folder in enumerate(classes)
        for file in sorted_items(class_folder)
        if file.is_file()
    ]
    images_read: list[np.ndarray] = []
    labels: list[int] = []
    failures: list[str] = []
    for label, file in tqdm(entries, desc="reading images", unit=" files", leave=False, disable=None, file=sys.stderr):
        try:
            image = read_image(file, image_size, "L" if channels == 1 else "RGB")
        except InputError:  # about the whole folder, though a ValueError too
            raise
        except UNREADABLE as error:
            failures.append(f"{classes[label].name}/{file.name} ({error})")
            continue
        if images_read and image.shape != images_read[0].shape:
            raise InputError("datasets.sizes_differ", path=directory, setting="image_size")
        images_read.append(image)
        labels.append(label)
    if failures:
        shown = "; ".join(failures[:5]) + ("; ..." if len(failures) > 5 else "")
        log.warning("%d of %d files skipped: %s", len(failures), len(entries), shown)
    if empty := [item.name for label, item in enumerate(classes) if label not in set(labels)]:
        raise InputError("datasets.empty_class", name=empty[0], path=directory)

    images = torch.from_numpy(np.stack(images_read)).permute(0, 3, 1, 2)
    if channels is None and bool((images == images[:, :1]).all()):  # grey images that were saved as RGB
        images = images[:, :1]
    return Dataset(images.contiguous(), torch.tensor(labels), [item.name for item in classes])


DATASETS: dict[str, Callable[[Path, str, int | None, int | None], Dataset]] = {
    "mnist": mnist,
    "fashion_mnist": fashion_mnist,
    "cifar10": cifar10,
    "folder": folder,
}


# --------------------------------------------------------------------------------------------- folders of images


def open_folder(path: Path) -> Path | zipfile.Path:
    """The folder at a path, or the root of the .zip there."""
    if path.is_dir():
        return path
    try:
        return zipfile.Path(path)
    except (OSError, zipfile.BadZipFile):
        raise InputError("datasets.no_folder", path=path) from None


def sorted_items(directory: Path | zipfile.Path) -> list[Path | zipfile.Path]:
    """The content of a folder, by name, without hidden files."""
    items: list[Path | zipfile.Path] = list(directory.iterdir())
    return sorted((item for item in items if not item.name.startswith((".", "__MACOSX"))), key=lambda item: item.name)


def convert(
    images: torch.Tensor, labels: torch.Tensor, label_names: list[str], image_size: int | None, channels: int | None
) -> Dataset:
    """Resize square images (N, C, H, H) uint8 and convert their channels; None keeps what they have."""
    if channels == 3 and images.shape[1] == 1:
        images = images.expand(-1, 3, -1, -1)
    elif channels == 1 and images.shape[1] == 3:
        luma = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)  # ITU-R 601, as Pillow's "L"
        images = torch.cat([(part * luma).sum(1, keepdim=True).round().byte() for part in images.split(4096)])
    if image_size is not None and image_size != images.shape[-1]:
        resized = (
            F.interpolate(part.float(), (image_size, image_size), mode="bicubic", antialias=True)
            for part in images.split(4096)  # in parts, as floats take four times the memory
        )
        images = torch.cat([part.round().clamp(0, 255).byte() for part in resized])
    return Dataset(images.contiguous(), labels.long(), list(label_names))


# -------------------------------------------------------------------------------------------------- torchvision


def from_torchvision(class_name: str, directory: Path, split: str):
    """A torchvision data set (with .data and .targets) from a directory, downloaded where it is missing.

    directory: the root or, within it, the data set's own folder (as in data/MNIST).
    """
    source = getattr(import_torchvision().datasets, class_name)
    root = directory.parent if directory.name == class_name else directory
    train = split == "train"
    try:
        return source(str(root), train=train, download=False)
    except RuntimeError:  # torchvision's error for missing or incomplete files
        log.info("%s is not in %s: downloading it", class_name, root.resolve())
    except (OSError, ValueError, AssertionError) as error:
        raise InputError("datasets.damaged", name=class_name, path=root.resolve(), reason=error) from error
    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT)  # torchvision would wait forever for a silent host
    try:
        return source(str(root), train=train, download=True)
    except (OSError, RuntimeError, ValueError, AssertionError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise InputError(
            "datasets.cannot_download", name=class_name, path=root.resolve(), reason=reason, setting="data_dir"
        ) from error
    finally:
        socket.setdefaulttimeout(timeout)


_declared: list[torch.library.Library] = []  # kept, as declarations end with their Library


def import_torchvision() -> ModuleType:
    """torchvision, also where its compiled operators cannot be loaded.

    The wheel on PyPI is built for CUDA; with a CPU-only torch its operators are missing, and the import fails on the
    first one that it describes. Data sets need none of them, so it is enough to declare the two names.
    """
    try:
        import torchvision
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]  # the half-imported package
        library = torch.library.Library("torchvision", "DEF")
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _declared.append(library)
        import torchvision
    return torchvision
