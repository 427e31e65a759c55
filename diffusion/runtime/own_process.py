"""Work in a process of its own, which ends with it.

A thread that works in Python keeps Python's lock for milliseconds at a time. A network in torch asks for it at each
layer, so beside such a thread it nearly stands still.
"""

import logging
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from diffusion.runtime.memory import spare_memory

logger = logging.getLogger(__name__)

GLANCE = 0.2  # seconds after which it is seen that the program ends
MEMORY = 600_000_000  # bytes that must be left: torch, OpenVINO and a network that is converted take 350 MB
NICE = 5  # of it: a third of the program's share of a core that both want


def here(function: Callable, *arguments: Any) -> Any:
    """``function(*arguments)``, by the calling thread."""
    return function(*arguments)


def in_own_process(function: Callable, *arguments: Any) -> Any:
    """``function(*arguments)``, computed by another process on one core, behind other work of the machine.

    The function is one of a module, and everything can be pickled. Where memory is scarce, no process can be started,
    or it ends without an answer (killed, or given classes of the program's main file), the calling thread does the work
    itself. Raises what the function raises, and ``ProgramEnds`` where the program ends before that.
    """
    try:
        returned, result = pickle.loads(answer(function, arguments))
    except ProgramEnds:
        raise
    except Exception as error:
        logger.info("%s is not computed by a process of its own: %r", function.__name__, error)
        return here(function, *arguments)
    if not returned:
        raise result
    return result


class ProgramEnds(RuntimeError):
    """It only waits for its threads, and nobody for what they compute."""


def answer(*given: Any) -> bytes:
    """What the other process writes, given a function and its arguments. It is killed where the program ends."""
    if spare_memory() < MEMORY:
        raise MemoryError("there is little left")
    with TemporaryFile() as file:  # and no pipe, which would have to be written to while the answer is waited for
        pickle.dump(given, file)
        file.seek(0)
        process = subprocess.Popen(
            [sys.executable, "-c", f"from {__name__} import work; work()"],
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # not in a session of its own: between sessions Linux shares out the cores before it looks at priorities
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
        )
    with process:
        while threading.main_thread().is_alive():
            with suppress(subprocess.TimeoutExpired):
                return process.communicate(timeout=GLANCE)[0]
        process.kill()
    raise ProgramEnds


def work() -> None:
    """In the other process: read a function and its arguments, write whether it returned, and what or what error."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the program
    with suppress(AttributeError, OSError):  # not on every system
        os.nice(NICE)
        Path("/proc/self/oom_score_adj").write_text("1000")  # where memory runs out, this process is the one to go
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as output:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what anything prints is no answer
        function, arguments = pickle.load(sys.stdin.buffer)
        try:
            result = True, function(*arguments)
        except Exception as error:
            result = False, error
        pickle.dump(result, output)
