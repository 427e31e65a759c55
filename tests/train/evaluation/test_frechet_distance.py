"""What is computed from an evaluator's readings."""

import numpy as np
import pytest
import torch

from diffusion.errors import InputError
from tests.bars import bars
from train.datasets import DIGITS, import_torchvision
from train.evaluation import frechet as figures_module
from train.evaluation.classifier import EVALUATORS, read
from train.evaluation.frechet import (
    bundled_reference,
    figures,
    frechet_distance,
    moments,
    real_figures,
    reference,
    write_reference,
)
from train.evaluation.train_classifier import bend


def test_frechet_distance_of_known_gaussians():
    deviations_a, deviations_b = torch.tensor([1.0, 2.0, 0.0]), torch.tensor([3.0, 0.5, 0.0])
    a = torch.zeros(3).double(), torch.diag(deviations_a**2).double()
    b = torch.tensor([1.0, -2.0, 0.5]).double(), torch.diag(deviations_b**2).double()
    assert frechet_distance(a, b) == pytest.approx(5.25 + 4 + 2.25)  # |means|^2 + the deviations' differences squared
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)


def test_frechet_distance_against_symmetric_square_roots():
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


def test_frechet_distance_against_torchmetrics(bundled):
    import_torchvision()  # torchmetrics imports it, too, and fails where it cannot be imported as it is
    from torchmetrics.image.fid import FrechetInceptionDistance

    class Features(torch.nn.Module):
        num_features = bundled.num_features

        def forward(self, x):
            return bundled.features(x)

    generator = torch.Generator().manual_seed(0)
    x = bars(300).images.float() / 127.5 - 1
    real, fake = (bend(x, generator) for _ in range(2))
    fake = fake * 0.8
    metric = FrechetInceptionDistance(feature=Features())
    with torch.inference_mode():
        metric.update(real, real=True)
        metric.update(fake, real=False)
    ours = frechet_distance(*(moments(read(bundled, part)[0]) for part in (real, fake)))
    assert ours == pytest.approx(metric.compute().item(), rel=1e-3)
    assert ours > 0


def test_figures_count_right_readings(monkeypatch, bundled):
    probabilities = torch.full((4, 10), 0.01)
    for row, digit in enumerate([3, 3, 5, 5]):
        probabilities[row, digit] = 0.9
    monkeypatch.setattr(figures_module, "read", lambda *_: (torch.zeros(4, 96), probabilities))
    training = torch.zeros(96).double(), torch.eye(96).double()
    images = torch.zeros(4, 1, 28, 28)
    result = figures(bundled, images, torch.tensor([3, 3, 3, 5]), DIGITS, training)
    assert result["accuracy"] == 0.75
    assert result["accuracy_per_class"] == {"3": pytest.approx(2 / 3), "5": 1.0}
    assert result["accuracy_worst_class"] == pytest.approx(2 / 3)
    assert result["confidence"] == pytest.approx(0.9)
    assert result["frechet_distance"] is None  # 4 images say nothing of 96 features' covariance
    shares = figures(bundled, images, None, DIGITS, training)
    assert "accuracy" not in shares
    assert shares["share_per_class"] == dict.fromkeys(DIGITS, 0) | {"3": 0.5, "5": 0.5}
    assert (shares["share_rarest_class"], shares["share_commonest_class"]) == (0, 0.5)


DIRECTORY = EVALUATORS["mnist"].directory


def test_the_reference_survives_the_disk(tmp_path):
    mean, covariance = torch.randn(96).double(), torch.randn(96, 96).double()
    write_reference((mean, covariance), [{"n": 5}], tmp_path)
    (mean_read, covariance_read), rows = bundled_reference(tmp_path)
    assert torch.equal(mean, mean_read)
    assert torch.equal(covariance, covariance_read)
    assert rows == [{"n": 5}]


def test_a_missing_reference_is_named(tmp_path):
    with pytest.raises(InputError, match=r"reference\.safetensors"):
        bundled_reference(tmp_path)


@pytest.mark.parametrize(("num_images", "real"), [(10, 500), (999, 500), (1000, 1000), (7000, 5000), (99_999, 10_000)])
def test_the_bundled_figures_are_of_as_many_images_as_there_are(bundled, num_images, real):
    assert reference(bundled, "mnist", num_images, None)[1]["n"] == real


def test_the_bundled_reference_is_of_good_real_digits():
    (mean, covariance), rows = bundled_reference(DIRECTORY)
    assert mean.shape == (96,)
    assert torch.equal(covariance, covariance.T)
    by_size = {row["n"]: row for row in rows}
    assert by_size[10_000]["accuracy"] >= 0.996
    distances = [by_size[n]["frechet_distance"] for n in (500, 1000, 2000, 5000, 10_000)]
    assert distances == sorted(distances, reverse=True)  # fewer digits, more distance


def test_the_bundled_reference_is_the_bundled_evaluators(bundled, data_dir):
    """The figures of real test digits, computed again, are those kept."""
    training, rows = bundled_reference(DIRECTORY)
    (row,) = real_figures(bundled, "mnist", data_dir, training, [1000])
    kept = next(kept for kept in rows if kept["n"] == 1000)
    assert row["accuracy"] == pytest.approx(kept["accuracy"], abs=1e-3)
    assert row["confidence"] == pytest.approx(kept["confidence"], abs=1e-3)
    assert row["frechet_distance"] == pytest.approx(kept["frechet_distance"], rel=1e-2)
