"""The data sets that torchvision knows, from their original files, which it downloads where they are missing."""

import errno
import logging
import os
import socket
import sys
from pathlib import Path
from types import ModuleType

import torch

from diffusion.errors import InputError

log = logging.getLogger(__name__)

DAMAGE = (ValueError, AssertionError, KeyError, TypeError)  # what torchvision raises on damaged files
DOWNLOAD_TIMEOUT = 20.0  # seconds without a response


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
        check_searchable(root, root / class_name, root / class_name / "raw")
        log.info("%s is not in %s: downloading it", class_name, root.absolute())
    except (OSError, *DAMAGE) as error:
        check_open(error)
        raise InputError("datasets.damaged", name=class_name, path=root.absolute(), reason=words(error)) from error
    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT)  # torchvision would wait forever for a silent host
    try:
        return source(str(root), train=train, download=True)
    except (OSError, RuntimeError, *DAMAGE) as error:
        check_open(error)
        values = {"path": root.absolute(), "reason": words(error), "setting": "data_dir"}
        raise InputError("datasets.cannot_download", name=class_name, **values) from error
    finally:
        socket.setdefaulttimeout(timeout)


def check_searchable(*folders: Path) -> None:
    """Raises ``InputError`` for a folder that may not be looked into: its files only seem to be missing."""
    for folder in folders:
        if os.path.isdir(folder) and not os.access(folder, os.R_OK | os.X_OK):
            raise InputError("datasets.closed", path=folder.absolute(), reason=os.strerror(errno.EACCES))


def check_open(error: Exception) -> None:
    """Raises ``InputError`` where an error is of a file or folder here that is there, but may not be opened."""
    if isinstance(error, PermissionError) and error.filename:
        raise InputError("datasets.closed", path=error.filename, reason=error.strerror) from None


def words(error: Exception) -> str:
    """An error of torchvision in one line."""
    if isinstance(error, KeyError):  # of its table of types
        return f"type {error} is unknown"
    return " ".join(str(error).split()).rstrip(".") or "they are of another format"


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
