"""Every sentence with which a run ends and that says what to do: what it says is done, and works."""

import errno
import math
import os
import re
import shlex
import signal
from pathlib import Path

import pytest
import torch

from diffusion import load_model
from tests.hub_server import Faults, HubServer
from tests.train.tiny_run import TINY
from train import loop, run
from train.optim.ema import PowerFunctionEMA
from train.output import checkpoints
from train.presets import PRESETS
from train.schedule import PeriodicTask

pytestmark = pytest.mark.slow


@pytest.fixture
def written() -> list[str]:
    """The lines that the commands of a test wrote to stderr."""
    return []


@pytest.fixture
def start(tmp_path, monkeypatch, image_folder, written, capsys):
    """Run the command in an empty folder, and return its exit status and what it wrote to stderr last."""
    monkeypatch.setitem(PRESETS, "tiny", TINY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(PeriodicTask, "due", lambda self: self.interval == 0)  # a checkpoint each step, and no sheets
    before = torch.get_num_threads()
    torch.set_num_threads(1)

    def command(*words: object) -> tuple[int, str]:
        status = run.main([str(word) for word in words])
        written.extend(capsys.readouterr().err.strip().splitlines())
        return status, written[-1]

    yield lambda *words: command("tiny", "--dataset", f"folder:{image_folder}", *words)
    torch.set_num_threads(before)


@pytest.fixture
def follow(tmp_path, monkeypatch, capsys):
    """Run the command that a sentence ends with."""

    def command(sentence: str) -> int:
        words = shlex.split(re.search(r"python -m train\.run (.*)$", sentence)[1])
        status = run.main(words)
        assert status == 0, capsys.readouterr().err
        return status

    return command


def fails(monkeypatch, step: int, error) -> None:
    """Raise an error, or call a function, after a step, once."""
    update, done = PowerFunctionEMA.update, []

    def updated(self, number):
        update(self, number)
        if number == step and not done:
            done.append(1)
            if isinstance(error, BaseException):
                raise error
            error()

    monkeypatch.setattr(PowerFunctionEMA, "update", updated)


def trained_to(step: int, run_dir: str = "runs/tiny") -> None:
    """The run has ended at a step, with a model."""
    rows = Path(run_dir, "metrics.jsonl").read_text().splitlines()
    assert f'"step": {step},' in rows[-1]
    assert load_model(run_dir).generate([0]).isfinite().all()


NO_MEMORY = "DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes. Error code 12"


def test_out_of_memory(start, follow, monkeypatch):
    fails(monkeypatch, 3, RuntimeError(NO_MEMORY))
    status, sentence = start("--epochs", 10)
    assert status == 1
    assert "not enough memory for batches of 16. To continue with smaller ones: " in sentence
    assert sentence.endswith("--resume --batch-size 8")
    follow(sentence)
    trained_to(2 + 16)  # of 160 images, 2 batches of 16 were kept, and 8 at a time are left
    assert "| Images seen | 160 |" in Path("runs/tiny/model/README.md").read_text()


def test_out_of_memory_before_anything_was_saved(start, monkeypatch):
    def full(*_):
        raise MemoryError

    monkeypatch.setattr(loop, "save_checkpoint", full)
    status, sentence = start("--steps", 5)
    assert status == 1
    assert sentence.endswith("There is not enough memory for batches of 16. Start the run again with --batch-size 8.")
    assert not list(Path("runs").iterdir())
    monkeypatch.setattr(loop, "save_checkpoint", checkpoints.save_checkpoint)
    assert start("--steps", 5, "--batch-size", 8)[0] == 0
    trained_to(5)


def test_batches_of_one_that_do_not_fit(start, monkeypatch):
    fails(monkeypatch, 1, MemoryError())
    status, sentence = start("--steps", 5, "--batch-size", 1)
    assert status == 1
    assert sentence.endswith("start a run with a smaller --image-size.")
    assert start("--steps", 5, "--batch-size", 1, "--image-size", 8)[0] == 0


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO], ids=errno.errorcode.get)
def test_a_disk_that_fails(code, start, follow, monkeypatch):
    fails(monkeypatch, 3, OSError(code, os.strerror(code)))
    status, sentence = start("--steps", 5)
    assert status == 1
    assert "so the run was stopped; what was saved last is complete" in sentence
    follow(sentence)
    trained_to(5)


def test_a_disk_that_is_full_before_anything_was_saved(start, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(loop, "save_checkpoint", full)
    monkeypatch.setattr(loop, "check_disk", lambda run_dir, _: (run_dir / "teacher-samples.safetensors").touch())
    status, sentence = start("--steps", 5, "--output-dir", "mine")
    assert status == 1
    assert sentence.endswith("The disk is full, so the run was stopped; nothing is left of it. "
                             "Make room and start it again.")  # fmt: skip
    assert not Path("mine").exists()
    monkeypatch.setattr(loop, "save_checkpoint", checkpoints.save_checkpoint)
    assert start("--steps", 5, "--output-dir", "mine")[0] == 0
    trained_to(5, "mine")


def test_too_little_room_is_noticed_before_the_first_step(start, monkeypatch):
    def full(folder, size):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoints, "check_room", full)
    status, sentence = start("--steps", 5, "--output-dir", "mine")
    assert status == 2
    assert "mine has no room for the run's checkpoints" in sentence
    assert sentence.endswith("make room, or choose another --output-dir.")
    monkeypatch.undo()
    assert not Path("mine").exists()


def test_a_loss_that_is_not_finite(start, follow, monkeypatch):
    real, calls = loop.LOSSES["mse"], []

    def broken(*arguments):
        calls.append(1)
        return real(*arguments) * (math.nan if len(calls) == 8 else 1)

    monkeypatch.setitem(loop.LOSSES, "mse", broken)
    status, sentence = start("--steps", 12)
    assert status == 1
    assert sentence.endswith("--resume --learning-rate 0.0025")
    follow(sentence)
    trained_to(12)


def test_a_run_that_is_interrupted_when_its_loss_is_no_longer_finite(start, follow, monkeypatch):
    real, calls = loop.LOSSES["mse"], []

    def broken(*arguments):
        calls.append(1)
        return real(*arguments) * (math.nan if len(calls) == 3 else 1)

    monkeypatch.setitem(loop.LOSSES, "mse", broken)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # it may be ignored here, as in the background
    try:
        fails(monkeypatch, 4, lambda: signal.raise_signal(signal.SIGINT))
        status, sentence = start("--steps", 12)
    finally:
        signal.signal(signal.SIGINT, before)
    assert status == 1
    assert "The loss is no longer finite (steps 1 to 4), so the run was stopped; the last good model is in" in sentence
    follow(sentence)
    trained_to(12)


def test_a_terminal_that_is_closed(start, follow, monkeypatch):
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        fails(monkeypatch, 3, lambda: signal.raise_signal(signal.SIGHUP))
        status, sentence = start("--steps", 5, "--output-dir", "a b")
    finally:
        signal.signal(signal.SIGHUP, before)
    assert status == 128 + signal.SIGHUP
    assert "Stopped at step 3; everything up to there is in a b. To continue: " in sentence
    follow(sentence)
    trained_to(5, "a b")


def test_what_is_ignored_stays_ignored(start, monkeypatch):
    """As under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        fails(monkeypatch, 3, lambda: signal.raise_signal(signal.SIGHUP))
        assert start("--steps", 5)[0] == 0
    finally:
        signal.signal(signal.SIGHUP, before)
    trained_to(5)


def test_a_signal_before_the_first_step_leaves_nothing_behind(start, monkeypatch):
    monkeypatch.setattr(run, "print_summary", lambda *_: signal.raise_signal(signal.SIGTERM))
    status, sentence = start("--steps", 5, "--output-dir", "mine")
    assert (status, sentence) == (143, "train.run: Stopped by SIGTERM.")
    assert not Path("mine").exists()


def test_a_run_killed_while_it_loads_its_images_can_be_started_again(start):
    Path("mine/images").mkdir(parents=True)
    for name in (".lock", "images/pixels.npy", "images/.0123.tmp"):
        Path("mine", name).touch()
    assert start("--steps", 5, "--output-dir", "mine")[0] == 0
    Path("other/images").mkdir(parents=True)
    Path("other/images/cat.png").touch()  # a person's own
    assert start("--steps", 5, "--output-dir", "other")[0] == 2
    assert Path("other/images/cat.png").exists()


def test_the_samples_of_another_teacher_are_not_taken_over(start, monkeypatch):
    Path("mine").mkdir()
    Path("mine/teacher-samples.safetensors").touch()  # of a run that was killed
    seen = []
    monkeypatch.setattr(loop, "train", lambda config, data, run_dir, *_: seen.extend(run_dir.iterdir()) or run_dir)
    assert start("--steps", 5, "--output-dir", "mine")[0] == 0
    assert "config.json" in [path.name for path in seen]
    assert "teacher-samples.safetensors" not in [path.name for path in seen]


def test_a_complete_run_is_continued_by_more_steps(start):
    assert start("--steps", 5)[0] == 0
    status, sentence = start("--resume", "--steps", 5)
    assert status == 0
    assert sentence == "runs/tiny: run complete, at step 5. To continue, raise --minutes, --epochs or --steps."
    assert start("--resume", "--steps", 10)[0] == 0
    trained_to(10)


def test_where_there_is_a_run_already(start):
    assert start("--steps", 5, "--output-dir", "mine")[0] == 0
    status, sentence = start("--steps", 10, "--output-dir", "mine")
    assert status == 2
    assert sentence.endswith("continue it with --resume, or choose another --output-dir.")
    assert start("--steps", 10, "--output-dir", "mine", "--resume")[0] == 0
    assert start("--steps", 5, "--output-dir", "another")[0] == 0


def test_without_a_readable_checkpoint(start):
    assert start("--steps", 5)[0] == 0
    for path in Path("runs/tiny/checkpoints").iterdir():
        path.write_bytes(b"damaged")
    status, sentence = start("--resume", "--steps", 10)
    assert status == 2
    words = shlex.split(re.search(r"a new run can start from it with (.*)\.$", sentence)[1])
    assert start("--steps", 5, *words)[0] == 0
    trained_to(5, "runs/tiny-2")


def test_an_upload_that_fails_does_not_take_the_model_with_it(start, follow, monkeypatch, capsys):
    for variable, value in {"HF_TOKEN": "hf_x", "NO_PROXY": "127.0.0.1"}.items():
        monkeypatch.setenv(variable, value)
    with HubServer() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        hub.faults = Faults(status=503)
        status, sentence = start("--steps", 5, "--push-to-hub", "someone/tiny")
        assert status == 1
        assert "someone/tiny cannot be uploaded to: " in sentence
        assert "The model is complete. To upload it later: " in sentence
        trained_to(5)
        hub.faults = Faults()
        follow(sentence)
        assert "model.safetensors" in next(iter(hub.repos["someone/tiny"].commits.values()))
        hub.user["name"] = "somebody"
        status, sentence = start("--steps", 5, "--push-to-hub", "someone/tiny")
    assert status == 2  # before the first step
    assert "you may not write there" in sentence
    assert [path.name for path in Path("runs").iterdir()] == ["tiny"]


def test_models_and_images_by_relative_paths_are_found_from_elsewhere(start, image_folder, tmp_path, monkeypatch):
    os.symlink(image_folder, "pictures")
    assert start("--dataset", "folder:pictures", "--steps", 5)[0] == 0
    more = ["--dataset", "folder:pictures", "--init-from", "runs/tiny", "--away-from", "runs/tiny"]
    assert start(*more, "--steps", 5, "--output-dir", "second")[0] == 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert run.main(["tiny", "--resume", "--output-dir", "../second", "--steps", "10"]) == 0
    trained_to(10, "../second")
    card = Path("../second/model/README.md").read_text()
    assert "--init-from tiny" in card
    assert str(tmp_path) not in card


@pytest.mark.parametrize("broken", ["import", "write"])
def test_a_broken_tensorboard_does_not_end_the_run(broken, start, monkeypatch, capsys):
    from torch.utils import tensorboard

    def fail(*_, **__):
        raise TypeError("Descriptors cannot be created directly.")

    monkeypatch.setattr(tensorboard.SummaryWriter, {"import": "__init__", "write": "add_scalar"}[broken], fail)
    assert start("--steps", 5)[0] == 0
    trained_to(5)


def test_a_sheet_that_fails_does_not_end_the_run(start, monkeypatch, written):
    def fail(*_):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(loop, "sample_sheet", fail)
    assert start("--steps", 5)[0] == 0
    assert "samples/step-00000005.png is left out (not enough memory); training goes on." in "\n".join(written)
    trained_to(5)
