import json
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from diffusion import FreeU, generate
from diffusion.io.image_reader import read_small_pictures
from diffusion.io.images import sheet, to_uint8
from tests.tiny import tiny_classifier, tiny_enlarger, tiny_model

COMMAND = [sys.executable, "-m", "diffusion.generate"]


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory):
    directory = tmp_path_factory.mktemp("models") / "tiny"
    tiny_model().save(directory)
    return str(directory)


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    """Models in a folder: two classifiers, one of another process; without labels, for super-resolution, no U-Net."""
    folder = tmp_path_factory.mktemp("others")
    tiny_classifier().save(folder / "reader")
    tiny_classifier(process={"kind": "linear_vp"}).save(folder / "stranger")
    tiny_model(label_names=()).save(folder / "drawer")
    tiny_enlarger().save(folder / "enlarger")
    tiny_model(network={"kind": "dit", "patch": 4, "width": 32, "depth": 1, "heads": 2}).save(folder / "transformer")
    return folder


@pytest.fixture
def pictures(tmp_path):
    """A folder of three 8x8 pictures, a hidden file and an empty sub-folder; and the pictures' pixels."""
    folder = tmp_path / "pictures"
    (folder / "sub").mkdir(parents=True)
    (folder / ".hidden").touch()
    pixels = np.random.default_rng(0).integers(0, 256, (3, 8, 8), dtype=np.uint8)
    for name, array in zip("abc", pixels, strict=True):
        Image.fromarray(array).save(folder / f"{name}.png")
    return folder, pixels


def command(*arguments):
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=120)


def test_png_sheet_by_subprocess(model_dir, tmp_path):
    output = tmp_path / "new" / "folder" / "nines.png"
    done = command("--model", model_dir, "--label", "9", "--num-images", "6", "--seed", "5", "--output", str(output))
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "100%" in done.stderr
    picture = Image.open(output)
    expected = sheet(to_uint8(tiny_model().generate([9] * 6, seed=5)))
    assert np.array_equal(np.asarray(picture), expected[..., 0])
    assert json.loads(picture.text["settings"]) == {
        "model": model_dir,
        "label": ["9"],
        "num_images": 6,
        "sampler": "ddim",
        "steps": 4,
        "guidance_scale": 2.0,
        "eta": 0.0,
        "seed": 5,
    }


def test_bad_input_by_subprocess(model_dir, tmp_path):
    done = command("--model", model_dir, "--steps", "1000000000", "--output", str(tmp_path / "x.png"))
    assert done.returncode == 2
    expected = "python -m diffusion.generate: steps must be a whole number from 1 to 1000, not '1000000000'.\n"
    assert done.stderr == expected
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send to one process")
def test_ctrl_c_leaves_nothing_behind(model_dir, tmp_path):
    arguments = ["--model", model_dir, "--num-images", "100000", "--steps", "1000", "--output", str(tmp_path / "x.npz")]
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background shell hands down "ignored"
    )
    while "drawing" not in process.stderr.read(1) + process.stderr.read(8):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    errors = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert errors.endswith("stopped; nothing was written\n")
    assert "Traceback" not in errors
    assert list(tmp_path.iterdir()) == []


def run(capsys, *arguments):
    """The command in this process: its exit code and what it wrote to stderr."""
    try:
        code = generate.main(arguments)
    except SystemExit as stopped:
        code = stopped.code
    return code, capsys.readouterr().err


def test_npz_holds_images_labels_and_settings(model_dir, tmp_path, capsys):
    output = tmp_path / "some.npz"
    settings = ("--sampler", "heun", "--steps", "3", "--guidance-scale", "1.5", "--seed", "7", "--num-images", "5")
    arguments = ("--model", model_dir, "--label", "3", "--label", "1", *settings)
    assert run(capsys, *arguments, "--output", str(output))[0] == 0
    with np.load(output) as held:
        assert held["images"].shape == (5, 8, 8, 1)
        assert held["images"].dtype == np.uint8
        assert held["labels"].tolist() == [3, 1, 3, 1, 3]
        assert held["labels"].dtype == np.int64
        settings = json.loads(str(held["settings"]))
        x = tiny_model().generate([3, 1, 3, 1, 3], sampler="heun", steps=3, guidance_scale=1.5, seed=7)
        assert np.array_equal(held["images"], to_uint8(x))
    assert (settings["sampler"], settings["steps"], settings["guidance_scale"], settings["eta"]) == (
        "heun",
        3,
        1.5,
        None,
    )


def test_help_names_every_option(capsys):
    with pytest.raises(SystemExit) as stopped:
        generate.main(["--help"])
    assert stopped.value.code == 0
    shown = capsys.readouterr().out
    for name in (
        "label",
        "num-images",
        "sampler",
        "steps",
        "guidance-scale",
        "eta",
        "classifier",
        "classifier-scale",
        "freeu-b",
        "freeu-s",
        "low-res",
        "seed",
        "model",
        "output",
        "device",
    ):
        assert f"--{name} " in shown


@pytest.mark.parametrize(
    ("arguments", "labels"),
    [
        ([], [-1] * 16),
        (["--label", "9"], [9] * 16),
        (["--label", ""], [-1] * 16),
        (["--label", "all"], list(range(10)) * 10),
        (["--label", "4", "--label", "2"], [4, 2] * 10),
        (["--label", "all", "--num-images", "13"], [*range(10), 0, 1, 2]),
    ],
    ids=str,
)
def test_images_take_the_labels_in_turn(arguments, labels, model_dir, tmp_path, capsys):
    assert run(capsys, "--model", model_dir, *arguments, "--output", str(tmp_path / "x.npz"))[0] == 0
    with np.load(tmp_path / "x.npz") as held:
        assert held["labels"].tolist() == labels


def test_respacing_takes_its_steps_of_the_training(model_dir, tmp_path, capsys):
    arguments = ["--model", model_dir, "--label", "9", "--respacing", "ddim5", "--num-images", "2"]
    assert run(capsys, *arguments, "--output", str(tmp_path / "x.npz"))[0] == 0
    with np.load(tmp_path / "x.npz") as held:
        settings = json.loads(str(held["settings"]))
        assert np.array_equal(held["images"], to_uint8(tiny_model().generate([9, 9], respacing="ddim5")))
    assert settings["respacing"] == "ddim5"
    assert settings["steps"] == 5


def test_several_labels_make_the_columns_of_the_sheet(model_dir, tmp_path, capsys):
    assert (
        run(capsys, "--model", model_dir, "--label", "all", "--num-images", "20", "--output", str(tmp_path / "x.png"))[
            0
        ]
        == 0
    )
    assert Image.open(tmp_path / "x.png").size == (10 * 8 + 9 * 2, 2 * 8 + 2)


def test_batches_draw_what_one_batch_would(model_dir, tmp_path, capsys):
    assert (
        run(capsys, "--model", model_dir, "--label", "all", "--num-images", "150", "--output", str(tmp_path / "x.npz"))[
            0
        ]
        == 0
    )
    together = to_uint8(tiny_model().generate([i % 10 for i in range(150)]))
    with np.load(tmp_path / "x.npz") as held:
        assert np.abs(held["images"].astype(int) - together).max() <= 1  # rounding differs with the batch


def test_gif_ends_with_the_finished_sheet(model_dir, tmp_path, capsys):
    arguments = ("--model", model_dir, "--label", "all", "--num-images", "70", "--steps", "50")
    assert run(capsys, *arguments, "--output", str(tmp_path / "x.gif"))[0] == 0
    gif = Image.open(tmp_path / "x.gif")
    assert gif.n_frames == 40
    gif.seek(39)
    expected = sheet(to_uint8(tiny_model().generate([i % 10 for i in range(70)], steps=50)), 10)[..., 0]
    size = gif.width // expected.shape[1]
    shown = np.asarray(gif.convert("L"))[::size, ::size]
    assert shown.shape == expected.shape
    assert np.abs(shown.astype(int) - expected).max() <= 6


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--label", "cat"], "label must be one of 0, 1, 2"),
        (["--num-images", "0"], "num_images must be a whole number from 1 to 100000"),
        (["--num-images", "10000000"], "num_images must be"),
        (["--num-images", "2.5"], "num_images must be"),
        (["--sampler", "euler"], "sampler must be one of ddpm, ddim"),
        (["--steps", "0"], "steps must be"),
        (["--steps", "many"], "steps must be"),
        (["--guidance-scale", "nan"], "guidance_scale must be a number from 0 to 20"),
        (["--guidance-scale", "inf"], "guidance_scale must be"),
        (["--eta", "2"], "eta must be"),
        (["--sampler", "heun", "--eta", "0.5"], "eta belongs to"),
        (["--respacing", "fast"], 'respacing must be like "100", "10,15,20" or "ddim50"'),
        (["--respacing", "ddim5", "--steps", "6"], "leave steps out"),
        (["--seed", "-1"], "seed must be"),
        (["--seed", "4294967296"], "seed must be"),
        (["--model", "no-such-model"], "no-such-model"),
        (["--model", "hub:not a name"], "not a name"),
        (["--device", "toaster"], "device 'toaster' cannot be used here"),
        (["--device", "meta"], "device 'meta' cannot be used here"),
        (["--device", "hpu"], "device 'hpu' cannot be used here"),
        (["--output", "x" * 300 + ".png"], "File name too long"),
        (["--output", "x.jpg"], "output must end in .png, .gif or .npz"),
        (["--output", "x"], "output must end in"),
        (["--output", "folder.png"], "is a folder"),
        (["--output", "file.txt/x.png"], "output cannot be written into"),
        (["--num-images", "300", "--output", "x.gif"], "at most 256"),
        (["--colour", "red"], "unrecognized arguments"),
        (["--steps"], "expected one argument"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_line_and_exit_2(arguments, said, model_dir, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file.txt").touch()
    code, errors = run(capsys, "--model", model_dir, "--output", "x.png", *arguments)
    assert code == 2
    assert said in errors
    assert errors.count("\n") == 1
    assert len(errors) < 420
    assert {path.name for path in tmp_path.iterdir()} == {"folder.png", "file.txt"}


def test_a_full_disk_is_one_line_and_leaves_the_old_file(model_dir, tmp_path, capsys, monkeypatch):
    def fail(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(generate, "write_atomically", fail)
    (tmp_path / "x.png").write_bytes(b"old")
    code, errors = run(capsys, "--model", model_dir, "--num-images", "1", "--output", str(tmp_path / "x.png"))
    assert code == 2
    assert errors.endswith("cannot be written: No space left on device.\n")
    assert (tmp_path / "x.png").read_bytes() == b"old"


def test_colour_and_unconditional_models(tmp_path, capsys):
    tiny_model(channels=3, label_names=()).save(tmp_path / "model")
    for suffix in ("png", "gif", "npz"):
        output = tmp_path / f"x.{suffix}"
        assert (
            run(
                capsys,
                "--model",
                str(tmp_path / "model"),
                "--label",
                "all",
                "--num-images",
                "3",
                "--output",
                str(output),
            )[0]
            == 0
        )
    assert Image.open(tmp_path / "x.png").mode == "RGB"
    with np.load(tmp_path / "x.npz") as held:
        assert held["images"].shape == (3, 8, 8, 3)
        assert held["labels"].tolist() == [-1, -1, -1]


def test_a_classifier_steers_a_model_without_labels(others, tmp_path, capsys):
    arguments = ["--model", str(others / "drawer"), "--classifier", str(others / "reader"), "--num-images", "3"]
    arguments += ["--classifier-scale", "30", "--label", "7", "--label", "2"]
    assert run(capsys, *arguments, "--output", str(tmp_path / "x.npz"))[0] == 0
    steering = {"classifier": tiny_classifier().classifier(), "classifier_scale": 30.0}
    expected = tiny_model(label_names=()).generate([7, 2, 7], **steering)
    with np.load(tmp_path / "x.npz") as held:
        assert held["labels"].tolist() == [7, 2, 7]
        assert np.array_equal(held["images"], to_uint8(expected))
        settings = json.loads(str(held["settings"]))
    assert settings["classifier"] == str(others / "reader")
    assert settings["classifier_scale"] == 30.0


def test_freeu_scales_the_network(model_dir, tmp_path, capsys):
    arguments = ["--model", model_dir, "--freeu-b", "1.5", "--freeu-s", "0.5", "--num-images", "2"]
    assert run(capsys, *arguments, "--output", str(tmp_path / "x.npz"))[0] == 0
    with np.load(tmp_path / "x.npz") as held:
        assert np.array_equal(held["images"], to_uint8(tiny_model().generate(num_images=2, freeu=FreeU(1.5, 0.5))))


@pytest.mark.parametrize("name", ["", "b.png"], ids=["folder", "picture"])
def test_pictures_are_made_small_and_enlarged(name, others, pictures, tmp_path, capsys):
    folder, pixels = pictures
    small = torch.from_numpy(pixels).float().reshape(3, 1, 2, 4, 2, 4).mean((3, 5)) / 127.5 - 1
    expected = to_uint8(tiny_enlarger().generate(low_res=small[1:2] if name else small))
    arguments = ["--model", str(others / "enlarger"), "--low-res", str(folder / name)]
    assert run(capsys, *arguments, "--output", str(tmp_path / "x.npz"))[0] == 0
    with np.load(tmp_path / "x.npz") as held:
        assert np.abs(held["images"].astype(int) - expected).max() <= 1  # rounding differs with the order of the sums
        assert json.loads(str(held["settings"]))["low_res"] == (name or "pictures")


def test_pictures_of_the_small_size_are_taken_as_they_are(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (2, 2, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "x.png")
    assert np.array_equal(to_uint8(read_small_pictures(tmp_path / "x.png", 2, "RGB")), pixels[None])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--model", "{others}/reader"], "is a classifier of noisy images"),
        (["--model", "{others}/drawer", "--classifier", "{others}/drawer"], "is a model that draws"),
        (["--model", "{others}/drawer", "--classifier", "{others}/stranger"], "trained on another process"),
        (["--model", "{others}/drawer", "--classifier", "nowhere"], "nowhere"),
        (["--model", "{others}/drawer", "--classifier-scale", "2"], "belongs to a classifier"),
        (
            ["--model", "{others}/drawer", "--classifier", "{others}/reader", "--classifier-scale", "-1"],
            "classifier_scale must be a number from 0 to 100",
        ),
        (
            ["--model", "{others}/drawer", "--classifier", "{others}/reader", "--label", "cat"],
            "label must be one of 0, 1, 2",
        ),
        (["--model", "{others}/transformer", "--freeu-b", "1.2"], "freeu_b belongs to a U-Net with deep skips"),
        (["--freeu-s", "5"], "freeu_s must be a number from 0 to 4"),
        (["--low-res", "{pictures}"], "low_res belongs to super-resolution"),
        (["--model", "{others}/enlarger"], "enlarges pictures of 2x2 pixels: name some with --low-res"),
        (["--model", "{others}/enlarger", "--low-res", "nowhere"], "nowhere is not there"),
        (["--model", "{others}/enlarger", "--low-res", "{pictures}/sub"], "sub is empty"),
        (["--model", "{others}/enlarger", "--low-res", "{pictures}/.hidden"], "cannot be read as one"),
        (["--model", "{others}/enlarger", "--low-res", "{pictures}", "--label", "3"], "draws without labels"),
        (["--model", "{others}/enlarger", "--low-res", "{pictures}", "--num-images", "3"], "must be left out"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_to_other_models_is_one_line_and_exit_2(
    arguments, said, model_dir, others, pictures, tmp_path, capsys
):
    filled = [word.format(others=others, pictures=pictures[0]) for word in arguments]
    code, errors = run(capsys, "--model", model_dir, "--output", str(tmp_path / "x.png"), *filled)
    assert code == 2
    assert said in errors
    assert errors.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == {"pictures"}


def test_the_device_is_honoured(model_dir):
    assert generate.checked_device("cpu") == torch.device("cpu")
    assert generate.checked_device(None) is None
