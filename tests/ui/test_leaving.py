"""The program ends well also while it computes, as it does for the example when it has just been started."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send to one process")

ROOT = Path(__file__).parents[2]
SLOW = """
import runpy, sys, time

import torch

from diffusion.runtime import batching as gather

answered = gather.answered

def slow(batch):
    stop = time.monotonic() + 20
    while time.monotonic() < stop:
        torch.nn.functional.conv2d(torch.ones(4, 8, 64, 64), torch.ones(8, 8, 3, 3))
    return answered(batch)

gather.answered = slow
sys.argv = ["app.py", *sys.argv[1:]]
runpy.run_path("app.py", run_name="__main__")
"""


def start(port: int) -> subprocess.Popen:
    """The real program, in which the example takes long to draw."""
    return subprocess.Popen(
        [sys.executable, "-c", SLOW, "--port", str(port)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # a shell may hand down "ignored"
    )


def listening() -> socket.socket:
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    return taken


def test_ctrl_c_while_it_computes():
    with closing(listening()) as free:
        port = free.getsockname()[1]
    process = start(port)
    while process.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/gradio_api/startup-events", timeout=5).close()
            break
        except OSError:
            time.sleep(0.1)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode in (0, 130), errors) == (True, "")


def test_a_port_that_is_taken_while_it_computes():
    with closing(listening()) as taken:
        process = start(port := taken.getsockname()[1])
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 2
    assert str(port) in errors
    assert "terminate" not in errors
