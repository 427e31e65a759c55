"""Metrics by the evaluation classifier, and the bundled ones of real images."""

import pytest
import torch
from safetensors.torch import save_file

from diffusion.errors import InputError
from train.datasets import DIGITS
from train.evaluation import classifier_metrics as module
from train.evaluation.classifier import CLASSIFIERS
from train.evaluation.classifier_metrics import classifier_metrics
from train.evaluation.reference_metrics import read_reference, real_metrics, reference_metrics, write_reference

DIRECTORY = CLASSIFIERS["mnist"].directory


def test_metrics_count_correct_predictions(monkeypatch, bundled):
    probabilities = torch.full((4, 10), 0.01)
    for row, digit in enumerate([3, 3, 5, 5]):
        probabilities[row, digit] = 0.9
    monkeypatch.setattr(module, "classify", lambda *_: (torch.zeros(4, 96), probabilities))
    training = torch.zeros(96).double(), torch.eye(96).double()
    images = torch.zeros(4, 1, 28, 28)
    result = classifier_metrics(bundled, images, torch.tensor([3, 3, 3, 5]), DIGITS, training)
    assert result["accuracy"] == 0.75
    assert result["accuracy_per_class"] == {"3": pytest.approx(2 / 3), "5": 1.0}
    assert result["accuracy_worst_class"] == pytest.approx(2 / 3)
    assert result["confidence"] == pytest.approx(0.9)
    assert result["frechet_distance"] is None  # 4 images are too few for the covariance of 96 features
    unlabelled = classifier_metrics(bundled, images, None, DIGITS, training)
    assert "accuracy" not in unlabelled
    assert unlabelled["share_per_class"] == dict.fromkeys(DIGITS, 0) | {"3": 0.5, "5": 0.5}
    assert (unlabelled["share_rarest_class"], unlabelled["share_commonest_class"]) == (0, 0.5)


def test_a_reference_is_read_as_it_was_written(tmp_path):
    mean, covariance = torch.randn(96).double(), torch.randn(96, 96).double()
    write_reference((mean, covariance), [{"n": 5}], tmp_path)
    (mean_read, covariance_read), rows = read_reference(tmp_path)
    assert torch.equal(mean, mean_read)
    assert torch.equal(covariance, covariance_read)
    assert rows == [{"n": 5}]


def test_a_missing_reference_is_named(tmp_path):
    with pytest.raises(InputError, match=r"reference\.safetensors"):
        read_reference(tmp_path)


def test_a_damaged_reference_is_named(tmp_path):
    save_file({"mean": torch.zeros(1)}, tmp_path / "reference.safetensors", {"real": "[" * 40_000 + "]" * 40_000})
    with pytest.raises(InputError, match=r"reference\.safetensors cannot be read \(it is nested too deeply\)"):
        read_reference(tmp_path)


@pytest.mark.parametrize(("num_images", "real"), [(10, 500), (999, 500), (1000, 1000), (7000, 5000), (99_999, 10_000)])
def test_the_bundled_metrics_are_of_about_as_many_images(bundled, num_images, real):
    assert reference_metrics(bundled, "mnist", num_images, None)[1]["n"] == real


def test_the_bundled_reference_is_of_good_real_digits():
    (mean, covariance), rows = read_reference(DIRECTORY)
    assert mean.shape == (96,)
    assert torch.equal(covariance, covariance.T)
    by_size = {row["n"]: row for row in rows}
    assert by_size[10_000]["accuracy"] >= 0.996
    distances = [by_size[n]["frechet_distance"] for n in (500, 1000, 2000, 5000, 10_000)]
    assert distances == sorted(distances, reverse=True)  # fewer digits, more distance


def test_the_bundled_reference_is_that_of_the_bundled_classifier(bundled, data_dir):
    training, rows = read_reference(DIRECTORY)
    (computed,) = real_metrics(bundled, "mnist", data_dir, training, [1000])
    kept = next(row for row in rows if row["n"] == 1000)
    assert computed["accuracy"] == pytest.approx(kept["accuracy"], abs=1e-3)
    assert computed["confidence"] == pytest.approx(kept["confidence"], abs=1e-3)
    assert computed["frechet_distance"] == pytest.approx(kept["frechet_distance"], rel=1e-2)
