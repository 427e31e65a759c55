"""The training loop learns, and ends in time."""

import json
import math

import pytest
import torch
from PIL import Image

from diffusion import InputError, load_classifier, load_model
from diffusion.io.images import downscaled
from tests.train.loop.runs import OTHER_TASKS, metrics
from tests.train.tiny_run import TINY

pytestmark = pytest.mark.slow


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


def test_a_run_in_minutes_ends_in_time_with_its_learning_rate_decayed(start):
    run_dir = start(minutes=0.05)
    ((seconds, progress, rate),) = metrics(run_dir, "seconds", "progress", "learning_rate")[-1:]
    assert 2 < seconds < 10  # where others compute, a step may take a second
    assert progress == 1
    assert rate < 0.1 * TINY["training"]["learning_rate"]


def test_minutes_in_which_nothing_could_be_learned_are_refused(start):
    with pytest.raises(InputError, match=r"minutes must be a number of at least 0\.01"):
        start(minutes=1e-9)
