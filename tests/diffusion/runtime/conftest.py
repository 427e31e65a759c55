"""What the tests of this folder share."""

import pytest

from diffusion.runtime import compiled, inference
from tests.diffusion.runtime.stand_ins import Engine


@pytest.fixture
def engines(monkeypatch):
    """What there is to compile networks by."""
    found = {"openvino": Engine, "torchscript": Engine}
    for module in (compiled, inference):
        monkeypatch.setattr(module, "engines", lambda: found)
    monkeypatch.setattr(compiled, "worth_a_trial", lambda: list(found))
    return found
