"""Reference metrics: those of real images, beside which a model's are shown.

They are bundled with each evaluation classifier, so that no data set is needed to compare. ``python -m train.evaluate
--write-reference`` computes them again.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_safetensors

from diffusion.errors import InputError
from diffusion.io.files import check_writable, write_atomically
from diffusion.io.json_text import parse_json
from train.datasets import Dataset, load_dataset
from train.evaluation.classifier import CLASSIFIERS, EvaluationClassifier, classify, load_evaluation_classifier
from train.evaluation.classifier_metrics import classifier_metrics
from train.evaluation.frechet_distance import Moments, moments

REFERENCE = "reference.safetensors"
NUM_IMAGES = (500, 1000, 2000, 5000, 10000)  # the bundled metrics are of so many real test images each


def reference_metrics(
    classifier: EvaluationClassifier, dataset: str, num_images: int, data_dir: str | None
) -> tuple[Moments, dict[str, Any]]:
    """The moments of the training set's features, and the metrics of about ``num_images`` real test images: the bundled
    ones, or computed from the data in ``data_dir``."""
    if data_dir is not None:
        training = training_moments(classifier, dataset, data_dir)
        return training, real_metrics(classifier, dataset, data_dir, training, [num_images])[0]
    training, rows = read_reference(CLASSIFIERS[dataset].directory)
    smaller = [row for row in rows if row["n"] <= num_images]
    return training, max(smaller, key=lambda row: row["n"]) if smaller else rows[0]


def training_moments(classifier: EvaluationClassifier, dataset: str, data_dir: str | Path) -> Moments:
    """The moments of the training set's features."""
    return moments(classify(classifier, load_dataset(dataset, data_dir, "train").images)[0])


def real_images(
    dataset: str,
    data_dir: str | Path,
    count: int | None = None,
    image_size: int | None = None,
    channels: int | None = None,
) -> Dataset:
    """So many test images, or all, always in the same random order: files are not shuffled, and those of a folder are
    class by class. image_size, channels: see ``load_dataset``. Raises ``InputError``."""
    test = load_dataset(dataset, data_dir, "test", image_size, channels)
    order = torch.randperm(len(test.images), generator=torch.Generator().manual_seed(0))[:count]
    return Dataset(test.images[order], test.labels[order], test.label_names)


def real_metrics(
    classifier: EvaluationClassifier, dataset: str, data_dir: str | Path, training: Moments, sizes: Iterable[int]
) -> list[dict[str, Any]]:
    """The metrics of real test images, for each of several numbers of images."""
    test = real_images(dataset, data_dir, max(sizes := list(sizes)))
    return [classifier_metrics(classifier, test.images[:n], test.labels[:n], test.label_names, training) for n in sizes]


def compute_reference(dataset: str, data_dir: str | Path) -> None:
    """Compute the reference of a bundled classifier and write it. Raises ``InputError``."""
    classifier = load_evaluation_classifier(dataset)
    check_writable(CLASSIFIERS[dataset].directory / REFERENCE, setting="write_reference")
    training = training_moments(classifier, dataset, data_dir)
    rows = real_metrics(classifier, dataset, data_dir, training, NUM_IMAGES)
    write_reference(training, rows, CLASSIFIERS[dataset].directory)


def write_reference(training: Moments, rows: list[dict[str, Any]], directory: Path) -> None:
    """Write the moments and the metrics of real images beside a classifier's weights."""
    tensors = {"mean": training[0], "covariance": training[1]}
    write_atomically(directory / REFERENCE, to_safetensors(tensors, {"real": json.dumps(rows)}))


def read_reference(directory: Path) -> tuple[Moments, list[dict[str, Any]]]:
    """What ``write_reference`` wrote. Raises ``InputError`` where it is missing or damaged."""
    path = directory / REFERENCE
    try:
        with safe_open(path, framework="pt") as file:
            rows = parse_json(file.metadata()["real"])
            return (file.get_tensor("mean"), file.get_tensor("covariance")), rows
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            "evaluation.reference_unreadable",
            path=path,
            reason=error,
            write_reference="write_reference",
            data_dir="data_dir",
        ) from error
