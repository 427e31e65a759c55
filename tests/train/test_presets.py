"""Every preset, as a newcomer's first minute with it: build, one step of training, a few images."""

import pytest
import torch

from diffusion import Model, ModelConfig
from diffusion.denoiser import Denoiser
from diffusion.losses import LOSSES
from train.config import TrainConfig
from train.presets import PRESETS


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_can_be_built_trained_and_drawn_from(name):
    row = PRESETS[name]
    training = TrainConfig.checked(preset=name, **row["training"])
    colour = training.dataset == "cifar10"
    labels = tuple("0123456789") if training.conditional else ()
    size = 32 if colour else 28
    model = Model(
        ModelConfig(name=name, image_size=size, channels=3 if colour else 1, label_names=labels, **row["model"])
    )
    assert sum(parameter.numel() for parameter in model.network.parameters()) < 2_000_000  # 4 MB in half precision
    assert model.config.title
    assert model.config.description

    x0, eps = torch.randn(2, 2, model.config.channels, size, size)
    y = torch.tensor([3, 10]) if labels else None
    denoiser = Denoiser(model.network, model.process, model.parameterisation, variance=model.variance)
    loss = LOSSES[training.loss](denoiser, x0, y, torch.tensor([0.2, 0.9], dtype=torch.float64), eps)
    loss.mean().backward()
    assert loss.isfinite().all()
    assert model.generate([-1, 4] if labels else None, num_images=2, steps=2).shape == x0.shape
