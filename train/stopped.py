"""Runs that end early: why, what has been saved, and the command that continues."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import torch
from torch import Tensor

from diffusion.io.files import DISK_FULL
from diffusion.runtime.command_line import typed
from diffusion.runtime.memory import is_out_of_memory
from train.config import TrainConfig
from train.output.checkpoints import checkpoints
from train.output.run_directory import CHECKPOINTS, MODEL


class TrainingStopped(Exception):
    """The run ended early. ``str(error)`` is why, and what was saved; ``code`` is the exit status."""

    def __init__(self, message: str, code: int):
        super().__init__(message)
        self.code = code


def resume_command(training: TrainConfig, run_dir: Path, options: str = "") -> str:
    """The command line that continues a run, with other values of some options."""
    words = ["python", "-m", "train.run", training.preset, "--output-dir", str(run_dir), "--resume"]
    return f"{typed(words)} {options}".strip()


@contextmanager
def failures_explained(training: TrainConfig, run_dir: Path, processes: int) -> Iterator[None]:
    """Turn what the machine lacks during training, room on the disk or memory, into ``TrainingStopped``."""
    try:
        yield
    except (OSError, RuntimeError, MemoryError) as error:
        saved = bool(checkpoints(run_dir / CHECKPOINTS))
        if is_out_of_memory(error):
            text = memory_advice(training, run_dir, processes, saved)
        elif isinstance(error, OSError):
            full = error.errno in DISK_FULL
            reason = "The disk is full" if full else f"{error.filename or run_dir}: {error.strerror or error}"
            remedy = "Make room" if full else "See to it"
            text = f"{reason}, so the run was stopped; "
            if saved:
                text += f"what was saved last is complete. {remedy}, then: {resume_command(training, run_dir)}"
            else:
                text += f"nothing is left of it. {remedy} and start it again."
        else:
            raise
        raise TrainingStopped(text, code=1) from None


def memory_advice(training: TrainConfig, run_dir: Path, processes: int, saved: bool) -> str:
    """What to do where the memory does not suffice."""
    smaller = training.batch_size // 2 // processes * processes
    if not smaller:
        return "There is not enough memory even for batches of one image: start a run with a smaller --image-size."
    text = f"There is not enough memory for batches of {training.batch_size}. "
    option = f"--batch-size {smaller}"
    if saved:
        return f"{text}To continue with smaller ones: {resume_command(training, run_dir, option)}"
    return f"{text}Start the run again with {option}."


@contextmanager
def signals_raised() -> Iterator[None]:
    """Within it, but for the loop, which handles them itself, SIGTERM and the closing of the terminal end the program
    in order."""

    def handle(number: int, frame: FrameType | None) -> None:
        raise TrainingStopped(f"Stopped by {signal.Signals(number).name}.", 128 + number)

    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    main = threading.current_thread() is threading.main_thread()
    handled = {number: before for number in numbers if main and (before := signal.getsignal(number)) == signal.SIG_DFL}
    for number in handled:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, before in handled.items():
            signal.signal(number, before)


def is_finite(pending: list[Tensor]) -> bool:
    """Whether every loss and gradient norm since the last row of metrics is finite."""
    return not pending or bool(torch.stack(pending).isfinite().all())


def means(pending: list[Tensor], step: int, training: TrainConfig, run_dir: Path) -> tuple[float, float]:
    """Mean loss and mean gradient norm of some steps. Raises ``TrainingStopped`` where they are not finite."""
    check_finite(pending, step, training, run_dir)
    loss, grad_norm = torch.stack(pending).double().mean(0).tolist()
    return loss, grad_norm


def check_finite(pending: list[Tensor], step: int, training: TrainConfig, run_dir: Path) -> None:
    """Raises ``TrainingStopped`` where a loss or gradient norm since the last row of metrics is not finite."""
    if not is_finite(pending):
        lower = f"--learning-rate {training.learning_rate / 4:.2g}"
        raise TrainingStopped(
            f"The loss is no longer finite (steps {step - len(pending) + 1} to {step}), so the run was stopped; the "
            f"last good model is in {run_dir / MODEL}. To continue from there more slowly: "
            f"{resume_command(training, run_dir, lower)}",
            code=1,
        )
