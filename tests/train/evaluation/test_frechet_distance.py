"""The Fréchet distance, against closed forms and independent implementations."""

import numpy as np
import pytest
import torch

from tests.bars import bars
from train.datasets import import_torchvision
from train.evaluation.augmentations import random_warp
from train.evaluation.classifier import classify
from train.evaluation.frechet_distance import frechet_distance, moments


def test_known_gaussians():
    deviations_a, deviations_b = torch.tensor([1.0, 2.0, 0.0]), torch.tensor([3.0, 0.5, 0.0])
    a = torch.zeros(3).double(), torch.diag(deviations_a**2).double()
    b = torch.tensor([1.0, -2.0, 0.5]).double(), torch.diag(deviations_b**2).double()
    assert frechet_distance(a, b) == pytest.approx(5.25 + 4 + 2.25)  # |means|^2 + the deviations' differences squared
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)


def test_symmetric_square_roots():
    """An independent computation: tr (A^1/2 B A^1/2)^1/2, every root by a symmetric eigendecomposition."""
    rng = np.random.default_rng(0)
    samples = [rng.normal(size=(400, 12)) @ rng.normal(size=(12, 12)) + rng.normal(size=12) for _ in range(2)]
    (mean_a, a), (mean_b, b) = ((part.mean(0), np.cov(part, rowvar=False)) for part in samples)
    values, vectors = np.linalg.eigh(a)
    root = vectors * np.sqrt(values) @ vectors.T
    root_trace = np.sqrt(np.linalg.eigvalsh(root @ b @ root)).sum()
    expected = ((mean_a - mean_b) ** 2).sum() + np.trace(a) + np.trace(b) - 2 * root_trace
    got = frechet_distance(*(moments(torch.from_numpy(part)) for part in samples))
    assert got == pytest.approx(expected, rel=1e-9)


def test_torchmetrics(bundled):
    import_torchvision()  # torchmetrics imports it, too, and fails where it cannot be imported as it is
    from torchmetrics.image.fid import FrechetInceptionDistance

    class Features(torch.nn.Module):
        num_features = bundled.num_features

        def forward(self, x):
            return bundled.features(x)

    generator = torch.Generator().manual_seed(0)
    x = bars(300).images.float() / 127.5 - 1
    real, fake = (random_warp(x, generator) for _ in range(2))
    fake = fake * 0.8
    metric = FrechetInceptionDistance(feature=Features())
    with torch.inference_mode():
        metric.update(real, real=True)
        metric.update(fake, real=False)
    ours = frechet_distance(*(moments(classify(bundled, part)[0]) for part in (real, fake)))
    assert ours == pytest.approx(metric.compute().item(), rel=1e-3)
    assert ours > 0
