"""Distillation: against closed forms on Gaussian data."""

import math
from functools import partial
from itertools import pairwise

import pytest
import torch

from diffusion.condition import Condition
from diffusion.denoiser import Denoiser
from diffusion.guidance import classifier_free
from diffusion.parameterisation import PARAMETERISATIONS, Prediction
from diffusion.samplers import SAMPLERS
from tests.diffusion.gaussian import PROCESSES, Gaussian, last, no_noise
from tests.tiny import ONE_PASS, assert_reaches_all, tiny_model
from train.distillation import (
    Distillation,
    ddim_target,
    distillation,
    teacher_levels,
)

DATA = Gaussian(mean=0.1, std=0.2)  # so narrow that nothing is clipped
TURBO = SAMPLERS["turbo"]
each_process = pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)


def exact_student(levels):
    """The perfect student for these segment ends: its steps end where the flow of the data leaves the segment."""

    def denoise(x, level):
        end = next(end for end in levels if end.t < level.t)
        x0 = ddim_target(x, level, DATA.flow(x, level, end), end)
        return Prediction(x0, (x - level.alpha * x0) / level.sigma)

    return denoise


@each_process
@pytest.mark.parametrize("steps", [1, 2, 4])
def test_turbo_with_the_perfect_student_follows_the_exact_flow(process, steps):
    levels = process.levels(steps, TURBO.spacing)
    x = DATA.start(levels[0])
    done = list(TURBO.function(exact_student(levels), x, levels, no_noise))
    for step, lo in zip(done, levels[1:], strict=True):
        torch.testing.assert_close(step.x, DATA.flow(x, levels[0], lo), rtol=1e-9, atol=1e-9)


def test_the_levels_of_fewer_steps_are_among_those_of_more():
    process = PROCESSES["cosine"]
    times = [[level.t for level in process.levels(steps, TURBO.spacing)] for steps in (1, 2, 4)]
    assert times[2] == pytest.approx([1, math.sqrt(3 / 4), math.sqrt(1 / 2), 1 / 2, 0])
    assert set(times[0]) < set(times[1]) < set(times[2])
    levels = teacher_levels(process, 2, 4)
    assert len(levels) == 9
    assert {level.t for level in levels} > set(times[1])
    assert all(hi.t > lo.t for hi, lo in pairwise(levels))


@each_process
def test_a_step_of_length_zero_changes_nothing_whatever_the_network(process):
    level = process.level(0.6)
    x, anything = torch.randn(2, 5, 1, 4, 4, dtype=torch.float64)
    bare = Denoiser(lambda x, t, condition: anything, process, PARAMETERISATIONS["v"], torch.float64)
    step = last(TURBO.function(bare, x, [level, level], no_noise))
    torch.testing.assert_close(step.x, x, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["cosine", "linear"])
def test_at_the_clean_level_the_prediction_is_the_input_whatever_the_network(name):
    x, anything = torch.randn(2, 5, 1, 4, 4, dtype=torch.float64)
    process = PROCESSES[name]
    bare = Denoiser(lambda x, t, condition: anything, process, PARAMETERISATIONS["v"], torch.float64)
    torch.testing.assert_close(bare(x, process.level(0.0)).x0, x, rtol=1e-9, atol=1e-9)


class LabelledGaussian:
    """A teacher whose labels shift the mean of the data: guided by a scale w, its images are N(mean + w shift, std^2),
    in closed form."""

    shift = 0.05

    def data(self, scale):
        return Gaussian(DATA.mean + scale * self.shift, DATA.std)

    def __call__(self, x, level, condition):
        labelled = (Condition.of(condition).labels >= 0).tolist()
        pairs = [self.data(float(label)).denoise(x[i : i + 1], level) for i, label in enumerate(labelled)]
        return Prediction(torch.cat([p.x0 for p in pairs]), torch.cat([p.eps for p in pairs]))


TEACHER = LabelledGaussian()


def setup(process, substeps, offset=0.0, ignores_scale=False):
    """A loss, and what it takes: the student that is perfect for the guided Gaussian, its x0 shifted by an offset; or
    one that takes every scale for 1."""
    row = PARAMETERISATIONS["v"]
    ends = process.levels(2, TURBO.spacing)

    def network(x, t, condition):
        out = []
        for i in range(len(x)):
            time_ = round((t[i].item() + 1) / process.steps, 12)
            level = process.level(min(time_, 1.0))
            end = next(end for end in ends if end.t < level.t - 1e-9)
            data = TEACHER.data(1.0 if ignores_scale else condition.guidance_scale[i].item())
            point = x[i : i + 1] * math.hypot(level.alpha, level.sigma)
            x0 = ddim_target(point, level, data.flow(point, level, end), end) + offset
            out.append(row.target(x0, (point - level.alpha * x0) / level.sigma, level, process))
        return torch.cat(out)

    torch.manual_seed(0)
    eps = torch.randn(6, 1, 1, 1, dtype=torch.float64)
    condition = Condition(torch.tensor([0, 1, 2, 0, 1, 2]))
    student = Denoiser(network, process, row, torch.float64)
    loss = Distillation(partial(classifier_free, TEACHER), max_guidance=4.0, substeps=substeps)
    return loss, student, eps, condition


def student_loss(*what, **student):
    """The loss of that student, (N,)."""
    loss, denoiser, eps, condition = setup(*what, **student)
    return loss(denoiser, torch.zeros_like(eps), condition, torch.zeros(6), eps)


def points(*what, **student):
    """The points that student is trained on: x (M, 1, 1, 1) and t (M,); and the scales of the trajectories, (N,)."""
    loss, denoiser, eps, condition = setup(*what, **student)
    scale = loss.max_guidance * torch.rand(len(eps))
    x, t, _ = loss.training_points(denoiser, condition, eps, scale)
    return x, t.flatten(), scale


def test_the_perfect_student_has_no_loss_but_the_error_of_the_teachers_solver():
    process = PROCESSES["cosine"]
    coarse, fine = (student_loss(process, substeps).mean().item() for substeps in (32, 64))
    assert fine < 1e-4
    assert coarse / fine > 3.5  # an error of at least first order, squared: 4
    assert student_loss(process, 64, ignores_scale=True).mean().item() > 50 * fine
    weights = [process.level(t).sigma ** -2 for t in points(process, 64)[1].tolist()]  # v is (alpha x - x0) / sigma
    expected = 0.1**2 * sum(weights) / len(weights)
    assert student_loss(process, 64, offset=0.1).mean().item() == pytest.approx(expected, rel=0.05)


def test_of_each_segment_the_beginning_and_a_random_point_are_trained_on():
    process = PROCESSES["cosine"]
    times = [level.t for level in teacher_levels(process, 2, 8)]
    t = points(process, 8)[1].view(4, 6)
    assert torch.equal(t, t[:, :1].expand(4, 6))
    first, inside_first, second, inside_second = t[:, 0].tolist()
    assert (first, second) == (times[0], times[8])
    assert inside_first in times[1:8]
    assert inside_second in times[9:16]


@pytest.mark.parametrize("offset", [0.0, 0.1])
def test_a_segment_begins_where_the_students_step_ends(offset):
    process = PROCESSES["cosine"]
    ends = process.levels(2, TURBO.spacing)
    x, _, scales = points(process, 64, offset=offset)
    _, _, eps, _ = setup(process, 64, offset=offset)
    starts = (ends[0].sigma * eps).split(1)
    expected = torch.cat(
        [TEACHER.data(w).flow(start, *ends[:2]) for w, start in zip(scales.tolist(), starts, strict=True)]
    )
    expected += offset * (ends[1].alpha - ends[1].sigma / ends[0].sigma * ends[0].alpha)  # eps moves against x0
    torch.testing.assert_close(x[12:18], expected, rtol=1e-6, atol=1e-6)


def test_the_gradient_reaches_every_weight_of_the_student_and_none_of_the_teacher():
    teacher, student = tiny_model(seed=1), tiny_model(network=ONE_PASS)
    denoiser = Denoiser(student.network.train(), student.process, student.parameterisation)
    loss_fn = distillation(teacher, student.config)
    x0, eps = torch.randn(2, 5, 1, 8, 8)
    loss = loss_fn(denoiser, x0, Condition(torch.tensor([0, 1, 2, 9, -1])), torch.full((5,), 0.5), eps)
    assert loss.shape == (5,)
    assert_reaches_all(loss.mean(), student.network)
    assert all(weight.grad is None for weight in teacher.network.parameters())


@pytest.mark.parametrize("own", [{"guidance_t_min": 0.6}, {"guidance_t_max": 0.6}, {"guidance_power": 1.5}])
def test_the_teacher_is_guided_by_its_own_settings(own):
    student = tiny_model(network=ONE_PASS)
    denoiser = Denoiser(student.network, student.process, student.parameterisation)
    eps, condition, scale = torch.randn(3, 1, 8, 8), Condition(torch.arange(3)), torch.tensor([2.0, 3.0, 4.0])
    targets = []
    for settings in ({}, own):
        torch.manual_seed(0)
        loss_fn = distillation(tiny_model(seed=1, **settings), student.config)
        targets.append(loss_fn.training_points(denoiser, condition, eps, scale)[2])
    assert not torch.allclose(*targets)


def test_a_scale_that_is_an_input_guides_each_image_in_one_pass(monkeypatch):
    model, batch_sizes = tiny_model(network=ONE_PASS), []
    forward = model.network.forward
    monkeypatch.setattr(
        model.network, "forward", lambda x, *rest, **options: batch_sizes.append(len(x)) or forward(x, *rest, **options)
    )
    weak, strong = (model.generate([3, 7], steps=2, guidance_scale=scale) for scale in (0.5, 3))
    assert batch_sizes == [2] * 4
    assert (weak - strong).abs().max() > 1e-3
    x, level, labels, scales = torch.randn(2, 1, 8, 8), model.process.level(0.5), torch.tensor([3, -1]), [0.5, 3.0]
    together = model.denoiser()(x, level, Condition(labels, guidance_scale=torch.tensor(scales)))
    for i, scale in enumerate(scales):
        alone = model.denoiser()(x[i : i + 1], level, model.condition(labels[i : i + 1], None, scale))
        torch.testing.assert_close(together.x0[i : i + 1], alone.x0, rtol=1e-4, atol=1e-5)
