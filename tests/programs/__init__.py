"""Programs that tests run in a process of their own: one a file, and the commands."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run_python(*arguments: str, timeout: float = 120, check: bool = False, **options) -> subprocess.CompletedProcess:
    """``python ARGUMENTS`` in the repository, ended after ``timeout`` seconds; its output as text. ``check``: it must
    succeed."""
    command = [sys.executable, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, cwd=ROOT, **options)
    assert not check or done.returncode == 0, done.stderr
    return done


def run_program(name: str, **options) -> str:
    """What the program of this name, beside this file, writes to stdout; it must succeed, without a word on stderr."""
    done = run_python("-m", f"tests.programs.{name}", check=True, **options)
    assert done.stderr == ""
    return done.stdout
