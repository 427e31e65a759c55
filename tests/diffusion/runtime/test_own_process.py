"""Work that another process does, and what becomes of it when that process does not answer."""

import os
import signal
import threading
import time

import pytest

from diffusion.runtime import own_process
from diffusion.runtime.own_process import ProgramEnds, in_own_process

POSIX = pytest.mark.skipif(os.name != "posix", reason="there are no such signals and priorities")


def greeting(name):
    print("to nobody")
    os.write(1, b"to nobody")
    return f"{name}: {os.environ['OMP_NUM_THREADS']} thread"


def end_elsewhere(process):
    """Ends any other process than this one."""
    if os.getpid() != process:
        os._exit(0)
    return "here"


def interrupted():
    os.kill(os.getpid(), signal.SIGINT)
    return os.getpid()


def test_another_process_answers_whatever_it_prints():
    assert in_own_process(os.getpid) != os.getpid()
    assert in_own_process(greeting, "Ada") == "Ada: 1 thread"


def test_it_raises_what_the_function_raises():
    with pytest.raises(ValueError, match="invalid literal for int"):
        in_own_process(int, "seven")


@POSIX
def test_it_stands_behind_this_one_and_ctrl_c_is_none_of_its_business():
    assert in_own_process(os.nice, 0) == min(os.nice(0) + own_process.NICE, 19)
    assert in_own_process(interrupted) != os.getpid()


def test_without_an_answer_the_thread_does_the_work_itself(monkeypatch):
    here = os.getpid()
    assert in_own_process(end_elsewhere, here) == "here"  # ended, as by the system when memory runs out
    assert in_own_process(lambda: os.getpid()) == here  # cannot be pickled
    with monkeypatch.context() as patched:
        patched.setattr(own_process, "spare_memory", lambda: 1e8)
        assert in_own_process(os.getpid) == here
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    assert in_own_process(os.getpid) == here


def test_it_is_killed_where_the_program_ends(monkeypatch):
    class Ending(threading.Thread):
        asked = 0

        def is_alive(self):
            Ending.asked += 1
            return Ending.asked < 3

    monkeypatch.setattr(threading, "main_thread", Ending)
    start = time.monotonic()
    with pytest.raises(ProgramEnds):
        in_own_process(time.sleep, 60)
    assert time.monotonic() - start < 30
