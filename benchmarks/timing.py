"""Measuring side by side: medians of interleaved repetitions, so that a machine that drifts drifts for both."""

import platform
import statistics
import time
from collections.abc import Callable

import torch


def interleaved(work: dict[str, Callable[[], object]], repetitions: int) -> dict[str, list[float]]:
    """Seconds of each piece of work, run in turn A B C A B C ..., after one round that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for round_number in range(repetitions + 1):
        for name, call in work.items():
            start = time.perf_counter()
            call()
            if round_number:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def summary(seconds: list[float]) -> dict[str, float]:
    """Median and range, in seconds."""
    return {"median": statistics.median(seconds), "min": min(seconds), "max": max(seconds)}


def ratio(a: list[float], b: list[float]) -> float:
    """The median of a / b, round by round."""
    return statistics.median(x / y for x, y in zip(a, b, strict=True))


def machine() -> str:
    """The machine in words."""
    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as file:
            name = next(line.split(":")[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else "no accelerator"
    instructions = torch.backends.cpu.get_cpu_capability()
    return f"{name} ({instructions}), {torch.get_num_threads()} threads, {accelerator}, torch {torch.__version__}"
