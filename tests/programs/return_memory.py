"""Prints by how much more MB this process has grown once memory in pieces was freed, and once that was returned."""

import time

import psutil

from diffusion.runtime import configure
from ui.hosting import freed_memory


def grown() -> float:
    return (process.memory_info().rss - before) / 1e6


if __name__ == "__main__":
    process = psutil.Process()
    configure()
    freed_memory.GROWTH, freed_memory.INTERVAL = 50_000_000, 1.0
    freed_memory.return_freed_memory()
    before = process.memory_info().rss
    pieces = [b"x" * 100_000 for _ in range(2000)]
    last = b"x" * 100_000  # behind them
    pieces.clear()
    print(grown())
    deadline = time.monotonic() + 30
    while grown() > 50 and time.monotonic() < deadline:
        time.sleep(0.1)
    print(grown())
