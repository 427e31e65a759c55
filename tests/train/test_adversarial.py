"""Adversarial distillation: who learns from what, and that it ends where no discriminator tells samples from images."""

from dataclasses import replace

import pytest
import torch

from diffusion import Condition
from diffusion.denoiser import Denoiser
from diffusion.io.images import from_uint8, to_uint8
from diffusion.networks import UNetConfig
from tests.tiny import DIT, ONE_PASS, assert_reaches_all, tiny_model
from train import adversarial
from train.adversarial import adversarial_distillation, feature_distance
from train.discriminator import grey_levels

N = 6


def setup(teacher=None, **student):
    """A loss, its student and a batch."""
    teacher = teacher or tiny_model(seed=1)
    student = tiny_model(network=ONE_PASS, sampler="turbo", **student)
    loss = adversarial_distillation(teacher, student, 0.0)
    generator = torch.Generator().manual_seed(0)
    x0 = student.encode(torch.rand(N, 1, 8, 8, generator=generator) * 2 - 1)
    condition = Condition(torch.tensor([0, 1, 2, 3, 4, -1]), None, torch.full((N,), 2.0))
    return loss, student, teacher, (x0, condition, torch.rand(N), torch.randn(N, 1, 8, 8, generator=generator))


def denoiser_of(model):
    return Denoiser(model.network, model.process, model.parameterisation)


def gradients(module):
    return {name: None if weight.grad is None else weight.grad.clone() for name, weight in module.named_parameters()}


def test_the_gradient_reaches_student_and_discriminator_and_not_the_teacher():
    loss, student, teacher, batch = setup()
    assert_reaches_all(loss(denoiser_of(student), *batch).mean(), student.network)
    assert all(weight.grad is not None for weight in loss.discriminator.parameters())
    assert all(weight.grad is None for weight in teacher.network.parameters())


def test_each_learns_from_its_own_term_alone(monkeypatch):
    """With no weight on what the student is judged by, the discriminator learns the same, and the student only from
    distillation."""
    found = {}
    for weight in (0.0, 1.0):
        monkeypatch.setattr(adversarial, "WEIGHT", weight)
        monkeypatch.setattr(adversarial, "PAIRED_WEIGHT", weight)
        monkeypatch.setattr(adversarial, "MOMENT_WEIGHT", weight / 1000)
        loss, student, _, batch = setup()
        torch.manual_seed(3)
        loss(denoiser_of(student), *batch).mean().backward()
        found[weight] = gradients(loss.discriminator), gradients(student.network)
    for name, gradient in found[0.0][0].items():
        torch.testing.assert_close(found[1.0][0][name], gradient)
    x0, condition, t, eps = batch
    distilled = tiny_model(network=ONE_PASS, sampler="turbo")
    part, condition = slice(1), replace(condition, guidance_scale=None)
    torch.manual_seed(3)
    loss.distilled(denoiser_of(distilled), x0[part], condition.rows(part), t[part], eps[part]).mean().backward()
    own = gradients(distilled.network)
    for name, gradient in found[0.0][1].items():
        torch.testing.assert_close(own[name], gradient)
        assert (found[1.0][1][name] - gradient).abs().max() > 0


def test_what_is_judged_is_what_the_sampler_draws_and_a_viewer_sees():
    loss, student, _, (_, condition, _, eps) = setup(black_margin=0.25)
    given = replace(condition, guidance_scale=torch.full((N,), 2.0))
    found = loss.as_seen(loss.sampled(denoiser_of(student), eps, given))
    drawn = list(student.sample(condition.labels.tolist(), start=eps, steps=2, guidance_scale=2.0))[-1].x
    expected = student.encode(from_uint8(to_uint8(drawn)))
    torch.testing.assert_close(found, expected)
    assert found.requires_grad
    assert (found == student.config.darkest).any()


def test_until_its_share_of_the_run_a_student_is_only_distilled():
    loss = adversarial_distillation(tiny_model(seed=1), tiny_model(network=ONE_PASS), begins=0.4)
    assert loss.at(0.39) == loss.distilled
    assert loss.at(0.4) is loss


def test_the_distance_of_features_is_in_units_of_their_variance():
    h = torch.randn(4, 3, 5, 5)
    flat = torch.tensor([0.0, 2.0]).view(2, 1, 1, 1).expand(2, 1, 2, 2)
    assert torch.equal(feature_distance([h, h], [h, h]), torch.zeros(4))
    found = feature_distance([flat, flat + 1], [flat, flat])
    torch.testing.assert_close(found, torch.full((2,), 0.5 / flat.var().item()))


def test_a_student_comes_nearer_to_what_its_teacher_samples_from_the_same_noise(monkeypatch):
    for name in ("WEIGHT", "MOMENT_WEIGHT"):
        monkeypatch.setattr(adversarial, name, 0.0)
    loss, student, teacher, (_, condition, t, eps) = setup()
    labels = condition.labels.tolist()
    x0 = student.encode(teacher.generate(labels, start=eps, guidance_scale=2.0))

    def distances():
        mine = student.encode(student.generate(labels, start=eps, steps=2, guidance_scale=2.0))
        return [float((mine - images).square().mean()) for images in (x0, x0.roll(1, 0))]

    before = distances()
    optimizer = torch.optim.Adam(student.network.parameters(), lr=3e-3)
    for step in range(30):
        torch.manual_seed(step)
        optimizer.zero_grad()
        loss(denoiser_of(student), x0, condition, t, eps).mean().backward()
        optimizer.step()
    after = distances()
    assert after[0] < 0.8 * before[0]
    assert after[0] / before[0] < after[1] / before[1]


@pytest.mark.parametrize("network", [{**DIT, "depth": 2}, {**ONE_PASS, "max_guidance": None, "channels": (8,)}])
def test_any_network_with_labels_has_feature_maps(network):
    teacher = tiny_model(seed=1, network=network)
    loss, student, _, batch = setup(teacher=teacher)
    maps = loss.features(batch[0], teacher.process.level(0.3), batch[1])
    assert all(h.shape[0] == N and h.ndim == 4 for h in maps)
    assert len(maps) + 1 == len(loss.discriminator.heads) >= 3
    assert loss(denoiser_of(student), *batch).shape == (N,)


def test_a_student_without_labels_is_judged_too():
    bare = {"network": {**ONE_PASS, "max_guidance": None}, "label_names": ()}
    teacher, student = tiny_model(seed=1, **bare), tiny_model(**bare)
    loss = adversarial_distillation(teacher, student, 0.0)
    images = torch.rand(N, 1, 8, 8) * 2 - 1
    assert loss(denoiser_of(student), images, Condition(), torch.rand(N), torch.randn(N, 1, 8, 8)).isfinite().all()


def test_grey_levels_are_told_apart_near_black_and_near_white():
    """Each in two classes at most, whose shares are 1 together; 253 is not 255."""
    levels = torch.tensor([0, 1, 2, 128, 253, 255]).view(-1, 1, 1, 1) / 127.5 - 1
    shares = grey_levels(levels).flatten(1)
    torch.testing.assert_close(shares.sum(1), torch.ones(6))
    assert ((shares > 0).sum(1) <= 2).all()
    for a, b in ((0, 2), (4, 5)):
        assert (shares[a] - shares[b]).abs().max() > 0.3
    darker = grey_levels(torch.full((1, 1, 1, 1), -1.2))
    assert torch.equal(darker.flatten(1), shares[:1])


def test_feature_maps_are_those_of_the_networks_own_layers():
    network = tiny_model().network
    assert isinstance(network.config, UNetConfig)
    seen = []
    for layer in (network.input, *network.down, network.middle[-1]):
        layer.register_forward_hook(lambda layer, inputs, output: seen.append(output))
    maps = network.feature_maps(torch.randn(2, 1, 8, 8), torch.tensor([3.0, 400.0]), Condition(torch.tensor([1, -1])))
    assert all(torch.equal(h, output) for h, output in zip(maps, seen, strict=True))


def brightness_after(weight, monkeypatch):
    """The mean grey level of a student's samples before and after it is judged beside dark images; its teacher knows
    nothing of them."""
    monkeypatch.setattr(adversarial, "WEIGHT", weight)
    for name in ("PAIRED_WEIGHT", "MOMENT_WEIGHT"):
        monkeypatch.setattr(adversarial, name, 0.0)
    loss, student, _, (_, condition, t, _) = setup()
    dark = torch.full((N, 1, 8, 8), -0.8)
    optimizer = torch.optim.Adam([*student.network.parameters(), *loss.discriminator.parameters()], lr=3e-3)
    before = float(student.generate([0, 1, 2, 3, 4], steps=2, guidance_scale=2.0).mean())
    for step in range(40):
        torch.manual_seed(step)
        optimizer.zero_grad()
        loss(denoiser_of(student), dark, condition, t, torch.randn(N, 1, 8, 8)).mean().backward()
        optimizer.step()
    after = float(student.generate([0, 1, 2, 3, 4], steps=2, guidance_scale=2.0).mean())
    return before, after


@pytest.mark.slow
def test_a_student_learns_from_the_discriminator_what_its_teacher_does_not_know(monkeypatch):
    before, judged = brightness_after(10.0, monkeypatch)
    _, distilled = brightness_after(0.0, monkeypatch)
    assert judged < min(before, distilled) - 0.1
