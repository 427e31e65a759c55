"""The files of diffusion.generate: images, labels, and metadata from which the same can be sampled again."""

import json
import shlex
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from diffusion import __version__, generate
from diffusion.errors import option_name
from diffusion.io.images import sheet, to_uint8
from diffusion.io.low_res import read_low_res
from diffusion.settings import SETTINGS
from tests.tiny import tiny_classifier, tiny_enlarger, tiny_model


def run(line, output):
    assert generate.main([*shlex.split(str(line)), "--output", str(output)]) == 0


def held(output):
    """Images, labels and settings in an NPZ file."""
    with np.load(output) as file:
        return file["images"], file["labels"].tolist(), json.loads(str(file["settings"]))


LINES = {
    "labels": "--model MODELS/tiny --label 3 --label 1 --num-images 5 --seed 7 --guidance-t-max 0.8 --guidance-power 1",
    "another sampler": "--model MODELS/tiny --label 9 --sampler heun --num-images 2",
    "stochastic": "--model MODELS/tiny --sampler ddim --eta 0.7 --num-images 2 --steps 6",
    "respaced": "--model MODELS/tiny --label all --respacing 3,2 --num-images 4",
    "freeu": "--model MODELS/tiny --freeu-b 1.5 --freeu-s 0.5 --label 2 --num-images 2",
    "one pass": "--model MODELS/one_pass --label 5 --guidance-scale 3 --num-images 2",
    "without its middle": "--model MODELS/dit --label 5 --num-images 2",
    "classifier": "--model MODELS/unlabelled --classifier MODELS/classifier --label 7 --num-images 2",
    "super-resolution": "--model MODELS/enlarger --low-res PICTURES",
}


def command_of(settings, pictures):
    """The command line that metadata describe."""
    words = ["--model", settings["model"], *(word for label in settings["label"] for word in ("--label", label))]
    words += ["--low-res", str(pictures)] if "low_res" in settings else ["--num-images", str(settings["num_images"])]
    for name in SETTINGS.keys() | {"classifier"}:
        words += [option_name(name), str(settings[name])] if name in settings else []
    return shlex.join(words)


@pytest.mark.parametrize("kind", LINES)
@pytest.mark.parametrize("suffix", ["png", "npz"])
def test_metadata_are_complete(kind, suffix, models, pictures, tmp_path):
    """The same images come from them again."""
    line = LINES[kind].replace("MODELS", str(models)).replace("PICTURES", str(pictures[0]))
    first, second = tmp_path / f"first.{suffix}", tmp_path / f"second.{suffix}"
    run(line, first)
    info = json.loads(Image.open(first).text["settings"]) if suffix == "png" else held(first)[2]
    run(command_of(info, pictures[0]), second)
    if suffix == "png":
        assert Image.open(first).tobytes() == Image.open(second).tobytes()
        assert json.loads(Image.open(second).text["settings"]) == info
    else:
        assert np.array_equal(held(first)[0], held(second)[0])
        assert held(first)[1:] == held(second)[1:]
    assert (info["precision"], info["version"]) == ("fp32", __version__)


def test_metadata_name_all_that_had_an_effect_and_nothing_else(models, pictures, tmp_path):
    run(f"--model {models}/tiny --label 9 --num-images 2 --seed 5", tmp_path / "x.npz")
    everywhere = {"precision": "fp32", "version": __version__}
    assert held(tmp_path / "x.npz")[2] == everywhere | {
        "model": f"{models}/tiny",
        "label": ["9"],
        "num_images": 2,
        "sampler": "ddim",
        "steps": 4,
        "guidance_scale": 2.0,
        "seed": 5,
        "freeu_b": 1.0,
        "freeu_s": 1.0,
        "guidance_t_min": 0.0,
        "guidance_t_max": 1.0,
        "guidance_power": 0.0,
        "eta": 0.0,
    }
    run(f"--model {models}/enlarger --low-res {pictures[0]}/b.png --sampler heun", tmp_path / "x.npz")
    steps = {"sampler": "heun", "steps": 10, "seed": 0, "freeu_b": 1.0, "freeu_s": 1.0}
    expected = {"model": f"{models}/enlarger", "label": [], "num_images": 1, "low_res": "b.png", **steps}
    assert held(tmp_path / "x.npz")[2] == everywhere | expected


def test_npz_holds_images_and_labels(models, tmp_path):
    settings = "--sampler heun --steps 3 --guidance-scale 1.5 --seed 7 --num-images 5"
    run(f"--model {models}/tiny --label 3 --label 1 {settings}", tmp_path / "x.npz")
    images, labels, _ = held(tmp_path / "x.npz")
    assert images.dtype == np.uint8
    assert labels == [3, 1, 3, 1, 3]
    x = tiny_model().generate([3, 1, 3, 1, 3], sampler="heun", steps=3, guidance_scale=1.5, seed=7)
    assert np.array_equal(images, to_uint8(x))


@pytest.mark.parametrize(
    ("line", "labels"),
    [
        ("", [-1] * 16),
        ("--label 9", [9] * 16),
        ("--label ''", [-1] * 16),
        ("--label all", list(range(10)) * 10),
        ("--label 4 --label 2", [4, 2] * 10),
        ("--label all --num-images 13", [*range(10), 0, 1, 2]),
    ],
)
def test_images_take_the_labels_in_turn(line, labels, models, tmp_path):
    run(f"--model {models}/tiny --steps 1 {line}", tmp_path / "x.npz")
    assert held(tmp_path / "x.npz")[1] == labels


def test_a_label_may_be_called_all(models, tmp_path):
    tiny_model(label_names=("all", "none")).save(tmp_path / "model")
    run(f"--model {tmp_path}/model --label all --num-images 3", tmp_path / "x.npz")
    assert held(tmp_path / "x.npz")[1] == [0, 0, 0]


def test_the_tilde_is_home(models, pictures, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    run(f"--model {models}/enlarger --low-res '~/pictures'", "~/made/x.npz")
    assert len(held(tmp_path / "made" / "x.npz")[0]) == 3


def test_a_folder_to_enlarge_is_read_as_every_other(models, pictures, tmp_path, capsys):
    folder, pixels = pictures
    (folder / "a.txt").write_text("no image")
    Image.fromarray(pixels[0]).save(folder / "sub" / "nested.png")
    run(f"--model {models}/enlarger --low-res {folder}", tmp_path / "x.npz")
    assert len(held(tmp_path / "x.npz")[0]) == 4
    assert "1 skipped: 1 no image of a known format (a.txt)" in capsys.readouterr().err
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name in ("a.png", "b.png"):
            archive.write(folder / name, f"photos/{name}")
    run(f"--model {models}/enlarger --low-res {tmp_path}/x.zip", tmp_path / "zipped.npz")
    assert len(held(tmp_path / "zipped.npz")[0]) == 2


def test_several_labels_make_the_columns_of_the_sheet(models, tmp_path):
    run(f"--model {models}/tiny --label all --num-images 20", tmp_path / "x.png")
    assert Image.open(tmp_path / "x.png").size == (10 * 8 + 9 * 2, 2 * 8 + 2)


def test_batches_sample_what_one_batch_would(models, tmp_path):
    run(f"--model {models}/tiny --label all --num-images 150", tmp_path / "x.npz")
    together = to_uint8(tiny_model().generate([i % 10 for i in range(150)]))
    assert np.abs(held(tmp_path / "x.npz")[0].astype(int) - together).max() <= 1  # rounding differs with the batch


def test_gif_ends_with_the_finished_sheet(models, tmp_path):
    run(f"--model {models}/tiny --label all --num-images 70 --steps 50", tmp_path / "x.gif")
    gif = Image.open(tmp_path / "x.gif")
    assert gif.n_frames == 40
    gif.seek(39)
    expected = sheet(to_uint8(tiny_model().generate([i % 10 for i in range(70)], steps=50)), 10)[..., 0]
    size = gif.width // expected.shape[1]
    shown = np.asarray(gif.convert("L"))[::size, ::size]
    assert shown.shape == expected.shape
    assert np.abs(shown.astype(int) - expected).max() <= 6


@pytest.mark.parametrize("suffix", ["png", "gif", "npz"])
def test_colour_images_without_labels(suffix, models, tmp_path):
    run(f"--model {models}/colour --num-images 3", tmp_path / f"x.{suffix}")
    if suffix == "npz":
        images, labels, _ = held(tmp_path / "x.npz")
        assert images.shape == (3, 8, 8, 3)
        assert labels == [-1, -1, -1]
    else:
        assert np.ptp(np.asarray(Image.open(tmp_path / f"x.{suffix}").convert("RGB")), axis=2).max() > 0


def test_a_classifier_guides_a_model_without_labels(models, tmp_path):
    guide = f"--classifier {models}/classifier --classifier-scale 30"
    run(f"--model {models}/unlabelled {guide} --num-images 3 --label 7 --label 2", tmp_path / "x.npz")
    images, labels, settings = held(tmp_path / "x.npz")
    guidance = {"classifier": tiny_classifier().classifier(), "classifier_scale": 30.0}
    assert np.array_equal(images, to_uint8(tiny_model(label_names=()).generate([7, 2, 7], **guidance)))
    assert labels == [7, 2, 7]
    assert (settings["classifier"], settings["classifier_scale"]) == (f"{models}/classifier", 30.0)


@pytest.mark.parametrize("name", ["", "b.png"], ids=["folder", "image"])
def test_images_are_made_small_and_enlarged(name, models, pictures, tmp_path):
    folder, pixels = pictures
    small = torch.from_numpy(pixels).float().reshape(3, 1, 2, 4, 2, 4).mean((3, 5)) / 127.5 - 1
    expected = to_uint8(tiny_enlarger().generate(low_res=small[1:2] if name else small))
    run(f"--model {models}/enlarger --low-res {folder / name}", tmp_path / "x.npz")
    images, _, settings = held(tmp_path / "x.npz")
    assert np.abs(images.astype(int) - expected).max() <= 1  # rounding differs with the order of the sums
    assert settings["low_res"] == (name or "pictures")


def test_images_of_the_small_size_are_taken_as_they_are(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (2, 2, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "x.png")
    assert np.array_equal(to_uint8(read_low_res(tmp_path / "x.png", 2, "RGB")), pixels[None])
