"""What tests of the Noise tab share."""

import pytest

from tests.tiny import tiny_enlarger, tiny_model
from ui.engine import Engine
from ui.lab.noise import NoiseLab
from ui.lab.real_digits import training_set


@pytest.fixture
def no_data(tmp_path, monkeypatch):
    """All of MNIST is nowhere, until a test says where."""
    monkeypatch.setenv("DIGIT_DIFFUSION_DATA", str(tmp_path / "data"))
    training_set.cache_clear()
    yield
    training_set.cache_clear()


@pytest.fixture
def noise_lab(tmp_path, monkeypatch, no_data):
    """Of models that denoise digits, "unet" and "blind", which knows no labels, and of two that do not."""
    weights = tmp_path / "weights"
    tiny_model(image_size=28, name="unet", black_margin=0.1).save(weights / "unet")
    tiny_model(1, image_size=28, name="blind", label_names=(), dataset="mnist").save(weights / "blind")
    tiny_model(2, name="small").save(weights / "small")
    tiny_enlarger(image_size=28, low_res_size=7, name="lens", dataset="mnist").save(weights / "lens")
    monkeypatch.setattr("diffusion.io.hub.BUNDLED", weights)
    return NoiseLab(Engine("unet", runs_dir=tmp_path / "runs"))
