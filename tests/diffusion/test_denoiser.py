import math

import pytest
import torch

from diffusion import Condition
from diffusion.denoiser import Denoiser, clipped, with_clamped_variance
from diffusion.parameterisation import PARAMETERISATIONS, Prediction
from diffusion.variance import VARIANCES, Variance
from tests.diffusion.gaussian import PROCESSES, Gaussian


@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
@pytest.mark.parametrize("name", PARAMETERISATIONS)
def test_the_exact_network_makes_the_exact_denoiser(process, name):
    data, level, row = Gaussian(), process.level(0.4), PARAMETERISATIONS[name]
    scale = math.hypot(level.alpha, level.sigma)

    def network(x, t, condition):
        exact = data.denoise(x * scale, level)  # its input is scaled to unit variance
        return row.target(exact.x0, exact.eps, level, process)

    x = data.start(level)
    prediction = Denoiser(network, process, row, torch.float64)(x, level)
    torch.testing.assert_close(prediction.x0, data.denoise(x, level).x0, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(prediction.eps, data.denoise(x, level).eps, rtol=1e-9, atol=1e-9)


def test_the_network_computes_in_its_dtype_and_the_sampler_in_its_own():
    calls, process = [], PROCESSES["ve"]

    def network(x, t, condition):
        calls.append((x, t, condition))
        return torch.sin(x)

    denoiser = Denoiser(network, process, PARAMETERISATIONS["eps"])
    x, level = torch.randn(3, 1, 4, 4, dtype=torch.float64), process.level(0.9)
    condition = Condition(torch.tensor([0, 1, 2]), torch.zeros(3, 1, 2, 2))
    prediction = denoiser(x, level, condition)
    denoiser(x, level, condition.labels)
    denoiser(x, level)
    seen, t, _ = calls[0]
    assert (seen.dtype, t.dtype, prediction.x0.dtype) == (torch.float32, torch.float32, torch.float64)
    torch.testing.assert_close(seen.double(), x / math.hypot(1, level.sigma), rtol=1e-6, atol=1e-6)
    assert t.tolist() == pytest.approx([0.9] * 3)
    assert calls[0][2] is condition
    assert calls[1][2].labels is condition.labels  # labels alone, and nothing, become a condition
    assert calls[2][2] == Condition()


def test_a_learned_variance_is_the_second_half_of_the_output():
    process, kind = PROCESSES["cosine"], VARIANCES["learned_range"]

    def network(x, t, condition):
        return torch.cat([torch.sin(x), 3 * torch.cos(x)], dim=1)

    x, level = torch.randn(2, 3, 4, 4), process.level(0.5)
    learned = Denoiser(network, process, PARAMETERISATIONS["v"], variance=kind)
    fixed = Denoiser(lambda *inputs: torch.sin(inputs[0]), process, PARAMETERISATIONS["v"])
    prediction = learned(x, level)
    assert torch.equal(prediction.x0, fixed(x, level).x0)
    torch.testing.assert_close(prediction.variance.raw, 3 * torch.cos(x), rtol=1e-5, atol=1e-5)
    clamped = with_clamped_variance(learned)(x, level)
    assert torch.equal(clamped.variance.raw, prediction.variance.raw.clamp(-1, 1))
    assert torch.equal(clamped.x0, prediction.x0)
    assert prediction.variance.raw.abs().max() > 1
    raw = Prediction(x, x, Variance(VARIANCES["learned"], 3 * x))  # has no range
    assert torch.equal(with_clamped_variance(lambda *inputs: raw)(x, level).variance.raw, 3 * x)


def test_clipping_keeps_x0_and_eps_in_agreement():
    level = PROCESSES["cosine"].level(0.5)
    x = torch.randn(2, 1, 4, 4, dtype=torch.float64)

    def denoise(x, level, condition=None):
        return Prediction(3 * x, x)

    x0, eps, _ = clipped(denoise)(x, level)
    assert torch.equal(x0, (3 * x).clamp(-1, 1))
    torch.testing.assert_close(level.alpha * x0 + level.sigma * eps, x)
    halved = clipped(denoise, denoised_fn=lambda x0: x0 / 6)(x, level)
    torch.testing.assert_close(halved.x0, (x / 2).clamp(-1, 1))
    x0, eps, _ = clipped(denoise, darkest=-1.25)(x, level)
    assert (x0.min().item(), x0.max().item()) == (-1.25, 1)
    torch.testing.assert_close(level.alpha * x0 + level.sigma * eps, x)
