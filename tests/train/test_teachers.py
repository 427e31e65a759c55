"""Teachers: which fit a student, what it takes from them, and a run that distils one."""

import json
import signal

import pytest
import torch
from accelerate import Accelerator

from diffusion import InputError, ModelConfig, load_model
from diffusion.condition import Condition
from diffusion.networks import build_network
from tests.tiny import DIGITS, ONE_PASS, tiny_model
from train.config import RunConfig, TrainConfig
from train.datasets import Dataset
from train.distillation import distillation, initialise_from_teacher, load_teacher
from train.loop import TrainingStopped, train
from train.optim.ema import PowerFunctionEMA


def test_a_student_starts_as_its_teacher_whatever_the_scale():
    teacher = tiny_model(seed=3)
    student = tiny_model(seed=4, network=ONE_PASS)
    fresh = build_network(student.config.network, 1, 10)
    student.network.guidance.load_state_dict(fresh.guidance.state_dict())
    initialise_from_teacher(teacher, student)
    x, t, labels = torch.randn(2, 1, 8, 8), torch.tensor([3.0, 700.0]), torch.tensor([1, -1])
    for scale in (0.0, 3.0):
        condition = Condition(labels, guidance_scale=torch.full((2,), scale))
        torch.testing.assert_close(student.network(x, t, condition), teacher.network(x, t, labels))


def test_what_does_not_fit_stays_fresh():
    teacher, student = tiny_model(seed=3), tiny_model(seed=4, network=ONE_PASS | {"channels": (16,), "middle": False})
    before = {name: tensor.clone() for name, tensor in student.network.state_dict().items()}
    theirs = teacher.network.state_dict()
    initialise_from_teacher(teacher, student)
    for name, tensor in student.network.state_dict().items():
        fits = name in theirs and theirs[name].shape == tensor.shape
        assert torch.equal(tensor, theirs[name] if fits else before[name]), name


@pytest.fixture
def ref(tmp_path):
    """A teacher's directory. A part of its output is quickly learned."""
    teacher = tiny_model(seed=1)
    with torch.no_grad():
        teacher.network.output[-1].bias += 1
    teacher.save(tmp_path / "teacher")
    return str(tmp_path / "teacher")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"process": {"kind": "linear_vp"}}, "its process must be LinearVP"),
        ({"image_size": 16}, "its image size must be 16, as in the model to be trained, not 8"),
        ({"black_margin": 0.5}, "its black margin must be 0.5, as in the model to be trained, not 0"),
        ({"channels": 3}, "its channels must be 3, as in the model to be trained, not 1"),
        ({"label_names": ("cat", "dog")}, r"its label names must be \('cat', 'dog'\)"),
    ],
)
def test_a_teacher_of_something_else_is_refused(ref, changes, words):
    with pytest.raises(InputError, match=words):
        load_teacher(ref, tiny_model(network=ONE_PASS, **changes).config, torch.device("cpu"))


def test_a_distilled_model_is_no_teacher_and_an_ordinary_one_no_student(tmp_path):
    tiny_model(network=ONE_PASS).save(tmp_path)
    with pytest.raises(InputError, match="itself distilled"):
        load_teacher(str(tmp_path), tiny_model(network=ONE_PASS).config, torch.device("cpu"))
    with pytest.raises(InputError, match="no max_guidance"):
        distillation(tiny_model(), tiny_model().config)


@pytest.mark.parametrize(
    "training", [{"preset": "turbo", "loss": "distillation"}, {"preset": "unet", "teacher": "unet"}]
)
def test_distillation_needs_a_teacher_and_nothing_else_takes_one(training):
    with pytest.raises(InputError, match="teacher names the model to distil") as error:
        TrainConfig.checked(steps=1, **training)
    assert error.value.code == "training.teacher_needed"


@pytest.mark.slow
@pytest.mark.parametrize("begins", [1.0, 0.2], ids=["distilled", "and judged"])
def test_distilling_lowers_the_loss_and_resuming_equals_not_stopping(begins, ref, tmp_path, monkeypatch):
    data = Dataset(torch.zeros(20, 1, 8, 8, dtype=torch.uint8), torch.arange(20) % 10, list(DIGITS))
    training = {"preset": "turbo", "loss": "distillation", "teacher": ref, "steps": 40, "batch_size": 8}
    training |= {"adversarial_from": begins}
    training |= {"learning_rate": 1e-2, "log_every": 5, "save_seconds": 1000, "sheet_seconds": 1000}
    training |= {"precision": "fp32"}  # so that the number of threads is not measured: a run repeats bit by bit
    model = ModelConfig(
        name="tiny",
        image_size=8,
        label_names=DIGITS,
        network=ONE_PASS | {"channels": (16,)},  # so that it has everything to learn
        sampling={"sampler": "turbo", "steps": 2, "guidance_scale": 2.0},
    )
    config = RunConfig(training=TrainConfig.checked(**training), model=model)

    def run(name):
        (tmp_path / name).mkdir(exist_ok=True)
        train(config, data, tmp_path / name, Accelerator(cpu=True))
        lines = (tmp_path / name / "metrics.jsonl").read_text().splitlines()
        return [(line["step"], line["loss"]) for line in map(json.loads, lines)]

    whole = run("whole")
    if begins == 1.0:
        assert whole[-1][1] < 0.7 * whole[0][1]

    update = PowerFunctionEMA.update

    def stopping(self, step):
        update(self, step)
        if step == 13:
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(PowerFunctionEMA, "update", stopping)
    with pytest.raises(TrainingStopped):
        run("parts")
    monkeypatch.setattr(PowerFunctionEMA, "update", update)
    assert run("parts") == whole
    weights = [(tmp_path / name / "model/model.safetensors").read_bytes() for name in ("whole", "parts")]
    assert weights[0] == weights[1]
    card = (tmp_path / "whole/model/README.md").read_text()
    assert "--teacher teacher" in card
    assert load_model(tmp_path / "whole/model").generate([1, -1]).shape == (2, 1, 8, 8)
