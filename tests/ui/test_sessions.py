"""Those who came and went must not fill the memory of a host: all that is remembered of them is bounded."""

import os

import pytest

from tests.programs import run_python
from tests.ui.app_process import ROOT


@pytest.mark.slow
def test_sessions_take_at_most_100_mb():
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = run_python("tests/ui/programs/session_memory.py", env=environment, cwd=ROOT, check=True, timeout=300)
    assert 1 < float(done.stdout) < 100
