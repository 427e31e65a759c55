import pytest
import torch

from diffusion.inversion import invert, upwards
from diffusion.parameterisation import Prediction
from diffusion.process import LinearVP
from diffusion.respacing import respaced
from diffusion.samplers import ddim
from tests.diffusion import guided_diffusion as gd
from tests.diffusion.gaussian import PROCESSES, Gaussian, last, no_noise
from tests.tiny import tiny_model

DATA = Gaussian()
each_process = pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)


def test_it_is_guided_diffusions_ddim_reverse_sample():
    """On its own chain: eps from the predicted x0, then sqrt(bar_next) x0 + sqrt(1 - bar_next) eps, step by step."""
    x = image = torch.randn(2, 1, 4, 4, dtype=torch.float64)
    expected = []
    for i in range(999):
        bar, following = gd.BAR[i], gd.BAR[i + 1]
        x0 = torch.tanh(x)
        eps = ((1 / bar).sqrt() * x - x0) / (1 / bar - 1).sqrt()
        x = following.sqrt() * x0 + (1 - following).sqrt() * eps
        expected.append(x)

    def denoise(x, level):
        x0 = torch.tanh(x)
        return Prediction(x0, (x - level.alpha * x0) / level.sigma)

    process = LinearVP()
    steps = list(invert(denoise, image, process.levels(1000), process))
    assert len(steps) == 999
    for step, x in zip(steps[::100], expected[::100], strict=True):
        torch.testing.assert_close(step.x, x, rtol=1e-6, atol=1e-6)
    assert steps[-1].level.t == 1


@each_process
def test_the_way_up_starts_at_the_cleanest_level_that_is_known(process):
    levels = process.levels(4)
    assert [level.t for level in upwards(levels, process)] == [1e-3, 0.25, 0.5, 0.75, 1.0]
    assert upwards(respaced(process, "ddim50"), process) == respaced(process, "ddim50")[-2::-1]


@each_process
def test_images_become_the_noise_that_the_flow_comes_from(process):
    levels = [process.level(t.item()) for t in process.time_of(torch.linspace(-2, 4, 401, dtype=torch.float64))]
    levels = [*levels, process.level(0.0)]
    start = process.level(process.t_min)
    x = DATA.start(start)
    noise = last(invert(DATA.denoise, x, levels, process)).x
    assert (noise - DATA.flow(x, start, levels[0])).abs().max() < 0.03 * DATA.spread(levels[0])


@each_process
def test_there_and_back_again_from_a_clean_image_falls_as_one_over_n(process):
    """All the way: up to the noise and down to the clean level. What t_min adds, where the image is taken for a noisy
    one, is the same for every grid and left out by comparing with the finest."""
    image = DATA.mean + DATA.std * torch.linspace(-2, 2, 9, dtype=torch.float64).view(-1, 1, 1, 1)

    def back(steps):
        lam = torch.linspace(-2, 3, steps + 1, dtype=torch.float64)
        levels = [*(process.level(t.item()) for t in process.time_of(lam)), process.level(0.0)]
        noise = last(invert(DATA.denoise, image, levels, process)).x
        return last(ddim(DATA.denoise, noise, levels, no_noise)).x

    limit = back(6400)
    errors = [(back(steps) - limit).abs().max().item() for steps in (100, 200)]
    assert 1.7 < errors[0] / errors[1] < 2.3


def test_a_model_inverts_and_draws_again():
    model = tiny_model(prediction="eps")
    images = model.generate([1, 4], guidance_scale=1, steps=100)
    noise = last(model.invert(images, [1, 4], steps=100)).x
    again = model.generate([1, 4], guidance_scale=1, steps=100, start=noise)
    other = model.generate([1, 4], guidance_scale=1, steps=100, seed=1)
    assert (again - images).abs().mean() < 0.3 * (other - images).abs().mean()
    assert [step.index for step in model.invert(images, steps=5)] == list(range(5))
