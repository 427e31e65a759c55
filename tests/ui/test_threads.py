"""Where the app computes, no thread but the network's has helpers: one more, and every network takes twice as long."""

import os

import pytest

from diffusion.runtime import inference
from diffusion.runtime.precision import VARIABLE
from tests.programs import run_program


@pytest.mark.slow
def test_only_the_networks_thread_has_helpers():
    # "auto", because to find out which precision is faster is to compute, too
    environment = {**os.environ, VARIABLE: "auto", inference.VARIABLE: "torch"}  # OpenVINO's threads are its own
    environment.pop("OMP_NUM_THREADS", None)
    helpers, wanted = map(int, run_program("helper_threads", env=environment, timeout=300).split())
    assert helpers == wanted
