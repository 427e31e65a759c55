import pytest
import torch

from diffusion import SAMPLERS, InputError, NoisyClassifier, SamplingSettings
from diffusion.denoiser import Denoiser
from diffusion.guidance import classifier_free, gradient
from diffusion.noise import ImageNoise
from diffusion.parameterisation import PARAMETERISATIONS
from diffusion.process import CosineVP, LinearVP, transition
from tests.diffusion.gaussian import PROCESSES
from tests.tiny import DIGITS, ENCODER, tiny_classifier, tiny_model

ABC = ("bright", "dark", "any")


class Brightness(torch.nn.Module):
    """A classifier: class 0 likes bright images, class 1 dark ones, class 2 has no preference."""

    def forward(self, x, t):
        mean = x.flatten(1).mean(1)
        return torch.stack([8 * mean, -8 * mean, 0 * mean], dim=1) * (2 - t[:, None] / 1000)


def test_a_classifier_has_the_inputs_of_a_denoiser():
    seen = []
    process, x = PROCESSES["ve"], torch.randn(2, 1, 4, 4)
    Denoiser(lambda *inputs: seen.append(inputs) or x, process, PARAMETERISATIONS["eps"])(x, process.level(0.7))
    network = lambda *inputs: seen.append(inputs) or torch.zeros(2, 3)  # noqa: E731
    NoisyClassifier(network, process, ABC).logits(x, process.level(0.7))
    torch.testing.assert_close(seen[1], seen[0][:2])


def test_log_prob_is_the_log_softmax_of_the_label_and_nothing_without_one():
    guide = NoisyClassifier(Brightness(), CosineVP(), ABC)
    x, level = torch.randn(3, 1, 4, 4), CosineVP().level(0.5)
    log_probs = guide.logits(x, level).log_softmax(1)
    log_prob = guide.log_prob(x, level, torch.tensor([1, -1, 0]))
    torch.testing.assert_close(log_prob, torch.stack([log_probs[0, 1], torch.tensor(0.0), log_probs[2, 0]]))
    assert (gradient(lambda x, level: guide.log_prob(x, level, torch.tensor([-1] * 3)), x, level) == 0).all()


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_model_without_labels_is_guided_with_every_sampler(sampler):
    model = tiny_model(label_names=(), sampler=sampler)
    guide = NoisyClassifier(Brightness(), model.process, ABC)
    images = model.generate([0, 1, 2, -1], classifier=guide, classifier_scale=20.0, steps=20)
    plain = model.generate([-1] * 4, steps=20)
    means, plain_means = images.mean((1, 2, 3)), plain.mean((1, 2, 3))
    assert means[0] > plain_means[0] + 0.02
    assert means[1] < plain_means[1] - 0.02
    assert torch.equal(images[3], plain[3])


class OutOfRange(torch.nn.Module):
    """Predicts an x0 of small values, and a variance far beyond the ends of its range."""

    def forward(self, x, t, condition):
        return torch.cat([0.1 * torch.sin(x), 6 * torch.cos(3 * x)], dim=1)


@pytest.mark.parametrize("scale", [0.05, 1.0])
def test_the_mean_form_weights_the_gradient_by_the_variance_that_the_step_samples_with(scale):
    """Pixel by pixel: the variance is that of the noise added, and the shift of the mean is it times the gradient."""
    config = {"variance": "learned_range", "prediction": "x0", "label_names": (), "sampler": "ddpm", "steps": 8}
    model = tiny_model(module=OutOfRange(), **config)
    guide = NoisyClassifier(Brightness(), model.process, ABC)
    levels = model.levels(SamplingSettings().resolve(model.config))
    step, noise = transition(*levels[:2]), ImageNoise(3, 2, (1, 8, 8))
    start, z = levels[0].sigma * noise(), noise()
    plain = next(iter(model.sample([-1, -1], seed=3)))
    guided = next(iter(model.sample([0, 1], seed=3, classifier=guide, classifier_scale=scale)))
    std = (plain.x - step.A * start - step.B * plain.x0) / z
    variance = std**2
    assert (variance.min() - step.small).abs() < 1e-4 * step.small  # clamped at both ends
    assert (variance.max() - step.large).abs() < 1e-4 * step.large
    slope = gradient(lambda x, level: guide.log_prob(x, level, torch.tensor([0, 1])), start, levels[0])
    torch.testing.assert_close(guided.x - plain.x, scale * variance * slope, rtol=1e-2, atol=1e-6)


def test_both_guidances_together():
    model = tiny_model()
    level, x, labels = model.process.level(0.5), torch.randn(2, 1, 8, 8), torch.tensor([1, 0])
    guide = NoisyClassifier(Brightness(), model.process, ABC)
    free = classifier_free(model.denoiser(), 2.0)
    with torch.no_grad():
        both, alone = guide.guide(free, labels, 3.0)(x, level, labels), free(x, level, labels)
    slope = gradient(lambda x, level: guide.log_prob(x, level, labels), x, level)
    torch.testing.assert_close(both.eps, alone.eps - level.sigma * 3.0 * slope, rtol=1e-4, atol=1e-5)


def test_classifiers_that_do_not_fit_are_refused():
    model, unlabelled = tiny_model(), tiny_model(label_names=())
    larger = tiny_classifier(image_size=16, network={**ENCODER, "pool_size": 8}).classifier()
    fits = NoisyClassifier(Brightness(), model.process, DIGITS)
    cases = [
        (model, {"classifier": NoisyClassifier(Brightness(), LinearVP(), DIGITS)}, "trained on another process"),
        (model, {"classifier": NoisyClassifier(Brightness(), model.process, ABC)}, "3 labels that are not the model's"),
        (model, {"classifier": larger}, r"takes images of \(1, 16, 16\)"),
        (model, {"classifier_scale": 2.0}, "it is for guidance by a classifier"),
        (model, {"classifier": fits, "classifier_scale": -1}, "from 0 to 100"),
        (unlabelled, {"classifier": NoisyClassifier(Brightness(), model.process, ABC)}, "Label 3 is unknown"),
    ]
    for guided, arguments, sentence in cases:
        with pytest.raises(InputError, match=sentence):
            guided.sample([3], **arguments)


def test_generators_and_classifiers_are_not_confused():
    with pytest.raises(InputError, match=r"^tiny is a classifier of noisy images: it guides another model"):
        tiny_classifier().sample([1])
    with pytest.raises(InputError, match=r"^tiny is a classifier of noisy images: it guides another model"):
        tiny_classifier().invert(torch.zeros(1, 1, 8, 8))
    with pytest.raises(InputError, match=r"^tiny generates images: it is no classifier"):
        tiny_model().classifier()
