"""The files below a folder, or in a .zip of one: nested ones and those behind links too, and a count of what was not
readable and why.

What programs leave in folders (hidden files, previews, recycle bins) is passed over. One rule for every door.
"""

import os
import stat
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from diffusion.errors import InputError
from diffusion.io.zip_names import member_names

LEFTOVERS = {  # of operating systems, network drives and previews, in lower case
    *("__macosx", "lost+found", "@eadir", "#recycle", "$recycle.bin", "system volume information"),
    *("thumbs.db", "desktop.ini", "icon\r"),
}
PICTURES = {  # endings of names, for where it matters which of several folders holds the images
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".jp2", ".j2k"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".pfm", ".ico", ".qoi", ".tga"),
}
ZIP = b"PK"  # how an archive begins, also one that is damaged
SHOWN = 3  # examples of each reason


@dataclass(frozen=True, slots=True)
class ImageFile:
    """A file in a folder or an archive: maybe an image. ``path`` is relative to the folder, with slashes."""

    path: str
    place: str | zipfile.ZipInfo
    size: int  # in bytes
    stamp: int  # changes with its content: its time of modification, or its checksum in an archive
    archive: zipfile.ZipFile | None = None

    @classmethod
    def at(cls, path: Path) -> "ImageFile":
        """Raises ``OSError``."""
        status = path.stat()
        return cls(path.name, os.fspath(path), status.st_size, status.st_mtime_ns)

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of the folders and of the file."""
        return tuple(self.path.split("/"))

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def is_named_like_a_picture(self) -> bool:
        return os.path.splitext(self.name)[1].lower() in PICTURES

    def open(self) -> IO[bytes]:
        """For reading. Raises whatever the disk or a damaged archive makes of it."""
        if isinstance(self.place, str):
            return open(self.place, "rb")
        assert self.archive is not None
        return self.archive.open(self.place)


@dataclass
class Skipped:
    """What could not be read, and why."""

    reasons: list[tuple[str, str]] = field(default_factory=list)  # a path, and a reason in a few words

    def add(self, path: str, reason: str) -> None:
        self.reasons.append((path, reason))

    def __len__(self) -> int:
        return len(self.reasons)

    def __str__(self) -> str:
        """How many for each reason, with examples: "2 no image of a known format (a.txt, b.txt)"."""
        grouped = defaultdict(list)
        for path, reason in self.reasons:
            grouped[reason].append(path)
        return "; ".join(
            f"{len(paths)} {reason} ({', '.join(paths[:SHOWN])}{', ...' if len(paths) > SHOWN else ''})"
            for reason, paths in sorted(grouped.items(), key=lambda item: -len(item[1]))
        )


@dataclass
class Listing:
    """The files below a folder, in the order of their paths."""

    files: list[ImageFile]
    skipped: Skipped = field(default_factory=Skipped)
    empty: list[str] = field(default_factory=list)  # paths of folders in which there is nothing


def is_listable(root: Path) -> bool:
    """Whether ``list_files`` takes it: a folder, or a .zip."""
    if root.is_dir():
        return True
    try:
        with open(root, "rb") as file:
            return file.read(len(ZIP)) == ZIP  # some images have an archive at their end
    except OSError:
        return False


def list_files(root: Path, except_below: Path | None = None) -> Listing:
    """Raises ``OSError`` where the folder itself cannot be read, ``InputError`` for a damaged archive.

    except_below: a folder whose content does not count.
    """
    listing = Listing([])
    if root.is_dir():
        next(os.scandir(root), None)  # or an error about the folder itself
        listing.files.extend(files_below(root, listing, except_below))
    else:
        listing.files.extend(files_in_zip(root, listing.skipped))
    listing.files.sort(key=lambda file: file.parts)
    return listing


def files_below(root: Path, listing: Listing, except_below: Path | None) -> Iterator[ImageFile]:
    """Links are followed, but for those to a folder that they lie in."""
    skipped = listing.skipped
    excluded = None if except_below is None else os.path.realpath(except_below)
    stack: list[tuple[str, str, tuple[str, ...]]] = [("", os.fspath(root), ())]
    while stack:
        relative, place, above = stack.pop()
        real = os.path.realpath(place)
        if real == excluded:
            continue
        if real in above:
            skipped.add(relative, "a link to a folder that it is in")
            continue
        try:
            entries = list(os.scandir(place))
        except OSError as error:
            skipped.add(relative, f"a folder that cannot be opened: {error.strerror}")
            continue
        entries = [entry for entry in entries if not is_leftover(entry.name)]
        if not entries:
            listing.empty.append(relative)
        for entry in entries:
            path = f"{relative}/{entry.name}" if relative else entry.name
            try:
                status = entry.stat()
            except OSError as error:
                broken = entry.is_symlink()
                skipped.add(path, "a link that leads nowhere" if broken else error.strerror or "no file")
                continue
            if stat.S_ISDIR(status.st_mode):
                stack.append((path, entry.path, (*above, real)))
            elif stat.S_ISREG(status.st_mode):
                yield ImageFile(path, entry.path, status.st_size, status.st_mtime_ns)
            else:
                skipped.add(path, "neither a file nor a folder")


def files_in_zip(path: Path, skipped: Skipped) -> Iterator[ImageFile]:
    archive = opened(path)
    members = [info for info in archive.infolist() if not info.is_dir()]
    seen = set()
    for info, name in zip(members, member_names(members), strict=True):
        parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
        if not parts or any(is_leftover(part) for part in parts):
            continue
        if (inside := "/".join(parts)) in seen:
            skipped.add(inside, "in the archive twice")
            continue
        seen.add(inside)
        yield ImageFile(inside, info, info.file_size, info.CRC, archive)


def opened(path: Path) -> zipfile.ZipFile:
    """Raises ``InputError`` where the list of the archive's files is damaged, or of a kind that Python cannot read."""
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise InputError("images.damaged_archive", path=path, reason=str(error).rstrip(".")) from None


def is_leftover(name: str) -> bool:
    return name.startswith(".") or name.lower() in LEFTOVERS
