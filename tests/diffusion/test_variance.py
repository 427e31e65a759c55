"""Learned variances: what they mean, who reads them, and how they travel."""

import math

import pytest
import torch

from diffusion import load_model
from diffusion.denoiser import Denoiser, clipped
from diffusion.guidance import classifier_free
from diffusion.parameterisation import PARAMETERISATIONS, Prediction
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
def test_ddpm_draws_with_the_variance_that_is_predicted(kind):
    """guided-diffusion's p_sample, on its own chain and on a respaced one, whose betas are made anew."""
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


def doubled(x, t, y=None):
    """A made-up network of 2C channels."""
    shift = 0 if y is None else y.view(-1, 1, 1, 1).to(x) / 7
    return torch.cat([torch.sin(x + shift), torch.cos(2 * x + shift)], dim=1)


@pytest.mark.parametrize("kind", ["learned", "learned_range"])
def test_the_second_half_of_the_channels_rides_along(kind):
    row, level = PARAMETERISATIONS["eps"], PROCESS.level(0.4)
    x, labels = torch.randn(3, 2, 4, 4), torch.tensor([1, 5, 10])
    plain = Denoiser(lambda *a: doubled(*a).chunk(2, 1)[0], PROCESS, row)
    learned = Denoiser(doubled, PROCESS, row, variance=VARIANCES[kind])
    torch.testing.assert_close(learned(x, level, labels)[:2], plain(x, level, labels)[:2])
    raw = torch.cos(2 * x + labels.view(-1, 1, 1, 1) / 7)
    for through in (learned, clipped(learned), classifier_free(learned, 3.0, 10)):
        variance = through(x, level, labels).variance  # with guidance: the labelled half's
        assert variance.kind is VARIANCES[kind]
        torch.testing.assert_close(variance.raw, raw)


@each_kind
def test_only_ddpm_reads_it(kind):
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


def test_a_learned_range_is_held_where_images_are_drawn():
    raw = torch.tensor([-20.0, -1.0, 0.3, 1.0, 20.0])
    assert Variance(VARIANCES["learned_range"], raw).held().raw.tolist() == pytest.approx([-1, -1, 0.3, 1, 1])
    for variance in (Variance(VARIANCES["learned"], raw), Variance(VARIANCES["large"]), Variance()):
        assert variance.held() is variance


def test_the_bundled_model_draws_by_a_respacing():
    images = load_model("guided-unet").generate([5] * 4, respacing="10,15,20")
    assert (images < -0.9).float().mean() > 0.6  # mostly black, as digits are; with variances beyond the range, grey
