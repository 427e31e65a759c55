"""What a student is judged beside: the teacher's images, the same ones for a run that goes on."""

import pytest
import torch
from accelerate import Accelerator

from diffusion import InputError
from diffusion.io.images import to_uint8
from tests.tiny import tiny_model
from train import teacher_samples as module
from train.datasets import DIGITS, Dataset
from train.output.run_directory import TEACHER_SAMPLES
from train.teacher_samples import teacher_samples


@pytest.fixture
def data():
    return Dataset(torch.zeros(10, 1, 8, 8, dtype=torch.uint8), torch.arange(10) % 3, list(DIGITS))


@pytest.fixture
def sample(data, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BATCH", 4)
    teacher = tiny_model(seed=1)
    return lambda most=4.0, dropped=0.0: teacher_samples(teacher, data, dropped, most, tmp_path, Accelerator(cpu=True))


def test_each_is_what_the_teacher_samples_with_its_label_and_scale(sample, data):
    found = sample()
    assert torch.equal(found.labels, data.labels)
    assert found.label_names == data.label_names
    assert len(set(found.guidance_scales.tolist())) == 3  # of three batches
    assert ((found.guidance_scales >= 1) & (found.guidance_scales <= 4)).all()
    scale = found.guidance_scales[4].item()
    expected = tiny_model(seed=1).generate(
        data.labels[4:8].tolist(), seed=4, start=found.noise[4:8], guidance_scale=scale
    )
    assert torch.equal(found.images[4:8].permute(0, 2, 3, 1), torch.from_numpy(to_uint8(expected)))


def test_they_are_sampled_once_a_run(sample, monkeypatch):
    first = sample()
    monkeypatch.setattr(module, "sampled", None)  # would fail if called
    again = sample()
    assert torch.equal(again.images, first.images)
    assert torch.equal(again.guidance_scales, first.guidance_scales)
    assert torch.equal(again.noise, first.noise)


def test_some_are_sampled_without_a_label(sample, data):
    labels = sample(dropped=0.5).labels
    assert 0 < (labels == -1).sum() < 10
    assert ((labels == -1) | (labels == data.labels)).all()


def test_a_student_without_scale_has_none(sample):
    assert sample(None).guidance_scales is None


def test_a_damaged_file_is_named(sample, tmp_path):
    (tmp_path / TEACHER_SAMPLES).write_bytes(b"nonsense")
    with pytest.raises(InputError, match="delete it, and continue"):
        sample()
