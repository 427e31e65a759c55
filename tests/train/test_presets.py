"""Every preset, as a newcomer's first minute with it: build, one step of training, a few images."""

import pytest
import torch

from diffusion import Model, load_model
from diffusion.condition import Condition
from diffusion.io.images import downscaled
from diffusion.losses import LOSSES
from train.config import TrainConfig, preset_model
from train.distillation import distillation
from train.loop import training_denoiser
from train.presets import PRESETS


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_can_be_built_trained_and_sampled(name):
    row = PRESETS[name]
    distilled = row["training"].get("loss") == "distillation"
    training = TrainConfig.checked(preset=name, **row["training"], **{"teacher": "unet"} if distilled else {})
    colour = training.dataset == "cifar10"
    label_names = tuple("0123456789") if training.conditional else ()
    size = 32 if colour else 28
    model = Model(preset_model(name, size, 3 if colour else 1, label_names))
    assert sum(parameter.numel() for parameter in model.network.parameters()) < 2_000_000  # 4 MB in half precision
    assert model.config.title
    assert model.config.description

    x0, eps = torch.randn(2, 2, model.config.channels, size, size)
    labels = torch.tensor([3, -1 if training.label_dropout else 9]) if label_names else None
    low_res = downscaled(x0, 7).clamp(-1, 1) if model.config.low_res_size else None
    t = torch.tensor([0.2, 0.9], dtype=torch.float64)
    loss_fn = distillation(load_model(training.teacher), model.config) if training.teacher else LOSSES[training.loss]
    loss = loss_fn(training_denoiser(model, model.network), x0, Condition(labels, low_res), t, eps)
    loss.mean().backward()
    assert loss.isfinite().all()
    if model.config.task == "classification":
        assert model.classifier().logits(x0, model.process.level(0.5)).isfinite().all()
    else:
        images = model.generate([-1, 4] if label_names else None, num_images=2, steps=2, low_res=low_res)
        assert images.shape == x0.shape
        assert images.isfinite().all()


def test_turbo_learns_from_a_teacher_without_labels():
    model = Model(preset_model("turbo", 28, 1, ()))
    eps = torch.randn(2, 1, 28, 28)
    loss = distillation(load_model("dit"), model.config)(training_denoiser(model, model.network), eps, None, eps, eps)
    loss.mean().backward()
    assert loss.isfinite().all()
    assert model.generate(num_images=2).shape == eps.shape


@pytest.mark.parametrize(("size", "low_res_size"), [(28, 7), (32, 8), (64, 16)])
def test_what_depends_on_the_image_size_is_derived_from_it(size, low_res_size):
    assert preset_model("super-resolution", size, 3, []).low_res_size == low_res_size
    model = Model(preset_model("classifier", size, 3, ["cat", "dog"]))
    assert model.classifier().logits(torch.randn(1, 3, size, size), model.process.level(0.5)).shape == (1, 2)
