"""Models from their files: a bundled one, a directory, or one from the Hub."""

from pathlib import Path

import torch

from diffusion.errors import InputError
from diffusion.io.hub import resolve
from diffusion.io.model_directory import WEIGHTS, read_config, read_tensors
from diffusion.model import Model, fresh_network
from diffusion.noisy_classifier import NoisyClassifier
from diffusion.runtime.batching import BatchingService
from diffusion.runtime.device import default_device


def load_model(
    ref: str | Path, device: str | torch.device | None = None, batching: BatchingService | None = None
) -> Model:
    """Load a model by reference: a bundled name ("unet"), a path, or "hub:owner/name[@revision]".

    Strict: a missing, extra or misshapen tensor is an ``InputError`` that names it, and so is a classifier. Without
    ``device``, a GPU is used where there is one. ``batching``: see ``Model``.
    """
    model = load_any(ref, device, batching)
    if model.config.task == "classification":
        raise InputError("model.classifier_does_not_sample", model=str(ref))
    return model


def load_classifier(ref: str | Path, device: str | torch.device | None = None) -> NoisyClassifier:
    """Load a classifier of noisy images, for ``Model.sample(classifier=...)``; otherwise as ``load_model``."""
    model = load_any(ref, device)
    if model.config.task != "classification":
        raise InputError("model.not_a_classifier", model=str(ref))
    model.network.requires_grad_(False)  # the gradient wanted is that by the image
    return model.classifier()


def load_any(
    ref: str | Path, device: str | torch.device | None = None, batching: BatchingService | None = None
) -> Model:
    """``load_model`` for any task, including classification."""
    directory = resolve(str(ref))
    config = read_config(directory)
    with torch.device("meta"):  # shapes only: nothing is allocated before the file is known to fit
        network = fresh_network(config)
    tensors = read_tensors(directory / WEIGHTS, network.state_dict())
    network.load_state_dict(tensors, assign=True)
    return Model(config, network, device or default_device(), batching)
