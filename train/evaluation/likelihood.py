"""Bits per dimension: the variational bound of a model on images that it was not trained on.

The bound over the whole reverse chain (Ho et al. 2020, eq. 5): lower is better, and the negative log-likelihood is at
most this. The chain is that of the training: every step of it, with learned variances as they are predicted, without
guidance. (Sampling clamps a learned range of variances to its range, as it takes fewer and larger steps.) The predicted
x0 is clipped to the pixels' range, as for the published values of Ho et al. 2020 and Nichol & Dhariwal 2021.
"""

import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import torch
from tqdm import tqdm

from diffusion.denoiser import clipped
from diffusion.errors import InputError
from diffusion.io.images import to_input
from diffusion.model import Model
from diffusion.noise import ImageNoise
from diffusion.process import Level
from diffusion.respacing import respaced
from diffusion.vlb import Bound, variational_bound
from train.datasets import Dataset, convert

MEANING = (
    "An upper bound of the negative log-likelihood, by the chain of the training: predicted x0 clipped to the pixels' "
    "range, variances as predicted, no guidance."
)


def bits_per_dim(
    model: Model, data: Dataset, batch_size: int = 100, respacing: str | None = None, seed: int = 0
) -> dict[str, float | int | str | None]:
    """The bound on all images of a data set, converted to the model's size and channels, conditioned on their labels.

    respacing: a shorter chain ("100", "ddim50"); without one it is the whole chain the model was trained on. Returns
    the means of ``bits_per_dim`` and its parts ``prior`` (the noisy end), ``chain`` (the reverse steps) and ``decoder``
    (the last step), and the ``standard_error`` of the first. The same seed gives the same numbers for every batch size.
    Raises ``InputError`` where the model has other labels.
    """
    config = model.config
    if config.num_classes and tuple(data.label_names) != config.label_names:
        raise InputError("evaluation.other_labels", model=config.name)
    data = convert(data.images, data.labels, data.label_names, config.image_size, config.channels)
    levels = model.process.levels(model.process.steps) if respacing is None else respaced(model.process, respacing)
    if len(levels) < 3:
        raise InputError("evaluation.chain_too_short", setting="respacing", given=respacing)
    bounds = list(bounds_of_batches(model, data, levels, batch_size, seed))
    prior = torch.cat([bound.prior for bound in bounds]).double()
    terms = torch.cat([bound.terms for bound in bounds]).double()
    total = prior + terms.sum(1)
    return {
        "n": len(total),
        "steps": len(levels) - 1,
        "respacing": respacing,
        "seed": seed,
        "bits_per_dim": total.mean().item(),
        "standard_error": total.std().item() / math.sqrt(len(total)) if len(total) > 1 else None,
        "prior": prior.mean().item(),
        "chain": terms[:, :-1].sum(1).mean().item(),
        "decoder": terms[:, -1].mean().item(),
    }


def bounds_of_batches(model: Model, data: Dataset, levels: list[Level], batch_size: int, seed: int) -> Iterator[Bound]:
    """The bounds of the images, batch by batch. In full precision, as the error of bf16 would count as the model's."""
    denoise = clipped(replace(model.denoiser(), network=model.network), darkest=model.config.darkest)
    evaluations = len(data.images) * (len(levels) - 1)
    with tqdm(total=evaluations, unit=" steps", unit_scale=True, desc="bits/dim", file=sys.stderr) as bar:

        def counted(x, level, condition):
            bar.update(len(x))
            return denoise(x, level, condition)

        for first in range(0, len(data.images), batch_size):
            images = data.images[first : first + batch_size].to(model.device)
            labels = data.labels[first : first + batch_size].to(model.device)
            condition = model.condition(labels, None, guidance_scale=1.0)
            noise = ImageNoise(seed, len(images), images.shape[1:], first, model.device)
            x0 = model.encode(to_input(images))
            yield variational_bound(partial(counted, condition=condition), x0, levels, noise)


def summary(result: dict) -> str:
    """The result as text."""
    error = "" if result["standard_error"] is None else f" ± {result['standard_error']:.3f}"
    return (
        f"{result['bits_per_dim']:.3f}{error} bits/dim over {result['n']:,} images and {result['steps']} steps: "
        f"prior {result['prior']:.4f}, chain {result['chain']:.3f}, decoder {result['decoder']:.3f}\n{MEANING}"
    )
