"""Where the app computes, no thread but the network's has helpers: one more, and every network takes twice as long."""

import os

import pytest

from diffusion.runtime.precision import VARIABLE
from tests.programs import run_python
from tests.ui.app_process import ROOT


@pytest.mark.slow
def test_only_the_networks_thread_has_helpers():
    # "auto", because to find out which precision is faster is to compute, too
    environment = {**os.environ, VARIABLE: "auto", "PYTHONPATH": str(ROOT)}
    environment.pop("OMP_NUM_THREADS", None)
    done = run_python("tests/ui/programs/helper_threads.py", env=environment, cwd=ROOT, check=True, timeout=300)
    helpers, wanted = map(int, done.stdout.split())
    assert helpers == wanted
