"""A folder of images, or a .zip of one, as a data set."""

import hashlib
import logging
from pathlib import Path

import torch

from diffusion.errors import InputError, Message
from diffusion.io.image_folder import Listing, Skipped, is_listable, list_files
from train.datasets.dataset import Dataset, Sizing, sized
from train.datasets.decoding import Decoded, common_size, decode_all
from train.datasets.layout import Layout, layout

log = logging.getLogger(__name__)

LARGEST = 1024  # pixels


def folder(directory: Path, split: str, image_size: Sizing, channels: int | None) -> Dataset:
    """The images in a folder, cropped at the centre to squares of one size: their median one, or made from it.

    Which folders are classes or splits: ``layout``. Files that cannot be read are skipped, and counted in a warning.
    Raises ``InputError``.
    """
    listing = listed(directory)
    chosen = layout(listing, split, directory)
    own = common_size(chosen.files)
    if own is None:
        why = Skipped([*listing.skipped.reasons, *((file.path, "no image of a known format") for file in chosen.files)])
        raise InputError("datasets.no_image", path=directory, reason=str(why) or "it is empty")
    size = min(sized(own, image_size), LARGEST)
    smaller = Message("datasets.smaller_images", setting="image_size")
    advice = smaller if callable(image_size) else Message("command.more_memory")  # as no other size would do
    decoded = decode_all(chosen.files, size, channels, listing.skipped, advice)
    if listing.skipped:
        count = len(listing.skipped)
        total = count + len(decoded.indices)
        log.warning("%s: %d of %d files skipped: %s", directory, count, total, listing.skipped)
    if decoded.own_sizes != {size}:
        low, high = min(decoded.own_sizes, default=0), max(decoded.own_sizes, default=0)
        are = f"are {low}" if low == high else f"differ in size, from {low} to {high}"
        log.warning("The images %s pixels (of the shorter side): they are resized to %dx%d.", are, size, size)
    labels = [chosen.labels[index] for index in decoded.indices]
    check_classes(chosen, labels, directory)
    images = torch.from_numpy(decoded.images)
    return Dataset(images, torch.tensor(labels), chosen.label_names, fingerprint(decoded, labels))


def listed(directory: Path) -> Listing:
    """Raises ``InputError`` where there is no folder and no archive, or it cannot be read."""
    try:
        if is_listable(directory):
            return list_files(directory)
    except OSError as error:
        raise InputError("datasets.closed", path=directory, reason=error.strerror) from None
    raise InputError("datasets.no_folder", path=directory)


def check_classes(chosen: Layout, labels: list[int], directory: Path) -> None:
    """Raises ``InputError`` where a class has no image."""
    there = set(labels)
    for label, name in enumerate(chosen.label_names):
        if label not in there:
            raise InputError("datasets.empty_class", name=name, path=directory)


def fingerprint(decoded: Decoded, labels: list[int]) -> str:
    """Of the files' contents, in their order, and their classes."""
    return hashlib.blake2b(f"{decoded.digest} {labels}".encode(), digest_size=16).hexdigest()


def stamp(directory: Path) -> str:
    """Of the files' names, sizes and times: where it is the same, so are the contents. Raises ``InputError``."""
    digest = hashlib.blake2b(digest_size=16)
    for file in listed(directory).files:
        digest.update(f"{file.path}\0{file.size}\0{file.stamp}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
