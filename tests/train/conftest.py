"""Fixtures of several tests: the real MNIST, and the bundled evaluation classifier."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from train.evaluation.classifier import EvaluationClassifier, load_evaluation_classifier

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The directory of the real MNIST on this machine."""
    places = [os.environ.get("DIGIT_DIFFUSION_DATA"), ROOT / "data"]
    for place in places:
        if place and (Path(place) / "MNIST" / "raw" / "t10k-images-idx3-ubyte").is_file():
            return Path(place)
    pytest.skip("the real MNIST is neither in $DIGIT_DIFFUSION_DATA nor in ./data")


@pytest.fixture(scope="session")
def bundled() -> EvaluationClassifier:
    """The bundled evaluation classifier of digits."""
    return load_evaluation_classifier()


@pytest.fixture(scope="session")
def image_folder(tmp_path_factory) -> Path:
    """A folder of 8 colour images of 12x12 in each of two classes."""
    root = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for name, channel in (("red", 0), ("green", 1)):
        (root / name).mkdir()
        for number in range(8):
            image = rng.integers(0, 80, (12, 12, 3), dtype=np.uint8)
            image[..., channel] += 150
            Image.fromarray(image).save(root / name / f"{number}.png")
    return root
