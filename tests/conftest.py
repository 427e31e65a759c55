"""What all tests share."""

import pytest


@pytest.fixture(autouse=True)
def float32(monkeypatch):
    """Models draw in float32 in this process, so that results can be compared to rounding error on every machine; the
    choice of a precision has tests of its own, and programs that a test starts choose as they always do."""
    monkeypatch.setattr("diffusion.model.use_bfloat16", lambda device: False)
