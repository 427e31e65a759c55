"""The real program, ``python app.py``, as a process of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from tests.programs import ROOT

DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
PATIENCE = 180  # seconds for a start on a machine that has other work


def free_port() -> int:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def running_app(
    folder: Path,
    *options: str,
    program: Path = ROOT / "app.py",
    address: str = "",
    output: IO[str] | None = None,
    **variables: str,
) -> Iterator[tuple[str, Path]]:
    """The program in a folder: its address, once it responds, and the file of its log, unless that is ``output``."""
    port = str(free_port())
    log = folder / "app.log"
    environment = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    environment = {**os.environ, **environment, "GRADIO_SERVER_PORT": port, **variables}
    command = [sys.executable, str(program), *options]
    with open(log, "w") as file:
        out = output or file
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=subprocess.STDOUT, env=environment)
    address = address or f"http://127.0.0.1:{port}"
    try:
        wait_until_it_responds(process, address)
        if process.poll() is not None:
            pytest.fail(f"The app does not start:\n{log.read_text()}")
        yield address, log
    finally:
        process.terminate()
        process.wait(30)


def wait_until_it_responds(process: subprocess.Popen, address: str) -> None:
    """Or until it has ended."""
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None:
        try:
            DIRECT.open(address, timeout=10).close()
            return
        except OSError:
            assert time.monotonic() < deadline, "The app does not respond."
            time.sleep(0.2)


def start_program(*arguments: str, **options: Any) -> subprocess.Popen:
    """A Python program in the repository's folder, with its output as text; Ctrl-C ends it."""
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # a shell may hand down "ignored"
        **options,
    )
