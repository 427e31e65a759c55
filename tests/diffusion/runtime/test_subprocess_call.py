"""Functions called in a subprocess, and every way in which that can fail."""

import os
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest

from diffusion.runtime import subprocess_call
from diffusion.runtime.subprocess_call import SubprocessFailed, call_in_subprocess
from tests.programs import run_program


@pytest.fixture(autouse=True)
def enough_memory(monkeypatch):
    """Whatever other tests take."""
    monkeypatch.setattr(subprocess_call, "available_memory", lambda: 1e18)


def greeting(name):
    print("to nobody")
    os.write(1, b"to nobody")
    return os.getpid(), f"{name}: {os.environ['OMP_NUM_THREADS']} thread"


def failing():
    raise LookupError(os.getpid())


def ended():
    os._exit(3)


def killed():
    os.kill(os.getpid(), signal.SIGKILL)


def without_disk():
    raise OSError("no place for a file")


def without_memory():
    raise RuntimeError("std::bad_alloc")


def interrupted():
    os.kill(os.getpid(), signal.SIGINT)
    return os.getpid()


def test_what_a_subprocess_prints_is_not_in_its_result(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    process, text = call_in_subprocess(greeting, "Ada")
    assert process != os.getpid()
    assert text == "Ada: 1 thread"


def test_it_raises_what_the_function_raises():
    with pytest.raises(LookupError) as caught:
        call_in_subprocess(failing)
    assert caught.value.args[0] != os.getpid()


@pytest.mark.skipif(os.name != "posix", reason="there are no such signals and priorities")
def test_it_stands_behind_this_one_and_ctrl_c_is_none_of_its_business():
    assert call_in_subprocess(os.nice, 0) == min(os.nice(0) + subprocess_call.NICE, 19)
    assert call_in_subprocess(interrupted) != os.getpid()


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (ended, "ended with 3"),
        (killed, "ended with -9"),
        (without_disk, "ended with 1"),
        (without_memory, "ended with 1"),
        (lambda: 1, "cannot be pickled"),
    ],
)
def test_without_a_result_it_says_why(function, reason):
    with pytest.raises(SubprocessFailed, match=reason):
        call_in_subprocess(function)


def test_it_is_not_started_where_it_cannot_be_or_should_not(monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(subprocess_call, "available_memory", lambda: 1e8)
        with pytest.raises(SubprocessFailed, match="memory is scarce"):
            call_in_subprocess(os.getpid)
    with monkeypatch.context() as patched:
        patched.setattr(sys, "frozen", True, raising=False)
        with pytest.raises(SubprocessFailed, match="no interpreter"):
            call_in_subprocess(os.getpid)
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(SubprocessFailed, match="not started"):
        call_in_subprocess(os.getpid)


def test_it_finds_what_the_program_finds_and_nothing_else(monkeypatch, tmp_path):
    (tmp_path / "psutil.py").write_text("raise SystemExit('not the package')")
    monkeypatch.chdir(tmp_path)
    assert call_in_subprocess(os.getpid) != os.getpid()


def test_it_is_killed_where_the_program_ends_or_it_takes_too_long(monkeypatch):
    class Ending(threading.Thread):
        asked = 0

        def is_alive(self):
            Ending.asked += 1
            return Ending.asked < 3

    start = time.monotonic()
    with monkeypatch.context() as patched:
        patched.setattr(threading, "main_thread", Ending)
        with pytest.raises(SubprocessFailed):
            call_in_subprocess(time.sleep, 60)
    monkeypatch.setattr(subprocess_call, "TIMEOUT", 0.5)
    with pytest.raises(SubprocessFailed):
        call_in_subprocess(time.sleep, 60)
    assert time.monotonic() - start < 50


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it ends when it writes its result")
def test_it_ends_with_a_program_that_ends_at_once():
    process = int(run_program("ends_at_once"))
    for _ in range(100):
        if not psutil.pid_exists(process) or psutil.Process(process).status() == psutil.STATUS_ZOMBIE:
            return
        time.sleep(0.1)
    subprocess.run(["kill", "-9", str(process)], check=True)
    pytest.fail("it goes on")
