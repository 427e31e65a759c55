"""Printing to where nobody reads, and to terminals that lack characters."""

import os
import subprocess
import sys
import threading

import pytest

from tests.programs import ROOT

PROGRAM = r"""
import sys
from diffusion.runtime.printing import keep_printing
keep_printing()
for line in range(20000):
    print("Fr\u00e9chet \u56fe\udcff", line)
    print("Fr\u00e9chet \u56fe\udcff", line, file=sys.stderr)
open(sys.argv[1], "w").close()
"""


def start(done, **options) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", PROGRAM, str(done)], cwd=ROOT, **options)


@pytest.mark.parametrize("gone", ["stdout", "stderr"])
def test_a_reader_that_goes_does_not_end_the_program(gone, tmp_path):
    other = {"stdout": "stderr", "stderr": "stdout"}[gone]
    process = start(tmp_path / "done", **{gone: subprocess.PIPE, other: subprocess.DEVNULL})
    reader = getattr(process, gone)
    assert reader.readline().startswith(b"Fr")
    reader.close()
    assert process.wait(timeout=60) == 0
    assert (tmp_path / "done").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="a shell's way to close a stream")
def test_streams_that_are_closed_from_the_start(tmp_path):
    line = 'exec "$@" >&- 2>&-'
    command = ["sh", "-c", line, "sh", sys.executable, "-c", PROGRAM, str(tmp_path / "done")]
    assert subprocess.run(command, cwd=ROOT, timeout=60, check=False).returncode == 0
    assert (tmp_path / "done").exists()


@pytest.mark.parametrize(
    ("encoding", "line"), [("ascii", b"Fr?chet ?\xff 0"), ("gbk", "Fr\u00e9chet \u56fe".encode("gbk"))]
)
def test_characters_that_a_terminal_lacks_are_replaced(encoding, line, tmp_path):
    environment = os.environ | {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    process = start(tmp_path / "done", stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    for written in process.communicate(timeout=60):
        assert written.startswith(line)
    assert process.returncode == 0


def test_an_unbuffered_stream_stays_so():
    program = "from diffusion.runtime.printing import keep_printing; keep_printing(); print('here', end='')"
    program += "; import sys; sys.stdin.readline()"
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", program], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    in_time = threading.Timer(60, process.kill)
    in_time.start()
    assert process.stdout.read(4) == b"here"  # while it waits
    in_time.cancel()
    process.communicate(b"\n", timeout=60)
