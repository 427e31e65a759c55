"""OpenMP threads: how many cores a thread of this program computes with."""

import contextlib
import functools
import math
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import torch
from threadpoolctl import ThreadpoolController

LEAST = 2  # images of a core: one alone takes two thirds of their time, and any core may be in use by others


def use_one_core(main_thread: bool = False) -> None:
    """Let the calling thread compute with one core from now on; the program's main thread only if ``main_thread``.

    Each thread that computes has OpenMP helpers of its own for as long as it lives, and where there are more of all
    these than cores, libgomp puts them to sleep between two layers of a network instead of letting them spin for the
    microseconds: then a network takes twice as long. So in a program in which one thread computes for many
    (``batching``), the many should have none.
    """
    if main_thread or threading.current_thread() is not threading.main_thread():
        torch.get_num_threads()  # torch sets a thread up at its first call, over what was set before
        openmp().limit(limits=1)  # a thread's own setting; takes 3 microseconds


@functools.cache
def openmp() -> ThreadpoolController:
    """The process's OpenMP libraries."""
    return ThreadpoolController().select(user_api="openmp")


@contextlib.contextmanager
def limited(count: int) -> Iterator[None]:
    """Within it the calling thread computes with so many threads."""
    with openmp().limit(limits=count):
        yield


def shares(images: int, cores: int | None = None) -> list[slice]:
    """So many images, shared out evenly among the cores; by default those that a call from this thread may use."""
    return evenly(images, max(1, min(cores or usable_cores(), images // LEAST)))


def rounds(images: int, most: int, cores: int | None = None) -> list[slice]:
    """So many images in parts to be computed one after the other, of each of which every core gets ``most`` images or
    fewer."""
    return evenly(images, max(1, math.ceil(images / (most * (cores or usable_cores())))))


def evenly(images: int, count: int) -> list[slice]:
    """So many images in so many parts, whose sizes differ by one at most."""
    return [slice(images * i // count, images * (i + 1) // count) for i in range(count)]


def usable_cores() -> int:
    """The cores that a call from this thread may compute with: those granted, or fewer where torch is told so."""
    return min(torch.get_num_threads(), available_cores())


@functools.cache
def available_cores() -> int:
    """The cores that the machine grants this process: by affinity and, in a container, by quota; at least one."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        cores = os.cpu_count() or 1
    return max(1, math.ceil(min(cpu_quota(), cores)))


def cpu_quota(root: Path = Path("/sys/fs/cgroup")) -> float:
    """The cores' worth of time that the control group may take (versions 2 and 1); infinite without a limit."""
    for quota, period in (("cpu.max", None), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        with contextlib.suppress(OSError, ValueError):
            words = (root / quota).read_text().split()
            limit, length = words if period is None else (words[0], (root / period).read_text())
            if limit not in ("max", "-1"):
                return float(limit) / float(length)
    return math.inf
