"""The classifier two-sample test: can a small CNN tell generated from real images?  (Lopez-Paz & Oquab 2017.)

It is trained on half of 5,000 generated and 5,000 real training images and tested on the other half: an accuracy of 50%
is chance, so the CNN cannot tell the images apart; 100% is no error. Both sides are whole grey levels from 0 to 255, as
a viewer shows them. The same test of real images against other real images is the control, whose accuracy must be 50%.
Everything is repeated for each seed: the choice of images, the halves, the CNN's initial weights.
"""

from typing import Any

import torch
from torch import Tensor

from diffusion.errors import InputError
from train.datasets import Dataset
from train.evaluation.augmentations import random_shift
from train.evaluation.classifier import EvaluationClassifier, accuracy
from train.evaluation.supervised_training import train_supervised

NUM_IMAGES = 5000  # of each side, half of them for training
FEWEST = 100
SEEDS = (0, 1, 2)
EPOCHS, BATCH_SIZE = 7, 64
WIDTHS = (32, 64, 96)


def two_sample_test(generated: Tensor, training: Tensor) -> dict[str, Any]:
    """The accuracy of telling generated images (N, C, H, W) uint8 from as many random training images ("generated"),
    and of telling these from other training images ("real"); each the mean over the seeds, and seed by seed.

    Of fewer than 5,000 generated images all are taken, and as many real ones. Raises ``InputError`` for fewer than 100,
    and where there are not twice as many training images.
    """
    count = check_counts(len(generated), len(training))
    accuracies: dict[str, list[float]] = {"generated": [], "real": []}
    for seed in SEEDS:
        generator = torch.Generator().manual_seed(seed)
        real, others = training[torch.randperm(len(training), generator=generator)[: 2 * count]].chunk(2)
        chosen = generated[torch.randperm(len(generated), generator=generator)[:count]]
        accuracies["generated"].append(held_out_accuracy(real, chosen, seed))
        accuracies["real"].append(held_out_accuracy(real, others, seed))
    return {
        name: {"two_sample": sum(values) / len(values), "two_sample_by_seed": values, "two_sample_images": count}
        for name, values in accuracies.items()
    }


def check_counts(generated: int, training: int) -> int:
    """How many images of each side are compared, of so many. Raises ``InputError`` where these are too few."""
    count = min(NUM_IMAGES, generated)
    if count < FEWEST or training < 2 * count:
        raise InputError("evaluation.two_sample_size", generated=generated, training=training)
    return count


def held_out_accuracy(a: Tensor, b: Tensor, seed: int) -> float:
    """The accuracy of a fresh CNN that is trained on one half and tested on the other; a and b are (N, C, H, W) uint8,
    in random order."""
    half = len(a) // 2
    training, test = (
        Dataset(torch.cat(parts), torch.arange(2).repeat_interleave(len(parts[0])), ["a", "b"])
        for parts in ((a[:half], b[:half]), (a[half:], b[half:]))
    )
    torch.manual_seed(seed)
    _, channels, height, width = a.shape
    fresh = EvaluationClassifier((channels, height, width), num_classes=2, widths=WIDTHS)
    trained, _ = train_supervised(
        fresh, training, random_shift, EPOCHS, seed=seed, batch_size=BATCH_SIZE, description="two-sample test"
    )
    return accuracy(trained, test)
