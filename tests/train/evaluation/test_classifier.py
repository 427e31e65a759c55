"""The evaluators, and the command that trains them."""

import json

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFont

from diffusion.config import ModelConfig
from diffusion.errors import InputError
from tests.bars import bars
from train.datasets import DIGITS, Dataset, load_dataset
from train.evaluation import classifier as evaluator
from train.evaluation.classifier import EVALUATORS, Evaluator, can_read, fresh_evaluator, load_evaluator, read, suited

TINY = {"kind": "unet", "channels": [8], "blocks": 1, "attention": [False]}


# ------------------------------------------------------------------------------------------------------ the network


def test_the_logits_are_the_head_on_the_features():
    torch.manual_seed(0)
    network = Evaluator().eval()
    x = torch.rand(3, 1, 28, 28) * 2 - 1
    with torch.inference_mode():
        features, logits = network.features(x), network(x)
        torch.testing.assert_close(logits, network.head(features))
    assert features.shape == (3, network.num_features)
    assert logits.shape == (3, 10)


def test_every_evaluator_fits_its_images_and_a_megabyte():
    for dataset, row in EVALUATORS.items():
        network = fresh_evaluator(dataset).eval()
        assert network(torch.zeros(2, *row.shape)).shape == (2, len(row.label_names))
        assert network.features(torch.zeros(2, *row.shape)).shape == (2, row.widths[-1])
        assert 2 * sum(tensor.numel() for tensor in network.state_dict().values()) < 1_000_000


@pytest.mark.parametrize("shape", [(2, 1, 32, 32), (2, 3, 28, 28), (28, 28), (1, 28, 28)])
def test_other_sizes_are_refused(shape):
    with pytest.raises(InputError, match="28x28"):
        Evaluator()(torch.zeros(shape))


def test_an_image_is_read_alike_alone_and_among_others(bundled):
    images = bars(30).images
    features, probabilities = read(bundled, images, batch_size=7)
    alone = [read(bundled, images[i : i + 1]) for i in range(30)]
    torch.testing.assert_close(features, torch.cat([part[0] for part in alone]), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(probabilities.sum(1), torch.ones(30))
    as_floats = read(bundled, images.float() / 127.5 - 1)[0]
    torch.testing.assert_close(features, as_floats, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("changes", "dataset", "says_digits"),
    [
        ({}, "mnist", True),
        ({"label_names": ()}, "mnist", False),
        ({"channels": 3}, None, False),
        ({"image_size": 32}, None, False),
        ({"label_names": ("cat", "dog")}, None, False),
        ({"channels": 3, "image_size": 32, "label_names": ()}, "cifar10", False),
        ({"channels": 3, "image_size": 32, "label_names": evaluator.CIFAR10}, "cifar10", False),
    ],
)
def test_which_evaluator_reads_what(changes, dataset, says_digits):
    config = ModelConfig(**{"name": "x", "label_names": tuple(DIGITS), "network": TINY} | changes)
    assert suited(config) == dataset
    assert can_read(config) is says_digits


# --------------------------------------------------------------------------------------------- the bundled evaluator


DIRECTORY = EVALUATORS["mnist"].directory


def test_the_bundled_evaluator_is_small_and_claims_what_is_asked():
    assert (DIRECTORY / "model.safetensors").stat().st_size <= 1_000_000
    facts = json.loads((DIRECTORY / "config.json").read_text())
    assert facts["test_accuracy"] >= 0.996
    assert facts["test_images"] == 10_000
    assert f"{facts['test_accuracy']:.2%}" in (DIRECTORY / "README.md").read_text()


def test_the_bundled_evaluator_reads_printed_digits(bundled):
    """Digits that are in no data set: set in Pillow's own font.  At least nine of ten are read."""
    font = ImageFont.load_default(size=24)
    images = []
    for name in DIGITS:
        picture = Image.new("L", (28, 28))
        ImageDraw.Draw(picture).text((14, 14), name, fill=255, font=font, anchor="mm")
        images.append(torch.from_numpy(np.array(picture))[None])
    readings = read(bundled, torch.stack(images))[1].argmax(1)
    assert (readings == torch.arange(10)).sum() >= 9


def test_the_bundled_evaluator_reads_the_real_test_digits(bundled, data_dir):
    test = load_dataset("mnist", data_dir, "test")
    assert len(test.images) == 10_000
    share = evaluator.accuracy(bundled, test)
    assert share >= 0.996
    assert share == pytest.approx(json.loads((DIRECTORY / "config.json").read_text())["test_accuracy"], abs=2e-4)


def test_missing_and_damaged_weights_are_named(tmp_path):
    with pytest.raises(InputError, match=r"model\.safetensors"):
        load_evaluator(directory=tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"no safetensors")
    with pytest.raises(InputError, match=r"model\.safetensors"):
        load_evaluator(directory=tmp_path)


# ------------------------------------------------------------------------------------------------------ its training


def test_training_command_saves_what_load_evaluator_reads(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(evaluator, "load_dataset", lambda name, data_dir, split: bars(600))
    assert evaluator.main(["--epochs", "0.5", "--output-dir", str(tmp_path)]) == 0
    facts = json.loads((tmp_path / "config.json").read_text())
    assert facts["images_seen"] == 512
    loaded = load_evaluator(directory=tmp_path)
    assert evaluator.accuracy(loaded, bars(600)) == pytest.approx(facts["test_accuracy"])
    assert "Test accuracy" in capsys.readouterr().out


def test_training_command_reads_colours(tmp_path, monkeypatch):
    labels = torch.arange(300) % 10
    images = (labels * 25).byte()[:, None, None, None].expand(-1, 3, 32, 32).contiguous()
    asked = []
    monkeypatch.setattr(
        evaluator, "load_dataset", lambda *names: asked.append(names) or Dataset(images, labels, evaluator.CIFAR10)
    )
    assert evaluator.main(["--dataset", "cifar10", "--epochs", "1", "--output-dir", str(tmp_path)]) == 0
    assert asked == [("cifar10", "data", "train"), ("cifar10", "data", "test")]
    assert load_evaluator("cifar10", tmp_path)(torch.zeros(2, 3, 32, 32)).shape == (2, 10)
    assert "train.evaluation.classifier --dataset cifar10" in (tmp_path / "README.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--epochs", "0"], "epochs"),
        (["--epochs", "nan"], "epochs"),
        (["--minutes", "-1"], "minutes"),
        (["--seed", "-1"], "seed"),
    ],
)
def test_training_command_refuses_bad_values(arguments, words, capsys):
    assert evaluator.main(arguments) == 2
    assert words in capsys.readouterr().err
