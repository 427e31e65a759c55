"""Fixtures of all tests."""

import pytest

from diffusion.runtime.precision import VARIABLE


@pytest.fixture(scope="session", autouse=True)
def float32():
    """Models sample in float32, here and in every program that a test starts, so that results can be compared to
    rounding error on every machine; the choice of a precision has tests of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, "fp32")
        yield
