"""How much memory a process may have, and what says that it has run out, on whatever device."""

import errno
from contextlib import suppress
from pathlib import Path

import psutil

# in the words of torch and its libraries, which raise a plain RuntimeError for most devices
SIGNS = ("out of memory", "allocate memory", "not enough memory", "ALLOC_FAILED", "bad_alloc", "bad allocation")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory is exhausted."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(sign in str(error) for sign in SIGNS)
    )


def granted_memory(root: Path = Path("/sys/fs/cgroup")) -> float:
    """The bytes that this process may have: the machine's, or the control group's (versions 2 and 1), or the limit of
    its address space."""
    granted = [float(psutil.virtual_memory().total)]
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        try:
            text = (root / name).read_text().strip()
        except OSError:
            continue
        granted += [float(text)] if text.isdecimal() else []
    try:
        import resource
    except ImportError:  # on Windows there is no such limit
        return min(granted)
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    return min(granted) if soft == resource.RLIM_INFINITY else min(*granted, float(soft))


def available_memory(root: Path = Path("/sys/fs/cgroup")) -> float:
    """The bytes that other processes may take at present, as far as this one can know."""
    taken = psutil.Process().memory_info().rss
    with suppress(OSError, ValueError):  # there may be no such file; of its control group (version 2)
        statistics = dict(line.split() for line in (root / "memory.stat").read_text().splitlines())
        taken = max(taken, int(statistics.get("anon", 0)))
    return min(granted_memory(root) - taken, psutil.virtual_memory().available)
