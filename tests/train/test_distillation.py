"""Distillation against closed forms on Gaussian data, and the preset's way through the training loop."""

import json
import math
import os
import signal
import time
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from accelerate import Accelerator

from diffusion import InputError, ModelConfig, load_model
from diffusion.denoiser import Denoiser
from diffusion.guidance import classifier_free
from diffusion.networks import build_network
from diffusion.parameterisation import PARAMETERISATIONS, Prediction
from diffusion.samplers import SAMPLERS
from tests.diffusion.gaussian import PROCESSES, Gaussian, last, no_noise
from tests.tiny import DIGITS, NETWORK, assert_reaches_all, tiny_model
from train.config import RunConfig, TrainConfig
from train.datasets import Dataset
from train.distillation import Distillation, aim, distillation, load_teacher, start_from, walk
from train.loop import TrainingStopped, train
from train.weight_average import PowerAverage

DATA = Gaussian(mean=0.1, std=0.2)  # so narrow that nothing is clipped
TURBO = SAMPLERS["turbo"]
GUIDED = NETWORK | {"max_guidance": 4.0}
each_process = pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)


def exact_jumps(levels):
    """The perfect student for these segment ends: it aims where the flow of the data leaves the segment."""

    def denoise(x, level):
        end = next(end for end in levels if end.t < level.t)
        x0 = aim(x, level, DATA.flow(x, level, end), end)
        return Prediction(x0, (x - level.alpha * x0) / level.sigma)

    return denoise


@each_process
@pytest.mark.parametrize("steps", [1, 2, 4])
def test_turbo_with_the_perfect_student_follows_the_exact_flow(process, steps):
    levels = process.levels(steps, TURBO.spacing)
    x = DATA.start(levels[0])
    done = list(TURBO.function(exact_jumps(levels), x, levels, no_noise))
    for step, lo in zip(done, levels[1:], strict=True):
        torch.testing.assert_close(step.x, DATA.flow(x, levels[0], lo), rtol=1e-9, atol=1e-9)


def test_the_levels_of_fewer_steps_are_among_those_of_more():
    process = PROCESSES["cosine"]
    times = [[level.t for level in process.levels(steps, TURBO.spacing)] for steps in (1, 2, 4)]
    assert times[2] == pytest.approx([1, math.sqrt(3 / 4), math.sqrt(1 / 2), 1 / 2, 0])
    assert set(times[0]) < set(times[1]) < set(times[2])
    walked = walk(process, 2, 4)
    assert len(walked) == 9
    assert {level.t for level in walked} > set(times[1])
    assert all(hi.t > lo.t for hi, lo in pairwise(walked))


@each_process
def test_a_step_to_where_one_stands_stays_there_whatever_the_network_says(process):
    level = process.level(0.6)
    x, anything = torch.randn(2, 5, 1, 4, 4, dtype=torch.float64)
    bare = Denoiser(lambda x, t, y: anything, process, PARAMETERISATIONS["v"], torch.float64)
    step = last(TURBO.function(bare, x, [level, level], no_noise))
    torch.testing.assert_close(step.x, x, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["cosine", "linear"])
def test_at_the_clean_level_the_prediction_is_the_input_whatever_the_network_says(name):
    x, anything = torch.randn(2, 5, 1, 4, 4, dtype=torch.float64)
    process = PROCESSES[name]
    bare = Denoiser(lambda x, t, y: anything, process, PARAMETERISATIONS["v"], torch.float64)
    torch.testing.assert_close(bare(x, process.level(0.0)).x0, x, rtol=1e-9, atol=1e-9)


class Blend:
    """A teacher whose labels shift the mean of the data: labelled images lie ``shift`` higher than the null ones, so
    guided by a scale w they are N(mean + w shift, std^2), in closed form."""

    def __init__(self, shift=0.05, null_label=3):
        self.shift, self.null_label = shift, null_label

    def data(self, scale):
        return Gaussian(DATA.mean + scale * self.shift, DATA.std)

    def __call__(self, x, level, labels):
        pairs = [
            self.data(float(label != self.null_label)).denoise(x[i : i + 1], level) for i, label in enumerate(labels)
        ]
        return Prediction(torch.cat([p.x0 for p in pairs]), torch.cat([p.eps for p in pairs]))


def lesson(process, substeps, offset=0.0, deaf=False):
    """A loss, and what it takes: the student that is perfect for the guided Gaussian, its x0 shifted by an offset; a
    deaf one takes every scale for 1."""
    teacher, row = Blend(), PARAMETERISATIONS["v"]
    ends = process.levels(2, TURBO.spacing)

    def network(x, t, y, guidance):
        out = []
        for i in range(len(x)):
            time_ = round((t[i].item() + 1) / process.steps, 12)
            level = process.level(min(time_, 1.0))
            end = next(end for end in ends if end.t < level.t - 1e-9)
            data = teacher.data(1.0 if deaf else guidance[i].item())
            point = x[i : i + 1] * math.hypot(level.alpha, level.sigma)
            x0 = aim(point, level, data.flow(point, level, end), end) + offset
            out.append(row.target(x0, (point - level.alpha * x0) / level.sigma, level, process))
        return torch.cat(out)

    torch.manual_seed(0)
    eps = torch.randn(6, 1, 1, 1, dtype=torch.float64)
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    bare = Denoiser(network, process, row, torch.float64)
    return Distillation(teacher, teacher.null_label, max_guidance=4.0, substeps=substeps), bare, eps, labels


def student_loss(*what, **student):
    """The loss of that student, (N,)."""
    loss, bare, eps, labels = lesson(*what, **student)
    return loss(bare, torch.zeros_like(eps), labels, torch.zeros(6), eps)


def shown(*what, **student):
    """What that student is shown when its loss is computed: x (M, 1, 1, 1) and t (M,)."""
    loss, bare, eps, labels = lesson(*what, **student)
    scale = loss.max_guidance * torch.rand(len(eps))
    x, t, _ = loss.lessons(replace(bare, guidance=scale), labels, eps, scale)
    return x, t.flatten()


def test_the_perfect_student_has_no_loss_but_the_error_of_the_teachers_solver():
    process = PROCESSES["cosine"]
    coarse, fine = (student_loss(process, substeps).mean().item() for substeps in (32, 64))
    assert fine < 1e-4
    assert coarse / fine > 3.5  # an error of at least first order, squared: 4
    assert student_loss(process, 64, deaf=True).mean().item() > 50 * fine
    weights = [process.level(t).sigma ** -2 for t in shown(process, 64)[1].tolist()]  # v is (alpha x - x0) / sigma
    missed = 0.1**2 * sum(weights) / len(weights)
    assert student_loss(process, 64, offset=0.1).mean().item() == pytest.approx(missed, rel=0.05)


def test_of_each_segment_the_beginning_is_shown_and_a_point_at_random():
    process = PROCESSES["cosine"]
    walked = [level.t for level in walk(process, 2, 8)]
    t = shown(process, 8)[1].view(4, 6)
    assert torch.equal(t, t[:, :1].expand(4, 6))
    first, among_first, second, among_second = t[:, 0].tolist()
    assert (first, second) == (walked[0], walked[8])
    assert among_first in walked[1:8]
    assert among_second in walked[9:16]


@pytest.mark.parametrize("offset", [0.0, 0.1])
def test_a_segment_begins_where_the_student_lands(offset):
    process = PROCESSES["cosine"]
    ends = process.levels(2, TURBO.spacing)
    x, _ = shown(process, 64, offset=offset)
    loss, _, eps, _ = lesson(process, 64, offset=offset)
    scale = loss.max_guidance * torch.rand(len(eps))  # as in ``shown``
    landed = torch.cat(
        [
            loss.teacher.data(w).flow(x_i, ends[0], ends[1])
            for w, x_i in zip(scale.tolist(), (ends[0].sigma * eps).split(1), strict=True)
        ]
    )
    landed += offset * (ends[1].alpha - ends[1].sigma / ends[0].sigma * ends[0].alpha)  # eps moves against x0
    torch.testing.assert_close(x[12:18], landed, rtol=1e-6, atol=1e-6)


def test_the_loss_is_one_value_an_image_and_reaches_the_weights():
    teacher, student = tiny_model(seed=1), tiny_model(network=GUIDED)
    bare = Denoiser(student.network.train(), student.process, student.parameterisation)
    loss_of = distillation(teacher, student.config)
    x0, eps = torch.randn(2, 5, 1, 8, 8)
    loss = loss_of(bare, x0, torch.tensor([0, 1, 2, 9, 10]), torch.full((5,), 0.5), eps)
    assert loss.shape == (5,)
    assert loss.dtype == torch.float32
    assert_reaches_all(loss.mean(), student.network)
    assert all(weight.grad is None for weight in teacher.network.parameters())


def test_the_teacher_is_guided_as_it_is_drawn_from():
    guided = {"guidance_t_min": 0.2, "guidance_t_max": 0.7, "guidance_power": 1.5}
    loss_of = distillation(tiny_model(seed=1, **guided), tiny_model(network=GUIDED).config)
    assert (loss_of.guidance_times, loss_of.guidance_power) == ((0.2, 0.7), 1.5)
    loss, bare, eps, labels = lesson(PROCESSES["cosine"], 4)
    targets = []
    for power in (0.0, 1.0):
        torch.manual_seed(0)
        teacher = replace(loss, guidance_power=power)
        *_, target = teacher.lessons(replace(bare, guidance=torch.full((6,), 3.0)), labels, eps, torch.full((6,), 3.0))
        targets.append(target)
    assert not torch.allclose(*targets)


def test_scales_of_their_own_guide_each_image_as_alone():
    model, x = tiny_model(), torch.randn(3, 1, 8, 8)
    level, labels = model.process.level(0.5), torch.tensor([4, 7, 10])
    together = classifier_free(model.denoiser(), torch.tensor([0.0, 1.0, 2.5]), 10)(x, level, labels)
    for i, scale in enumerate([0.0, 1.0, 2.5]):
        alone = classifier_free(model.denoiser(), scale, 10)(x[i : i + 1], level, labels[i : i + 1])
        torch.testing.assert_close(together.x0[i : i + 1], alone.x0, rtol=1e-4, atol=1e-4)


def test_a_student_starts_as_its_teacher_whatever_the_scale():
    teacher = tiny_model(seed=3)
    student = tiny_model(seed=4, network=GUIDED)
    fresh = build_network(student.config.network, 1, 10)
    student.network.guidance.load_state_dict(fresh.guidance.state_dict())
    start_from(teacher, student)
    x, t, y = torch.randn(2, 1, 8, 8), torch.tensor([3.0, 700.0]), torch.tensor([1, 10])
    for scale in (0.0, 3.0):
        torch.testing.assert_close(student.network(x, t, y, guidance=torch.full((2,), scale)), teacher.network(x, t, y))


def test_what_does_not_fit_stays_fresh():
    teacher, student = tiny_model(seed=3), tiny_model(seed=4, network=GUIDED | {"channels": (16,), "middle": False})
    before = {name: tensor.clone() for name, tensor in student.network.state_dict().items()}
    theirs = teacher.network.state_dict()
    start_from(teacher, student)
    for name, tensor in student.network.state_dict().items():
        fits = name in theirs and theirs[name].shape == tensor.shape
        assert torch.equal(tensor, theirs[name] if fits else before[name]), name


@pytest.fixture
def ref(tmp_path):
    """A teacher's directory. What it says has a part that is soon learned."""
    teacher = tiny_model(seed=1)
    with torch.no_grad():
        teacher.network.output[-1].bias += 1
    teacher.save(tmp_path / "teacher")
    return str(tmp_path / "teacher")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"process": {"kind": "linear_vp"}}, "its process must be"),
        ({"image_size": 16}, "its image size must be the student's 16, not 8"),
        ({"black_margin": 0.5}, "its black margin must be the student's 0.5, not 0"),
        ({"channels": 3}, "its channels must be the student's 3, not 1"),
        ({"label_names": ("cat", "dog")}, "its label names must be"),
    ],
)
def test_a_teacher_of_something_else_is_refused(ref, changes, words):
    with pytest.raises(InputError, match=words):
        load_teacher(ref, tiny_model(network=GUIDED, **changes).config, torch.device("cpu"))


def test_a_distilled_model_is_no_teacher_and_an_ordinary_one_no_student(tmp_path):
    tiny_model(network=GUIDED).save(tmp_path)
    with pytest.raises(InputError, match="itself distilled"):
        load_teacher(str(tmp_path), tiny_model(network=GUIDED).config, torch.device("cpu"))
    with pytest.raises(InputError, match="no max_guidance"):
        distillation(tiny_model(), tiny_model().config)


def test_the_teacher_is_asked_for_where_it_is_needed_and_only_there():
    with pytest.raises(InputError, match="--teacher must name the model to distil"):
        TrainConfig.checked(preset="turbo", steps=1, loss="distillation")
    with pytest.raises(InputError, match="is for no other"):
        TrainConfig.checked(preset="unet", steps=1, teacher="unet")


def test_distilling_lowers_the_loss_and_resuming_equals_not_stopping(ref, tmp_path, monkeypatch):
    data = Dataset(torch.zeros(20, 1, 8, 8, dtype=torch.uint8), torch.arange(20) % 10, list(DIGITS))
    training = {"preset": "turbo", "loss": "distillation", "teacher": ref, "steps": 40, "batch_size": 8}
    training |= {"learning_rate": 1e-2, "log_every": 5, "save_seconds": 1000, "sheet_seconds": 1000}
    model = ModelConfig(
        name="tiny",
        image_size=8,
        label_names=DIGITS,
        network=GUIDED | {"channels": (16,)},  # so that it has everything to learn
        sampler="turbo",
        steps=2,
        guidance_scale=2.0,
    )
    config = RunConfig(training=TrainConfig.checked(**training), model=model)

    def run(name):
        (tmp_path / name).mkdir(exist_ok=True)
        train(config, data, tmp_path / name, Accelerator(cpu=True), time.monotonic())
        lines = (tmp_path / name / "metrics.jsonl").read_text().splitlines()
        return [(line["step"], line["loss"]) for line in map(json.loads, lines)]

    whole = run("whole")
    assert whole[-1][1] < 0.7 * whole[0][1]

    update = PowerAverage.update

    def stopping(self, step):
        update(self, step)
        if step == 13:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(PowerAverage, "update", stopping)
    with pytest.raises(TrainingStopped):
        run("parts")
    monkeypatch.setattr(PowerAverage, "update", update)
    assert run("parts") == whole
    weights = [(tmp_path / name / "model/model.safetensors").read_bytes() for name in ("whole", "parts")]
    assert weights[0] == weights[1]
    card = (tmp_path / "whole/model/README.md").read_text()
    assert f"--teacher {ref}" in card
    assert load_model(tmp_path / "whole/model").generate([1, -1]).shape == (2, 1, 8, 8)


def test_a_scale_that_is_an_input_guides_in_one_pass_and_is_held_at_the_most(monkeypatch):
    model, batches = tiny_model(network=GUIDED), []
    forward = model.network.forward
    monkeypatch.setattr(
        model.network, "forward", lambda x, *rest, **beside: batches.append(len(x)) or forward(x, *rest, **beside)
    )
    weak, strong, most, beyond = (model.generate([3, 7], steps=2, guidance_scale=scale) for scale in (0.5, 3, 4, 9))
    assert batches == [2] * 8
    assert (weak - strong).abs().max() > 1e-3
    assert not torch.equal(strong, most)
    assert torch.equal(most, beyond)
    x, level, labels = torch.randn(2, 1, 8, 8), model.process.level(0.5), torch.tensor([3, 10])
    together = replace(model.denoiser(), guidance=torch.tensor([0.5, 3.0]))(x, level, labels)
    for i, scale in enumerate([0.5, 3.0]):
        alone = model.denoiser(guidance_scale=scale)(x[i : i + 1], level, labels[i : i + 1])
        torch.testing.assert_close(together.x0[i : i + 1], alone.x0, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="guidance must be given"):
        model.network(x, torch.tensor([3.0, 4.0]), labels)
    with pytest.raises(ValueError, match="guidance must be given"):
        tiny_model().network(x, torch.tensor([3.0, 4.0]), labels, guidance=torch.ones(2))
    with pytest.raises(ValueError, match="max_guidance must go with label_names"):
        tiny_model(network=GUIDED, label_names=())
