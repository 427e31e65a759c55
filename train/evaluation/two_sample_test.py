"""The two-sample test: can a small CNN tell what a model draws from real images?  (Lopez-Paz & Oquab 2017.)

It learns to on half of 5,000 generated and 5,000 real training images and is asked about the other half: 50% is
guessing, so the images cannot be told apart by it, and 100% is none mistaken. Both sides are whole grey levels from 0
to 255, as a viewer shows them. The same test of real images against other real images is the control, which must read
50%. All is done anew for each seed: the choice of images, the halves, the CNN's first weights.
"""

from typing import Any

import torch
from torch import Tensor

from diffusion.errors import InputError
from train.datasets import Dataset
from train.evaluation.classifier import Evaluator, accuracy
from train.evaluation.train_classifier import fit, shift

IMAGES = 5000  # of each side, half of them to learn from
SEEDS = (0, 1, 2)
EPOCHS, BATCH = 7, 64  # the budget
WIDTHS = (32, 64, 96)


def two_sample(generated: Tensor, training: Tensor) -> dict[str, Any]:
    """Accuracies of telling generated images (N, C, H, W) uint8 from the training images, at random as many, and of
    telling these from other training images; each the mean over the seeds, and seed by seed.

    Of fewer than 5,000 generated images all are taken, and as many real ones. Raises InputError for fewer than 100, and
    where there are not twice as many training images.
    """
    count = min(IMAGES, len(generated))
    if count < 100 or len(training) < 2 * count:
        raise InputError(
            f"The two-sample test needs at least 100 generated images and twice as many training images, "
            f"not {len(generated)} and {len(training)}."
        )
    told: dict[str, list[float]] = {"generated": [], "real": []}
    for seed in SEEDS:
        generator = torch.Generator().manual_seed(seed)
        real, others = training[torch.randperm(len(training), generator=generator)[: 2 * count]].chunk(2)
        drawn = generated[torch.randperm(len(generated), generator=generator)[:count]]
        told["generated"].append(telling(real, drawn, seed))
        told["real"].append(telling(real, others, seed))
    return {
        name: {"two_sample": sum(values) / len(values), "two_sample_by_seed": values, "two_sample_images": count}
        for name, values in told.items()
    }


def telling(a: Tensor, b: Tensor, seed: int) -> float:
    """The share of held-out images that a fresh CNN tells right, having learnt from the other half; a and b are
    (N, C, H, W) uint8, in random order."""
    half = len(a) // 2
    learn, held_out = (
        Dataset(torch.cat(parts), torch.arange(2).repeat_interleave(len(parts[0])), ["a", "b"])
        for parts in ((a[:half], b[:half]), (a[half:], b[half:]))
    )
    torch.manual_seed(seed)
    _, channels, height, width = a.shape
    fresh = Evaluator((channels, height, width), num_classes=2, widths=WIDTHS)
    reader, _ = fit(fresh, learn, shift, EPOCHS, seed=seed, batch_size=BATCH, task="telling apart")
    return accuracy(reader, held_out)
