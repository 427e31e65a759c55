"""Runs of the training loop in this process: their data, and how to start one."""

import signal
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator

from diffusion import ModelConfig
from tests.train.tiny_run import TINY
from train.config import RunConfig, TrainConfig
from train.datasets import Dataset
from train.loop import train
from train.presets import PRESETS


@pytest.fixture(autouse=True)
def _one_thread():
    """Sums in one order, whatever the machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def _ctrl_c():
    """It may be ignored here, as in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def data() -> Dataset:
    """24 images of 8x8: a bright left or a bright top half, with noise."""
    noise = torch.randint(0, 60, (24, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(24) % 2
    noise[labels == 0, :, :, :4] += 180
    noise[labels == 1, :, :4, :] += 180
    return Dataset(noise, labels, ["left", "top"])


@pytest.fixture
def start(tmp_path, data, monkeypatch):
    """Train the tiny preset in a directory, with other settings where they are given."""
    monkeypatch.setitem(PRESETS, "tiny", TINY)

    def run(name: str = "run", model: dict | None = None, **settings) -> Path:
        training = {"preset": "tiny"} | TINY["training"] | {"sheet_seconds": 1000} | settings
        if "minutes" in settings:
            training.pop("steps")
        network = TINY["model"]["network"] | {"dropout": 0.1}  # which takes random numbers, too
        fields = {"name": "tiny", "image_size": 8, "label_names": ("left", "top"), **TINY["model"], "network": network}
        (tmp_path / name).mkdir(exist_ok=True)
        config = RunConfig(training=TrainConfig.checked(**training), model=ModelConfig(**fields | (model or {})))
        (tmp_path / name / "config.json").write_text(config.model_dump_json())
        train(config, data, tmp_path / name, Accelerator(cpu=True))
        return tmp_path / name

    return run
