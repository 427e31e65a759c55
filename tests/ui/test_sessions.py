"""Those who came and went must not fill the memory of a host: all that is remembered of them is bounded."""

import pytest

from tests.programs import run_program


@pytest.mark.slow
def test_sessions_take_at_most_100_mb():
    assert 1 < float(run_program("session_memory", timeout=300)) < 100
