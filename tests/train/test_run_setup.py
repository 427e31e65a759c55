"""What a run is made of: its images, kept and recognised; its model, described by what it learns."""

import os
import shutil
import time

import numpy as np
import pytest
import torch
from PIL import Image

from diffusion.errors import InputError
from diffusion.networks import UNetEncoderConfig
from tests.train.tiny_run import TINY
from train import run_setup
from train.config import RunConfig, preset_network
from train.datasets import decoding, kept
from train.presets import PRESETS
from train.run import main
from train.run_setup import new_run, new_training_config, resumed_config, resumed_dataset


@pytest.fixture
def pets(tmp_path, monkeypatch):
    """A folder of four images of cats and dogs, a folder for the run, and the tiny preset."""
    monkeypatch.setitem(PRESETS, "tiny", TINY)
    monkeypatch.chdir(tmp_path)
    noise = np.random.default_rng(0)
    for name in ("cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png"):
        (tmp_path / "pets" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise.integers(0, 256, (8, 8, 3), np.uint8)).save(tmp_path / "pets" / name)
    (tmp_path / "run").mkdir()
    return tmp_path / "pets", tmp_path / "run"


def started(pets, **options):
    training = new_training_config({"preset": "tiny", "dataset": "folder:pets", **options})
    config, data = new_run(training, pets[1])
    (pets[1] / "config.json").write_text(config.model_dump_json())
    return config, data


def test_resuming_decodes_nothing_again(pets, monkeypatch):
    _, data = started(pets)
    monkeypatch.setattr(decoding, "decode", lambda *_: pytest.fail("a file was decoded"))
    monkeypatch.chdir("/")  # from anywhere
    resumed = resumed_dataset(resumed_config(pets[1], {}), pets[1])
    assert torch.equal(resumed.images, data.images)
    assert torch.equal(resumed.labels, data.labels)
    assert (resumed.label_names, resumed.fingerprint) == (data.label_names, data.fingerprint)


@pytest.mark.parametrize("damage", [b"damaged", b"", b"PK\x03\x04", b"PK\x05\x06" + bytes(18)], ids=str)
def test_a_copy_that_is_damaged_or_of_another_time_is_not_used(pets, damage):
    config, data = started(pets)
    (pets[1] / kept.KEPT / kept.PIXELS).write_bytes(damage)
    assert torch.equal(resumed_dataset(config, pets[1]).images, data.images)
    shutil.copytree(pets[0], "copy")
    shutil.rmtree(pets[0])
    os.rename("copy", pets[0])  # the same files, at another time
    for file in pets[0].rglob("*.png"):
        os.utime(file, (1, 1))
    assert torch.equal(resumed_dataset(config, pets[1]).images, data.images)


@pytest.mark.parametrize("change", ["another picture", "one more", "one fewer", "another class"])
def test_images_that_have_changed_are_noticed(change, pets):
    config, _ = started(pets)
    folder = pets[0]
    if change == "another picture":
        before = (folder / "cat" / "1.png").stat()
        Image.new("RGB", (8, 8), "red").save(folder / "cat" / "1.png")
        os.utime(folder / "cat" / "1.png", ns=(before.st_atime_ns, before.st_mtime_ns))
    elif change == "one more":
        Image.new("RGB", (8, 8), "red").save(folder / "cat" / "3.png")
    elif change == "one fewer":
        (folder / "cat" / "1.png").unlink()
    else:
        (folder / "cat" / "1.png").rename(folder / "dog" / "0.png")
    copy = (pets[1] / kept.KEPT / kept.PIXELS).read_bytes()
    with pytest.raises(InputError, match=r"are no longer those .* init_from .*run/model, with another output_dir"):
        resumed_dataset(config, pets[1])
    assert (pets[1] / kept.KEPT / kept.PIXELS).read_bytes() == copy  # for when they are put back


def test_a_full_disk_keeps_no_copy_and_loses_no_run(pets, monkeypatch, caplog):
    def full(file, array):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kept.np, "save", full)
    assert len(started(pets)[1].images) == 4
    assert "not kept for --resume (No space left on device)" in caplog.text
    assert not (pets[1] / kept.KEPT).exists()


def test_a_run_of_an_earlier_version_has_no_fingerprint(pets):
    config, data = started(pets)
    old = RunConfig.model_validate(config.model_dump(exclude={"fingerprint"}))
    Image.new("RGB", (8, 8), "red").save(pets[0] / "cat" / "1.png")
    assert len(resumed_dataset(old, pets[1]).images) == len(data.images)


def test_a_model_says_what_it_was_trained_on(pets):
    config, _ = started(pets)
    assert config.model.dataset == "folder:pets"
    assert config.model.description == "Trained on folder:pets: colour images of 8x8 pixels, 2 labels."
    assert config.training.dataset == f"folder:{pets[0]}"
    for row in PRESETS.values():  # which may be trained on anything
        words = row["model"].get("description", "").lower()
        assert not [word for word in ("default", "digit", "cifar", "mnist") if word in words]


def test_a_flat_folder_has_one_class_or_none(pets):
    for file in list(pets[0].rglob("*.png")):
        file.rename(pets[0] / f"{file.parent.name}{file.name}")
    for name in ("cat", "dog"):
        (pets[0] / name).rmdir()
    assert started(pets)[0].model.label_names == ("pets",)
    assert started(pets, conditional=False)[0].model.label_names == ()


@pytest.mark.parametrize("preset", [*PRESETS])
def test_every_preset_but_the_classifier_learns_without_labels(preset, pets):
    settings = {"preset": preset, "dataset": "folder:pets", "conditional": False, "image_size": 32}
    settings |= {"teacher": "dit"} if preset == "turbo" else {}
    if isinstance(preset_network(preset), UNetEncoderConfig):
        with pytest.raises(InputError, match="unconditional does not apply to the preset classifier"):
            new_training_config(settings)
        return
    model = new_run(new_training_config(settings), pets[1])[0].model
    assert (model.num_classes, model.image_size, model.max_guidance) == (0, 32, None)


def test_photographs_are_decoded_at_the_size_that_is_trained_on(pets, monkeypatch):
    Image.new("RGB", (900, 700), "red").save(pets[0] / "cat" / "1.png")
    for number in range(5):
        Image.new("RGB", (300, 400), "red").save(pets[0] / "dog" / f"{number}.png")
    sizes = []
    decode = decoding.decode
    monkeypatch.setattr(
        decoding, "decode", lambda content, size, mode: sizes.append(size) or decode(content, size, mode)
    )
    assert started(pets)[1].images.shape == (7, 3, run_setup.MAX_FOLDER_SIZE, run_setup.MAX_FOLDER_SIZE)
    assert set(sizes) == {run_setup.MAX_FOLDER_SIZE}


def test_more_images_than_memory_are_refused_before_they_are_read(pets, monkeypatch):
    monkeypatch.setattr(decoding.psutil, "virtual_memory", lambda: type("Memory", (), {"available": 500})())
    monkeypatch.setattr(decoding, "decode", lambda *_: pytest.fail("a file was decoded"))
    with pytest.raises(InputError, match=r"4 images of 64x64 pixels need .* lower image_size, or use fewer images"):
        started(pets, image_size=64)


@pytest.mark.parametrize("load", ["run_setup.with_images_kept", "decoding.allocate"])
def test_advice_on_memory_names_no_option_that_cannot_help(load, pets, monkeypatch, capsys):
    words = ["tiny", "--steps", "2", "--output-dir", "mine"]
    assert main([*words, "--dataset", "folder:pets"]) == 0
    shutil.rmtree("mine/images")
    little = type("Memory", (), {"available": 500})()

    def full(*_):
        raise MemoryError

    if load == "decoding.allocate":
        monkeypatch.setattr(decoding.psutil, "virtual_memory", lambda: little)
    else:
        monkeypatch.setattr(run_setup, "with_images_kept", full)
    capsys.readouterr()
    assert main([*words[:1], "--resume", *words[1:]]) in (1, 2)
    assert capsys.readouterr().err.strip().endswith(": close other programs, or use a machine with more.")
    words[-1] = "another"
    assert main([*words, "--dataset", "folder:pets"]) in (1, 2)
    assert capsys.readouterr().err.strip().endswith(": lower --image-size, or use fewer images.")


def test_the_minutes_begin_when_the_images_are_loaded(pets, monkeypatch):
    """A run of a second whose images take two is not over before it began."""
    load = run_setup.load_dataset

    def slow(*arguments):
        time.sleep(2)
        return load(*arguments)

    monkeypatch.setattr(run_setup, "load_dataset", slow)
    assert main(["tiny", "--dataset", "folder:pets", "--minutes", str(1 / 60), "--output-dir", "timed"]) == 0
    assert (pets[1].parent / "timed" / "model" / "model.safetensors").exists()


def test_too_many_classes_are_counted(pets, monkeypatch):
    monkeypatch.setattr(run_setup, "MAX_LABELS", 1)
    with pytest.raises(InputError, match="has 2 classes; a model can have 1: train it without, with unconditional"):
        started(pets)
    assert started(pets, conditional=False)[0].model.num_classes == 0
