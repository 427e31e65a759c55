import pytest
import torch

from diffusion.losses import denoising_loss, drop_labels, stratified_times
from diffusion.prediction import PARAMETERISATIONS
from tests.diffusion.gaussian import PROCESSES, Gaussian

each_row = pytest.mark.parametrize("name", PARAMETERISATIONS)
each_process = pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)


@each_process
@each_row
def test_the_exact_denoiser_reaches_the_known_optimum_and_nothing_beats_it(process, name):
    """On N(m, c^2) the best guess of c0 x0 + c1 eps misses by its variance, (c0 sigma - c1 alpha)^2 c^2 / s^2."""
    data, row, n, level = Gaussian(), PARAMETERISATIONS[name], 40_000, process.level(0.5)
    generator = torch.Generator().manual_seed(0)
    x0 = data.mean + data.std * torch.randn(n, 1, 1, 1, dtype=torch.float64, generator=generator)
    eps = torch.randn(n, 1, 1, 1, dtype=torch.float64, generator=generator)
    unscale = (level.alpha**2 + level.sigma**2) ** 0.5

    def loss(offset):
        def network(x, t, y):
            exact = data.denoise(x * unscale, level)
            return row.target(exact.x0, exact.eps, level, process) + offset

        return denoising_loss(network, process, row, x0, None, torch.full((n,), 0.5), eps).double().mean().item()

    c0, c1 = row.coefficients(level, process)
    scale = row.output_scale(level.sigma)
    optimum = (scale * (c0 * level.sigma - c1 * level.alpha) * data.std / data.spread(level)) ** 2
    assert loss(0.0) == pytest.approx(optimum, rel=0.03)  # 40,000 draws: a standard error of 0.7%
    assert loss(0.1) - loss(0.0) == pytest.approx(0.01, abs=0.003)


@each_row
def test_loss_is_per_image_and_differentiable(name):
    weight = torch.zeros(1, requires_grad=True)
    x0, eps = torch.randn(2, 5, 3, 4, 4)
    t = stratified_times(5, 1e-3, torch.Generator().manual_seed(0))
    value = denoising_loss(lambda x, t, y: weight * x, PROCESSES["ve"], PARAMETERISATIONS[name], x0, None, t, eps)
    assert value.shape == (5,)
    assert value.dtype == torch.float32
    value.sum().backward()
    assert weight.grad.abs() > 0


def test_stratified_times_fill_the_range():
    t = stratified_times(1000, 0.1, torch.Generator().manual_seed(3))
    assert t.dtype == torch.float64
    assert t.min() >= 0.1
    assert t.max() <= 1
    assert ((t - 0.1) / 0.9 * 1000).floor().tolist() == list(range(1000))


def test_labels_are_dropped_at_the_rate_asked_for():
    labels = torch.arange(10).repeat(2000)
    dropped = drop_labels(labels, 0.1, 10, torch.Generator().manual_seed(0))
    assert (dropped == 10).double().mean().item() == pytest.approx(0.1, abs=0.01)
    assert torch.equal(dropped[dropped < 10], labels[dropped < 10])
    assert torch.equal(drop_labels(labels, 0.0, 10), labels)
