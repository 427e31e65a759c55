"""The two-sample test, on images that are known to differ or not to."""

import pytest
import torch

from diffusion.errors import InputError
from train.evaluation import two_sample_test as module
from train.evaluation.two_sample_test import held_out_accuracy, two_sample_test


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    monkeypatch.setattr(module, "NUM_IMAGES", 400)
    monkeypatch.setattr(module, "SEEDS", (0, 1))
    monkeypatch.setattr(module, "EPOCHS", 4)
    monkeypatch.setattr(module, "BATCH_SIZE", 50)


def gaussians(count, seed, mean=128.0):
    """Images (count, 1, 16, 16) whose pixels are a Gaussian's, as bytes."""
    noise = torch.randn(count, 1, 16, 16, generator=torch.Generator().manual_seed(seed))
    return (mean + 40 * noise).round().clamp(0, 255).byte()


@pytest.mark.slow
def test_another_distribution_is_nearly_always_recognised():
    result = two_sample_test(gaussians(400, 1, mean=150.0), gaussians(900, 2))
    assert result["generated"]["two_sample"] > 0.95


@pytest.mark.slow
def test_the_same_distribution_is_recognised_by_chance():
    result = two_sample_test(gaussians(500, 1), gaussians(900, 2))
    chance = 0.5 / (len(module.SEEDS) * 400) ** 0.5  # standard error: each seed tests on 400 images
    assert result["generated"]["two_sample"] == pytest.approx(0.5, abs=4 * chance)
    assert result["real"]["two_sample"] == pytest.approx(0.5, abs=4 * chance)
    assert len(result["real"]["two_sample_by_seed"]) == 2
    assert result["real"]["two_sample_images"] == 400


def test_fewer_images_are_compared_with_as_few(monkeypatch):
    sizes = []
    monkeypatch.setattr(module, "held_out_accuracy", lambda a, b, seed: sizes.append((len(a), len(b))) or 0.5)
    assert two_sample_test(gaussians(150, 1), gaussians(900, 2))["generated"]["two_sample_images"] == 150
    assert sizes == [(150, 150)] * 4


def test_the_images_of_training_are_not_those_of_the_test(monkeypatch):
    """Each image has its own number as its brightness; stand-ins for training and testing record what they get."""
    seen = {}

    def train(network, data, *_, **__):
        seen["training"] = data
        return network, 0

    monkeypatch.setattr(module, "train_supervised", train)
    monkeypatch.setattr(module, "accuracy", lambda network, data: seen.update(test=data) or 0.5)
    a, b = torch.arange(200, dtype=torch.uint8).view(2, 100, 1, 1, 1).expand(2, 100, 1, 16, 16)
    held_out_accuracy(a, b, 0)
    training, test = (set(seen[name].images[:, 0, 0, 0].tolist()) for name in ("training", "test"))
    assert training | test == set(range(200))
    assert not training & test
    for data in seen.values():
        assert torch.equal(data.labels, (data.images[:, 0, 0, 0] >= 100).long())
        assert data.labels.sum() == 50


@pytest.mark.parametrize(("generated", "training"), [(99, 900), (300, 599)])
def test_too_few_images_are_refused(generated, training):
    with pytest.raises(InputError, match=f"not {generated} and {training}"):
        two_sample_test(gaussians(generated, 1), gaussians(training, 2))
