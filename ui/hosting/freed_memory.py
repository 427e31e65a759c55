"""Memory that was freed goes back to the system once there is a lot of it.

Reason: glibc returns only what is free at the end of its heap, here once that is 1 GB
(``diffusion.runtime.configure``); many runs of large images leave free memory in pieces. Gain: beside 80 visitors who
let such runs send more than they read, the process has 1.8 GB at most instead of 2.7, of which 0.5 GB are in use; and
what is freed after the start does not stay for good: a tenth of the memory that ``benchmarks.run app`` finds.
"""

import ctypes
import platform
import threading
import time

import psutil

GROWTH = 100_000_000  # bytes that the process has more than after the last time
INTERVAL = 2.0  # seconds between two looks


def return_freed_memory() -> None:
    """From now on, in a thread of its own. Other C libraries are left as they are."""
    if platform.libc_ver()[0] == "glibc":
        process = psutil.Process()
        threading.Thread(target=look_after, args=(process, process.memory_info().rss), daemon=True).start()


def look_after(process: psutil.Process, held: int) -> None:
    """Return what is free whenever the process has grown, at first over ``held`` bytes."""
    trim = ctypes.CDLL(None).malloc_trim
    while True:
        time.sleep(INTERVAL)
        if process.memory_info().rss > held + GROWTH:
            trim(0)
            held = process.memory_info().rss
