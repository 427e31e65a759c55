"""Evaluation of models that generate from noise: conditioned on labels, guided by a classifier, or unconditional."""

import time
from typing import Any

from torch import Tensor

from diffusion.model import Model
from diffusion.noisy_classifier import NoisyClassifier
from diffusion.settings import SamplingSettings
from train.evaluation.classifier import CLASSIFIERS, load_evaluation_classifier, required_dataset
from train.evaluation.classifier_metrics import classifier_metrics
from train.evaluation.metrics import result_header
from train.evaluation.reference_metrics import reference_metrics
from train.evaluation.sample import cycled_labels, sample_images


def evaluate_generation(
    model: Model,
    num_images: int,
    batch_size: int,
    settings: SamplingSettings,
    data_dir: str | None = None,
    classifier: NoisyClassifier | None = None,
) -> tuple[dict[str, Any], Tensor]:
    """The metrics of ``num_images`` images of the model and of real ones, with all that is needed to repeat them; and
    the images, (N, C, H, W) uint8.

    settings: resolved ones. Labels are cycled through. Without ``data_dir`` the metrics of real images are the bundled
    ones. With a ``classifier`` the same noise is sampled without its guidance, too. Raises ``InputError`` where no
    evaluation classifier fits the model.
    """
    dataset = required_dataset(model.config)
    label_names, evaluator = CLASSIFIERS[dataset].label_names, load_evaluation_classifier(dataset)
    training, real = reference_metrics(evaluator, dataset, num_images, data_dir)
    labels = cycled_labels(num_images, len(label_names)) if model.config.num_classes or classifier else None

    start = time.monotonic()
    generated = sample_images(model, num_images, batch_size, settings, labels, classifier=classifier)
    seconds = time.monotonic() - start
    result = result_header(model, dataset, num_images, settings, seconds, classifier is not None)
    result["generated"] = classifier_metrics(evaluator, generated, labels, label_names, training)
    if classifier is not None:
        own_labels = labels if model.config.num_classes else None
        unguided = sample_images(model, num_images, batch_size, settings, own_labels)
        result["unguided"] = classifier_metrics(evaluator, unguided, labels, label_names, training)
    return result | {"real": real}, generated
