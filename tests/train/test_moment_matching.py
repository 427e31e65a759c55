"""Moment matching: its gradient is that of the Fréchet distance, and what follows it varies as the teacher does."""

import pytest
import torch
from torch import Tensor

from train import moment_matching
from train.moment_matching import WINDOW, MomentMatching, Moments, transport

F = 5


def correlated(seed: int, n: int) -> Tensor:
    """Features (n, F) of a Gaussian with a mean and covariance of its own, float64."""
    generator = torch.Generator().manual_seed(seed)
    mixed = torch.randn(F, F, generator=generator) + 2 * torch.eye(F)
    return (torch.randn(n, F, generator=generator) @ mixed + torch.randn(F, generator=generator)).double()


def distance(student: Tensor, teacher: Tensor) -> Tensor:
    """The Fréchet distance of features (N, F), each divided by the teacher's deviation."""
    deviation = teacher.var(0, correction=0).sqrt()
    (m, c), (n, d) = ((x.mean(0), x.T.cov(correction=0)) for x in (student / deviation, teacher / deviation))
    root_trace = torch.linalg.eigvals(c @ d).real.sqrt().sum()
    return (m - n).square().sum() + c.trace() + d.trace() - 2 * root_trace


def test_the_gradient_is_that_of_the_frechet_distance(monkeypatch):
    monkeypatch.setattr(moment_matching, "SMALLEST", 1e-12)
    student, teacher = correlated(0, 64).requires_grad_(), correlated(1, 64)
    (expected,) = torch.autograd.grad(distance(student, teacher), student)
    (found,) = torch.autograd.grad(MomentMatching(F, 0)(student, teacher, None).mean(), student)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-7)


def test_where_both_are_the_same_there_is_no_gradient():
    features = correlated(0, 64).requires_grad_()
    (found,) = torch.autograd.grad(MomentMatching(F, 0)(features, features.detach(), None).mean(), features)
    assert found.abs().max() < 1e-9


def test_transport_takes_one_covariance_to_the_other(monkeypatch):
    monkeypatch.setattr(moment_matching, "SMALLEST", 1e-12)
    source, target = (correlated(seed, 100).T.cov() for seed in (0, 1))
    found = transport(source, target)
    torch.testing.assert_close(found @ source @ found, target)
    torch.testing.assert_close(found, found.T)


def test_running_moments_are_those_of_all_images_up_to_the_window():
    running, features, classes = Moments(F, 3), correlated(0, 12 * WINDOW), torch.arange(12 * WINDOW) % 3
    for part, its_classes in zip(features.split(12), classes.split(12), strict=True):
        running.update(part, its_classes)
    means = torch.stack([features[classes == k].mean(0) for k in range(3)])
    torch.testing.assert_close(running.means(), means)
    torch.testing.assert_close(running.covariance(), (features - means[classes]).T.cov(correction=0))


def test_of_older_batches_less_and_less_is_left():
    running = Moments(F, 1)
    for k in range(6 * WINDOW):
        running.update(torch.full((3, F), float(k < WINDOW)), torch.zeros(3, dtype=torch.long))
    assert running.means().max() < 0.01


@pytest.mark.parametrize("features", [torch.zeros(8, F), torch.ones(8, F).cumsum(0)])
def test_constant_and_dependent_features_have_finite_gradients(features):
    x = (features + 1).requires_grad_()
    (found,) = torch.autograd.grad(MomentMatching(F, 0)(x, features, None).sum(), x)
    assert found.isfinite().all()


def test_what_follows_it_varies_as_the_teacher_does_within_each_class():
    """One factor and two shifts for each feature, of a standard Gaussian, learn the teacher's deviations and the means
    of its classes. Over both classes the student's variance is right from the beginning."""
    deviation, means = torch.tensor([0.6, 1.0, 2.0, 0.5, 1.5]), torch.tensor([[1.0] * F, [-1.0] * F])
    factor = (deviation**2 + 1).sqrt().requires_grad_()
    shifts = torch.zeros(2, F, requires_grad=True)
    matching, optimizer = MomentMatching(F, 2), torch.optim.Adam([factor, shifts], lr=0.02)
    decay = torch.optim.lr_scheduler.LinearLR(optimizer, 1, 0, 1500)  # as in training: the averages lag behind
    torch.manual_seed(0)
    for _ in range(1500):
        optimizer.zero_grad()
        labels = torch.randint(2, (32,))
        student, teacher = (torch.randn(32, F) * by + to[labels] for by, to in ((factor, shifts), (deviation, means)))
        matching(student, teacher, labels).mean().backward()
        optimizer.step()
        decay.step()
    torch.testing.assert_close(factor.detach().abs(), deviation, rtol=0.1, atol=0.05)
    torch.testing.assert_close(shifts.detach(), means, rtol=0.1, atol=0.15)


def test_images_without_a_label_are_a_class():
    features, labels = correlated(0, 40), torch.arange(40) % 4 - 1  # from -1 to 2
    matching = MomentMatching(F, 3)
    matching(features, features, labels)
    torch.testing.assert_close(matching.teacher.means()[3], features[::4].mean(0))
    torch.testing.assert_close(matching.student.shares, torch.full((4,), 0.25).double())
