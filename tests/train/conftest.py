"""Fixtures of several tests: the real MNIST, and the bundled evaluation classifier."""

import os
from pathlib import Path

import pytest

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
