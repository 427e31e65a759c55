"""The two-sample test, on images that are known to differ or not to."""

import pytest
import torch

from diffusion.errors import InputError
from train.evaluation import two_sample_test as module
from train.evaluation.two_sample_test import telling, two_sample


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(module, "IMAGES", 400)
    monkeypatch.setattr(module, "SEEDS", (0, 1))
    monkeypatch.setattr(module, "EPOCHS", 4)
    monkeypatch.setattr(module, "BATCH", 50)


def gaussians(count, seed, mean=128.0):
    """Images (count, 1, 16, 16) whose pixels are a Gaussian's, as bytes."""
    noise = torch.randn(count, 1, 16, 16, generator=torch.Generator().manual_seed(seed))
    return (mean + 40 * noise).round().clamp(0, 255).byte()


def test_another_distribution_is_told_nearly_always():
    result = two_sample(gaussians(400, 1, mean=150.0), gaussians(900, 2))
    assert result["generated"]["two_sample"] > 0.95


def test_the_same_distribution_is_told_by_chance():
    result = two_sample(gaussians(500, 1), gaussians(900, 2))
    chance = 0.5 / (len(module.SEEDS) * 400) ** 0.5  # standard error: each seed asks about 400 images
    assert result["generated"]["two_sample"] == pytest.approx(0.5, abs=4 * chance)
    assert result["real"]["two_sample"] == pytest.approx(0.5, abs=4 * chance)
    assert len(result["real"]["two_sample_by_seed"]) == 2
    assert result["real"]["two_sample_images"] == 400


def test_fewer_images_are_compared_with_as_few(monkeypatch):
    sizes = []
    monkeypatch.setattr(module, "telling", lambda a, b, seed: sizes.append((len(a), len(b))) or 0.5)
    assert two_sample(gaussians(150, 1), gaussians(900, 2))["generated"]["two_sample_images"] == 150
    assert sizes == [(150, 150)] * 4


def test_what_is_learnt_from_is_not_asked_about(monkeypatch):
    """Each image has its own number as its brightness; the CNN's stand-in looks at what it is given."""
    seen = {}

    def learn(network, data, *_, **__):
        seen["learnt"] = data
        return network, 0

    monkeypatch.setattr(module, "fit", learn)
    monkeypatch.setattr(module, "accuracy", lambda network, data: seen.update(asked=data) or 0.5)
    a, b = torch.arange(200, dtype=torch.uint8).view(2, 100, 1, 1, 1).expand(2, 100, 1, 16, 16)
    telling(a, b, 0)
    learnt, asked = (set(seen[name].images[:, 0, 0, 0].tolist()) for name in ("learnt", "asked"))
    assert learnt | asked == set(range(200))
    assert not learnt & asked
    for data in seen.values():
        assert torch.equal(data.labels, (data.images[:, 0, 0, 0] >= 100).long())
        assert data.labels.sum() == 50


@pytest.mark.parametrize(("generated", "training"), [(99, 900), (300, 599)])
def test_too_few_images_are_refused(generated, training):
    with pytest.raises(InputError, match=f"not {generated} and {training}"):
        two_sample(gaussians(generated, 1), gaussians(training, 2))
