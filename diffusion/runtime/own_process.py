"""Work in a process of its own, which ends with it.

A thread that works in Python keeps Python's lock for milliseconds at a time. A network in torch asks for it at each
layer, so beside such a thread it nearly stands still.
"""

import ctypes
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from diffusion.runtime.memory import is_out_of_memory, spare_memory

PROGRAM = f"import sys; sys.path[:] = sys.argv[1:]; from {__name__} import work; work()"
GLANCE = 0.2  # seconds after which it is seen that the program ends
PATIENCE = 300.0  # seconds for the work, on a machine with much else to do
MEMORY = 600_000_000  # bytes that must be left: torch and OpenVINO with a small network take 350 MB
COPIES = 8  # of what is given, beside that
NICE = 5  # a third of the program's share of a core that both want
PR_SET_PDEATHSIG = 1  # of Linux


class NoAnswer(RuntimeError):
    """The other process was not started, or ended without one."""


def in_own_process(function: Callable, *arguments: Any) -> Any:
    """``function(*arguments)``, computed by another process on one core, behind other work of the machine.

    It imports the modules that the function and its arguments are of: what the program changed in their code, it does
    not know. Raises what the function raises, and NoAnswer where something cannot be pickled or imported there, memory
    is scarce, no process can be started, it is killed, or the program ends.
    """
    try:
        given = pickle.dumps((function, arguments))
    except Exception as error:  # of many kinds
        raise NoAnswer(f"cannot be pickled: {error}") from error
    if getattr(sys, "frozen", False):  # packed into one file, which is no interpreter
        raise NoAnswer("no interpreter")
    if spare_memory() < MEMORY + COPIES * len(given):
        raise NoAnswer("memory is scarce")
    returned, result = pickle.loads(answer(given))
    if not returned:
        raise result
    return result


def answer(given: bytes) -> bytes:
    """What the other process writes when it was given so much to read. Raises NoAnswer."""
    try:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *map(str, sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # not in a session of its own: between sessions Linux shares out the cores before it looks at priorities
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
    except OSError as error:
        raise NoAnswer(f"not started: {error}") from error
    end, output = time.monotonic() + PATIENCE, None
    with process:
        try:
            with suppress(OSError), process.stdin as pipe:  # type: ignore[union-attr]  # it may have ended
                pipe.write(given)
            process.stdin = None  # else ``communicate`` writes to it
            while output is None and threading.main_thread().is_alive() and time.monotonic() < end:
                with suppress(subprocess.TimeoutExpired):
                    output = process.communicate(timeout=GLANCE)[0]
        finally:
            process.kill()
    if not output or process.returncode:
        raise NoAnswer(f"ended with {process.returncode}")
    return output


def work() -> None:
    """In the other process: read a function and its arguments, write whether it returned, and what or what error."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the program
    with suppress(AttributeError, OSError, TypeError):  # not on every system
        os.nice(NICE)
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # when the program ends, however it does
        Path("/proc/self/oom_score_adj").write_text("1000")  # if memory runs out all the same, this process is to go
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as output:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what anything prints is no answer
        function, arguments = pickle.loads(sys.stdin.buffer.read())
        try:
            result = True, function(*arguments)
        except Exception as error:
            if isinstance(error, OSError) or is_out_of_memory(error):  # this process's own trouble
                raise
            result = False, error
        output.write(pickle.dumps(result))
