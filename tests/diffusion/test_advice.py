"""Settings that make no picture are said to, before and with the result; few steps make the most of themselves."""

import pytest
import torch

from diffusion import SamplingSettings
from diffusion.advice import inversion_warning, warning
from diffusion.parameterisation import Prediction
from diffusion.process import CosineVP, ExponentialVE, Flow, LinearVP
from diffusion.samplers import SAMPLERS
from tests.tiny import tiny_model

PROCESSES = [CosineVP(), LinearVP(), ExponentialVE(), Flow()]
CONFIG = tiny_model().config


def advice(**given):
    found = warning(CONFIG, SamplingSettings(**given).resolve(CONFIG))
    return found and found.text()


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_samplers_own_steps_make_a_picture(sampler):
    assert advice(sampler=sampler, steps=SAMPLERS[sampler].default_steps) is None


def test_too_few_steps_are_said_to_leave_noise():
    assert advice(sampler="euler_maruyama", steps=2) == "Euler–Maruyama leaves noise with steps 2: take at least 4."
    assert advice(sampler="heun", steps=1).endswith("take at least 2.")
    assert advice(sampler="euler_maruyama", steps=4) is None


@pytest.mark.parametrize(("respacing", "grey"), [("1", True), ("5", False), ("2", False), ("ddim50", False)])
def test_a_respacing_that_does_not_start_from_noise_is_said_to_be_grey(respacing, grey):
    said = advice(respacing=respacing)
    assert (said is not None and "will be grey" in said) is grey


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"steps": 20}, None),
        ({"steps": 8}, None),
        ({"steps": 7}, "With 7 steps, what the model itself has sampled comes back only roughly: take at least 8."),
        ({"respacing": "ddim50"}, None),
        ({"respacing": "10,1"}, "inverts the images to t = 0.501 only, and not to noise"),
    ],
)
def test_inversions_whose_errors_say_little(given, words):
    found = inversion_warning(CONFIG, SamplingSettings(sampler="ddim", **given).resolve(CONFIG))
    assert found is None if words is None else words in found.text()


def sampled(process, sampler, steps):
    """The standard deviation of samples of N(0, 0.5^2) by its exact denoiser; noise that is left adds to it."""

    def denoise(x, level):
        x0 = x * level.alpha * 0.25 / (level.alpha**2 * 0.25 + level.sigma**2)
        return Prediction(x0, (x - level.alpha * x0) / level.sigma)

    generator = torch.Generator().manual_seed(0)
    shape = (4000, 1, 1, 1)

    def noise():
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    row = SAMPLERS[sampler]
    levels = row.levels(process, steps)
    *_, last = row.function(denoise, levels[0].sigma * noise(), levels, noise)
    return last.x.std().item()


@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.kind)
@pytest.mark.parametrize(("sampler", "steps"), [("euler_maruyama", 4), ("euler_maruyama", 9), ("heun", 2), ("heun", 3)])
def test_few_steps_leave_little_noise_whatever_the_process(process, sampler, steps):
    assert sampled(process, sampler, steps) < 0.9


@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.kind)
@pytest.mark.parametrize("sampler", ["euler_maruyama", "heun"])
def test_the_grids_of_the_samplers_own_steps_are_as_they_were(process, sampler):
    row = SAMPLERS[sampler]
    assert row.levels(process, row.default_steps) == process.levels(row.default_steps, "lambda")
