"""The evaluation classifiers: which model they are for, and how well the bundled one classifies."""

import json

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFont

from diffusion.config import ModelConfig
from diffusion.errors import InputError
from tests.bars import bars
from tests.tiny import NETWORK
from train.datasets import DIGITS, load_dataset
from train.evaluation.classifier import (
    CIFAR10,
    CLASSIFIERS,
    EvaluationClassifier,
    accuracy,
    classify,
    generates_digits,
    load_evaluation_classifier,
    matching_dataset,
    required_dataset,
)

DIRECTORY = CLASSIFIERS["mnist"].directory


@pytest.mark.parametrize("shape", [(2, 1, 32, 32), (2, 3, 28, 28), (28, 28), (1, 28, 28)])
def test_other_sizes_are_refused(shape):
    with pytest.raises(InputError, match=r"takes images \('N', 1, 28, 28\)"):
        EvaluationClassifier()(torch.zeros(shape))


def test_an_image_is_classified_alike_alone_and_among_others(bundled):
    images = bars(30).images
    features, probabilities = classify(bundled, images, batch_size=7)
    alone = [classify(bundled, images[i : i + 1]) for i in range(30)]
    torch.testing.assert_close(features, torch.cat([part[0] for part in alone]), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(probabilities, torch.cat([part[1] for part in alone]), rtol=1e-4, atol=1e-4)
    as_floats = classify(bundled, images.float() / 127.5 - 1)[0]
    torch.testing.assert_close(features, as_floats, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("changes", "dataset", "digits"),
    [
        ({}, "mnist", True),  # of an earlier version: by its labels
        ({"label_names": ()}, None, False),
        ({"dataset": "mnist"}, "mnist", True),
        ({"dataset": "mnist", "label_names": ()}, "mnist", False),
        ({"dataset": "fashion_mnist"}, None, False),
        ({"dataset": "folder:digits"}, None, False),
        ({"dataset": "mnist", "image_size": 32}, None, False),
        ({"dataset": "mnist", "label_names": ("cat", "dog")}, None, False),
        ({"channels": 3}, None, False),
        ({"image_size": 32}, None, False),
        ({"label_names": ("cat", "dog")}, None, False),
        ({"channels": 3, "image_size": 32, "label_names": ()}, None, False),
        ({"channels": 3, "image_size": 32, "label_names": (), "dataset": "cifar10"}, "cifar10", False),
        ({"channels": 3, "image_size": 32, "label_names": CIFAR10}, "cifar10", False),
    ],
)
def test_which_classifier_is_for_which_model(changes, dataset, digits):
    config = ModelConfig(**{"name": "x", "label_names": tuple(DIGITS), "network": NETWORK} | changes)
    assert matching_dataset(config) == dataset
    assert generates_digits(config, config.label_names) is digits
    if dataset is None:
        with pytest.raises(InputError, match=r"for 'x', which was trained on .* and generates \d+ classes"):
            required_dataset(config)


def test_the_bundled_classifier_is_small_and_its_card_gives_its_accuracy():
    assert (DIRECTORY / "model.safetensors").stat().st_size <= 1_000_000
    facts = json.loads((DIRECTORY / "config.json").read_text())
    assert facts["test_accuracy"] >= 0.996
    assert facts["test_images"] == 10_000
    assert f"{facts['test_accuracy']:.2%}" in (DIRECTORY / "README.md").read_text()


def test_the_bundled_classifier_recognises_printed_digits(bundled):
    """Digits that are in no data set: set in Pillow's own font. At least nine of ten are recognised."""
    font = ImageFont.load_default(size=24)
    images = []
    for name in DIGITS:
        image = Image.new("L", (28, 28))
        ImageDraw.Draw(image).text((14, 14), name, fill=255, font=font, anchor="mm")
        images.append(torch.from_numpy(np.array(image))[None])
    predicted = classify(bundled, torch.stack(images))[1].argmax(1)
    assert (predicted == torch.arange(10)).sum() >= 9


def test_the_bundled_classifier_has_its_accuracy_on_the_real_test_digits(bundled, data_dir):
    test = load_dataset("mnist", data_dir, "test")
    assert len(test.images) == 10_000
    share = accuracy(bundled, test)
    assert share >= 0.996
    assert share == pytest.approx(json.loads((DIRECTORY / "config.json").read_text())["test_accuracy"], abs=2e-4)


def test_missing_and_damaged_weights_are_named(tmp_path):
    with pytest.raises(InputError, match=r"model\.safetensors"):
        load_evaluation_classifier(directory=tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"no safetensors")
    with pytest.raises(InputError, match=r"model\.safetensors"):
        load_evaluation_classifier(directory=tmp_path)
