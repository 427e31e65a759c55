import math

import pytest
import torch

from diffusion import guidance
from diffusion.denoiser import Denoiser, clipped
from diffusion.guidance import classifier_free
from diffusion.parameterisation import PARAMETERISATIONS, Prediction
from tests.diffusion.gaussian import PROCESSES, Gaussian


class Recorder:
    """A made-up network that depends on x, t and the label, and remembers what it was asked."""

    def __init__(self):
        self.calls = []

    def __call__(self, x, t, y=None):
        self.calls.append((x, t, y))
        shift = 0 if y is None else y.view(-1, 1, 1, 1).to(x) / 7
        return torch.sin(x + shift) * (1 + t.view(-1, 1, 1, 1) / 1000)


@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
@pytest.mark.parametrize("name", PARAMETERISATIONS)
def test_a_network_that_knows_the_answer_is_read_right(process, name):
    data, level, row = Gaussian(), process.level(0.4), PARAMETERISATIONS[name]
    scale = math.hypot(level.alpha, level.sigma)

    def network(x, t, y=None):
        exact = data.denoise(x * scale, level)  # what it is shown is scaled to unit variance
        return row.target(exact.x0, exact.eps, level, process)

    x = data.start(level)
    prediction = Denoiser(network, process, row, torch.float64)(x, level)
    torch.testing.assert_close(prediction.x0, data.denoise(x, level).x0, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(prediction.eps, data.denoise(x, level).eps, rtol=1e-9, atol=1e-9)


def test_the_network_sees_its_own_dtype_and_the_sampler_its_own():
    network, process = Recorder(), PROCESSES["ve"]
    x = torch.randn(3, 1, 4, 4, dtype=torch.float64)
    level = process.level(0.9)
    prediction = Denoiser(network, process, PARAMETERISATIONS["eps"])(x, level, torch.tensor([0, 1, 2]))
    seen, t, _ = network.calls[0]
    assert (seen.dtype, t.dtype, prediction.x0.dtype) == (torch.float32, torch.float32, torch.float64)
    torch.testing.assert_close(seen.double(), x / math.hypot(1, level.sigma), rtol=1e-6, atol=1e-6)
    assert t.tolist() == pytest.approx([0.9] * 3)


def test_clipping_keeps_x0_and_eps_in_step():
    level = PROCESSES["cosine"].level(0.5)
    x = torch.randn(2, 1, 4, 4, dtype=torch.float64)

    def denoise(x, level, labels=None):
        return Prediction(3 * x, x)

    x0, eps, _ = clipped(denoise)(x, level)
    assert x0.abs().max() <= 1
    torch.testing.assert_close(level.alpha * x0 + level.sigma * eps, x)
    halved = clipped(denoise, denoised_fn=lambda x0: x0 / 6)(x, level)
    torch.testing.assert_close(halved.x0, (x / 2).clamp(-1, 1))
    x0, eps, _ = clipped(denoise, darkest=-1.25)(x, level)
    assert (x0.min().item(), x0.max().item()) == (-1.25, 1)
    torch.testing.assert_close(level.alpha * x0 + level.sigma * eps, x)


def guided(scale, labels, **limits):
    network, process = Recorder(), PROCESSES["linear"]
    bare = Denoiser(network, process, PARAMETERISATIONS["v"], torch.float64)
    x = torch.randn(3, 1, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    level = process.level(0.3)
    result = classifier_free(bare, scale, null_label=10, **limits)(x, level, labels)
    calls = len(network.calls), len(network.calls[0][0])
    conditional, unconditional = (bare(x, level, y) for y in (labels, torch.full((3,), 10)))
    return result, conditional, unconditional, calls


@pytest.mark.parametrize(("scale", "batch"), [(0.0, 3), (0.5, 6), (1.0, 3), (3.5, 6)])
def test_classifier_free_guidance(scale, batch):
    result, conditional, unconditional, calls = guided(scale, torch.tensor([1, 5, 9]))
    for got, c, u in zip(result[:2], conditional[:2], unconditional[:2], strict=True):
        torch.testing.assert_close(got, u + scale * (c - u), rtol=1e-12, atol=1e-12)
    assert calls == (1, batch)  # one call, of 2N only where both halves are needed


@pytest.mark.parametrize(("limits", "inside"), [({"t_min": 0.3}, 1), ({"t_max": 0.29}, 0), ({"t_min": 0.31}, 0)])
@pytest.mark.parametrize("scale", [0.0, 0.5, 1.0, 3.5])
def test_guidance_is_limited_to_its_times(limits, inside, scale):
    """At t = 0.3: a scale above 1 is 1 outside, and takes no second half there; 0 ignores the label everywhere."""
    result, c, u, calls = guided(scale, torch.tensor([1, 5, 9]), **limits)
    weight = scale if inside else min(scale, 1)
    torch.testing.assert_close(result.x0, u.x0 + weight * (c.x0 - u.x0), rtol=1e-12, atol=1e-12)
    assert calls == (1, 3 if weight in (0, 1) else 6)
    own = guided(torch.full((3,), scale), torch.tensor([1, 5, 9]), **limits)[0]  # a scale for each image
    torch.testing.assert_close(own.x0, result.x0, rtol=1e-12, atol=1e-12)


def test_the_power_law_pushes_by_how_far_apart_the_scores_are(monkeypatch):
    """Each image by its own distance, alone or among others; up to a scale of 1 as without the power law."""
    monkeypatch.setattr(guidance, "TYPICAL", 1.0)  # the made-up network's labels are far apart
    labels = torch.tensor([1, 5, 9])
    plain, c, u, _ = guided(3.0, labels)
    sigma = PROCESSES["linear"].level(0.3).sigma
    apart = ((c.eps - u.eps) / sigma).square().mean((1, 2, 3), keepdim=True).sqrt() / guidance.TYPICAL
    assert apart.unique().numel() == 3
    for power in (0.5, 2.0):
        assert (apart**power < guidance.MOST).any()  # not all are held at the most
        weight = 1 + 2 * (apart**power).clamp(max=guidance.MOST)
        result, *_ = guided(3.0, labels, power=power)
        torch.testing.assert_close(result.x0, u.x0 + weight * (c.x0 - u.x0), rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(result.eps, u.eps + weight * (c.eps - u.eps), rtol=1e-12, atol=1e-12)
        own, *_ = guided(torch.tensor([3.0, 0.5, 1.0]), labels, power=power)
        weight = torch.cat([weight[:1], torch.tensor([0.5, 1.0], dtype=weight.dtype).view(2, 1, 1, 1)])
        torch.testing.assert_close(own.x0, u.x0 + weight * (c.x0 - u.x0), rtol=1e-12, atol=1e-12)
    assert torch.equal(guided(3.0, labels, power=0.0)[0].x0, plain.x0)


def test_the_power_law_pushes_who_has_not_decided():
    """Two images, of which one is far from decided: at a power of 2, a third of the distance is a ninth of the push."""
    x, level = torch.zeros(2, 1, 4, 4, dtype=torch.float64), PROCESSES["linear"].level(0.3)
    apart = guidance.TYPICAL * torch.tensor([1.0, 1 / 3], dtype=torch.float64).view(2, 1, 1, 1)

    def denoise(x, level, labels):
        """eps 0 with a label; without, away by the score's distance."""
        eps = level.sigma * apart.repeat(2, 1, 1, 1) * (labels == 10).view(-1, 1, 1, 1) + torch.zeros_like(x)
        return Prediction((x - level.sigma * eps) / level.alpha, eps)

    result = classifier_free(denoise, 2.0, 10, power=2.0)(x, level, torch.tensor([3, 4]))
    pushed = (result.eps / (-level.sigma * apart)).flatten(1).mean(1)
    torch.testing.assert_close(pushed, torch.tensor([1.0, 1 / 9], dtype=torch.float64))


def test_unconditional_images_need_no_second_half():
    result, _, unconditional, calls = guided(4.0, torch.full((3,), 10))
    torch.testing.assert_close(result.x0, unconditional.x0)
    assert calls == (1, 3)
