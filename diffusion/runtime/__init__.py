"""How models run on this machine: device, precision, threads, dynamic batching. Nothing here changes a process by being
imported; a program that wants its process set up calls ``configure`` once, at its start."""

import ctypes
import functools
import platform

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
KEPT_BYTES = 1 << 30


@functools.cache
def configure() -> None:
    """Set up the process of a program that samples or trains.

    From then on it keeps up to 1 GB of the memory that it has freed, for what it needs next: glibc returns large blocks
    to the system at once, so every layer's output would cost fresh page faults at every step. Other C libraries are
    left as they are.
    """
    if platform.libc_ver()[0] == "glibc":
        malloc = ctypes.CDLL(None)
        malloc.mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
        malloc.mallopt(M_MMAP_THRESHOLD, 1 << 25)  # the largest value that it takes
