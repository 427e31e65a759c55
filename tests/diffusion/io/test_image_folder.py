"""The files of folders and archives as people have them: nested, linked, closed, with leftovers, in any encoding."""

import os
import zipfile
from pathlib import Path

import pytest

from diffusion.errors import InputError
from diffusion.io.files import user_path
from diffusion.io.image_folder import is_listable, list_files
from diffusion.io.zip_names import UTF8_FLAG


def make(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(path.encode())


def paths(root: Path) -> list[str]:
    return [file.path for file in list_files(root).files]


def test_nested_files_are_found_and_leftovers_are_not(tmp_path):
    make(tmp_path, "b.png", "a/deep/er/x.png", "a/y.png")
    make(tmp_path, ".hidden", "a/.DS_Store", "Thumbs.db", "a/Desktop.ini", "@eaDir/b.png/SYNO_THUMB.jpg")
    make(tmp_path, "lost+found/1", "__MACOSX/a/._y.png", "$RECYCLE.BIN/x.png", "System Volume Information/x")
    assert paths(tmp_path) == ["a/deep/er/x.png", "a/y.png", "b.png"]
    assert not list_files(tmp_path).skipped


def test_links_are_followed_but_not_in_circles(tmp_path):
    make(tmp_path / "pool", "1.png", "sub/2.png")
    make(tmp_path / "data", "a/0.png")
    (tmp_path / "data" / "b").symlink_to(tmp_path / "pool")
    (tmp_path / "data" / "a" / "one.png").symlink_to(tmp_path / "pool" / "1.png")
    (tmp_path / "data" / "a" / "up").symlink_to(tmp_path / "data")
    (tmp_path / "data" / "a" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "data" / "a" / "self.png").symlink_to("self.png")
    listing = list_files(tmp_path / "data")
    assert [file.path for file in listing.files] == ["a/0.png", "a/one.png", "b/1.png", "b/sub/2.png"]
    assert dict(listing.skipped.reasons) == {
        "a/up": "a link to a folder that it is in",
        "a/gone.png": "a link that leads nowhere",
        "a/self.png": "a link that leads nowhere",
    }
    assert "2 a link that leads nowhere (a/" in str(listing.skipped)


def test_what_cannot_be_opened_or_would_never_end_is_counted(tmp_path, monkeypatch):
    make(tmp_path, "a/1.png", "closed/2.png")
    os.mkfifo(tmp_path / "a" / "pipe.png")
    scandir = os.scandir

    def guarded(place):  # a test may run as root, to whom nothing is closed
        if Path(place).name == "closed":
            raise PermissionError(13, "Permission denied")
        return scandir(place)

    monkeypatch.setattr(os, "scandir", guarded)
    listing = list_files(tmp_path)
    assert [file.path for file in listing.files] == ["a/1.png"]
    assert dict(listing.skipped.reasons) == {
        "closed": "a folder that cannot be opened: Permission denied",
        "a/pipe.png": "neither a file nor a folder",
    }
    with pytest.raises(PermissionError):
        list_files(tmp_path / "closed")


def archive(path: Path, *names: bytes) -> Path:
    """A .zip whose names are these bytes, without a word on their encoding."""
    with zipfile.ZipFile(path, "w") as file:
        for number, name in enumerate(names):
            file.writestr(chr(ord("a") + number) * len(name), name)
    content = path.read_bytes()
    for number, name in enumerate(names):
        content = content.replace(bytes([ord("a") + number]) * len(name), name)
    path.write_bytes(content)
    return path


NAMES = {
    "gbk": "数据\\猫\\一只猫.png",
    "utf-8": "données/café/1.png",
    "cp437": "fête/été.png",
}


@pytest.mark.parametrize("encoding", NAMES)
def test_names_in_an_archive_are_what_they_were(encoding, tmp_path):
    name = NAMES[encoding]
    encoded = [part.encode(encoding) for part in (name, name.replace(".png", "2.png"))]
    made = archive(tmp_path / "x.zip", *encoded)
    with zipfile.ZipFile(made) as file:
        assert not any(info.flag_bits & UTF8_FLAG for info in file.infolist())
    assert paths(made) == [name.replace("\\", "/").replace(".png", end) for end in (".png", "2.png")]
    assert [file.open().read() for file in list_files(made).files] == encoded


def test_rare_characters_and_trailing_backslashes_of_gbk(tmp_path):
    name = "朱镕基乗/猫.png"  # the second character is not in GB 2312; the fourth ends in a byte that is a backslash
    assert b"\\" in name.encode("gbk")
    assert paths(archive(tmp_path / "x.zip", name.encode("gbk"))) == [name]


def test_an_archive_as_other_programs_make_it(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as file:
        file.writestr("photos/", b"")
        for name in ("photos/猫/1.png", "__MACOSX/photos/猫/._1.png", "photos\\dog\\2.png", "/../../etc/3.png"):
            file.writestr(name, b"")
        with pytest.warns(UserWarning, match="Duplicate"):
            file.writestr("photos/猫/1.png", b"")
    listing = list_files(tmp_path / "x.zip")
    assert [file.path for file in listing.files] == ["etc/3.png", "photos/dog/2.png", "photos/猫/1.png"]
    assert dict(listing.skipped.reasons) == {"photos/猫/1.png": "in the archive twice"}


def test_an_image_with_an_archive_at_its_end_is_an_image(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as file:
        file.writestr("a", b"")
    (tmp_path / "x.jpg").write_bytes(b"\xff\xd8\xff" + (tmp_path / "x.zip").read_bytes())
    assert [is_listable(tmp_path / name) for name in ("x.zip", "x.jpg", "", "nowhere")] == [True, False, True, False]


@pytest.mark.parametrize(
    ("place", "damage", "reason"),
    [
        (0, b"XX", "Bad magic number for central directory"),  # of the entry in the list of files
        (6, b"\xff", "zip file version 25.5"),
        (46, b"\xff", "'utf-8' codec can't decode"),  # its name
        (None, b"", "File is not a zip file"),  # the list is missing, as where a download was broken off
    ],
)
def test_a_damaged_archive_is_called_that(place, damage, reason, tmp_path):
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("猫.png", b"x" * 100)
    content, entry = path.read_bytes(), path.read_bytes().index(b"PK\1\2")
    start = entry if place is None else entry + place
    path.write_bytes(content[:start] + damage + (b"" if place is None else content[start + len(damage) :]))
    assert is_listable(path)
    with pytest.raises(InputError, match=rf"photos\.zip is a damaged archive \(.*({reason})") as caught:
        list_files(path)
    assert "\n" not in str(caught.value)


def test_paths_as_people_write_them(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert user_path("~/x", "images") == tmp_path / "x"
    assert user_path("no/such/thing", "images") == Path("no/such/thing")
    for given, reason in (
        ("~nobody-of-that-name/x", "there is no user of that name"),
        ("a\0b", "no file can have that name"),
        ("x" * 300, "no file can have that name"),
    ):
        with pytest.raises(InputError, match=f"images cannot be .*: {reason}"):
            user_path(given, "images")
