"""Classifier guidance on Gaussian data with a Gaussian label, where the exact answer is known.

x0 ~ N(m, c^2), and y = x0 + noise of standard deviation tau: then y given a noisy x is Gaussian too, so a classifier of
noisy images is known in closed form, and so is what it should do to every sampler.
"""

import math

import pytest
import torch

from diffusion import InputError
from diffusion.denoiser import Denoiser
from diffusion.guidance import NoisyClassifier, classifier, classifier_free, classifier_mean, gradient, skip_layer
from diffusion.parameterisation import PARAMETERISATIONS
from diffusion.process import CosineVP, LinearVP, transition
from diffusion.samplers import SAMPLERS, ddim, ddpm, heun
from diffusion.variance import VARIANCES, Variance
from tests.diffusion.gaussian import PROCESSES, Gaussian, last, no_noise
from tests.tiny import DIGITS, tiny_model

ABC = ("bright", "dark", "any")
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
def test_guidance_away_from_a_vaguer_denoiser_sharpens_the_density(process, t):
    """p^(1 + s) / w^s of two Gaussians has a Gaussian's score, of the precision (1 + s) / spread^2 - s / vague^2."""
    vague, scale, level = Gaussian(std=2 * DATA.std), 1.5, process.level(t)
    x = DATA.start(level)
    guided = skip_layer(DATA.denoise, vague.denoise, scale)(x, level)
    precision = (1 + scale) / DATA.spread(level) ** 2 - scale / vague.spread(level) ** 2
    score = -precision * (x - level.alpha * DATA.mean)
    torch.testing.assert_close(guided.eps, -level.sigma * score, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(level.alpha * guided.x0 + level.sigma * guided.eps, x, rtol=1e-9, atol=1e-9)
    for off in (skip_layer(DATA.denoise, vague.denoise, 0.0), skip_layer(DATA.denoise, vague.denoise, 1.5, 0.99, 1.0)):
        assert torch.equal(off(x, level).eps, DATA.denoise(x, level).eps)


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
    guided_denoise = classifier_mean(lambda x, level, labels: denoise(x, level), log_prob, 1.5, levels)
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
        def denoise(x, level, labels=None):
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


class Reader(torch.nn.Module):
    """A made-up classifier: class 0 likes bright images, class 1 dark ones, class 2 nothing in particular."""

    def forward(self, x, t):
        mean = x.flatten(1).mean(1)
        return torch.stack([8 * mean, -8 * mean, 0 * mean], dim=1) * (2 - t[:, None] / 1000)


def test_a_noisy_classifier_is_shown_what_a_denoiser_is_shown():
    seen = []

    def network(x, t, y=None):
        seen.append((x, t))
        return x if y is None else torch.zeros(len(x), 3)

    process, x = PROCESSES["ve"], torch.randn(2, 1, 4, 4)
    Denoiser(network, process, PARAMETERISATIONS["eps"])(x, process.level(0.7))
    NoisyClassifier(lambda x, t: network(x, t, y=0), process, ABC).logits(x, process.level(0.7))
    torch.testing.assert_close(seen[0], seen[1])


def test_log_prob_is_the_log_softmax_of_the_label_and_nothing_without_one():
    reader = NoisyClassifier(Reader(), CosineVP(), ABC)
    x, level = torch.randn(3, 1, 4, 4), CosineVP().level(0.5)
    log_probs = reader.logits(x, level).log_softmax(1)
    got = reader.log_prob(x, level, torch.tensor([1, -1, 0]))
    torch.testing.assert_close(got, torch.stack([log_probs[0, 1], torch.tensor(0.0), log_probs[2, 0]]))
    assert (gradient(lambda x, level: reader.log_prob(x, level, torch.tensor([-1] * 3)), x, level) == 0).all()


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_classifier_steers_an_unconditional_model_with_every_sampler(sampler):
    model = tiny_model(label_names=(), process={"kind": "cosine_vp"}, sampler=sampler)
    reader = NoisyClassifier(Reader(), model.process, ABC)
    images = model.generate([0, 1, 2, -1], classifier=reader, classifier_scale=20.0, steps=20)
    plain = model.generate([-1] * 4, steps=20)
    means, unsteered = images.mean((1, 2, 3)), plain.mean((1, 2, 3))
    assert means[0] > unsteered[0] + 0.02
    assert means[1] < unsteered[1] - 0.02
    assert torch.equal(images[3], plain[3])


def test_classifiers_that_do_not_fit_are_refused():
    model = tiny_model()
    cases = [
        ({"classifier": NoisyClassifier(Reader(), LinearVP(), DIGITS)}, "trained on another process"),
        ({"classifier": NoisyClassifier(Reader(), model.process, ABC)}, "3 labels apart that are not the model's 10"),
        ({"classifier_scale": 2.0}, "belongs to a classifier"),
        ({"classifier": NoisyClassifier(Reader(), model.process, DIGITS), "classifier_scale": -1}, "from 0 to 100"),
    ]
    for arguments, sentence in cases:
        with pytest.raises(InputError, match=sentence):
            model.sample([1], **arguments)
    unconditional = tiny_model(label_names=())
    with pytest.raises(InputError, match="Label 3 is unknown"):
        unconditional.sample([3], classifier=NoisyClassifier(Reader(), model.process, ABC))


def test_both_guidances_together():
    model = tiny_model()
    level, x, labels = model.process.level(0.5), torch.randn(2, 1, 8, 8), torch.tensor([1, 0])
    reader = NoisyClassifier(Reader(), model.process, ABC)
    free = classifier_free(model.denoiser(), 2.0, 10)
    with torch.no_grad():
        both, alone = reader.steer(free, labels, 3.0)(x, level, labels), free(x, level, labels)
    push = gradient(lambda x, level: reader.log_prob(x, level, labels), x, level)
    torch.testing.assert_close(both.eps, alone.eps - level.sigma * 3.0 * push, rtol=1e-4, atol=1e-5)
