"""The training loop in this process: it learns, it resumes bit for bit, and no failure damages the saved model."""

import errno
import json
import math
import os
import signal
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from PIL import Image

import diffusion.io.files
from diffusion import InputError, ModelConfig, load_classifier, load_model
from diffusion.io.images import downscaled
from tests.train.tiny_run import TINY
from train import loop
from train.config import RunConfig, TrainConfig
from train.datasets import Dataset
from train.loop import TrainingStopped, train
from train.optim.ema import PowerFunctionEMA
from train.output.checkpoints import checkpoints
from train.presets import PRESETS
from train.schedule import PeriodicTask

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _one_thread():
    """Sums in one order, whatever the machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def _ctrl_c():
    """It may be ignored here, as in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def data() -> Dataset:
    """24 images of 8x8: a bright left or a bright top half, with noise."""
    noise = torch.randint(0, 60, (24, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(24) % 2
    noise[labels == 0, :, :, :4] += 180
    noise[labels == 1, :, :4, :] += 180
    return Dataset(noise, labels, ["left", "top"])


OTHER_TASKS = {  # settings for ``start``
    "super-resolution": {
        "model": {
            "network": TINY["model"]["network"] | {"low_res": "bilinear"},
            "low_res_size": 2,
            "label_names": (),
        },
        "conditional": False,
    },
    "classifier": {
        "model": {
            "network": TINY["model"]["network"]
            | {"kind": "unet_encoder", "pool_size": 8, "head_channels": 8, "resample": "residual"},
            "sampling": {},
        },
        "loss": "cross_entropy",
        "label_dropout": 0.0,
    },
}


@pytest.fixture
def start(tmp_path, data, monkeypatch):
    """Train the tiny preset in a directory, with other settings where they are given."""
    monkeypatch.setitem(PRESETS, "tiny", TINY)

    def run(name: str = "run", model: dict | None = None, **settings) -> Path:
        training = {"preset": "tiny"} | TINY["training"] | {"sheet_seconds": 1000} | settings
        if "minutes" in settings:
            training.pop("steps")
        network = TINY["model"]["network"] | {"dropout": 0.1}  # which takes random numbers, too
        fields = {"name": "tiny", "image_size": 8, "label_names": ("left", "top"), **TINY["model"], "network": network}
        (tmp_path / name).mkdir(exist_ok=True)
        config = RunConfig(training=TrainConfig.checked(**training), model=ModelConfig(**fields | (model or {})))
        (tmp_path / name / "config.json").write_text(config.model_dump_json())
        train(config, data, tmp_path / name, Accelerator(cpu=True))
        return tmp_path / name

    return run


def metrics(run_dir: Path, *names: str) -> list[tuple]:
    lines = [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]
    return [tuple(line[name] for name in names) for line in lines]


def after(monkeypatch, step: int, do) -> None:
    """Call ``do`` once, during a step."""
    update, done = PowerFunctionEMA.update, []

    def updated(self, number):
        update(self, number)
        if number == step and not done:
            done.append(do())

    monkeypatch.setattr(PowerFunctionEMA, "update", updated)


def test_a_hundred_steps_lower_the_loss(start):
    run_dir = start(steps=100)
    losses = [loss for (loss,) in metrics(run_dir, "loss")]
    assert sum(losses[-4:]) < 0.7 * sum(losses[:4])
    assert load_model(run_dir / "model").generate([0, 1, -1]).isfinite().all()


def test_super_resolution_learns_to_enlarge(start, data):
    run_dir = start(steps=100, **OTHER_TASKS["super-resolution"])
    real = data.images.float() / 127.5 - 1
    model = load_model(run_dir / "model", "cpu")
    small = downscaled(real, 2)
    enlarged = model.generate(low_res=small)
    assert (enlarged - real).abs().mean() < 0.7 * (enlarged - real.flip(0)).abs().mean()  # of the other class
    assert Image.open(run_dir / "samples/step-00000100.png").width > 4 * 56


def test_a_classifier_learns_to_classify_noisy_images(start, data):
    run_dir = start(steps=100, **OTHER_TASKS["classifier"])
    classifier = load_classifier(run_dir / "model", "cpu")
    assert classifier.label_names == ("left", "top")
    assert "image-classification" in (run_dir / "model/README.md").read_text()
    real = data.images.float() / 127.5 - 1
    level = classifier.process.level(0.3)
    noise = torch.randn(real.shape, generator=torch.Generator().manual_seed(0))
    predicted = classifier.logits(level.alpha * real + level.sigma * noise, level).argmax(1)
    assert (predicted == data.labels).float().mean() > 0.9
    assert Image.open(run_dir / "samples/step-00000100.png").height > 6 * 56


def test_metrics_have_a_row_for_every_five_steps_and_the_last(start):
    run_dir = start(steps=12)
    assert metrics(run_dir, "step", "images") == [(5, 80), (10, 160), (12, 192)]
    for line in (run_dir / "metrics.jsonl").read_text().splitlines():
        values = json.loads(line)
        assert all(math.isfinite(value) for value in values.values())
        assert {"loss", "grad_norm", "learning_rate", "seconds", "images_per_second", "progress"} < values.keys()
    assert metrics(run_dir, "progress")[-1] == (1.0,)


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


def test_a_run_in_minutes_ends_in_time_with_its_learning_rate_decayed(start):
    run_dir = start(minutes=0.05)
    ((seconds, progress, rate),) = metrics(run_dir, "seconds", "progress", "learning_rate")[-1:]
    assert 2 < seconds < 10  # where others compute, a step may take a second
    assert progress == 1
    assert rate < 0.1 * TINY["training"]["learning_rate"]


def test_minutes_in_which_nothing_could_be_learned_are_refused(start):
    with pytest.raises(InputError, match=r"minutes must be a number of at least 0\.01"):
        start(minutes=1e-9)
