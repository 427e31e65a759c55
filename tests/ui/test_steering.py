"""Runs with more than a model: a classifier that steers, FreeU, small images to enlarge."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from diffusion import FreeU, InputError, load_classifier
from diffusion.io.images import sheet, to_uint8
from diffusion.settings import Request
from tests.tiny import DIGITS, tiny_classifier, tiny_enlarger, tiny_model
from tests.ui.conftest import decoded
from ui.engine import Engine

ROOT = Path(__file__).parents[2]


@pytest.fixture
def steered(models, tmp_path):
    """An engine with "blind", which knows no labels, "reader", a classifier that fits it, and "other-noise", that does
    not."""
    tiny_model(2, name="blind", label_names=(), process={"kind": "linear_vp"}).save(models / "blind")
    tiny_classifier(seed=3, name="reader", process={"kind": "linear_vp"}).save(models / "reader")
    tiny_classifier(seed=4, name="other-noise").save(models / "other-noise")
    return Engine("blind", runs_dir=tmp_path / "runs")


def test_a_classifier_steers_a_model_without_labels(steered, models):
    request = Request(label="7", num_images=3, classifier="reader", classifier_scale=50, seed=1)
    *_, last = steered.run(request)
    reader = load_classifier(models / "reader")
    blind = tiny_model(2, label_names=(), process={"kind": "linear_vp"})
    drawn = blind.generate([7] * 3, classifier=reader, classifier_scale=50.0, seed=1)
    assert np.abs(last.result.images.astype(int) - to_uint8(drawn)).max() <= 1
    assert np.abs(last.result.images.astype(int) - to_uint8(blind.generate([-1] * 3, seed=1))).max() > 1
    assert last.result.labels == ["7"] * 3
    assert (last.result.settings["classifier"], last.result.settings["classifier_scale"]) == ("reader", 50)
    assert json.loads(Image.open(io.BytesIO(last.result.sheet_png)).text["settings"]) == last.result.settings


def test_what_may_steer_a_model_and_what_it_can_then_be_asked_for(steered):
    alone, with_reader = steered.describe("blind"), steered.describe("blind", "reader")
    assert alone["classifiers"] == ["reader"]
    assert (alone["label_names"], alone["tiles"]) == ([], [])
    assert (with_reader["label_names"], with_reader["tiles"]) == ([], list(DIGITS))
    assert steered.describe("unet")["classifiers"] == ["other-noise"]
    tasks = {entry.ref: entry.task for entry in steered.models()}
    assert tasks["reader"] == tasks["other-noise"] == "classification"
    assert tasks["blind"] == tasks["unet"] == "generation"


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"label": "7"}, "draws without labels"),
        ({"classifier": "other-noise"}, "another process"),
        ({"classifier": "unet"}, "no classifier"),
        ({"classifier": "nobody"}, "classifier must be one of other-noise, reader, or hub:owner/name, not 'nobody'"),
        ({"classifier": "../reader"}, "classifier must be one of"),
        ({"classifier": "reader", "label": "cow"}, "label must be one of 0"),
        ({"classifier_scale": 2}, "classifier_scale belongs to a classifier"),
        ({"model": "reader"}, "is a classifier"),
    ],
)
def test_guidance_that_cannot_be_is_refused(steered, request_, said):
    with pytest.raises(InputError, match=said):
        steered.run(Request(**request_))


def test_freeu_is_the_models_and_on_record(engine):
    *_, last = engine.run(Request(label="3", num_images=2, freeu_b=1.4, freeu_s=0.5))
    drawn = tiny_model(0).generate([3] * 2, freeu=FreeU(1.4, 0.5))
    assert np.array_equal(last.result.images, to_uint8(drawn))
    assert (last.result.settings["freeu_b"], last.result.settings["freeu_s"]) == (1.4, 0.5)


@pytest.fixture
def enlarger(models, tmp_path):
    """An engine whose model makes 28x28 of 7x7."""
    tiny_enlarger(seed=5, image_size=28, low_res_size=7).save(models / "large")
    return Engine("large", runs_dir=tmp_path / "runs")


@pytest.mark.parametrize("label", ["7", ""])
def test_super_resolution_enlarges_real_digits(enlarger, label):
    updates = list(enlarger.run(Request(label=label, num_images=12, seed=3)))
    with Image.open(ROOT / "assets" / "digits.png") as opened:
        real = np.asarray(opened).reshape(10, 28, 16, 28).transpose(0, 2, 1, 3)  # digit, example, height, width
    places = [(7, i) for i in range(12)] if label else [(i % 10, i // 10) for i in range(12)]
    means = np.stack([real[place].reshape(7, 4, 7, 4).mean((1, 3)) for place in places])
    low_res = torch.from_numpy(means).float()[:, None] / 127.5 - 1
    drawn = tiny_enlarger(seed=5, image_size=28, low_res_size=7)
    result = updates[-1].result
    assert np.abs(result.images.astype(int) - to_uint8(drawn.generate(low_res=low_res, seed=3))).max() <= 1
    assert result.labels == [str(digit) for digit, _ in places]
    assert result.readings is None or len(result.readings) == 12

    small = sheet(to_uint8(low_res).repeat(4, 1).repeat(4, 2))
    assert np.abs(decoded(updates[0].small).astype(int) - small).max() <= 1
    assert [update.small for update in updates[1:]] == [None] * (len(updates) - 1)
    assert enlarger.describe()["tiles"] == list(DIGITS)
    assert enlarger.describe()["label_names"] == []


def test_another_seed_enlarges_the_same_digits_and_there_are_64(enlarger):
    first, *_ = enlarger.run(Request(num_images=64, seed=1))
    second, *_ = enlarger.run(Request(num_images=64, seed=2))
    assert first.small == second.small


def test_an_enlarger_of_something_else_is_explained(models, tmp_path):
    tiny_enlarger(seed=6, channels=3, image_size=16).save(models / "photos")
    with pytest.raises(InputError, match="colour images of 16x16 pixels, and there are only grey digits of 28x28"):
        Engine("photos", runs_dir=tmp_path).run(Request())
    tiny_enlarger(seed=7, image_size=28, low_res_size=7).save(models / "large")
    with pytest.raises(InputError, match="label must be one of 0"):
        Engine("large", runs_dir=tmp_path).run(Request(label="cow"))
