"""The command ``python -m train.run``, as people start, stop, kill and resume it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Timer

import huggingface_hub
import pytest
import torch
from huggingface_hub import ModelCard
from PIL import Image

from diffusion import load_model
from tests.hub_server import HubServer
from tests.train.tiny_run import TINY
from train import run_setup
from train.output.run_directory import locked, new_run_directory
from train.presets import PRESETS
from train.run import main

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
TRAIN = [sys.executable, "-m", "tests.train.tiny_run", "tiny"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The preset, an empty directory and one thread, for commands in this process."""
    monkeypatch.setitem(PRESETS, "tiny", TINY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", str(tmp_path / "token"))  # nobody is logged in
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def command(cwd: Path, *line: object) -> subprocess.CompletedProcess:
    return subprocess.run(
        list(map(str, line)), cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, timeout=300, check=False
    )


def losses(run_dir: Path) -> list[tuple[int, float]]:
    lines = [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]
    return [(line["step"], line["loss"]) for line in lines]


@pytest.fixture(scope="module")
def unbroken(image_folder, tmp_path_factory) -> Path:
    """A run of 60 steps without interruption."""
    cwd = tmp_path_factory.mktemp("unbroken")
    done = command(cwd, *TRAIN, "--dataset", f"folder:{image_folder}", "--steps", 60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(Path("runs/tiny/model"))
    return cwd / "runs/tiny"


def test_a_folder_of_images_becomes_a_model_of_its_own(unbroken):
    config = load_model(unbroken / "model").config
    assert (config.image_size, config.channels, config.label_names) == (12, 3, ("green", "red"))
    sheet = Image.open(unbroken / "samples/step-00000060.png")
    assert sheet.width > 5 * 48
    assert sheet.height > 2 * 48
    assert list((unbroken / "tensorboard").glob("events.*"))


def test_its_samples_are_like_the_images_of_their_label(unbroken):
    red = load_model(unbroken / "model").generate([1] * 8, steps=20)
    assert red[:, 0].mean() > red[:, 1].mean() + 0.3


def test_the_card_has_what_the_hub_expects(unbroken, image_folder):
    text = (unbroken / "model/README.md").read_text()
    card = ModelCard(text)
    assert card.data.license == "mit"
    assert card.data.pipeline_tag == "unconditional-image-generation"
    assert "960" in text  # images seen: 60 x 16
    assert f"python -m train.run tiny --dataset folder:{image_folder.name} --steps 60\n" in text
    assert str(image_folder) not in text
    assert "| Sampling | ddim, 2 steps, guidance scale 2 |" in text


@pytest.mark.slow
def test_killed_stopped_and_resumed_it_ends_as_if_uninterrupted(image_folder, unbroken, tmp_path, here, capsys):
    options = ["--dataset", f"folder:{image_folder}", "--steps", "60"]
    slow = ENVIRONMENT | {"TINY_STEP_SECONDS": "0.1"}  # or the 60 steps may be over before the kill
    process = subprocess.Popen([*TRAIN, *options], cwd=tmp_path, env=slow, stderr=subprocess.DEVNULL)
    run_dir, loaded, deadline = tmp_path / "runs/tiny", 0, time.monotonic() + 120
    # a checkpoint after step 0, and a row of metrics that is later than it
    while not (
        reached := [path for path in run_dir.glob("checkpoints/step-*.safetensors") if "00000000" not in path.name]
    ):
        assert process.poll() is None
        assert time.monotonic() < deadline
        if (run_dir / "model/model.safetensors").exists():
            load_model(run_dir / "model")
            loaded += 1
    process.kill()
    process.wait()
    assert reached
    assert loaded
    assert load_model(run_dir / "model").generate([0]).isfinite().all()
    with open(run_dir / "metrics.jsonl", "a") as file:
        file.write('{"step": 61, "lo')  # as a crash may leave it

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # it may be ignored here, as in the background
    process = subprocess.Popen([*TRAIN, "--resume"], cwd=tmp_path, env=slow, stderr=subprocess.PIPE, text=True)
    signal.signal(signal.SIGINT, before)
    assert process.stderr
    limit = Timer(120, process.kill)
    limit.start()
    while "Training tiny" not in process.stderr.readline():
        assert process.poll() is None
    limit.cancel()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130

    assert main(["tiny", *options, "--output-dir", "runs/tiny"]) == 2
    assert "continue it with --resume" in capsys.readouterr().err
    assert main(["tiny", *options, "--output-dir", "runs/tiny", "--resume"]) == 0
    assert losses(run_dir) == losses(unbroken)
    ours, theirs = (path / "model/model.safetensors" for path in (run_dir, unbroken))
    assert ours.read_bytes() == theirs.read_bytes()


@pytest.mark.slow
def test_two_processes_train_as_one(image_folder, unbroken, tmp_path):
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--quiet"]
    settings = ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"]
    options = ["--dataset", f"folder:{image_folder}", "--steps", "60"]
    done = command(tmp_path, *launch, *settings, *TRAIN[1:], *options)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(Path("runs/tiny/model"))
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["tiny"]
    ours, theirs = losses(tmp_path / "runs/tiny"), losses(unbroken)
    assert [step for step, _ in ours] == [step for step, _ in theirs]
    assert [loss for _, loss in ours] == pytest.approx([loss for _, loss in theirs], rel=1e-3)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "PRESET"),
        (["nope"], "nope"),
        (["tiny", "--steps", "0"], "--steps must be"),
        (["tiny", "--steps", "1.5"], "--steps"),
        (["tiny", "--steps", "5", "--minutes", "5"], "not allowed"),
        (["tiny", "--minutes", "nan"], "--minutes must be"),
        (["tiny", "--epochs", "-1"], "--epochs must be"),
        (["tiny", "--batch-size", "0"], "--batch-size must be"),
        (["tiny", "--learning-rate", "inf"], "--learning-rate must be"),
        (["tiny", "--times", "soon"], "--times must be"),
        (["tiny", "--times", "0.5:0.5,1:0.6"], "--times must be"),
        (["tiny", "--times", "0.6:0.4,0.5:0.6"], "--times must be"),
        (["tiny", "--seed", "-1"], "--seed must be"),
        (["tiny", "--precision", "fp8"], "--precision"),
        (["tiny", "--image-size", "3"], "--image-size must be"),
        (["tiny", "--dataset", "nope"], "nope"),
        (["tiny", "--dataset", "folder:nowhere"], "nowhere"),
        (["tiny", "--push-to-hub", "no owner"], "--push-to-hub must be OWNER/NAME"),
        (["tiny", "--push-to-hub", "someone/tiny"], "HF_TOKEN"),
        (["tiny", "--push-to-hub", "someone/tiny", "--steps", "0"], "--steps must be"),
        (["tiny", "--push-to-hub", "someone/tiny", "--output-dir", "file"], "not an empty directory"),
        (["tiny", "--push-to-hub", "someone/tiny", "--resume", "--output-dir", "nowhere"], "not a training run"),
        (["tiny", "--init-from", "nowhere", "--dataset", "{images}"], "nowhere"),
        (["tiny", "--away-from", "unet"], "--away-from needs --init-from"),
        (["tiny", "--adversarial-from", "0.5"], "--adversarial-from applies only together with --teacher"),
        (["tiny", "--away-scale", "2"], "--away-scale applies only together with --away-from"),
        (["tiny", "--init-from", "unet", "--away-from", "unet", "--away-scale", "0"], "--away-scale must be"),
        (["tiny", "--init-from", "{run}/model", "--away-from", "unet", "--dataset", "{images}"], "unet does not fit"),
        (
            ["turbo", "--teacher", "unet", "--init-from", "unet", "--away-from", "unet"],
            "whose loss is the mean squared error",
        ),
        (["tiny", "--output-dir", "file"], "not an empty directory"),
        (["tiny", "--output-dir", "file/below", "--dataset", "{images}"], "cannot be created"),
        (["tiny", "--resume"], "/runs/ to resume"),
        (["tiny", "--resume", "--output-dir", "nowhere"], "not a training run"),
        (["tiny", "--resume", "--output-dir", "{run}", "--seed", "3"], "cannot change"),
        (["dit", "--resume", "--output-dir", "{run}"], "is a run of the preset tiny: continue it with that"),
        (["tiny", "--unknown"], "--unknown"),
    ],
)
def test_bad_input_is_reported_in_one_line(words, message, here, tmp_path, capsys, image_folder, unbroken):
    (tmp_path / "file").write_text("")
    words = [word.format(images=f"folder:{image_folder}", run=unbroken) for word in words]
    try:
        code = main(words)
    except SystemExit as error:  # argparse's way
        code = error.code
    assert code == 2
    reported = capsys.readouterr().err.strip()
    assert message in reported.splitlines()[-1]
    assert "Traceback" not in reported
    left = [path for path in tmp_path.rglob("*") if path.name not in ("file", "runs")]
    assert not left  # another run may be started there


def test_a_run_is_trained_by_one_process_at_a_time(unbroken, image_folder, here, tmp_path, capsys):
    shutil.copytree(unbroken, "runs/tiny")
    with locked(Path("runs/tiny"), new=False):
        assert main(["tiny", "--resume", "--steps", "70"]) == 2
    assert "runs/tiny is being trained by another process" in capsys.readouterr().err
    assert losses(Path("runs/tiny")) == losses(unbroken)

    def ended_by(error):  # before the first checkpoint
        with locked(new_run_directory("tiny", "mine"), new=True):
            Path("mine/config.json").write_text("{}")
            raise error

    for error in (KeyboardInterrupt, OSError):
        with pytest.raises(error):
            ended_by(error)
        assert not Path("mine").exists()
    Path("mine").mkdir()
    Path("mine/.lock").touch()  # of a process that was killed
    assert new_run_directory("tiny", "mine") == Path("mine")
    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(lambda _: new_run_directory("tiny", None), range(8)))
    assert {path.name for path in paths} == {f"tiny-{number}" for number in range(2, 10)}


def test_a_resumed_run_has_the_same_pixels(image_folder, here, monkeypatch):
    monkeypatch.setattr(run_setup, "MAX_FOLDER_SIZE", 8)
    training = run_setup.new_training_config({"preset": "tiny", "dataset": f"folder:{image_folder}"})
    config, data = run_setup.new_run(training, Path())
    assert data.images.shape == (16, 3, 8, 8)
    assert torch.equal(run_setup.resumed_dataset(config, Path()).images, data.images)


def test_training_may_start_from_another_model(unbroken, image_folder, here):
    words = ["tiny", "--dataset", f"folder:{image_folder}", "--steps", "5", "--learning-rate", "1e-6"]
    shutil.copytree(unbroken / "model", "first")
    assert main([*words, "--init-from", "first", "--output-dir", "tuned"]) == 0
    shutil.rmtree("first")
    assert main(["tiny", "--resume", "--steps", "6", "--output-dir", "tuned"]) == 0  # its weights are its own by now
    ours, theirs = (load_model(path / "model").network for path in (Path("tuned"), unbroken))
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(mine, other, atol=1e-4)
    assert losses(Path("tuned"))[0][1] < 0.8 * losses(unbroken)[0][1]


@pytest.mark.parametrize("file", ["train/run.py", "diffusion/generate.py", "train/evaluation/train_classifier.py"])
def test_a_command_starts_as_a_file_from_any_folder(file):
    started = command(Path("/"), sys.executable, ROOT / file, "--help")
    assert started.returncode == 0, started.stderr
    assert "usage: python -m" in started.stdout


def test_every_file_that_is_a_command_finds_its_package():
    folders = [ROOT / name for name in ("diffusion", "train", "scripts", "benchmarks")]
    texts = {path: path.read_text("utf-8") for folder in folders for path in folder.rglob("*.py")}
    commands = {path: text for path, text in texts.items() if "__main__" in text and "\nfrom " in text}
    assert len(commands) >= 8
    for path, text in commands.items():
        depth = len(path.relative_to(ROOT).parts) - 1
        assert f"sys.path[0] = str(Path(__file__).resolve().parents[{depth}])" in text or "import ui" in text, path


def test_a_complete_run_is_uploaded_to_the_hub(unbroken, here, monkeypatch, capsys):
    shutil.copytree(unbroken, "runs/tiny")
    for variable, value in {"HF_TOKEN": "hf_x", "NO_PROXY": "127.0.0.1"}.items():
        monkeypatch.setenv(variable, value)
    with HubServer() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        assert main(["tiny", "--resume", "--push-to-hub", "someone/tiny"]) == 0
        (files,) = hub.repos["someone/tiny"].commits.values()
        assert f"{hub.url}/someone/tiny" in capsys.readouterr().out
    assert files == {path.name: path.read_bytes() for path in (unbroken / "model").iterdir()}
