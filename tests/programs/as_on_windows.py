"""The app where what only Unix has is missing: as_on_windows.py [OPTIONS]."""

import builtins
import os
import signal
from collections.abc import Mapping
from typing import Any

PROGRAM = ("app", "ui", "train", "diffusion")
MODULES = ("fcntl", "grp", "pwd", "resource", "termios")
FUNCTIONS = ("fork", "posix_fallocate", "sched_getaffinity")
SIGNALS = ("SIGALRM", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGQUIT", "SIGUSR1", "SIGUSR2")

found = builtins.__import__


def without_unix(name: str, importer: Mapping[str, Any] | None = None, *others: Any, **named: Any) -> Any:
    """``import`` for the program's own modules; what others do on Windows is theirs."""
    if name in MODULES and (importer or {}).get("__name__", "").partition(".")[0] in PROGRAM:
        raise ImportError(f"no module {name} on Windows")
    return found(name, importer, *others, **named)


builtins.__import__ = without_unix
for module, names in ((os, FUNCTIONS), (signal, SIGNALS)):
    for name in names:
        delattr(module, name)

import app  # noqa: E402

app.main()
