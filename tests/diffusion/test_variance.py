"""Variances of reverse steps, fixed and learned."""

import math

import pytest
import torch

from diffusion import load_model
from diffusion.parameterisation import Prediction
from diffusion.process import LinearVP, transition
from diffusion.samplers import SAMPLERS, ddpm
from diffusion.variance import VARIANCES, Variance
from tests.diffusion import guided_diffusion as gd
from tests.diffusion.gaussian import last

each_kind = pytest.mark.parametrize("kind", VARIANCES)
PROCESS = LinearVP()


def step_of(i):
    return transition(PROCESS.level((i + 1) / 1000), PROCESS.level(i / 1000))


@each_kind
@pytest.mark.parametrize("i", [1, 10, 500, 999])
def test_log_variance_is_the_papers(kind, i):
    raw = torch.linspace(-1.5, 1.5, 7, dtype=torch.float64)
    variance = Variance(VARIANCES[kind], raw if VARIANCES[kind].learned else None)
    got = torch.as_tensor(variance.log(step_of(i)), dtype=torch.float64).expand(7)
    torch.testing.assert_close(got, gd.log_variance(kind, raw, i), rtol=1e-6, atol=1e-9)


@each_kind
def test_numbers_and_tensors_agree(kind):
    raw = torch.randn(3, 1, 2, 2, dtype=torch.float64) if VARIANCES[kind].learned else None
    variance = Variance(VARIANCES[kind], raw)
    t = torch.tensor([0.2, 0.5, 0.9], dtype=torch.float64).view(-1, 1, 1, 1)
    together = variance.log(transition(PROCESS.level(t), PROCESS.before(PROCESS.level(t))))
    for k, level in enumerate(map(PROCESS.level, t.flatten().tolist())):
        alone = Variance(variance.kind, None if raw is None else raw[k]).log(transition(level, PROCESS.before(level)))
        torch.testing.assert_close(together[k], torch.as_tensor(alone, dtype=torch.float64).expand_as(together[k]))


@each_kind
def test_ddpm_samples_with_the_predicted_variance(kind):
    """guided-diffusion's p_sample, on its own chain and on a respaced one, whose betas are recomputed."""
    x, z, raw = torch.randn(3, 2, 1, 4, 4, dtype=torch.float64)
    variance = Variance(VARIANCES[kind], raw if VARIANCES[kind].learned else None)
    for hi, lo in [(0.5, 0.499), (0.5, 0.4)]:
        levels = [PROCESS.level(t) for t in (hi, lo, 0.0)]
        bar, before = gd.BAR[round(hi * 1000) - 1], gd.BAR[round(lo * 1000) - 1]
        beta = 1 - bar / before
        small = beta * (1 - before) / (1 - bar)
        frac = (raw + 1) / 2
        log = {
            "small": small.log(),
            "large": beta.log(),
            "learned": raw,
            "learned_range": frac * beta.log() + (1 - frac) * small.log(),
        }[kind]
        x0 = x / 3
        mean = before.sqrt() * beta / (1 - bar) * x0 + (1 - beta).sqrt() * (1 - before) / (1 - bar) * x

        def denoise(x, level):
            return Prediction(x / 3, x, variance)

        step = next(ddpm(denoise, x, levels, lambda: z))
        torch.testing.assert_close(step.x, mean + (log / 2).exp() * z, rtol=1e-8, atol=1e-8)


@each_kind
def test_only_ddpm_uses_it(kind):
    x, raw = torch.randn(2, 2, 1, 4, 4, dtype=torch.float64)
    levels = PROCESS.levels(4, "lambda")

    def run(name, variance):
        def denoise(x, level):
            return Prediction(x / 3, (x - level.alpha * x / 3) / level.sigma, variance)

        return last(SAMPLERS[name].function(denoise, x, levels, lambda: torch.ones_like(x))).x

    for name in SAMPLERS:
        same = torch.equal(run(name, Variance()), run(name, Variance(VARIANCES[kind], raw)))
        assert same == (name != "ddpm" or kind == "small")


def test_the_bounds_are_right_at_the_two_extremes():
    """A point's reverse step varies by small, standard normal data's by large (Ho et al. 2020, section 3.2)."""
    hi, lo = PROCESS.level(0.6), PROCESS.level(0.5)
    step = transition(hi, lo)
    for std, expected in [(0.0, step.small), (1.0, step.large)]:
        unknown = (std * hi.sigma) ** 2 / (hi.alpha**2 * std**2 + hi.sigma**2)
        assert step.small + step.B**2 * unknown == pytest.approx(expected, rel=1e-9)
    assert math.log(step.small) < math.log(step.large)


def test_clamping_keeps_a_learned_range_between_its_bounds():
    raw = torch.tensor([-20.0, -1.0, 0.3, 1.0, 20.0])
    step = transition(PROCESS.level(0.6), PROCESS.level(0.5))
    variance = Variance(VARIANCES["learned_range"], raw)
    assert variance.clamped().raw.tolist() == pytest.approx([-1, -1, 0.3, 1, 1])
    assert variance.clamped().log(step)[0].item() == pytest.approx(math.log(step.small), rel=1e-6)
    assert variance.clamped().log(step)[-1].item() == pytest.approx(math.log(step.large), rel=1e-6)
    for other in (Variance(VARIANCES["learned"], raw), Variance(VARIANCES["large"]), Variance()):
        assert other.clamped() is other


def test_the_bundled_model_samples_with_a_respacing():
    images = load_model("guided-unet").generate([5] * 4, respacing="10,15,20")
    assert (images < -0.9).float().mean() > 0.6  # mostly black, as digits are; with variances beyond the range, grey
