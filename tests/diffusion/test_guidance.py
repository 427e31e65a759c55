"""Classifier-free guidance, its limits and its power law; guidance by a weaker network."""

import pytest
import torch

from diffusion import Condition
from diffusion.denoiser import Denoiser
from diffusion.guidance import MAX_STRENGTHENING, classifier_free, extrapolated, skip_layer
from diffusion.parameterisation import PARAMETERISATIONS, Prediction
from diffusion.variance import VARIANCES, Variance
from tests.diffusion.gaussian import PROCESSES, Gaussian

DATA, LEVEL = Gaussian(), PROCESSES["linear"].level(0.3)
LABELS, NULL = torch.tensor([1, 5, 9]), torch.full((3,), -1)
X = torch.randn(3, 1, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
ROWS = torch.tensor([0.1, -0.4, 0.7], dtype=torch.float64)  # of three images, each its own
each_process = pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)


class Recorder:
    """A network whose output depends on x, t and every row of the condition, and which remembers its calls."""

    def __init__(self):
        self.calls = []

    def __call__(self, x, t, condition):
        self.calls.append((x, t, condition))
        shift = torch.zeros(len(x), dtype=x.dtype)
        if condition.labels is not None:
            shift += condition.labels / 7
        if condition.guidance_scale is not None:
            shift += condition.guidance_scale
        output = torch.sin(x + shift.view(-1, 1, 1, 1)) * (1 + t.view(-1, 1, 1, 1) / 1000)
        return output if condition.low_res is None else output + condition.low_res.mean((1, 2, 3), keepdim=True)


def guided(scale, condition, **limits):
    """The guided prediction, those with the label and without, and the number of calls and the size of the batch."""
    network, condition = Recorder(), Condition.of(condition)
    bare = Denoiser(network, PROCESSES["linear"], PARAMETERISATIONS["v"], torch.float64)
    result = classifier_free(bare, scale, **limits)(X, LEVEL, condition)
    calls = len(network.calls), len(network.calls[0][0])
    return result, bare(X, LEVEL, condition), bare(X, LEVEL, condition.null()), calls


def assert_weighted(result, c, u, weight):
    for got, with_label, without in zip(result[:2], c[:2], u[:2], strict=True):
        torch.testing.assert_close(got, without + weight * (with_label - without), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("scale", "batch"), [(0.0, 3), (0.5, 6), (1.0, 3), (3.5, 6)])
def test_classifier_free_guidance_is_one_call(scale, batch):
    result, c, u, calls = guided(scale, LABELS)
    assert_weighted(result, c, u, scale)
    assert calls == (1, batch)  # of twice the images only where both predictions are needed


def test_every_row_of_the_condition_stays_with_its_image():
    """No part of it is taken for the same in both halves, or for one of twice the length."""
    condition = Condition(LABELS, ROWS.view(3, 1, 1, 1).expand(3, 1, 2, 2), 3 * ROWS)
    result, c, u, calls = guided(2.5, condition)
    assert calls == (1, 6)
    assert_weighted(result, c, u, 2.5)
    scales = torch.tensor([0.0, 1.0, 4.0], dtype=torch.float64)
    result, c, u, calls = guided(scales, condition)
    assert_weighted(result, c, u, scales.view(3, 1, 1, 1))
    assert (c.x0 - u.x0).abs().amin((1, 2, 3)).min() > 0


@pytest.mark.parametrize(
    "condition", [NULL, None, Condition(None, torch.zeros(3, 1, 2, 2))], ids=["-1", "none", "rest"]
)
def test_images_without_labels_take_one_pass(condition):
    result, _, u, calls = guided(4.0, condition)
    assert torch.equal(result.x0, u.x0)
    assert calls == (1, 3)


def test_some_images_without_labels_stay_as_they_are():
    labels = torch.tensor([1, -1, 9])
    result, c, u, calls = guided(4.0, labels)
    assert_weighted(result, c, u, 4.0)
    torch.testing.assert_close(result.x0[1], u.x0[1], rtol=1e-12, atol=1e-12)
    assert calls == (1, 6)


@pytest.mark.parametrize(("limits", "inside"), [({"t_min": 0.3}, 1), ({"t_max": 0.29}, 0), ({"t_min": 0.31}, 0)])
@pytest.mark.parametrize("scale", [0.0, 0.5, 1.0, 3.5])
def test_guidance_is_limited_to_its_times(limits, inside, scale):
    """At t = 0.3: a scale above 1 is 1 outside, and takes one pass there; 0 ignores the label everywhere."""
    result, c, u, calls = guided(scale, LABELS, **limits)
    weight = scale if inside else min(scale, 1)
    assert_weighted(result, c, u, weight)
    assert calls == (1, 3 if weight in (0, 1) else 6)
    own = guided(torch.full((3,), scale), LABELS, **limits)[0]  # a scale for each image
    torch.testing.assert_close(own.x0, result.x0, rtol=1e-12, atol=1e-12)


def test_a_learned_variance_is_the_conditional_predictions():
    def denoise(x, level, condition):
        raw = condition.labels.view(-1, 1, 1, 1).to(x) + 0 * x
        return Prediction(x, x, Variance(VARIANCES["learned_range"], raw))

    guided = classifier_free(denoise, 2.0)(X, LEVEL, LABELS)
    assert guided.variance.raw[:, 0, 0, 0].tolist() == LABELS.tolist()


def test_the_power_law_strengthens_by_the_distance_of_the_scores():
    """Each image by its own distance, alone or among others; up to a scale of 1 as without the power law."""
    plain, c, u, _ = guided(3.0, LABELS)
    gap = ((c.eps - u.eps) / LEVEL.sigma).square().mean((1, 2, 3), keepdim=True).sqrt() / 0.8
    assert gap.unique().numel() == 3
    for power in (0.5, 2.0):
        assert (gap**power < MAX_STRENGTHENING).any()  # not all are held at the most
        weight = 1 + 2 * (gap**power).clamp(max=MAX_STRENGTHENING)
        result, *_ = guided(3.0, LABELS, power=power, typical_gap=0.8)
        assert_weighted(result, c, u, weight)
        own, *_ = guided(torch.tensor([3.0, 0.5, 1.0]), LABELS, power=power, typical_gap=0.8)
        weight = torch.cat([weight[:1], torch.tensor([0.5, 1.0], dtype=weight.dtype).view(2, 1, 1, 1)])
        assert_weighted(own, c, u, weight)
    assert torch.equal(guided(3.0, LABELS, power=0.0)[0].x0, plain.x0)


def test_the_power_law_guides_the_undecided():
    """Two images, one of them far from decided: at a power of 2, a third of the distance is a ninth of the guidance."""
    x = torch.zeros(2, 1, 4, 4, dtype=torch.float64)
    gap = 0.3 * torch.tensor([1.0, 1 / 3], dtype=torch.float64).view(2, 1, 1, 1)

    def denoise(x, level, condition):
        """eps 0 with a label; without, away by the score's distance."""
        eps = level.sigma * gap.repeat(2, 1, 1, 1) * (condition.labels < 0).view(-1, 1, 1, 1) + torch.zeros_like(x)
        return Prediction((x - level.sigma * eps) / level.alpha, eps)

    result = classifier_free(denoise, 2.0, power=2.0, typical_gap=0.3)(x, LEVEL, torch.tensor([3, 4]))
    weight = (result.eps / (-LEVEL.sigma * gap)).flatten(1).mean(1)
    torch.testing.assert_close(weight, torch.tensor([1.0, 1 / 9], dtype=torch.float64))


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


def test_extrapolation_keeps_the_variance_of_the_stronger():
    strong = Prediction(X, 2 * X, Variance(VARIANCES["learned"], X))
    weak = Prediction(3 * X, X, Variance(VARIANCES["learned"], -X))
    result = extrapolated(strong, weak, 0.5)
    torch.testing.assert_close(result.x0, X - 0.5 * 2 * X)
    torch.testing.assert_close(result.eps, 2 * X + 0.5 * X)
    assert result.variance is strong.variance
