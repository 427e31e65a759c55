"""Data sets: folders of images as people have them, the MNIST files, and the errors where they are missing."""

import gzip
import logging
import os
import struct
import subprocess
import sys
import tracemalloc
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import torch
from PIL import Image

from diffusion.errors import InputError
from diffusion.io import image_reader
from train.datasets import DIGITS, convert, decoding, import_torchvision, load_dataset

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def image_folder(tmp_path):
    """Two classes of two 8x8 RGB images each: cats are red, dogs are blue."""
    root = tmp_path / "images"
    for name, colour in [("dog", (0, 0, 255)), ("cat", (255, 0, 0))]:
        (root / name).mkdir(parents=True)
        for i in range(2):
            Image.new("RGB", (8, 8), colour).save(root / name / f"{i}.png")
    return root


def write_mnist(root: Path, count: int = 20) -> np.ndarray:
    """A tiny MNIST in the original file format: image i is filled with the value i, and shows the digit i % 10."""
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True)
    images = np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None], (count, 28, 28))
    for part in ("train", "t10k"):
        (raw / f"{part}-images-idx3-ubyte").write_bytes(struct.pack(">4i", 2051, count, 28, 28) + images.tobytes())
        labels = bytes(i % 10 for i in range(count))
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">2i", 2049, count) + labels)
    return images


def test_a_folder_gives_label_names_labels_and_pixels(image_folder):
    dataset = load_dataset(f"folder:{image_folder}")
    assert dataset.label_names == ["cat", "dog"]  # sorted
    assert dataset.labels.tolist() == [0, 0, 1, 1]
    assert dataset.labels.dtype == torch.int64
    assert dataset.images.shape == (4, 3, 8, 8)
    assert dataset.images.dtype == torch.uint8
    assert dataset.images[0, :, 0, 0].tolist() == [255, 0, 0]
    assert dataset.images[3, :, 7, 7].tolist() == [0, 0, 255]


def test_images_of_a_folder_are_cropped_resized_and_made_grey(image_folder):
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, 7:23] = 255  # the central square is white, what is beside it black
    Image.fromarray(wide).save(image_folder / "cat" / "0.png")
    dataset = load_dataset(f"folder:{image_folder}", image_size=5, channels=1)
    assert dataset.images.shape == (4, 1, 5, 5)
    assert (dataset.images[0] == 255).all()
    assert (dataset.images[1] == 76).all()  # 0.299 * 255, red's luma


def test_a_folder_of_grey_images_saved_as_rgb_has_one_channel(tmp_path):
    (tmp_path / "a").mkdir()
    Image.new("RGB", (4, 4), (9, 9, 9)).save(tmp_path / "a" / "x.png")
    assert load_dataset(f"folder:{tmp_path}").images.shape == (1, 1, 4, 4)
    assert load_dataset(f"folder:{tmp_path}", channels=3).images.shape == (1, 3, 4, 4)


def test_sixteen_bit_transparent_and_rotated_images(tmp_path):
    (tmp_path / "a").mkdir()
    Image.fromarray(np.full((4, 4), 100 * 257, np.uint16)).save(tmp_path / "a" / "0.png")
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(tmp_path / "a" / "1.png")
    top_white = np.zeros((4, 4), np.uint8)
    top_white[:2] = 255
    turned = Image.fromarray(top_white)
    exif = turned.getexif()
    exif[274] = 3  # "turn me by 180 degrees"
    turned.save(tmp_path / "a" / "2.png", exif=exif)
    sixteen, clear, upright = load_dataset(f"folder:{tmp_path}", channels=1).images[:, 0]
    assert (sixteen == 100).all()
    assert (clear == 255).all()
    assert (upright[:2] == 0).all()
    assert (upright[2:] == 255).all()


def test_unreadable_files_are_counted_and_skipped(image_folder, caplog, monkeypatch):
    (image_folder / "cat" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n not really")
    whole = (image_folder / "dog" / "0.png").read_bytes()
    (image_folder / "dog" / "cut.png").write_bytes(whole[: len(whole) - 30])
    (image_folder / "dog" / "notes.txt").write_text("no image")
    (image_folder / "dog" / ".DS_Store").write_bytes(b"hidden, so not even counted")
    Image.new("L", (100, 100)).save(image_folder / "cat" / "bomb.png")
    monkeypatch.setattr(image_reader, "MAX_PIXELS", 9_999)
    with caplog.at_level(logging.WARNING):
        dataset = load_dataset(f"folder:{image_folder}")
    assert dataset.labels.tolist() == [0, 0, 1, 1]
    assert "4 of 8 files skipped" in caplog.text
    assert "cat/broken.png" in caplog.text
    assert "1 100x100 pixels, more than 9,999 (cat/bomb.png)" in caplog.text


def test_what_pillow_takes_for_a_bomb_is_skipped_too(image_folder, caplog, monkeypatch):
    Image.new("L", (100, 100)).save(image_folder / "cat" / "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1_000)
    with caplog.at_level(logging.WARNING):
        assert len(load_dataset(f"folder:{image_folder}").images) == 4
    assert "1 of 5 files skipped" in caplog.text


def test_the_content_of_files_that_cannot_be_read_is_forgotten(image_folder, monkeypatch):
    held = []

    def noting(file):
        held.append(tracemalloc.get_traced_memory()[0])
        return image_reader.read_bytes(file)

    monkeypatch.setattr(decoding, "available_cores", lambda: 1)
    monkeypatch.setattr(decoding, "read_bytes", noting)
    for i in range(10):
        (image_folder / "cat" / f"empty {i}.png").write_bytes(bytes(4_000_000))
    tracemalloc.start()
    try:
        assert len(load_dataset(f"folder:{image_folder}").images) == 4
    finally:
        tracemalloc.stop()
    assert max(held) < 8_000_000


def test_a_zip_is_read_like_the_folder(image_folder, tmp_path):
    archive = tmp_path / "images.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in image_folder.glob("*/*.png"):
            file.write(path, path.relative_to(image_folder))
    a, b = load_dataset(f"folder:{image_folder}"), load_dataset(f"folder:{archive}")
    assert a.label_names == b.label_names
    assert torch.equal(a.images, b.images)
    assert torch.equal(a.labels, b.labels)


def test_a_folder_with_splits(image_folder, tmp_path):
    split = tmp_path / "split"
    for part in ("train", "test"):
        (split / part).mkdir(parents=True)
    (image_folder / "cat").rename(split / "train" / "cat")
    (image_folder / "dog").rename(split / "test" / "dog")
    assert load_dataset(f"folder:{split}", split="train").label_names == ["cat"]
    assert load_dataset(f"folder:{split}", split="test").label_names == ["dog"]


def test_cifar10_is_read_from_image_folders(image_folder, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "cifar10-test").symlink_to(image_folder)
    dataset = load_dataset("cifar10", tmp_path / "data", "test")
    assert dataset.label_names[:2] == ["cat", "dog"]
    assert dataset.images.shape[1:] == (3, 8, 8)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "cifar11"}, "cifar11"),
        ({"name": "folder"}, "folder:PATH"),
        ({"name": "mnist:x"}, "mnist:x"),
        ({"name": ""}, "no data set '': choose one of mnist"),
        ({"name": "~nobody-of-that-name/pics"}, "there is no user of that name"),
        ({"name": "a\0b"}, "no file can have that name"),
        ({"name": "folder:/no/such/place"}, "/no/such/place"),
        ({"split": "validation"}, "validation"),
        ({"image_size": 0}, "not 0"),
        ({"image_size": 10**6}, "1000000"),
        ({"channels": 2}, "not 2"),
    ],
)
def test_bad_values_are_named(arguments, message):
    with pytest.raises(InputError, match=message):
        load_dataset(**arguments)


def test_folders_that_are_no_data_set(image_folder, tmp_path):
    (image_folder / "cat.zip").write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(InputError, match=r"cat\.zip is a damaged archive \("):
        load_dataset(f"folder:{image_folder / 'cat.zip'}")
    with pytest.raises(InputError, match="no test split"):
        load_dataset(f"folder:{image_folder}", split="test")
    (image_folder / "bird").mkdir()
    (image_folder / "bird" / "1.png").write_bytes(b"no image")
    with pytest.raises(InputError, match="class folder 'bird'"):
        load_dataset(f"folder:{image_folder}", image_size=8)
    with pytest.raises(InputError, match=r"no image that can be read: 1 no image of a known format \(1\.png\)"):
        load_dataset(f"folder:{image_folder / 'bird'}")
    (tmp_path / "nothing").mkdir()
    with pytest.raises(InputError, match="no image that can be read: it is empty"):
        load_dataset(f"folder:{tmp_path / 'nothing'}")


def test_converting_changes_size_and_channels():
    images = torch.randint(0, 256, (5, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(5)
    assert torch.equal(convert(images, labels, DIGITS, None, None).images, images)
    tripled = convert(images, labels, DIGITS, None, 3).images
    assert torch.equal(tripled, images.repeat(1, 3, 1, 1))
    assert torch.equal(convert(tripled, labels, DIGITS, None, 1).images, images)  # luma weights sum to 1
    flat = torch.full((2, 1, 28, 28), 200, dtype=torch.uint8)
    assert (convert(flat, labels[:2], DIGITS, 32, None).images == 200).all()


@pytest.mark.parametrize("below", ["", "MNIST"])
def test_mnist_is_found_in_both_layouts(tmp_path, below):
    images = write_mnist(tmp_path)
    for split in ("train", "test"):
        dataset = load_dataset("mnist", tmp_path / below, split)
        assert torch.equal(dataset.images[:, 0], torch.from_numpy(images.copy()))
        assert dataset.labels.tolist() == [i % 10 for i in range(20)]
        assert dataset.label_names == DIGITS


def test_missing_mnist_without_a_network_is_an_error_with_advice(tmp_path, monkeypatch):
    monkeypatch.setattr("urllib.request.urlopen", offline)
    with pytest.raises(InputError) as caught:
        load_dataset("mnist", tmp_path / "nothing")
    sentence = str(caught.value)
    assert str(tmp_path / "nothing") in sentence
    assert "data_dir" in sentence
    assert "\n" not in sentence


def test_damaged_mnist_is_an_error(tmp_path):
    write_mnist(tmp_path)
    path = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match="damaged"):
        load_dataset("mnist", tmp_path)


@pytest.mark.parametrize(("kind", "reason"), [(10, "type 10"), (9, "dtype torch.uint8"), (0, "another format")])
def test_mnist_files_of_an_unknown_type_are_damaged(kind, reason, tmp_path):
    write_mnist(tmp_path)
    path = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte"
    content = path.read_bytes()
    path.write_bytes(content[:2] + bytes([kind]) + content[3:])
    with pytest.raises(InputError, match=rf"MNIST files in .* are damaged \(.*{reason}"):
        load_dataset("mnist", tmp_path)


@pytest.mark.parametrize("closed", ["MNIST/raw/train-images-idx3-ubyte", "new"])
def test_what_may_not_be_opened_is_not_called_damaged(closed, tmp_path, monkeypatch):
    write_mnist(tmp_path)
    (tmp_path / "new").mkdir()

    def guarded(real):  # a test may run as root, to whom nothing is closed
        def refuse(place, *more, **options):
            if str(place).startswith(str(tmp_path / closed)):
                raise PermissionError(13, "Permission denied", str(place))
            return real(place, *more, **options)

        return refuse

    monkeypatch.setattr("builtins.open", guarded(open))
    monkeypatch.setattr(os, "makedirs", guarded(os.makedirs))
    with pytest.raises(InputError, match=rf"{closed}.* cannot be opened: Permission denied"):
        load_dataset("mnist", tmp_path / "new" if closed == "new" else tmp_path)


@pytest.mark.parametrize("closed", [".", "MNIST", "MNIST/raw"])
def test_folders_that_may_not_be_looked_into_are_named_and_nothing_is_downloaded(closed, tmp_path, monkeypatch):
    """What is in them seems not to be there."""
    write_mnist(tmp_path)
    folder, is_file = tmp_path / closed, os.path.isfile
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != folder)
    monkeypatch.setattr(os.path, "isfile", lambda path: folder not in Path(path).parents and is_file(path))
    with pytest.raises(InputError, match=rf"{folder} cannot be opened: Permission denied"):
        load_dataset("mnist", tmp_path)


def test_mnist_is_downloaded_where_it_is_missing(tmp_path, monkeypatch):
    """From a server on this machine with a small made-up MNIST, without the real files' checksums."""
    write_mnist(tmp_path / "mirror")
    mirror = tmp_path / "mirror" / "MNIST" / "raw"
    for path in list(mirror.iterdir()):
        (mirror / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
    mnist = import_torchvision().datasets.MNIST
    monkeypatch.setattr(mnist, "resources", [(name, None) for name, _ in mnist.resources])
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(mirror))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(mnist, "mirrors", [f"http://127.0.0.1:{server.server_port}/"])
        assert len(load_dataset("mnist", tmp_path / "new").images) == 20
        server.shutdown()
    assert len(load_dataset("mnist", tmp_path / "new", "test").images) == 20  # from the disk: the server is gone


def test_torchvision_is_not_imported_until_it_is_needed():
    program = [sys.executable, "-m", "tests.train.import_datasets"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    assert subprocess.run(program, cwd=ROOT, env=environment, timeout=120).returncode == 0


def offline(*_arguments, **_options):
    raise OSError("Network is unreachable")
