"""Data sets as one uint8 tensor in memory.

    dataset = load_dataset("mnist", data_dir="data", split="train")
    dataset.images   # (60000, 1, 28, 28) uint8
    dataset.labels   # (60000,) int64, indices into dataset.label_names

A new data set is one function and one row of `DATASETS`.  `folder:PATH` reads a folder (or a .zip) that holds one
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
from diffusion.io.image_reader import UNREADABLE, read_picture

log = logging.getLogger(__name__)

SPLITS = ("train", "test")
DIGITS = [str(digit) for digit in range(10)]
DOWNLOAD_TIMEOUT = 20.0  # seconds without an answer


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
    """Load one split of a data set, square and `image_size` pixels wide, with 1 (grey) or 3 (RGB) channels.

    `name` is a row of `DATASETS` or `folder:PATH`; `data_dir` is where the known sets lie or are downloaded to.
    None keeps the pictures' own size and colours.  Raises InputError, with advice, when the data cannot be had.
    """
    kind, _, path = name.partition(":")
    if kind not in DATASETS or (kind == "folder") != bool(path):
        known = ", ".join(key for key in DATASETS if key != "folder")
        raise InputError(f"There is no data set {name!r}: choose one of {known}, or folder:PATH.")
    if split not in SPLITS:
        raise InputError(f"There is no split {split!r}: choose train or test.")
    if image_size is not None and not 1 <= image_size <= 1024:
        raise InputError(f"The image size must be from 1 to 1024 pixels, not {image_size}.")
    if channels not in (None, 1, 3):
        raise InputError(f"Images have 1 channel (grey) or 3 (RGB), not {channels}.")
    return DATASETS[kind](Path(path or data_dir).expanduser(), split, image_size, channels)


# ---------------------------------------------------------------------------------------------------- the rows


def mnist(directory: Path, split: str, image_size: int | None, channels: int | None) -> Dataset:
    """Handwritten digits, 60,000 + 10,000, 28x28 grey (LeCun et al. 1998)."""
    source = from_torchvision("MNIST", directory, split)
    return conform(source.data[:, None], source.targets, DIGITS, image_size, channels)


def fashion_mnist(directory: Path, split: str, image_size: int | None, channels: int | None) -> Dataset:
    """Articles of clothing, 60,000 + 10,000, 28x28 grey (Xiao et al. 2017)."""
    source = from_torchvision("FashionMNIST", directory, split)
    return conform(source.data[:, None], source.targets, source.classes, image_size, channels)


def cifar10(directory: Path, split: str, image_size: int | None, channels: int | None) -> Dataset:
    """Objects and animals, 50,000 + 10,000, 32x32 RGB (Krizhevsky 2009).

    Read from the image folder `cifar10-train` or `cifar10-train.zip` (and -test) where one is there, and otherwise
    from the original files.
    """
    for candidate in (directory / f"cifar10-{split}", directory / f"cifar10-{split}.zip"):
        if candidate.exists():
            return folder(candidate, "train", image_size, channels)
    source = from_torchvision("CIFAR10", directory, split)
    images = torch.from_numpy(source.data).permute(0, 3, 1, 2)
    return conform(images, torch.tensor(source.targets), source.classes, image_size, channels)


def folder(directory: Path, split: str, image_size: int | None, channels: int | None) -> Dataset:
    """Pictures in one sub-folder a class, the folders' names, sorted, being the classes' names.

    Where PATH holds `train` and `test`, the classes lie in those; otherwise all of PATH is the training split.
    Pictures are cropped at the centre to a square.  Files that cannot be read are passed over and logged.
    """
    root = open_folder(directory)
    if (root / "train").is_dir() and (root / "test").is_dir():
        root = root / split
    elif split != "train":
        raise InputError(f"{directory} holds no test split: it would need the sub-folders train and test.")
    classes = [item for item in sorted_items(root) if item.is_dir()]
    if not classes:
        raise InputError(f"{directory} holds no class: put the images of each class into a sub-folder with its name.")

    entries: list[tuple[int, Path | zipfile.Path]] = [
        (label, file)
        for label, class_folder in enumerate(classes)
        for file in sorted_items(class_folder)
        if file.is_file()
    ]
    pictures: list[np.ndarray] = []
    labels: list[int] = []
    failures: list[str] = []
    for label, file in tqdm(entries, desc="reading images", unit=" files", leave=False, disable=None, file=sys.stderr):
        try:
            picture = read_picture(file, image_size, "L" if channels == 1 else "RGB")
        except InputError:  # a ValueError too, but about the whole folder
            raise
        except UNREADABLE as error:
            failures.append(f"{classes[label].name}/{file.name} ({error})")
            continue
        if pictures and picture.shape != pictures[0].shape:
            raise InputError(f"The images in {directory} differ in size: say with --image-size what to bring them to.")
        pictures.append(picture)
        labels.append(label)
    if failures:
        shown = "; ".join(failures[:5]) + ("; ..." if len(failures) > 5 else "")
        log.warning("%d of %d files passed over: %s", len(failures), len(entries), shown)
    if empty := [item.name for label, item in enumerate(classes) if label not in set(labels)]:
        raise InputError(f"The class folder {empty[0]!r} in {directory} holds no readable image.")

    images = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)
    if channels is None and bool((images == images[:, :1]).all()):  # grey pictures saved as RGB are grey pictures
        images = images[:, :1]
    return Dataset(images.contiguous(), torch.tensor(labels), [item.name for item in classes])


DATASETS: dict[str, Callable[[Path, str, int | None, int | None], Dataset]] = {
    "mnist": mnist,
    "fashion_mnist": fashion_mnist,
    "cifar10": cifar10,
    "folder": folder,
}


# ------------------------------------------------------------------------------------------- pictures in folders


def open_folder(path: Path) -> Path | zipfile.Path:
    """The folder at `path`, or the inside of the .zip there."""
    if path.is_dir():
        return path
    try:
        return zipfile.Path(path)
    except (OSError, zipfile.BadZipFile):
        raise InputError(f"There is no image folder, and no .zip of one, at {path}.") from None


def sorted_items(directory: Path | zipfile.Path) -> list[Path | zipfile.Path]:
    """What lies in a folder, by name, without what systems hide there."""
    items: list[Path | zipfile.Path] = list(directory.iterdir())
    return sorted((item for item in items if not item.name.startswith((".", "__MACOSX"))), key=lambda item: item.name)


def conform(
    images: torch.Tensor, labels: torch.Tensor, label_names: list[str], image_size: int | None, channels: int | None
) -> Dataset:
    """Bring square images (N, C, H, H) uint8 to the size and the channels asked for."""
    if channels == 3 and images.shape[1] == 1:
        images = images.expand(-1, 3, -1, -1)
    elif channels == 1 and images.shape[1] == 3:
        luma = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)  # ITU-R 601, as Pillow's "L"
        images = torch.cat([(part * luma).sum(1, keepdim=True).round().byte() for part in images.split(4096)])
    if image_size is not None and image_size != images.shape[-1]:
        resized = (
            F.interpolate(part.float(), (image_size, image_size), mode="bicubic", antialias=True)
            for part in images.split(4096)  # in parts, as floats take four times the room
        )
        images = torch.cat([part.round().clamp(0, 255).byte() for part in resized])
    return Dataset(images.contiguous(), labels.long(), list(label_names))


# -------------------------------------------------------------------------------------------------- torchvision


def from_torchvision(class_name: str, directory: Path, split: str):
    """A torchvision data set (with .data and .targets) from `directory`, downloaded where it is missing.

    `directory` may be the root or, within it, the data set's own folder (as in data/MNIST).
    """
    source = getattr(import_torchvision().datasets, class_name)
    root = directory.parent if directory.name == class_name else directory
    train = split == "train"
    try:
        return source(str(root), train=train, download=False)
    except RuntimeError:  # torchvision's word for "not there, or not whole"
        log.info("%s is not in %s: downloading it", class_name, root.resolve())
    except (OSError, ValueError, AssertionError) as error:
        raise InputError(f"The {class_name} files in {root.resolve()} are damaged ({error}): delete them.") from error
    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT)  # torchvision would wait without end for a silent host
    try:
        return source(str(root), train=train, download=True)
    except (OSError, RuntimeError, ValueError, AssertionError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise InputError(
            f"{class_name} was not found in {root.resolve()} and could not be downloaded ({reason}): connect to a "
            f"network, or name the directory that holds its files with --data-dir."
        ) from error
    finally:
        socket.setdefaulttimeout(timeout)


_declared: list[torch.library.Library] = []  # declarations end with their Library, so it is kept


def import_torchvision() -> ModuleType:
    """torchvision, also where its compiled operators do not load.

    The wheel on PyPI is built for CUDA; beside a CPU-only torch its operators stay unknown and the import fails on
    the first that it describes.  Data sets need none of them, so declaring the two names lets the import pass.
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
