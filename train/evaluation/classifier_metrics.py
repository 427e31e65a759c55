"""What an evaluation classifier measures on a batch of images: accuracy, class shares, Fréchet distance."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from train.evaluation.classifier import EvaluationClassifier, classify
from train.evaluation.frechet_distance import Moments, frechet_distance, moments


def classifier_metrics(
    classifier: EvaluationClassifier,
    images: Tensor,
    labels: Tensor | None,
    label_names: Sequence[str],
    training: Moments,
) -> dict[str, Any]:
    """Metrics of images (N, C, H, W) that were generated with ``labels`` (N,), or without; by their names in
    ``metrics.METRICS``.

    The accuracy needs labels; the share of the images predicted as each class is always given. The Fréchet distance to
    ``training``, the moments of the training set's features, is None for fewer images than twice the features, whose
    covariance would be mostly noise.
    """
    features, probabilities = classify(classifier, images)
    confidence, predicted = probabilities.max(1)
    result: dict[str, Any] = {"n": len(images), "confidence": confidence.double().mean().item()}
    if labels is not None:
        correct = (predicted == labels).double()
        per_class = {
            name: correct[labels == index].mean().item()
            for index, name in enumerate(label_names)
            if (labels == index).any()
        }
        result |= {"accuracy": correct.mean().item(), "accuracy_per_class": per_class}
        result["accuracy_worst_class"] = min(per_class.values())
    shares = (predicted.bincount(minlength=len(label_names)).double() / len(predicted)).tolist()
    result["share_per_class"] = dict(zip(label_names, shares, strict=True))
    result |= {"share_rarest_class": min(shares), "share_commonest_class": max(shares)}
    enough = len(images) >= 2 * classifier.num_features
    result["frechet_distance"] = frechet_distance(moments(features), training) if enough else None
    return result
