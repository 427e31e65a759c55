"""Classes and splits, from the folders that people have."""

import unicodedata
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from diffusion.config import MAX_LABEL
from diffusion.errors import InputError
from train.datasets import load_dataset
from train.datasets.layout import label_names

SPECKLED = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8) * 4)


def folder(root: Path, *paths: str) -> str:
    """Make a folder of small images (and texts, where the name says so); the name of its data set."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        if path.endswith((".txt", ".csv", ".xml", ".db")):
            (root / path).write_text("words")
        else:
            SPECKLED.save(root / path)
    return f"folder:{root}"


def counts(name: str, split: str = "train") -> dict[str, int]:
    """How many images there are of each class."""
    data = load_dataset(name, split=split)
    return {label: int((data.labels == index).sum()) for index, label in enumerate(data.label_names)}


LAYOUTS = [
    (["cat/1.png", "dog/1.png", "dog/2.png"], {"cat": 1, "dog": 2}, None),
    (["1.png", "2.png", "notes.txt"], {"pets": 2}, None),  # flat
    (["cat/1.png", "cat/2020/2.png", "cat/2020/05/3.png", "dog/1.png"], {"cat": 3, "dog": 1}, None),  # nested
    (["train/1.png", "train/2.png", "val/3.png"], {"pets": 2}, {"pets": 1}),  # splits without classes
    (["Train/cat/1.png", "Test/cat/2.png", "Test/dog/3.png"], {"cat": 1}, {"cat": 1, "dog": 1}),
    (["training/a/1.png", "validation/a/2.png", "README.txt"], {"a": 1}, {"a": 1}),
    (["train/a/1.png", "val/a/2.png", "test/a/3.png", "test/a/4.png"], {"a": 1}, {"a": 2}),
    (["train2017/1.png", "val2017/2.png", "val2017/3.png"], {"pets": 1}, {"pets": 2}),
    (["Training_Set/a/1.png", "Test Images/a/2.png"], {"a": 1}, {"a": 1}),
    (["trains/1.png", "tests/2.png"], {"tests": 1, "trains": 1}, None),
    (["train/a/1.png", "train/b/2.png"], {"a": 1, "b": 1}, None),
    (["car/1.png", "bus/2.png", "train/3.png"], {"bus": 1, "car": 1, "train": 1}, None),  # things that drive
    (["photos/cat/1.png", "photos/dog/1.png", "photos/labels.csv", "README.txt"], {"cat": 1, "dog": 1}, None),
    (["set/pets/Train/cat/1.png", "set/pets/Test/cat/2.png"], {"cat": 1}, {"cat": 1}),
    (["cat/1.png"], {"cat": 1}, None),  # a single class
    (["cat/1.png", "dog/1.png", "annotations/1.xml"], {"cat": 1, "dog": 1}, None),
    (["1.png", "2.png", "3.png", "more/4.png"], {"pets": 4}, None),  # most lie beside
    (["1.png", "cat/2.png", "dog/3.png"], {"cat": 1, "dog": 1}, None),
    (["cat/1.png", "lost+found/x.png", "@eaDir/1.png", "__MACOSX/a.png", "Thumbs.db", ".git/x.png"], {"cat": 1}, None),
    (["all/1.png", "猫/2.png", "кот/3.png"], {"all": 1, "кот": 1, "猫": 1}, None),
]


@pytest.mark.parametrize("zipped", [False, True], ids=["folder", "zip"])
@pytest.mark.parametrize(("paths", "train", "test"), LAYOUTS, ids=[" ".join(paths)[:40] for paths, *_ in LAYOUTS])
def test_layouts(paths, train, test, zipped, tmp_path):
    name = folder(tmp_path / "pets", *paths)
    if zipped:
        with zipfile.ZipFile(tmp_path / "pets.zip", "w") as archive:
            for path in paths:
                archive.write(tmp_path / "pets" / path, path)
        name = f"folder:{tmp_path / 'pets.zip'}"
    assert counts(name) == train
    if test is None:
        with pytest.raises(InputError, match="no test split"):
            counts(name, "test")
    else:
        assert counts(name, "test") == test


def test_what_belongs_to_no_class_is_counted(tmp_path, caplog):
    name = folder(tmp_path, "0.png", "cat/1.png", "cat/note.txt", "dog/1.png", "more/1.xml", "train.txt")
    (tmp_path / "bird").mkdir()
    assert counts(name) == {"cat": 1, "dog": 1}
    assert "5 of 7 files skipped: 2 beside the folders (0.png, train.txt); " in caplog.text
    for reason in (
        "1 an empty folder (bird)",
        "1 in a folder without images (more/1.xml)",
        "1 no image of a known format (cat/note.txt)",
    ):
        assert reason in caplog.text


def test_what_is_of_another_split_is_counted(tmp_path, caplog):
    name = folder(tmp_path, "train/cat/1.png", "train/dog/1.png", "val/cat/2.png", "val/dog/3.png")
    assert counts(name) == {"cat": 1, "dog": 1}
    assert "2 of 4 files skipped: 2 not in train/ (val/cat/2.png, val/dog/3.png)" in caplog.text


def test_the_place_of_images_without_its_prefix(tmp_path):
    path = folder(tmp_path, "cat/1.png").removeprefix("folder:")
    with pytest.raises(InputError, match=f"for the images in that place, give folder:{path}"):
        load_dataset(path)


def test_only_a_folder_for_testing(tmp_path):
    with pytest.raises(InputError, match="there are folders for testing only"):
        load_dataset(folder(tmp_path, "test/a/1.png", "val/a/1.png"))


def test_images_of_several_sizes_are_brought_to_their_median(tmp_path, caplog):
    name = folder(tmp_path, "1.png", "2.png", "3.png")
    Image.fromarray(np.asarray(SPECKLED).repeat(40, 0).repeat(50, 1)).save(tmp_path / "4.png")
    Image.new("L", (3, 9)).save(tmp_path / "5.png")
    assert load_dataset(name).images.shape == (5, 1, 8, 8)
    assert (
        "The images differ in size, from 3 to 320 pixels (of the shorter side): they are resized to 8x8." in caplog.text
    )
    caplog.clear()
    assert load_dataset(name, image_size=lambda own: 2 * own).images.shape == (5, 1, 16, 16)
    for path in ("1.png", "2.png", "3.png", "5.png"):
        (tmp_path / path).unlink()
    assert load_dataset(name).images.shape == (1, 1, 320, 320)  # above 256 pixels as below
    assert "resized" not in caplog.text.partition("16x16.")[2]


def test_images_of_one_colour_are_noticed(tmp_path, caplog):
    for number in range(3):
        Image.new("RGB", (8, 8), (number, 5, 5)).save(tmp_path / f"{number}.png")
    load_dataset(f"folder:{tmp_path}")
    assert "3 of 3 images are of one colour all over" in caplog.text
    caplog.clear()
    load_dataset(folder(tmp_path, "4.png", "5.png", "6.png"))
    assert "one colour" not in caplog.text


def test_the_first_colours_may_come_late(tmp_path):
    names = [f"{number:02}.png" for number in range(9)]
    name = folder(tmp_path, *names)
    Image.new("RGB", (8, 8), (255, 0, 0)).save(tmp_path / "08.png")
    images = load_dataset(name).images
    assert images.shape == (9, 3, 8, 8)
    assert torch.equal(images[0], images[7])
    assert torch.equal(images[3, 0], torch.from_numpy(np.array(SPECKLED)))
    assert images[8, :, 0, 0].tolist() == [255, 0, 0]


def test_names_of_classes_are_fit_for_people():
    decomposed = unicodedata.normalize("NFD", "café")
    given = [decomposed, "a\nb", "a b", "bytes \udcff", " ", "x" * 300, "x" * 300 + "y"]
    names = label_names(given)
    assert names[:5] == ["café", "a b", "a b (2)", "bytes", "_"]
    assert names[5] == "x" * (MAX_LABEL - 1) + "…"
    assert names[6] == "x" * (MAX_LABEL - 4) + " (2)"
    assert len(set(names)) == len(given)
    "".join(names).encode()
