"""The variational bound against the papers' equations in float64, and against the entropy of Gaussian data."""

import math
from itertools import pairwise

import pytest
import torch

from diffusion.parameterisation import Prediction
from diffusion.process import LinearVP, transition
from diffusion.variance import VARIANCES, Variance
from diffusion.vlb import discretised_gaussian_nll, gaussian_kl, variational_bound
from tests.diffusion import guided_diffusion as gd
from tests.diffusion.gaussian import PROCESSES, Gaussian

GENERATOR = torch.Generator().manual_seed(0)


def normal(*shape):
    return torch.randn(*shape, dtype=torch.float64, generator=GENERATOR)


def pixels(*shape):
    """Images of the 256 levels, the darkest and the brightest among them."""
    levels = torch.randint(0, 256, shape, generator=GENERATOR)
    levels.view(-1)[:2] = torch.tensor([0, 255])
    return levels.double() / 127.5 - 1


@pytest.mark.parametrize("kind", VARIANCES)
def test_every_term_is_the_papers(kind):
    """All 1000 steps, with a made-up prediction that is wrong in x0 and, if learned, in the variance."""
    x0, raw, wrong = pixels(3, 1, 4, 4), normal(3, 1, 4, 4) / 2, normal(3, 1, 4, 4) / 200
    raw = raw - 7 if kind == "learned" else raw
    noises = normal(1000, 3, 1, 4, 4)
    variance = Variance(VARIANCES[kind], raw if VARIANCES[kind].learned else None)
    process = LinearVP()

    def denoise(x, level):
        return Prediction(x0 + wrong, x, variance)

    bound = variational_bound(denoise, x0, process.levels(1000), iter(noises).__next__)
    assert bound.terms.shape == (3, 1000)
    for k, i in enumerate(reversed(range(1000))):
        x = gd.noisy(x0, noises[k], i)
        expected = gd.bound_term(x0, x, x0 + wrong, gd.log_variance(kind, raw, i), i)
        torch.testing.assert_close(bound.terms[:, k], expected, rtol=1e-6, atol=1e-9)
    bar = gd.BAR[-1]
    prior = 0.5 * (-1 - (1 - bar).log() + (1 - bar) + bar * x0**2)  # KL(q(x_T | x0) || N(0, 1))
    torch.testing.assert_close(bound.prior, prior.flatten(1).mean(1) / math.log(2), rtol=1e-3, atol=1e-8)
    torch.testing.assert_close(bound.total, bound.prior + bound.terms.sum(1))


def exact(data, levels):
    """The model with the exact denoiser: its variance is that of q(x_lo | x_hi), the posterior's and what B x0 adds."""
    following = dict(pairwise(levels))

    def denoise(x, level):
        step = transition(level, following[level])
        unknown = (data.std * level.sigma / data.spread(level)) ** 2  # of x0, given x
        log_variance = torch.full_like(x, step.small + step.B**2 * unknown).log()
        return data.denoise(x, level)._replace(variance=Variance(VARIANCES["learned"], log_variance))

    return denoise


def quantiles(n):
    """n points that stand for a standard normal, with its mean and its variance."""
    points = torch.special.ndtri((torch.arange(n, dtype=torch.float64) + 0.5) / n)
    return points / points.square().mean().sqrt()


def entropy(data):
    """The entropy of N(m, c^2) in bits, quantised into 255/2 bins per unit."""
    return math.log2(data.std * math.sqrt(2 * math.pi * math.e)) + math.log2(255 / 2)


def bits_of_the_chain(data, first):
    """The information of the exact chain on x0 down to its first noisy level, log2(spread / sigma) bits, and the rest:
    the bin of a normal whose variance is that of x0 given that level, averaged over x0."""
    std = data.std * first.sigma / data.spread(first)
    z = quantiles(100_000)
    upper, lower = ((z * std + end) / std / math.sqrt(2) for end in (1 / 255, -1 / 255))
    left = -((torch.erf(upper) - torch.erf(lower)) / 2).log2().mean().item()
    return math.log2(data.spread(first) / first.sigma) + left


@pytest.mark.parametrize("name", PROCESSES)
def test_the_exact_model_of_gaussian_data_needs_the_datas_bits(name):
    """The chain of exact reverse transitions is that of the data, so the bound is tight: the information of x_1 on x0
    and that of the decoder. That is the entropy of the data where the chain stops at noise wider than a bin (two of the
    four do); chains that end at less noise spend bits on differences within a bin.

    It is deterministic: rows are quantiles of x0 and columns of eps, whose products stand for all pairs.
    """
    data, process = Gaussian(mean=0.1, std=0.2), PROCESSES[name]
    eps = quantiles(128).expand(1, 1, 128, 128)
    x0 = data.mean + data.std * quantiles(128).view(1, 1, 128, 1).expand(1, 1, 128, 128)
    levels = process.levels(1000)
    bound = variational_bound(exact(data, levels), x0, levels, lambda: eps)
    start = levels[0]  # sampling starts from N(0, sigma^2), the data ends in N(alpha m, alpha^2 c^2 + sigma^2)
    spread = (data.spread(start) / start.sigma) ** 2
    mismatch = (spread - 1 - math.log(spread) + (start.alpha * data.mean / start.sigma) ** 2) / 2 / math.log(2)
    assert bound.total.item() == pytest.approx(bits_of_the_chain(data, levels[-2]) + mismatch, abs=1e-3)
    if name in ("linear", "ve"):
        assert bound.total.item() == pytest.approx(entropy(data) + mismatch, abs=1e-3)


def test_fixed_small_variances_cost_what_their_error_costs():
    """With the exact mean, KL_t is B^2 Var[x0 | x_t] / (2 small), in nats."""
    data, process = Gaussian(mean=0.1, std=0.2), PROCESSES["cosine"]
    eps = quantiles(64).expand(1, 1, 64, 64)
    x0 = data.mean + data.std * quantiles(64).view(1, 1, 64, 1).expand(1, 1, 64, 64)
    levels = process.levels(100)
    bound = variational_bound(data.denoise, x0, levels, lambda: eps)
    for k, (hi, lo) in enumerate(pairwise(levels[:-1])):
        step = transition(hi, lo)
        nats = step.B**2 * (data.std * hi.sigma / data.spread(hi)) ** 2 / (2 * step.small)
        assert bound.terms[0, k].item() == pytest.approx(nats / math.log(2), rel=1e-9)


def test_divergence_of_gaussians():
    assert gaussian_kl(torch.zeros(1), -1.0, -1.0).item() == 0
    p, q = torch.distributions.Normal(0.3, 0.7), torch.distributions.Normal(-0.2, 0.4)
    ours = gaussian_kl(torch.tensor(0.5), 2 * math.log(0.4), 2 * math.log(0.7))
    torch.testing.assert_close(ours, torch.distributions.kl_divergence(q, p))


@pytest.mark.parametrize("std", [0.001, 0.01, 0.3, 2.0])
def test_the_bins_of_the_decoder_add_up_to_one(std):
    levels = torch.arange(256, dtype=torch.float64) / 127.5 - 1
    for mean in (-1.2, -0.99, 0.001, 0.7):
        costs = discretised_gaussian_nll(levels, torch.full_like(levels, mean), 2 * math.log(std))
        assert (-costs).exp().sum().item() == pytest.approx(1, abs=1e-12)
        assert costs.isfinite().all()


def test_the_decoder_is_finite_and_differentiable_far_out_in_float32():
    mean = torch.tensor([-1.0, 1.0, 0.0, 0.5], requires_grad=True)
    x0 = torch.tensor([1.0, -1.0, 0.8, -0.5])
    cost = discretised_gaussian_nll(x0, mean, 2 * math.log(0.005))
    cost.sum().backward()
    assert cost.isfinite().all()
    assert (mean.grad.sign() == torch.tensor([-1.0, 1.0, -1.0, 1.0])).all()
    torch.testing.assert_close(cost[0].item(), ((2 - 1 / 255) / 0.005) ** 2 / 2, rtol=1e-3, atol=0)


def test_a_chain_of_one_step_has_no_bound():
    with pytest.raises(ValueError, match="two steps"):
        variational_bound(Gaussian().denoise, torch.zeros(1, 1, 2, 2), LinearVP().levels(1), None)
