"""DDIM inversion on Gaussian data, whose flow from image to noise is known, and on the bundled models."""

from itertools import pairwise

import pytest
import torch

from diffusion import load_model
from diffusion.parameterisation import PARAMETERISATIONS, Prediction
from diffusion.samplers import FIRST_ITERATIONS, ddim, invert
from tests.diffusion.gaussian import PROCESSES, Gaussian, last, no_noise

DATA = Gaussian()
IMAGES = DATA.mean + DATA.std * torch.linspace(-2, 2, 9, dtype=torch.float64).view(-1, 1, 1, 1)
each_process = pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)


@each_process
def test_images_become_the_noise_that_the_flow_leads_to(process):
    def error(steps):
        levels = process.levels(steps)
        noise = last(invert(DATA.denoise, IMAGES, levels)).x
        return ((noise - DATA.flow(IMAGES, levels[-1], levels[0])) / DATA.spread(levels[0])).abs().max().item()

    coarse, fine = error(200), error(400)
    assert fine < 0.05
    assert 1.8 < coarse / fine < 2.2


@each_process
def test_the_error_of_a_reconstruction_falls_as_one_over_the_square_of_the_steps(process):
    """The levels are uniform in lambda but for the last: an order shows without end effects."""

    def error(steps):
        lam = torch.linspace(-2, 3, steps, dtype=torch.float64)
        levels = [*(process.level(t.item()) for t in process.time_of(lam)), process.level(0.0)]
        noise = last(invert(DATA.denoise, IMAGES, levels)).x
        return (last(ddim(DATA.denoise, noise, levels, no_noise)).x - IMAGES).abs().max().item()

    coarse, fine = error(100), error(200)
    assert fine < 2e-4
    assert 3.8 < coarse / fine < 4.4


def test_steps_go_up_the_same_levels_with_one_call_each():
    levels, calls = PROCESSES["cosine"].levels(5), []

    def denoise(x, level):
        calls.append(level)
        return DATA.denoise(x, level)

    steps = list(invert(denoise, IMAGES, levels))
    assert [step.level for step in steps] == levels[-2::-1]
    assert [step.index for step in steps] == list(range(5))
    assert calls == [levels[-2]] * (FIRST_ITERATIONS - 1) + levels[-2::-1]


def test_a_step_solves_ddims_where_eps_is_constant():
    """The straight lines of a process whose eps does not depend on x are inverted exactly."""
    levels, z = PROCESSES["flow"].levels(7), torch.randn(2, 1, 4, 4, dtype=torch.float64)

    def denoise(x, level):
        return Prediction((x - level.sigma * z) / level.alpha, z)

    image = torch.rand_like(z)
    for step in invert(denoise, image, levels):
        torch.testing.assert_close(step.x, step.level.alpha * image + step.level.sigma * z)


@each_process
def test_the_gain_of_eps_is_its_derivative_by_the_output(process):
    level = process.level(0.1)
    x, output = torch.randn(2, 3, dtype=torch.float64)
    for row in PARAMETERISATIONS.values():
        changed = row.invert(x, output + 1e-3, level, process)[1] - row.invert(x, output, level, process)[1]
        torch.testing.assert_close(
            changed.abs() / 1e-3, torch.full_like(x, row.eps_gain(level, process)), rtol=1e-6, atol=0
        )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["unet", "dit", "dit-cross", "cross-unet"])
def test_reconstructions_of_bundled_models_improve_with_the_steps(name):
    model = load_model(name)
    images = model.generate([3, 8] if model.config.num_classes else None, num_images=2)

    def error(steps):
        return (model.reconstruct(last(model.invert(images, steps=steps)).x, steps=steps) - images).abs().mean().item()

    errors = [error(steps) for steps in (10, 20, 40)]
    assert errors[-1] < 0.02
    assert all(coarse / fine > 2 for coarse, fine in pairwise(errors))
