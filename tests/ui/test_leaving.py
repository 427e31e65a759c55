"""The program ends well also while it computes, as it does for the example when it has just been started."""

import signal
import socket
import subprocess
import sys
import time
from contextlib import closing

import pytest

from tests.ui.app_process import free_port, start_program, wait_until_it_responds

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send to one process"),
]


def start(port: int) -> subprocess.Popen:
    return start_program("-m", "tests.programs.slow_app", "--port", str(port))


def listening() -> socket.socket:
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    return taken


def test_ctrl_c_while_it_computes():
    process = start(port := free_port())
    wait_until_it_responds(process, f"http://127.0.0.1:{port}/gradio_api/startup-events")
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode in (0, 130), errors) == (True, "")


def test_a_port_that_is_taken_while_it_computes():
    with closing(listening()) as taken:
        process = start(port := taken.getsockname()[1])
        _, errors = process.communicate(timeout=300)
    assert process.returncode == 2
    assert str(port) in errors
    assert "terminate" not in errors
