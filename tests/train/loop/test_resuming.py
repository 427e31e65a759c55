"""The training loop resumes bit for bit, and no failure damages the saved model."""

import errno
import math
import os
import signal

import pytest

import diffusion.io.files
from diffusion import InputError, load_model
from tests.train.loop.runs import OTHER_TASKS, after, metrics
from tests.train.tiny_run import TINY
from train import loop
from train.loop import TrainingStopped
from train.output.checkpoints import checkpoints
from train.presets import PRESETS
from train.schedule import PeriodicTask

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "settings", [*OTHER_TASKS.values(), {}, {"optimizer": "adamw"}], ids=[*OTHER_TASKS, "", "adamw"]
)
def test_resuming_equals_not_stopping(settings, start, monkeypatch):
    settings = {"steps": 30, **settings}
    whole = start("whole", **settings)
    after(monkeypatch, 13, lambda: signal.raise_signal(signal.SIGINT))
    with pytest.raises(TrainingStopped, match="Stopped at step 13") as stopped:
        start("parts", **settings)
    assert stopped.value.code == 130
    after(monkeypatch, 22, lambda: signal.raise_signal(signal.SIGTERM))
    with pytest.raises(TrainingStopped, match="Stopped at step 22") as stopped:
        start("parts", **settings)
    assert stopped.value.code == 143
    parts = start("parts", **settings)
    values = ("step", "images", "loss", "grad_norm", "learning_rate")
    assert metrics(parts, *values) == metrics(whole, *values)
    for name in ("model/model.safetensors", "model/config.json"):
        assert (parts / name).read_bytes() == (whole / name).read_bytes()


def test_a_complete_run_is_left_as_it_is_unless_it_gets_more_steps(start, capsys):
    run_dir = start(steps=10)
    before = (run_dir / "model/model.safetensors").read_bytes()
    start(steps=10)
    assert (run_dir / "model/model.safetensors").read_bytes() == before
    assert "run complete" in capsys.readouterr().err
    start(steps=20)
    assert metrics(run_dir, "step") == [(5,), (10,), (15,), (20,)]


def test_a_damaged_checkpoint_gives_way_to_the_one_before(start, monkeypatch, capsys, tmp_path):
    after(monkeypatch, 13, lambda: signal.raise_signal(signal.SIGINT))
    with pytest.raises(TrainingStopped):
        start(steps=20)
    newest = checkpoints(tmp_path / "run/checkpoints")[-1]
    newest.write_bytes(newest.read_bytes()[:1000])
    after(monkeypatch, 11, lambda: signal.raise_signal(signal.SIGINT))
    with pytest.raises(TrainingStopped):
        start(steps=20)
    assert "cannot be read" in capsys.readouterr().err
    there = checkpoints(tmp_path / "run/checkpoints")
    assert newest not in there  # nor does it replace those that can be read
    assert len(there) == 2
    run_dir = start(steps=20)
    assert metrics(run_dir, "step") == [(5,), (10,), (15,), (20,)]


def test_a_run_without_a_readable_checkpoint_is_left_as_it_is(start):
    run_dir = start(steps=10)
    before = {path: path.read_bytes() for path in run_dir.rglob("*.safetensors") if path.parent.name == "model"}
    for path in checkpoints(run_dir / "checkpoints"):
        path.write_bytes(b"damaged")
    with pytest.raises(InputError, match=r"has no readable checkpoint.* init_from .*run/model"):
        start(steps=20)
    for path in checkpoints(run_dir / "checkpoints"):
        path.unlink()
    with pytest.raises(InputError, match="has no readable checkpoint"):
        start(steps=20)
    assert {path: path.read_bytes() for path in before} == before
    assert metrics(run_dir, "step") == [(5,), (10,)]


def test_a_run_killed_before_its_first_checkpoint_starts_again(start, tmp_path):
    (tmp_path / "run/checkpoints").mkdir(parents=True)
    (tmp_path / "run/checkpoints/.half.tmp").write_bytes(b"half")
    assert metrics(start(steps=10), "step") == [(5,), (10,)]


def test_a_run_that_counts_as_finished_has_its_model(start, monkeypatch, tmp_path):
    real, wrote = loop.save_checkpoint, []

    def killed(*arguments):
        if arguments[-1]["finished"]:
            wrote.append((tmp_path / "run/model/model.safetensors").read_bytes())
            raise RuntimeError("killed")
        real(*arguments)

    monkeypatch.setattr(loop, "save_checkpoint", killed)
    with pytest.raises(RuntimeError, match="killed"):
        start(steps=10)
    monkeypatch.undo()
    monkeypatch.setitem(PRESETS, "tiny", TINY)
    run_dir = start(steps=10)
    assert (run_dir / "model/model.safetensors").read_bytes() == wrote[0]  # the same, from the checkpoint before
    assert (run_dir / "samples/step-00000010.png").exists()


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_last_good_model(start, monkeypatch, tmp_path):
    real_loss, calls = loop.LOSSES["mse"], []

    def broken_loss(*arguments):
        calls.append(1)
        return real_loss(*arguments) * (math.nan if len(calls) == 18 else 1)

    monkeypatch.setitem(loop.LOSSES, "mse", broken_loss)
    monkeypatch.setattr(PeriodicTask, "due", lambda self: self.interval == 0)  # a checkpoint each step
    with pytest.raises(TrainingStopped, match="no longer finite") as stopped:
        start(steps=100)
    assert stopped.value.code == 1
    assert checkpoints(tmp_path / "run/checkpoints")[-1].stem == "step-00000017"
    assert load_model(tmp_path / "run/model").generate([0]).isfinite().all()
    assert metrics(tmp_path / "run", "step")[-1] == (15,)


def test_a_full_disk_stops_the_run_and_keeps_the_last_good_model(start, monkeypatch, tmp_path):
    real_fsync, full = os.fsync, []

    def fsync(number):
        if full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real_fsync(number)

    monkeypatch.setattr(diffusion.io.files.os, "fsync", fsync)
    monkeypatch.setattr(PeriodicTask, "due", lambda self: self.interval == 0)
    after(monkeypatch, 13, lambda: full.append(1))
    with pytest.raises(OSError, match="No space left") as error:
        start(steps=100)
    assert error.value.errno == errno.ENOSPC
    full.clear()
    assert not list((tmp_path / "run").rglob("*.tmp"))
    assert load_model(tmp_path / "run/model").generate([0]).isfinite().all()
    run_dir = start(steps=20)
    assert metrics(run_dir, "step") == [(5,), (10,), (15,), (20,)]
