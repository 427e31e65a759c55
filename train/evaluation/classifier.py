"""The evaluation classifiers: small CNNs that classify a model's images, one for each data set they were trained on.

The predicted classes give the class accuracy, the penultimate activations the Fréchet distance. The trained weights are
bundled (``CLASSIFIERS``); ``python -m train.evaluation.train_classifier`` trains them. They see clean images only: the
classifier that guides sampling is ``diffusion.noisy_classifier.NoisyClassifier``.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from diffusion.config import ModelConfig
from diffusion.errors import InputError, Message
from diffusion.io.images import to_input
from train.datasets import DIGITS, Dataset

ASSETS = Path(__file__).resolve().parents[2] / "assets"
CIFAR10 = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


class ClassifierSpec(NamedTuple):
    """The evaluation classifier of a data set."""

    title: str
    directory: Path
    image_shape: tuple[int, int, int]  # (C, H, W)
    label_names: list[str]
    widths: tuple[int, int, int]


CLASSIFIERS = {
    "mnist": ClassifierSpec("MNIST", ASSETS / "evaluator", (1, 28, 28), DIGITS, (32, 64, 96)),
    "cifar10": ClassifierSpec("CIFAR-10", ASSETS / "evaluator-cifar10", (3, 32, 32), CIFAR10, (48, 96, 128)),
}


class EvaluationClassifier(nn.Module):
    """A CNN for small images. For MNIST: 220,000 parameters, 9 MFLOP an image; smooth activations, for smooth features.

    image_shape: (C, H, W), H and W being equal and even. widths: channels at 1/2, 1/4 and 1/8 of the image size; the
    last is the number of features.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int] = CLASSIFIERS["mnist"].image_shape,
        num_classes: int = len(DIGITS),
        widths: tuple[int, int, int] = CLASSIFIERS["mnist"].widths,
    ) -> None:
        super().__init__()
        (channels, size, _), (wide, wider, widest) = image_shape, widths
        self.image_shape, self.num_features = image_shape, widest
        self.body = nn.Sequential(  # (N, 1, 28, 28)
            nn.PixelUnshuffle(2),  # (N, 4, 14, 14): full resolution takes most of the time and is no more accurate
            *conv(4 * channels, wide),
            *conv(wide, wide),
            *conv(wide, wider, stride=2),  # (N, 64, 7, 7)
            *conv(wider, wider),
            *conv(wider, widest, stride=2),  # (N, 96, 4, 4)
            *conv(widest, widest),
            nn.Conv2d(widest, widest, -(-size // 8), groups=widest, bias=False),  # (N, 96, 1, 1): a learned mean
            nn.Flatten(),
        )
        self.head = nn.Linear(widest, num_classes)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """The penultimate activations (N, num_features) of images (N, C, H, W) in [-1, 1]. Raises ``InputError`` for
        other sizes."""
        if x.ndim != 4 or tuple(x.shape[1:]) != self.image_shape:
            raise InputError("evaluation.image_shape", wanted=("N", *self.image_shape), given=tuple(x.shape))
        return self.body(x)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The logits (N, num_classes) of images (N, C, H, W) in [-1, 1]. Raises ``InputError`` for other sizes."""
        return self.head(self.features(x))


def conv(in_channels: int, out_channels: int, stride: int = 1) -> tuple[nn.Module, ...]:
    """A 3x3 convolution, batch norm, SiLU."""
    layer = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
    return layer, nn.BatchNorm2d(out_channels), nn.SiLU()


def new_classifier(dataset: str) -> EvaluationClassifier:
    """The classifier of a data set with fresh weights."""
    spec = CLASSIFIERS[dataset]
    return EvaluationClassifier(spec.image_shape, len(spec.label_names), spec.widths)


def load_evaluation_classifier(dataset: str = "mnist", directory: Path | None = None) -> EvaluationClassifier:
    """The trained classifier in eval mode, float32, on the CPU. Raises ``InputError`` where its weights are missing or
    damaged."""
    classifier = new_classifier(dataset)
    path = (directory or CLASSIFIERS[dataset].directory) / "model.safetensors"
    try:
        classifier.load_state_dict(load_file(path))  # copies half precision into float32
    except (OSError, SafetensorError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise InputError("evaluation.classifier_unreadable", path=path, reason=reason) from error
    return classifier.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]


@torch.inference_mode()
def classify(
    classifier: EvaluationClassifier, images: torch.Tensor, batch_size: int = 500
) -> tuple[torch.Tensor, torch.Tensor]:
    """Features (N, num_features) and class probabilities (N, num_classes), on the CPU, of images (N, C, H, W) as uint8
    or as floats in [-1, 1]."""
    device = classifier.head.weight.device
    features = []
    for part in images.split(batch_size):
        part = part.to(device)
        features.append(classifier.features(part if part.is_floating_point() else to_input(part)))
    joined = torch.cat(features)
    return joined.cpu(), classifier.head(joined).softmax(1).cpu()


def accuracy(classifier: EvaluationClassifier, data: Dataset) -> float:
    """The share of a data set's images that are classified as their label."""
    _, probabilities = classify(classifier, data.images)
    return (probabilities.argmax(1) == data.labels).double().mean().item()


# ------------------------------------------------------------------------------- which classifier is for which model


def matching_dataset(config: ModelConfig) -> str | None:
    """The data set whose classifier can evaluate a model: the one that it was trained on, where its images still have
    their size and its labels, if it has any, are that data set's; None where there is none.

    Configurations of earlier versions do not say what a model was trained on. Then its labels do, or nothing does: any
    small grey images could be anything.
    """
    for dataset, spec in CLASSIFIERS.items():
        labels = list(config.label_names)
        known = config.dataset == dataset if config.dataset is not None else labels == spec.label_names
        if known and config.image_shape == spec.image_shape and labels in ([], spec.label_names):
            return dataset
    return None


def required_dataset(config: ModelConfig) -> str:
    """The same. Raises ``InputError`` where there is none."""
    if dataset := matching_dataset(config):
        return dataset
    supported = "; ".join(
        f"{spec.title} ({dataset}): {len(spec.label_names)} classes ({', '.join(spec.label_names[:3])}, ...) as "
        f"{spec.image_shape}"
        for dataset, spec in CLASSIFIERS.items()
    )
    raise InputError(
        "evaluation.no_classifier",
        model=config.name,
        dataset=config.dataset or Message("evaluation.unknown_origin", key="dataset"),
        classes=config.num_classes,
        names=f" ({', '.join(config.label_names[:3])}, ...)" if config.label_names else "",
        image_shape=config.image_shape,
        supported=supported,
    )


def generates_digits(config: ModelConfig, names: Sequence[str]) -> bool:
    """Whether a model's images are MNIST's, and what they should show has the names of its digits: so that they can be
    classified. The names may be the model's own labels, or those of what guides it."""
    return list(names) == DIGITS and matching_dataset(config) == "mnist"
