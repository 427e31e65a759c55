"""Inversion and reconstruction are the plain model's, whatever settings the model has of its own."""

from functools import partial
from itertools import pairwise

import pytest
import torch

from diffusion import Condition, InputError, Model, SamplingSettings
from diffusion.denoiser import clipped
from diffusion.dire import reconstruct
from diffusion.respacing import respaced
from diffusion.samplers import invert
from tests.diffusion.gaussian import last
from tests.tiny import DEEP, DIT, ONE_PASS, tiny_model

IMAGES = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
MODELS = {
    "dit": tiny_model(network=DIT, label_names=(), skip_scale=3.0, sampler="unipc", guidance_t_max=0.9),
    "labels": tiny_model(guidance_scale=3.0, guidance_power=2.0, sampler="heun"),
    "one pass": tiny_model(network=ONE_PASS, guidance_scale=2.0, sampler="heun", steps=2),
    "learned range": tiny_model(variance="learned_range", sampler="ddpm", steps=6),
    "deep": tiny_model(network=DEEP),
}
LABELS = {"labels": [3, 7], "one pass": [3, -1]}


@pytest.mark.parametrize("kind", MODELS)
def test_no_setting_of_the_models_own_acts(kind):
    model, labels = MODELS[kind], LABELS.get(kind)
    bare = Model(model.config.model_copy(update={"sampling": SamplingSettings()}), model.network)
    noise = last(model.invert(IMAGES, labels, steps=6)).x
    assert torch.equal(noise, last(bare.invert(IMAGES, labels, steps=6)).x)
    assert torch.equal(model.reconstruct(noise, labels, steps=6), bare.reconstruct(noise, labels, steps=6))
    assert torch.equal(reconstruct(model, IMAGES, steps=6), reconstruct(bare, IMAGES, steps=6))


@pytest.mark.parametrize("kind", MODELS)
def test_it_is_ddim_with_the_bare_denoiser_there_and_back(kind):
    model, labels = MODELS[kind], LABELS.get(kind)
    given = torch.tensor(labels or [-1, -1]) if model.config.label_names else None
    scale = torch.ones(2) if kind == "one pass" else None
    denoise = partial(clipped(model.denoiser()), condition=Condition(given, None, scale))
    levels = model.process.levels(6)
    noise = last(model.invert(IMAGES, labels, steps=6)).x
    torch.testing.assert_close(noise, last(invert(denoise, IMAGES, levels)).x)
    x = noise
    for hi, lo in pairwise(levels):
        with torch.no_grad():
            x0, eps, _ = denoise(x, hi)
        x = lo.alpha * x0 + lo.sigma * eps
    torch.testing.assert_close(model.reconstruct(noise, labels, steps=6), x.clamp(-1, 1), rtol=1e-4, atol=1e-5)


def test_inversion_starts_at_the_x0_that_the_model_works_on():
    model, black = tiny_model(black_margin=0.25), -torch.ones(1, 1, 8, 8)
    denoise = partial(clipped(model.denoiser(), darkest=-1.25), condition=torch.tensor([-1]))
    expected = last(invert(denoise, 1.25 * black, model.process.levels(5))).x
    assert torch.equal(last(model.invert(black, steps=5)).x, expected)


def test_steps_are_given_by_number_or_by_respacing():
    model = MODELS["labels"]
    assert model.plain_settings(9).steps == 9
    assert model.plain_settings(respacing="10,15").steps == 25
    assert model.plain_settings().steps == 20  # DDIM's, and not those of the model's own sampler
    visited = [step.level for step in model.invert(IMAGES, respacing="ddim5")]
    assert visited == respaced(model.process, "ddim5")[4::-1]
    with pytest.raises(InputError, match=r"^labels must have one for each of the 2 images, not 3\.$"):
        model.invert(IMAGES, [1, 2, 3])
    with pytest.raises(InputError) as raised:
        model.check_invertible(model.plain_settings(respacing="1"))
    assert raised.value.code == "model.no_inversion"


def test_distilled_models_are_refused():
    with pytest.raises(InputError, match="tiny cannot be inverted: it was distilled") as raised:
        tiny_model(network=ONE_PASS, sampler="turbo").invert(IMAGES)
    assert raised.value.code == "model.distilled_inversion"


@pytest.mark.parametrize("prediction", ["x0", "previous_x"])
def test_models_whose_eps_is_inaccurate_at_low_noise_are_refused(prediction):
    model = tiny_model(prediction=prediction)
    for refuse in (lambda: model.invert(IMAGES), lambda: model.check_invertible(model.plain_settings())):
        with pytest.raises(InputError, match=rf"tiny cannot be inverted: it predicts {prediction}") as raised:
            refuse()
        assert raised.value.code == "model.inaccurate_eps"
