"""Run directories: ``runs/NAME/{config.json, metrics.jsonl, samples/*.png, checkpoints/, model/}``."""

import math
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from filelock import FileLock, Timeout

from diffusion.errors import InputError
from diffusion.io.files import user_path
from diffusion.io.json_text import parse_json
from diffusion.runtime.command_line import typed
from train.datasets.kept import FACTS, KEPT, PIXELS

CONFIG, METRICS, SAMPLES, CHECKPOINTS, MODEL, EVENTS, LOCK, TEACHER_SAMPLES = (
    "config.json",
    "metrics.jsonl",
    "samples",
    "checkpoints",
    "model",
    "tensorboard",
    ".lock",
    "teacher-samples.safetensors",
)


def new_run_directory(preset: str, output_dir: str | None, parent: str = "runs") -> Path:
    """Create the directory of a new run: ``output_dir``, or the first free one of runs/PRESET, runs/PRESET-2, ...

    Raises ``InputError`` where ``output_dir`` is in use, since a run is never overwritten, or cannot be created.
    """
    path = Path(parent) if output_dir is None else user_path(output_dir, "output_dir")
    try:
        if output_dir is not None:
            if (path / CONFIG).exists():
                raise InputError("run.exists", path=path, resume="resume", output_dir="output_dir")
            if path.exists() and (not path.is_dir() or not all(map(is_leftover, path.iterdir()))):
                raise InputError("run.not_empty", path=path, output_dir="output_dir")
        path.mkdir(parents=True, exist_ok=True)
        if output_dir is None:
            path = free_directory(path, preset)
    except OSError as error:
        raise InputError("run.cannot_create", path=path, reason=error.strerror) from None
    return path


def is_leftover(path: Path) -> bool:
    """Whether a file is what a run leaves behind that was killed before it had a configuration."""
    if path.name == KEPT and path.is_dir():
        return all(file.name in (FACTS, PIXELS) or file.suffix == ".tmp" for file in path.iterdir())
    return path.name in (LOCK, TEACHER_SAMPLES) or path.suffix == ".tmp"


def free_directory(parent: Path, name: str) -> Path:
    """Create the first of NAME, NAME-2, ... that does not exist; safe against other processes doing the same."""
    for number in count(1):
        path = parent / (name if number == 1 else f"{name}-{number}")
        try:
            path.mkdir()
            break
        except FileExistsError:
            continue
    return path


@contextmanager
def locked(path: Path, new: bool) -> Iterator[None]:
    """Hold the lock of a run's directory while it is trained. A new one takes nothing over from a run that was killed
    there, whose teacher may have been another, and leaves nothing behind if it ends before its first checkpoint. Raises
    ``InputError`` where another process holds it, or nothing can be written there.
    """
    lock = FileLock(path / LOCK)
    try:
        lock.acquire(timeout=0)
        if new:
            (path / TEACHER_SAMPLES).unlink(missing_ok=True)
    except Timeout:
        raise InputError("run.locked", path=path, output_dir="output_dir") from None
    except OSError as error:
        raise InputError("run.cannot_write", path=path, reason=error.strerror) from None
    try:
        yield
    except BaseException:
        if new and not any((path / CHECKPOINTS).glob("step-*")):
            for name in (KEPT, SAMPLES, EVENTS, MODEL, CHECKPOINTS):
                shutil.rmtree(path / name, ignore_errors=True)
            lock.release()  # some systems do not delete what is open
            for name in (METRICS, CONFIG, TEACHER_SAMPLES, LOCK):
                with suppress(OSError):
                    (path / name).unlink(missing_ok=True)
            with suppress(OSError):  # something else is there
                path.rmdir()
        raise
    finally:
        lock.release()


def latest_run_directory(preset: str, parent: str = "runs") -> Path:
    """The run of a preset that was last trained, for --resume without --output-dir. Raises ``InputError``."""
    found = []
    for config in Path(parent).glob(f"*/{CONFIG}"):
        metrics = config.with_name(METRICS)
        with suppress(OSError, ValueError, KeyError, TypeError):  # another program's folder, or a damaged file
            if parse_json(config.read_bytes())["training"]["preset"] == preset:
                found.append(((metrics if metrics.exists() else config).stat().st_mtime, config.parent))
    if not found:
        values = {"preset": preset, "parent": Path(parent).absolute()}
        raise InputError("run.none_to_resume", **values, resume="resume", output_dir="output_dir")
    return max(found)[1]


def check_not_started(path: Path) -> None:
    """For a run without a readable checkpoint: raises ``InputError`` where it has been trained nevertheless, since
    starting again would overwrite its model."""
    metrics = path / METRICS
    if any((path / CHECKPOINTS).glob("step-*")) or (metrics.exists() and metrics.stat().st_size):
        model = typed([str(path / MODEL)])
        raise InputError("run.no_checkpoint", path=path, init_from="init_from", model=model)


def truncate_metrics(path: Path, step: int) -> None:
    """Delete the lines after a step, which a resumed run writes again, and those from the first on that a crash has
    damaged."""
    if not path.exists():
        return
    size = 0
    with open(path, "r+b") as file:
        for line in file:
            if not line.endswith(b"\n") or step_of(line) > step:
                break
            size += len(line)
        file.truncate(size)


def step_of(line: bytes) -> float:
    """The step of a line of metrics; infinite where it is damaged."""
    try:
        return float(parse_json(line)["step"])
    except (ValueError, KeyError, TypeError):
        return math.inf
