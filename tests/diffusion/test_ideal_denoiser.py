"""The ideal denoiser against the sum it stands for, in float64, and its limits."""

import pytest
import torch

from diffusion import Condition
from diffusion.ideal_denoiser import IdealDenoiser
from diffusion.process import CosineVP, ExponentialVE, Flow, Level, LinearVP
from diffusion.samplers import SAMPLERS

COUNT = 1000


@pytest.fixture(scope="module")
def images():
    generator = torch.Generator().manual_seed(0)
    return torch.rand(COUNT, 1, 12, 12, generator=generator).round(decimals=2) * 2 - 1


def level_of(alpha: float, sigma: float) -> Level:
    return Level(0.5, alpha, sigma, 0.0, 0.0)


def by_definition(images, x, alpha, sigma):
    """x (N, C, H, W) -> the mean image and the weights, (N, M)."""
    difference = x.double().flatten(1)[:, None] - alpha * images.double().flatten(1)
    weights = (-difference.square().sum(2) / (2 * sigma**2)).softmax(1)
    return (weights @ images.double().flatten(1)).view_as(x), weights


@pytest.mark.parametrize("sigma", [1e-3, 1e-2, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0, 1000.0])
@pytest.mark.parametrize("alpha", [1.0, 0.6, 1e-3])
def test_it_is_the_weighted_mean_at_every_noise(alpha, sigma, images):
    generator = torch.Generator().manual_seed(1)
    x = alpha * images[5:8] + sigma * torch.randn(3, 1, 12, 12, generator=generator)
    ideal = IdealDenoiser(images)
    found = ideal(x, level_of(alpha, sigma))
    expected, weights = by_definition(images, x, alpha, sigma)
    torch.testing.assert_close(found.x0.double(), expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(ideal.weights(x, level_of(alpha, sigma)), weights, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(alpha * found.x0 + sigma * found.eps, x, rtol=1e-5, atol=1e-5)


def test_more_images_than_are_weighed_exactly(images, monkeypatch):
    monkeypatch.setattr("diffusion.ideal_denoiser.EXACT", 50)
    monkeypatch.setattr("diffusion.ideal_denoiser.BLOCK", 300)
    for sigma in (0.1, 1.0, 5.0):
        x = images[:4] + sigma * torch.randn(4, 1, 12, 12, generator=torch.Generator().manual_seed(2))
        expected, _ = by_definition(images, x, 1.0, sigma)
        found = IdealDenoiser(images)(x, level_of(1.0, sigma)).x0
        torch.testing.assert_close(found.double(), expected, rtol=0, atol=1e-5)


def test_its_limits_are_the_nearest_image_and_the_mean(images):
    ideal, x = IdealDenoiser(images), images[7:8] + 0.01
    torch.testing.assert_close(ideal(x, level_of(1.0, 1e-3)).x0, images[7:8])
    torch.testing.assert_close(ideal(x, level_of(1e-6, 1e3)).x0, images.mean(0, keepdim=True), rtol=0, atol=1e-5)


def test_given_a_label_only_its_images_count(images):
    labels = torch.arange(COUNT) % 10
    ideal, level = IdealDenoiser(images, labels), level_of(0.5, 1.0)
    x = torch.randn(3, 1, 12, 12, generator=torch.Generator().manual_seed(3))
    found = ideal(x, level, Condition(torch.tensor([3, -1, 9]))).x0
    for i, kept in enumerate((images[labels == 3], images, images[labels == 9])):
        expected, _ = by_definition(kept, x[i : i + 1], 0.5, 1.0)
        torch.testing.assert_close(found[i : i + 1].double(), expected, rtol=0, atol=1e-5)
    assert (ideal.weights(x, level, torch.tensor([3, 3, 3]))[:, labels != 3] == 0).all()


def test_each_image_may_have_a_level_of_its_own(images):
    ideal, process = IdealDenoiser(images), CosineVP()
    x, times = torch.randn(3, 1, 12, 12, generator=torch.Generator().manual_seed(5)), (0.1, 0.5, 0.9)
    found = ideal(x, process.level(torch.tensor(times, dtype=torch.float64).view(3, 1, 1, 1)))
    for i, t in enumerate(times):
        alone = ideal(x[i : i + 1], process.level(t))
        torch.testing.assert_close(found.x0[i : i + 1], alone.x0, rtol=0, atol=1e-5)
        torch.testing.assert_close(found.eps[i : i + 1], alone.eps, rtol=0, atol=1e-4)


@pytest.mark.parametrize("process", [CosineVP(), LinearVP(), ExponentialVE(), Flow()], ids=lambda p: p.kind)
@pytest.mark.parametrize("sampler", ["ddim", "heun", "dpmpp_2m", "unipc"])
def test_a_sampler_ends_on_images_of_the_set(sampler, process, images):
    row, ideal = SAMPLERS[sampler], IdealDenoiser(images)
    levels = process.levels(30, row.spacing)
    start = levels[0].sigma * torch.randn(4, 1, 12, 12, generator=torch.Generator().manual_seed(4))
    x = list(row.function(ideal, start, levels, None))[-1].x
    distances = torch.cdist(x.flatten(1), images.flatten(1)).min(1).values
    assert (distances < 0.5).all()  # two different ones are 9 apart
