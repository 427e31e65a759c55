"""Classifier guidance on Gaussian data with a Gaussian label, where the exact answer is known.

x0 ~ N(m, c^2), and y = x0 + noise of standard deviation tau: then y given a noisy x is Gaussian too, so a classifier of
noisy images is known in closed form, and so is what it does to every sampler.
"""

import math

import pytest
import torch

from diffusion.guidance import classifier, classifier_mean, gradient
from diffusion.process import LinearVP, transition
from diffusion.samplers import ddim, ddpm, heun
from diffusion.variance import VARIANCES, Variance
from tests.diffusion.gaussian import PROCESSES, Gaussian, last, no_noise

DATA, Y, TAU = Gaussian(), 0.9, 0.4
POSTERIOR = Gaussian(  # of x0, given y
    mean=(DATA.mean * TAU**2 + Y * DATA.std**2) / (DATA.std**2 + TAU**2),
    std=DATA.std * TAU / math.hypot(DATA.std, TAU),
)
each_process = pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)


def unknown(level):
    """The variance of x0, given x at a level."""
    return (DATA.std * level.sigma / DATA.spread(level)) ** 2


def log_prob(x, level):
    """log p(y | x): x0 given x is N(denoised, unknown), and y adds tau."""
    variance = unknown(level) + TAU**2
    return (-((Y - DATA.denoise(x, level).x0) ** 2) / (2 * variance)).flatten(1).sum(1)


@each_process
@pytest.mark.parametrize("t", [0.05, 0.5, 0.95])
def test_the_score_form_is_the_denoiser_of_the_posterior(process, t):
    level = process.level(t)
    x = DATA.start(level)
    with torch.no_grad():
        guided = classifier(DATA.denoise, log_prob, 1.0)(x, level)
    exact = POSTERIOR.denoise(x, level)
    torch.testing.assert_close(guided.x0, exact.x0, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(guided.eps, exact.eps, rtol=1e-9, atol=1e-9)
    assert not guided.x0.requires_grad


@each_process
def test_scale_0_is_no_guidance_and_2_pushes_twice_as_hard(process):
    level = process.level(0.02)
    x = DATA.start(level)
    base, once, twice = (classifier(DATA.denoise, log_prob, scale)(x, level) for scale in (0.0, 1.0, 2.0))
    torch.testing.assert_close(base.x0, DATA.denoise(x, level).x0)
    torch.testing.assert_close(twice.eps - base.eps, 2 * (once.eps - base.eps))
    torch.testing.assert_close(twice.x0 - base.x0, 2 * (once.x0 - base.x0))


@each_process
def test_guided_samplers_follow_the_posteriors_flow(process):
    lam = torch.linspace(-2.0, 2.0, 201, dtype=torch.float64)
    levels = [process.level(t.item()) for t in process.time_of(lam)]
    x = POSTERIOR.start(levels[0])
    expected = POSTERIOR.flow(x, levels[0], levels[-1])
    for sampler, tolerance in [(ddim, 0.01), (heun, 1e-4)]:
        end = last(sampler(classifier(DATA.denoise, log_prob, 1.0), x, levels, no_noise)).x
        assert (end - expected).abs().max() < tolerance


@each_process
@pytest.mark.parametrize("kind", VARIANCES)
def test_the_mean_form_moves_a_step_by_its_variance_times_the_gradient(process, kind):
    levels = [process.level(t) for t in (0.6, 0.59, 0.0)]
    x = DATA.start(levels[0])
    z = torch.randn_like(x)
    variance = Variance(VARIANCES[kind], torch.full_like(x, -0.7) if VARIANCES[kind].learned else None)

    def denoise(x, level):
        return DATA.denoise(x, level)._replace(variance=variance)

    plain = next(ddpm(denoise, x, levels, lambda: z)).x
    guided_denoise = classifier_mean(lambda x, level, condition: denoise(x, level), log_prob, 1.5, levels)
    guided = next(ddpm(guided_denoise, x, levels, lambda: z)).x
    log_variance = torch.as_tensor(variance.log(transition(*levels[:2])), dtype=torch.float64)
    by_hand = torch.autograd.functional.jacobian(lambda x: log_prob(x, levels[0]).sum(), x)
    torch.testing.assert_close(guided - plain, log_variance.exp() * 1.5 * by_hand, rtol=1e-9, atol=1e-9)
    prediction = guided_denoise(x, levels[0])
    torch.testing.assert_close(levels[0].alpha * prediction.x0 + levels[0].sigma * prediction.eps, x)


@each_process
def test_the_mean_form_is_the_posteriors_shift_and_agrees_with_the_score_form(process):
    """The posterior's own step moves the mean by B times the shift of x0. That is variance * gradient for the variance
    alpha_lo / alpha large: Dhariwal & Nichol's linearisation is exact there, and right to first order for ``large``."""
    levels = [process.level(t) for t in (0.6, 0.595, 0.0)]
    hi, lo, _ = levels
    step = transition(hi, lo)
    x = DATA.start(hi)
    shift = step.B * (POSTERIOR.denoise(x, hi).x0 - DATA.denoise(x, hi).x0)
    exact = torch.full_like(x, math.log(step.large * lo.alpha / hi.alpha))

    def moved(variance):
        def denoise(x, level, condition=None):
            return DATA.denoise(x, level)._replace(variance=variance)

        return step.B * (classifier_mean(denoise, log_prob, 1.0, levels)(x, hi).x0 - DATA.denoise(x, hi).x0)

    torch.testing.assert_close(moved(Variance(VARIANCES["learned"], exact)), shift, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(moved(Variance(VARIANCES["large"])), shift, rtol=0.05, atol=0)


@each_process
def test_ancestral_sampling_in_mean_form_ends_in_the_posterior(process):
    lam = torch.linspace(-2.0, 2.0, 401, dtype=torch.float64)
    levels = [process.level(t.item()) for t in process.time_of(lam)]
    generator = torch.Generator().manual_seed(0)
    x = POSTERIOR.start(levels[0], n=20_000)

    def noise():
        return torch.randn(x.shape, dtype=torch.float64, generator=generator)

    end = last(ddpm(classifier_mean(DATA.denoise, log_prob, 1.0, levels), x, levels, noise)).x
    assert end.mean().item() == pytest.approx(levels[-1].alpha * POSTERIOR.mean, abs=0.02)
    assert end.std().item() == pytest.approx(POSTERIOR.spread(levels[-1]), rel=0.03)


def test_the_last_step_is_not_moved():
    levels = LinearVP().levels(5)
    x = DATA.start(levels[-2])
    prediction = classifier_mean(DATA.denoise, log_prob, 1.0, levels)(x, levels[-2])
    assert torch.equal(prediction.x0, DATA.denoise(x, levels[-2]).x0)


def test_gradient_is_each_images_own():
    x = torch.randn(3, 1, 2, 2)
    got = gradient(lambda x, level: x.square().flatten(1).sum(1) * torch.tensor([1.0, 2.0, 0.0]), x, None)
    torch.testing.assert_close(got, 2 * x * torch.tensor([1.0, 2.0, 0.0]).view(3, 1, 1, 1))
