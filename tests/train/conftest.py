"""What several of these tests need: the real MNIST, the bundled evaluator, and made-up digits."""

import os
from pathlib import Path

import pytest

from train.evaluation.classifier import load_evaluator

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def data_dir():
    """Where the real MNIST is on this machine."""
    places = [os.environ.get("DIGIT_DIFFUSION_DATA"), ROOT / "data"]
    for place in places:
        if place and (Path(place) / "MNIST" / "raw" / "t10k-images-idx3-ubyte").is_file():
            return Path(place)
    pytest.skip("the real MNIST is neither in $DIGIT_DIFFUSION_DATA nor in ./data")


@pytest.fixture(scope="session")
def bundled():
    """The bundled evaluator of digits."""
    return load_evaluator()
