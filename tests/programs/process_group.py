"""Training in a process group, ended in each way that a run ends: prints the exit status, and how many threads of the
group are left, which could abort the process while Python shuts down."""

import errno
import sys
import tempfile
from pathlib import Path

from accelerate import PartialState

from diffusion.errors import InputError
from tests.train.tiny_run import TINY
from train import loop
from train.presets import PRESETS
from train.run import main


def group_threads() -> int:
    """The threads of torch's process groups, by the name that the system has of them (on Linux)."""
    names = [(task / "comm").read_text().strip() for task in Path("/proc/self/task").iterdir()]
    return sum("gloo" in name for name in names)


def run(images: str) -> int:
    with tempfile.TemporaryDirectory() as folder:
        words = ["tiny", "--dataset", f"folder:{images}", "--steps", "2", "--output-dir", f"{folder}/run"]
        try:
            status = main(words)
        except ZeroDivisionError:  # a bug, which passes through
            status = -1
    PartialState._reset_state()
    return status


def bad_input():
    raise InputError("training.teacher_needed", teacher="teacher")


def stopped():
    raise loop.TrainingStopped("Stopped.", 143)


def disk_full():
    raise OSError(errno.ENOSPC, "No space left on device")


def interrupted():
    raise KeyboardInterrupt


def bug():
    raise ZeroDivisionError


if __name__ == "__main__":
    PRESETS["tiny"] = TINY
    save, seen = loop.save_checkpoint, []

    def saving(*arguments) -> None:
        seen.append(group_threads())
        if failure := failures[0]:
            failure()
        save(*arguments)

    loop.save_checkpoint = saving
    failures = [None, bad_input, stopped, disk_full, interrupted, bug]
    while failures:
        print(run(sys.argv[1]), group_threads())
        del failures[0]
    assert min(seen) > 0
