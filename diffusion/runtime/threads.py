"""OpenMP threads: how many cores a thread of this program computes with."""

import functools
import threading

import torch
from threadpoolctl import ThreadpoolController


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
