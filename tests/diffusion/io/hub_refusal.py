"""What the tests of the Hub have in common."""

import pytest

from diffusion.io.hub import PATIENCE, ModelUnavailable, resolve

REPO = "alice/digits"
CONFIG, WEIGHTS = "config.json", "model.safetensors"
QUICK = 0.5  # seconds of patience with a Hub that will not respond


def refusal(ref: str, patience: float = PATIENCE) -> ModelUnavailable:
    """The error of ``resolve`` for a model that cannot be loaded: one sentence."""
    with pytest.raises(ModelUnavailable) as caught:
        resolve(ref, patience=patience)
    sentence = str(caught.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert "{" not in sentence
    assert ref.split("@")[0] in sentence
    return caught.value
