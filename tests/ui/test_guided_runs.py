"""Runs with more than a model: a classifier that guides it, FreeU, small images to enlarge."""

import numpy as np
import pytest
import torch
from PIL import Image

from diffusion import InputError, load_classifier
from diffusion.io.images import sheet, to_uint8
from tests.programs import ROOT
from tests.tiny import DEEP, DIGITS, tiny_classifier, tiny_enlarger, tiny_model
from tests.ui.images import decoded, recorded_settings
from ui.engine import Engine
from ui.request import Request

LINEAR = {"process": {"kind": "linear_vp"}}


@pytest.fixture
def guided(models, tmp_path):
    """An engine with "blind", which knows no labels, "reader", a classifier that fits it, and "other-noise", that does
    not."""
    tiny_model(2, name="blind", label_names=(), **LINEAR).save(models / "blind")
    tiny_classifier(seed=3, name="reader", **LINEAR).save(models / "reader")
    tiny_classifier(seed=4, name="other-noise").save(models / "other-noise")
    return Engine("blind", runs_dir=tmp_path / "runs")


def test_a_classifier_guides_a_model_without_labels(guided, models):
    *_, last = guided.run(Request(label="7", num_images=3, classifier="reader", classifier_scale=50, seed=1))
    reader, blind = load_classifier(models / "reader"), tiny_model(2, label_names=(), **LINEAR)
    expected = to_uint8(blind.generate([7] * 3, classifier=reader, classifier_scale=50.0, seed=1))
    images = last.result.images.astype(int)
    assert np.abs(images - expected).max() <= 1
    assert np.abs(images - to_uint8(blind.generate([-1] * 3, seed=1))).max() > 1
    assert last.result.labels == ["7"] * 3
    recorded = recorded_settings(last.result.sheet_png)
    assert (recorded["classifier"], recorded["classifier_scale"]) == ("reader", 50)


def test_what_may_guide_a_model_and_what_it_may_then_show(guided):
    alone, with_reader = guided.describe("blind"), guided.describe("blind", "reader")
    assert (alone.classifiers, alone.tiles) == (["reader"], [])
    assert with_reader.tiles == list(DIGITS)
    assert guided.describe("unet").classifiers == ["other-noise"]
    tasks = {entry.ref: entry.task for entry in guided.models()}
    assert tasks["reader"] == tasks["other-noise"] == "classification"
    assert tasks["blind"] == tasks["unet"] == "generation"


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"label": "7"}, "labels.model_has_none"),
        ({"classifier": "other-noise"}, "model.classifier_process"),
        ({"classifier": "unet"}, "model.not_a_classifier"),
        ({"classifier": "nobody"}, "page.model"),
        ({"classifier": "../reader"}, "page.model"),
        ({"classifier": "reader", "label": "cow"}, "labels.unknown_name"),
        ({"classifier_scale": 2}, "settings.does_not_apply"),
        ({"guidance_scale": 2}, "settings.does_not_apply"),
        ({"model": "reader"}, "model.classifier_does_not_sample"),
    ],
)
def test_guidance_that_cannot_be_is_refused(guided, request_, code):
    with pytest.raises(InputError) as raised:
        guided.run(Request(**request_))
    assert raised.value.code == code


def test_freeu_is_the_models_and_on_record(models, tmp_path):
    tiny_model(4, network=DEEP).save(models / "deep")
    *_, last = Engine("deep", tmp_path).run(Request(label="3", num_images=2, freeu_b=1.4, freeu_s=0.5))
    expected = to_uint8(tiny_model(4, network=DEEP).generate([3] * 2, freeu_b=1.4, freeu_s=0.5))
    assert np.array_equal(last.result.images, expected)
    assert not np.array_equal(expected, to_uint8(tiny_model(4, network=DEEP).generate([3] * 2)))
    recorded = recorded_settings(last.result.sheet_png)
    assert (recorded["freeu_b"], recorded["freeu_s"]) == (1.4, 0.5)


@pytest.fixture
def enlarger(models, tmp_path):
    """An engine whose model makes 28x28 of 7x7."""
    tiny_enlarger(seed=5, image_size=28, low_res_size=7, dataset="mnist").save(models / "large")
    return Engine("large", runs_dir=tmp_path / "runs")


@pytest.mark.parametrize("label", ["7", ""])
def test_super_resolution_enlarges_real_digits(enlarger, label):
    updates = list(enlarger.run(Request(label=label, num_images=12, seed=3)))
    with Image.open(ROOT / "assets" / "digits.png") as opened:
        real = np.asarray(opened).reshape(10, 28, 16, 28).transpose(0, 2, 1, 3)  # digit, example, height, width
    places = [(7, i) for i in range(12)] if label else [(i % 10, i // 10) for i in range(12)]
    means = np.stack([real[place].reshape(7, 4, 7, 4).mean((1, 3)) for place in places])
    low_res = torch.from_numpy(means).float()[:, None] / 127.5 - 1
    expected = tiny_enlarger(seed=5, image_size=28, low_res_size=7, dataset="mnist").generate(low_res=low_res, seed=3)
    result = updates[-1].result
    assert np.abs(result.images.astype(int) - to_uint8(expected)).max() <= 1
    assert result.labels == [str(digit) for digit, _ in places]

    small = sheet(to_uint8(low_res).repeat(4, 1).repeat(4, 2))
    assert np.abs(decoded(updates[0].low_res_png).astype(int) - small).max() <= 1
    assert [update.low_res_png for update in updates[1:]] == [None] * (len(updates) - 1)
    assert enlarger.describe().tiles == list(DIGITS)


def test_another_seed_enlarges_the_same_digits_and_there_are_64(enlarger):
    first, *_ = enlarger.run(Request(num_images=64, seed=1))
    second, *_ = enlarger.run(Request(num_images=64, seed=2))
    assert first.low_res_png == second.low_res_png


def test_what_cannot_be_enlarged_is_explained(models, enlarger, tmp_path):
    tiny_enlarger(seed=6, channels=3, image_size=16).save(models / "photos")
    with pytest.raises(InputError, match=r"16x16 pixels in 3 channel\(s\), and there are only MNIST's grey"):
        Engine("photos", runs_dir=tmp_path).run(Request())
    tiny_enlarger(seed=6, image_size=28, low_res_size=7, dataset="fashion_mnist").save(models / "clothes")
    with pytest.raises(InputError, match="was trained on fashion_mnist"):
        Engine("clothes", runs_dir=tmp_path).run(Request())
    with pytest.raises(InputError, match="label must be one of 0"):
        enlarger.run(Request(label="cow"))
