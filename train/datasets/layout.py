"""Which class, and which split, each file of a folder belongs to: from the names of the folders that it is in.

cats/1.png  dogs/2.png              a class for each sub-folder; what is nested in it belongs to it
1.png  2.png                        no sub-folder: one class. So it is, too, where most images lie beside them
train/cats/1.png  val/cats/2.png    splits, by any of their usual names; with classes in them or not
photos/cats/1.png                   a single folder around the others is passed through
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from diffusion.config import MAX_LABEL
from diffusion.errors import InputError
from diffusion.io.image_folder import ImageFile, Listing, Skipped

KINDS = {"train": ("train(ing)?",), "test": ("test(ing)?", "val(id(ation)?)?")}  # of several folders the first
SPLIT_NAMES = {  # Train, test_set, val2017, ...
    kind: [re.compile(rf"{word}([ _-]?(set|data|images|split|\d+))?", re.IGNORECASE) for word in words]
    for kind, words in KINDS.items()
}
UNSEEN = re.compile(r"[\s\x00-\x1f\x7f-\x9f\ud800-\udfff]+")  # control characters, and bytes that are no UTF-8


@dataclass
class Layout:
    """The files of one split, each with its class."""

    files: list[ImageFile]
    labels: list[int]  # one a file
    label_names: list[str]  # all different


def layout(listing: Listing, split: str, path: Path) -> Layout:
    """The files of a split of the data set at a path, by class; what belongs to none is noted as skipped. Raises
    ``InputError``."""
    skipped, depth = listing.skipped, wrapping_folders(listing.files)
    files = within(listing.files, depth, skipped)
    above = files[0].parts[:depth] if files else ()
    if (folder := folder_of_split(files, split, depth, path)) is not None:
        for file in files:
            if file.parts[depth] != folder:
                skipped.add(file.path, f"not in {folder}/")
        files = [file for file in files if file.parts[depth] == folder]
        above, depth = (*above, folder), depth + 1
    folders = folders_at(files, depth)
    loose = sum(file.is_named_like_a_picture for file in files if len(file.parts) == depth + 1)
    if not folders or 2 * loose > sum(file.is_named_like_a_picture for file in files):
        name = next((name for name in reversed(above) if not is_split(name)), path.stem)
        return Layout(files, [0] * len(files), label_names([name]))
    for name in listing.empty:
        if tuple(name.split("/")[:-1]) == above:
            skipped.add(name, "an empty folder")
    files = within(files, depth + 1, skipped)
    if pictures := {file.parts[depth] for file in files if file.is_named_like_a_picture}:
        for file in files:
            if file.parts[depth] not in pictures:
                skipped.add(file.path, "in a folder without images")
        files = [file for file in files if file.parts[depth] in pictures]
        folders = sorted(pictures)
    index = {name: label for label, name in enumerate(folders)}
    return Layout(files, [index[file.parts[depth]] for file in files], label_names(folders))


def wrapping_folders(files: Sequence[ImageFile]) -> int:
    """How many folders lie around all images, each the only one in the folder above and with others inside."""
    depth = 0
    while (
        len(folders := folders_at(files, depth)) == 1
        and not is_split(folders[0])
        and folders_at(files, depth + 1)
        and not any(file.is_named_like_a_picture for file in files if len(file.parts) <= depth + 2)
    ):
        depth += 1
    return depth


def folder_of_split(files: Sequence[ImageFile], split: str, depth: int, path: Path) -> str | None:
    """The folder of a split; None where there are none for splits, so that all is for training. Raises
    ``InputError``."""
    folders = folders_at(files, depth)
    found = {
        kind: next((folder for name in names for folder in folders if name.fullmatch(folder)), None)
        for kind, names in SPLIT_NAMES.items()
    }
    if None in found.values() and not (folders and all(map(is_split, folders))):  # cars/, buses/ and train/ are classes
        found = {"train": None, "test": None}
        if split == "train":
            return None
    if found[split] is None:
        raise InputError("datasets.no_test_split" if split == "test" else "datasets.no_train_split", path=path)
    return found[split]


def folders_at(files: Iterable[ImageFile], depth: int) -> list[str]:
    """The names of the folders at a depth, sorted."""
    return sorted({file.parts[depth] for file in files if len(file.parts) > depth + 1})


def within(files: Sequence[ImageFile], depth: int, skipped: Skipped) -> list[ImageFile]:
    """The files that are at least so deep; the others are noted as skipped."""
    for file in files:
        if len(file.parts) <= depth:
            skipped.add(file.path, "beside the folders")
    return [file for file in files if len(file.parts) > depth]


def is_split(folder: str) -> bool:
    return any(name.fullmatch(folder) for names in SPLIT_NAMES.values() for name in names)


def label_names(folders: Sequence[str]) -> list[str]:
    """Names for people: composed as they are typed, without what cannot be seen, of bounded length, all different."""
    names: dict[str, None] = {}
    for folder in folders:
        name = UNSEEN.sub(" ", unicodedata.normalize("NFC", folder)).strip() or "_"
        short = name if len(name) <= MAX_LABEL else name[: MAX_LABEL - 1] + "…"
        number = 1
        while short in names:
            number += 1
            end = f" ({number})"
            short = name[: MAX_LABEL - len(end)] + end
        names[short] = None
    return list(names)
