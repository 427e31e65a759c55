"""Generation, judged: images drawn from noise, asked for by label, by a classifier, or not at all."""

import time
from typing import Any

from torch import Tensor

from diffusion.guidance import NoisyClassifier
from diffusion.model import Model
from train.evaluation.classifier import EVALUATORS, load_evaluator
from train.evaluation.frechet import figures, judging, reference
from train.evaluation.metrics import described
from train.evaluation.sample import draw, labels_in_turn


def evaluate_generation(
    model: Model,
    num_images: int,
    batch_size: int,
    settings: dict[str, Any],
    data_dir: str | None = None,
    classifier: NoisyClassifier | None = None,
) -> tuple[dict[str, Any], Tensor]:
    """The figures of `num_images` images of the model, and of real ones, with all that is needed to repeat them; and
    the images, (N, C, H, W) uint8.

    `settings` are as `Settings.filled` gives them, and beside a classifier have a classifier_scale.  The labels go in
    turn.  Without `data_dir` the real images' figures are the bundled ones.  Raises InputError where no evaluator
    can read what the model draws.
    """
    dataset = judging(model.config)
    row, evaluator = EVALUATORS[dataset], load_evaluator(dataset)
    training, real = reference(evaluator, dataset, num_images, data_dir)
    asked = labels_in_turn(num_images, len(row.label_names)) if model.config.num_classes or classifier else None

    start = time.monotonic()
    drawn = draw(model, num_images, batch_size, settings, asked, classifier=classifier)
    seconds = time.monotonic() - start
    result = described(model, dataset, num_images, settings, seconds)
    result["generated"] = figures(evaluator, drawn, asked, row.label_names, training)
    if classifier is not None:
        freely = {name: value for name, value in settings.items() if name != "classifier_scale"}
        unguided = draw(model, num_images, batch_size, freely, asked if model.config.num_classes else None)
        result["unguided"] = figures(evaluator, unguided, asked, row.label_names, training)
    return result | {"real": real}, drawn
