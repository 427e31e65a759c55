"""The command diffusion.generate: its options, and what it refuses. What it writes is in test_generate_files.py."""

import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from diffusion import SAMPLERS, generate
from diffusion.errors import option_name
from diffusion.io import files
from diffusion.io.images import sheet, to_uint8
from diffusion.runtime.device import checked_device
from diffusion.settings import SETTINGS
from tests.programs import run_python
from tests.tiny import tiny_model

OTHER_OPTIONS = {"--help", "--model", "--label", "--num-images", "--classifier", "--low-res", "--device", "--output"}


def run(capsys, *arguments):
    """The command in this process: its exit status and what it wrote to stderr."""
    try:
        status = generate.main([str(argument) for argument in arguments])
    except SystemExit as stopped:
        status = stopped.code
    return status, capsys.readouterr().err


def test_by_subprocess(models, tmp_path):
    output = tmp_path / "new" / "folder" / "nines.png"
    arguments = ["--model", str(models / "tiny"), "--label", "9", "--num-images", "6", "--seed", "5"]
    done = run_python("-m", "diffusion.generate", *arguments, "--output", str(output), check=True)
    assert done.stdout == ""
    assert "100%" in done.stderr
    assert f"{output}: 6 images" in done.stderr
    expected = sheet(to_uint8(tiny_model().generate([9] * 6, seed=5)))
    assert Image.open(output).tobytes() == expected[..., 0].tobytes()


def test_bad_input_by_subprocess(models, tmp_path):
    arguments = ["--model", str(models / "tiny"), "--guidance-scale", "1e9", "--output", str(tmp_path / "x.png")]
    done = run_python("-m", "diffusion.generate", *arguments)
    assert done.returncode == 2
    expected = "python -m diffusion.generate: --guidance-scale must be a number from 0 to 20, not '1e9'.\n"
    assert done.stderr == expected
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send to one process")
def test_ctrl_c_leaves_nothing_behind(models, tmp_path):
    arguments = ["--num-images", "100000", "--steps", "1000", "--output", str(tmp_path / "x.npz")]
    process = subprocess.Popen(
        [sys.executable, "-m", "diffusion.generate", "--model", str(models / "tiny"), *arguments],
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background shell hands down "ignored"
    )
    begun = b""
    while b"sampling" not in begun:
        chunk = os.read(process.stderr.fileno(), 1000)
        assert chunk, begun
        begun += chunk
    process.send_signal(signal.SIGINT)
    errors = process.communicate(timeout=60)[1].decode()
    assert process.returncode == 130
    assert errors.endswith("stopped; nothing was written\n")
    assert "Traceback" not in errors
    assert list(tmp_path.iterdir()) == []


def test_the_options_are_the_settings_and_what_is_not_a_setting(capsys):
    with pytest.raises(SystemExit) as stopped:
        generate.main(["--help"])
    assert stopped.value.code == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert set(re.findall(r"(?<=[ [])--[a-z-]+", shown)) == {option_name(name) for name in SETTINGS} | OTHER_OPTIONS
    for setting in SETTINGS.values():
        assert setting.help in shown
    assert all(name in shown for name in SAMPLERS)
    assert "a number from 0 to 20" in shown
    assert "a whole number from 0 to 4294967295" in shown


@pytest.mark.parametrize("name", SETTINGS)
def test_every_option_reaches_the_settings(name, models, tmp_path, capsys):
    """A value out of range is refused under the option's name, and an option is not taken for another's."""
    status, errors = run(capsys, "--model", models / "tiny", option_name(name), "x-1", "--output", tmp_path / "x.png")
    assert status == 2
    assert errors.startswith(f"python -m diffusion.generate: {option_name(name)} must be ")
    assert "not 'x-1'" in errors


BAD = [
    ("--label cat", "--label must be one of 0, 1, 2"),
    ("--num-images 0", "--num-images must be a whole number from 1 to 100000"),
    ("--num-images 10000000", "--num-images must be"),
    ("--num-images 2.5", "--num-images must be"),
    ("--sampler euler", "--sampler must be one of ddpm, ddim"),
    ("--steps 0", "--steps must be"),
    ("--guidance-scale nan", "--guidance-scale must be a number from 0 to 20"),
    ("--eta 2", "--eta must be"),
    (
        "--sampler heun --eta 0.5",
        "--eta does not apply to the sampler heun: it is for the sampler ddim. What applies: --",
    ),
    ("--guidance-t-min 0.6 --guidance-t-max 0.5", "--guidance-t-min must not be above --guidance-t-max"),
    ("--respacing ddim5 --steps 6", "leave --steps out"),
    ("--seed 4294967296", "--seed must be"),
    ("--skip-scale 1", "--skip-scale does not apply to tiny: it is for DiTs"),
    ("--model no-such-model", "no-such-model"),
    ("--model hub:not/a/name", "not/a/name"),
    ("--device toaster", "--device 'toaster' cannot be used here"),
    ("--device meta", "--device 'meta' cannot be used here"),
    ("--device hpu", "--device 'hpu' cannot be used here"),
    (f"--output {'x' * 300}.png", "File name too long"),
    ("--output x.jpg", "--output must end in .png, .gif or .npz"),
    ("--output x", "--output must end in"),
    ("--output folder.png", "--output must be a file; folder.png is a folder"),
    ("--output file.txt/x.png", "--output cannot be written into"),
    ("--num-images 300 --output x.gif", "--num-images must be at most 256 for a GIF, not 300"),
    ("--colour red", "unrecognized arguments"),
    ("--steps", "expected one argument"),
    ("--classifier-scale 2", "--classifier-scale does not apply to tiny without a classifier"),
    ("--freeu-s 5", "--freeu-s must be a number from 0 to 4"),
    ("--low-res PICTURES", "--low-res is for super-resolution: leave it out with tiny"),
    ("--model MODELS/one_pass --guidance-scale 5", "--guidance-scale must be a number from 0 to 4 for tiny, not 5.0"),
    ("--model MODELS/dit --freeu-b 1.2", "--freeu-b does not apply to tiny: it is for U-Nets"),
    ("--model MODELS/classifier", "classifier is a classifier of noisy images"),
    ("--model MODELS/unlabelled --label all", "This model has no labels: leave --label empty, instead of 'all'"),
    ("--label all --label 3", "--label \"all\" samples every label: give it alone, without '3'."),
    ("--label all --label all", "samples every label"),
    ("--model MODELS/enlarger --low-res ~nobody-of-that-name/x", "--low-res cannot be '~nobody-of-that-name/x'"),
    ("--model MODELS/unlabelled --label 3", "This model has no labels: leave --label empty"),
    ("--model MODELS/unlabelled --guidance-scale 3", "--guidance-scale does not apply"),
    ("--model MODELS/unlabelled --classifier MODELS/dit", "dit generates images: it is no classifier"),
    ("--model MODELS/unlabelled --classifier MODELS/other_process", "trained on another process"),
    ("--model MODELS/unlabelled --classifier nowhere", "There is no model 'nowhere'"),
    ("--model MODELS/unlabelled --classifier MODELS/classifier --label cat", "--label must be one of 0, 1, 2"),
    ("--model MODELS/enlarger", "enlarges images of 2x2 pixels: name some with --low-res"),
    ("--model MODELS/enlarger --low-res nowhere", "--low-res must be an image or a folder of images; nowhere does not"),
    ("--model MODELS/enlarger --low-res PICTURES/sub", "sub is empty"),
    ("--model MODELS/enlarger --low-res PICTURES/.hidden", "cannot be read as one"),
    ("--model MODELS/enlarger --low-res torn.zip", "torn.zip is a damaged archive (File is not a zip file)"),
    ("--model MODELS/enlarger --low-res PICTURES --label 3", "This model has no labels"),
    ("--model MODELS/enlarger --low-res PICTURES --num-images 3", "--num-images must be left out with --low-res"),
]


@pytest.mark.parametrize(("line", "sentence"), BAD, ids=[line[:60] for line, _ in BAD])
def test_bad_input_is_one_line_and_exit_2(line, sentence, models, pictures, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file.txt").touch()
    (tmp_path / "torn.zip").write_bytes(b"PK\3\4 the rest never came")
    words = line.replace("MODELS", str(models)).replace("PICTURES", str(pictures[0])).split()
    status, errors = run(capsys, "--model", models / "tiny", "--output", "x.png", *words)
    assert status == 2
    assert sentence in errors
    assert errors.count("\n") == 1
    assert len(errors) < 420
    assert {path.name for path in tmp_path.iterdir()} == {"folder.png", "file.txt", "torn.zip", "pictures"}


@pytest.fixture
def full_disk(tmp_path, monkeypatch):
    """A disk that is full when the images are there, but for the folder of temporary files, if that is given."""

    def fill(temporary=None):
        def fail(path, content):
            if path.parent != temporary:
                raise OSError(28, "No space left on device")
            path.write_bytes(content)

        monkeypatch.setattr(files.tempfile, "gettempdir", lambda: str(temporary or tmp_path / "nowhere"))
        monkeypatch.setattr(files, "write_atomically", fail)

    return fill


def test_a_full_disk_is_one_line_and_leaves_the_old_file(models, tmp_path, capsys, full_disk):
    full_disk()
    (tmp_path / "x.png").write_bytes(b"old")
    status, errors = run(capsys, "--model", models / "tiny", "--num-images", "1", "--output", tmp_path / "x.png")
    assert status == 1
    assert errors.endswith("x.png cannot be written: No space left on device.\n")
    assert (tmp_path / "x.png").read_bytes() == b"old"


def test_where_the_disk_is_full_the_images_are_kept_elsewhere(models, tmp_path, capsys, full_disk):
    (tmp_path / "temporary").mkdir()
    full_disk(tmp_path / "temporary")
    status, errors = run(capsys, "--model", models / "tiny", "--num-images", "1", "--output", tmp_path / "x.png")
    assert status == 1
    (kept,) = (tmp_path / "temporary").iterdir()
    assert f"It is kept in {kept}." in errors
    assert Image.open(kept).size == (8, 8)


def test_a_full_disk_is_noticed_before_the_first_step(models, tmp_path, capsys, monkeypatch):
    def full(number, offset, size):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "posix_fallocate", full, raising=False)
    monkeypatch.setattr(generate, "sample", None)
    status, errors = run(capsys, "--model", models / "tiny", "--output", tmp_path / "x.png")
    assert status == 2
    assert f"--output cannot be written into {tmp_path}: No space left on device." in errors


def test_where_memory_is_short_fewer_images_are_sampled_at_once(models, tmp_path, capsys, monkeypatch):
    real, sizes = generate.trajectory, []

    def short(model, labels, *arguments, **options):
        sizes.append(len(labels))
        for state in real(model, labels, *arguments, **options):
            if len(labels) > most and state.index:
                raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes.")
            yield state

    words = ["--model", models / "tiny", "--num-images", "7", "--output", tmp_path / "x.png"]
    assert run(capsys, *words)[0] == 0
    before = np.asarray(Image.open(tmp_path / "x.png"), int)
    monkeypatch.setattr(generate, "trajectory", short)
    monkeypatch.setattr(generate, "BATCH", 4)
    most = 2
    assert run(capsys, *words)[0] == 0
    assert sizes == [4, 2, 2, 2, 1]
    assert abs(np.asarray(Image.open(tmp_path / "x.png"), int) - before).max() <= 1
    most = 0
    status, errors = run(capsys, *words)
    assert status == 1
    assert errors.endswith("There is not enough memory: use a smaller model, or another device.\n")


def test_the_device_by_name():
    assert checked_device("cpu") == torch.device("cpu")
    assert checked_device(None) is None
