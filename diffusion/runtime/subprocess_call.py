"""A function called in a subprocess, which ends with the program.

A thread that works in Python keeps Python's lock (the GIL) for milliseconds at a time. A network in torch needs it for
each layer, so beside such a thread it nearly stands still.
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

from diffusion.runtime.memory import available_memory, is_out_of_memory

PROGRAM = f"import sys; sys.path[:] = sys.argv[1:]; from {__name__} import run_in_subprocess; run_in_subprocess()"
POLL_INTERVAL = 0.2  # seconds between two looks at whether the program is ending
TIMEOUT = 300.0  # seconds for the work, on a machine with much else to do
MEMORY = 600_000_000  # bytes that must be left: torch and OpenVINO with a small network take 350 MB
COPIES = 8  # of what is given, beside that
NICE = 5  # a third of the program's share of a core that both want
PR_SET_PDEATHSIG = 1  # of Linux


class SubprocessFailed(RuntimeError):
    """The subprocess was not started, or ended without a result."""


def call_in_subprocess(function: Callable, *arguments: Any) -> Any:
    """``function(*arguments)``, computed in a subprocess on one core, at a lower priority than the program.

    The subprocess imports the modules of the function and its arguments, without what the program has changed in their
    code. Raises what the function raises; SubprocessFailed where something cannot be pickled or imported, memory is
    scarce, or the subprocess cannot be started, is killed or takes too long, or the program ends.
    """
    try:
        given = pickle.dumps((function, arguments))
    except Exception as error:  # of many kinds
        raise SubprocessFailed(f"cannot be pickled: {error}") from error
    if getattr(sys, "frozen", False):  # packed into one file, which is no interpreter
        raise SubprocessFailed("no interpreter")
    if available_memory() < MEMORY + COPIES * len(given):
        raise SubprocessFailed("memory is scarce")
    returned, result = pickle.loads(exchange(given))
    if not returned:
        raise result
    return result


def exchange(given: bytes) -> bytes:
    """What the subprocess writes after reading these bytes. Raises SubprocessFailed."""
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
        raise SubprocessFailed(f"not started: {error}") from error
    end, output = time.monotonic() + TIMEOUT, None
    with process:
        try:
            with suppress(OSError), process.stdin as pipe:  # type: ignore[union-attr]  # it may have ended
                pipe.write(given)
            process.stdin = None  # else ``communicate`` writes to it
            while output is None and threading.main_thread().is_alive() and time.monotonic() < end:
                with suppress(subprocess.TimeoutExpired):
                    output = process.communicate(timeout=POLL_INTERVAL)[0]
        finally:
            process.kill()
    if not output or process.returncode:
        raise SubprocessFailed(f"ended with {process.returncode}")
    return output


def run_in_subprocess() -> None:
    """In the subprocess: read a function and its arguments, write whether it returned, and its result or error."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the program
    with suppress(AttributeError, OSError, TypeError):  # not on every system
        os.nice(NICE)
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # sent when the program ends, in whatever way
        Path("/proc/self/oom_score_adj").write_text("1000")  # killed first if memory runs out all the same
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as output:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nothing that is printed gets into the result
        function, arguments = pickle.loads(sys.stdin.buffer.read())
        try:
            result = True, function(*arguments)
        except Exception as error:
            if isinstance(error, OSError) or is_out_of_memory(error):  # this process's own trouble
                raise
            result = False, error
        output.write(pickle.dumps(result))
