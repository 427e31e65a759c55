"""Memory that was freed in pieces goes back to the system."""

import platform

import pytest

from tests.programs import run_program


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="others return memory by themselves")
def test_memory_that_was_freed_in_pieces_is_returned():
    freed, returned = map(float, run_program("return_memory").split())
    assert freed > 150  # MB of 200
    assert returned < 60
