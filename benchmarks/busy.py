"""Measuring beside other processes that compute, as on a shared host or a laptop that plays a video."""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from benchmarks.timing import interleaved, summary

SETTLING = 8.0  # seconds


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--repetitions", type=int, default=9, metavar="N", help="rounds that count (default 9)")
    parser.add_argument(
        "--busy",
        type=lambda text: [int(part) for part in text.split(",")],
        default=[0],
        metavar="N,N,...",
        help="also beside so many processes that compute without end (default 0)",
    )


@contextmanager
def busy_processes(count: int) -> Iterator[None]:
    """Within it so many processes keep a core busy each."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def settle(work: dict[str, Callable[[], object]]) -> None:
    """Work until the engine and the number of threads are chosen."""
    for call in work.values():
        deadline = time.monotonic() + SETTLING
        while time.monotonic() < deadline:
            call()


def beside(counts: Sequence[int], work: dict[str, Callable[[], object]], repetitions: int) -> dict[str, dict]:
    """Seconds of each piece of work beside so many busy processes, and beside none."""
    results = {}
    for count in [0, *(count for count in counts if count)]:
        with busy_processes(count):
            settle(work)
            seconds = interleaved(work, repetitions)
        results[str(count)] = {name: summary(values) for name, values in seconds.items()}
    return results


def busy_table(busy: dict[str, dict], titles: dict[str, str]) -> list[str]:
    """A Markdown table with a column for each number of busy processes and a row for each piece of work."""
    numbers = {"0": "idle", "1": "one process busy"}
    header = ["what", *(numbers.get(count, f"{count} busy") for count in busy)]
    lines = [f"| {' | '.join(header)} |", "|---" * len(header) + "|"]
    for name, title in titles.items():
        medians = [row[name]["median"] for row in busy.values()]
        cells = [f"{seconds:.3f} s ({seconds / medians[0]:.1f}x)" for seconds in medians]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return lines
