"""What an evaluator says of images: how it reads them, and how far their features are from the training set's.

The same figures of real images are bundled beside each evaluator, so that no data set is needed to compare.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_safetensors

from diffusion.config import ModelConfig
from diffusion.errors import InputError
from diffusion.io.model_directory import write_atomically
from train.datasets import Dataset, load_dataset
from train.evaluation.classifier import EVALUATORS, Evaluator, load_evaluator, read, suited

REAL_SIZES = (500, 1000, 2000, 5000, 10000)  # how many real test images the bundled figures are of

Moments = tuple[torch.Tensor, torch.Tensor]  # mean (F,) and covariance (F, F), float64


def moments(features: torch.Tensor) -> Moments:
    """The mean (F,) and the unbiased covariance (F, F) of features (N, F), in float64; N at least 2."""
    features = features.double()
    return features.mean(0), features.T.cov()


def frechet_distance(a: Moments, b: Moments) -> float:
    """|mean_a - mean_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^1/2): Dowson & Landau 1982, between two Gaussians.

    The trace of the square root is the sum of the square roots of the product's eigenvalues, which are real and not
    negative but for rounding.
    """
    (mean_a, covariance_a), (mean_b, covariance_b) = a, b
    root_trace = torch.linalg.eigvals(covariance_a @ covariance_b).real.clamp(min=0).sqrt().sum()
    distance = (mean_a - mean_b).square().sum() + covariance_a.trace() + covariance_b.trace() - 2 * root_trace
    return max(distance.item(), 0.0)


def figures(
    evaluator: Evaluator,
    images: torch.Tensor,
    labels: torch.Tensor | None,
    label_names: Sequence[str],
    training: Moments,
) -> dict[str, Any]:
    """What the evaluator says of images (N, C, H, W), that should show `labels` (N,) where there are any.

    The accuracy is there with labels only; the share of the images that it takes for each class always. The Fréchet
    distance to `training` is None for fewer images than twice the features, whose covariance would be mostly chance.
    """
    features, probabilities = read(evaluator, images)
    confidence, reading = probabilities.max(1)
    result: dict[str, Any] = {"n": len(images), "confidence": confidence.double().mean().item()}
    if labels is not None:
        right = (reading == labels).double()
        per_class = {
            name: right[labels == index].mean().item()
            for index, name in enumerate(label_names)
            if (labels == index).any()
        }
        result |= {"accuracy": right.mean().item(), "accuracy_per_class": per_class}
        result["accuracy_worst_class"] = min(per_class.values())
    shares = (reading.bincount(minlength=len(label_names)).double() / len(reading)).tolist()
    result["share_per_class"] = dict(zip(label_names, shares, strict=True))
    result |= {"share_rarest_class": min(shares), "share_commonest_class": max(shares)}
    enough = len(images) >= 2 * evaluator.num_features
    result["frechet_distance"] = frechet_distance(moments(features), training) if enough else None
    return result


def judging(config: ModelConfig) -> str:
    """The data set whose evaluator judges a model of this configuration.  Raises InputError where there is none."""
    if dataset := suited(config):
        return dataset
    known = "; ".join(
        f"{len(row.label_names)} classes of {row.title} ({', '.join(row.label_names[:3])}, ...), "
        f"{row.shape[1]}x{row.shape[2]}, in {row.shape[0]} channel(s)"
        for row in EVALUATORS.values()
    )
    names = f" ({', '.join(config.label_names[:3])}, ...)" if config.label_names else ""
    raise InputError(
        f"The evaluators read the {known}; the model {config.name!r} draws {config.num_classes} classes{names}, "
        f"{config.image_size}x{config.image_size}, in {config.channels} channel(s)."
    )


# ------------------------------------------------------------------------------------------------- the real images


def training_moments(evaluator: Evaluator, dataset: str, data_dir: str | Path) -> Moments:
    """The moments of the features of the training set."""
    return moments(read(evaluator, load_dataset(dataset, data_dir, "train").images)[0])


def real_images(dataset: str, data_dir: str | Path, count: int | None = None) -> Dataset:
    """So many test images, or all of them, always in the same order at random: the files are not shuffled."""
    test = load_dataset(dataset, data_dir, "test")
    order = torch.randperm(len(test.images), generator=torch.Generator().manual_seed(0))[:count]
    return Dataset(test.images[order], test.labels[order], test.label_names)


def real_figures(
    evaluator: Evaluator, dataset: str, data_dir: str | Path, training: Moments, sizes: Iterable[int]
) -> list[dict[str, Any]]:
    """The figures of so many real test images each."""
    test = real_images(dataset, data_dir, max(sizes := list(sizes)))
    return [figures(evaluator, test.images[:n], test.labels[:n], test.label_names, training) for n in sizes]


def write_reference(training: Moments, rows: list[dict[str, Any]], directory: Path) -> None:
    """Keep the moments and the figures of real images beside the evaluator, so that no data set is needed."""
    tensors = {"mean": training[0], "covariance": training[1]}
    write_atomically(directory / "reference.safetensors", to_safetensors(tensors, {"real": json.dumps(rows)}))


def renew_reference(dataset: str, data_dir: str | Path) -> None:
    """Compute and write the reference of a bundled evaluator. Raises InputError."""
    evaluator = load_evaluator(dataset)
    training = training_moments(evaluator, dataset, data_dir)
    rows = real_figures(evaluator, dataset, data_dir, training, REAL_SIZES)
    write_reference(training, rows, EVALUATORS[dataset].directory)


def bundled_reference(directory: Path) -> tuple[Moments, list[dict[str, Any]]]:
    """What `write_reference` kept.  InputError where it is missing or damaged."""
    path = directory / "reference.safetensors"
    try:
        with safe_open(path, framework="pt") as file:
            rows = json.loads(file.metadata()["real"])
            return (file.get_tensor("mean"), file.get_tensor("covariance")), rows
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"The figures of real images in {path} cannot be read ({error}): "
            "renew them with train.evaluate --write-reference, or name --data-dir."
        ) from error


def reference(
    evaluator: Evaluator, dataset: str, num_images: int, data_dir: str | None
) -> tuple[Moments, dict[str, Any]]:
    """The training set's moments, and the figures of about so many real test images: the bundled ones, or those of the
    data in `data_dir`."""
    if data_dir is not None:
        training = training_moments(evaluator, dataset, data_dir)
        return training, real_figures(evaluator, dataset, data_dir, training, [num_images])[0]
    training, rows = bundled_reference(EVALUATORS[dataset].directory)
    fitting = [row for row in rows if row["n"] <= num_images]
    return training, max(fitting, key=lambda row: row["n"]) if fitting else rows[0]
