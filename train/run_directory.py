"""Run directories: ``runs/NAME/{config.json, metrics.jsonl, samples/*.png, checkpoints/, model/}``."""

import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from filelock import FileLock, Timeout

from diffusion.errors import InputError

CONFIG, METRICS, SAMPLES, CHECKPOINTS, MODEL, EVENTS, LOCK = (
    "config.json",
    "metrics.jsonl",
    "samples",
    "checkpoints",
    "model",
    "tensorboard",
    ".lock",
)


def new_run_directory(preset: str, output_dir: str | None, parent: str = "runs") -> Path:
    """Make the directory of a new run: the one asked for, or the first free of runs/PRESET, runs/PRESET-2, ...

    Raises ``InputError`` where the one asked for is in use, since a run is never overwritten, or cannot be made.
    """
    path = Path(parent if output_dir is None else output_dir)
    try:
        if output_dir is not None:
            if (path / CONFIG).exists():
                raise InputError(
                    f"{path} holds a run already: go on with it by --resume, or name another --output-dir."
                )
            if path.exists() and (not path.is_dir() or any(other.name != LOCK for other in path.iterdir())):
                raise InputError(f"{path} is not an empty directory: name another --output-dir.")
        path.mkdir(parents=True, exist_ok=True)
        if output_dir is None:
            path = free_directory(path, preset)
    except OSError as error:
        raise InputError(f"{path} cannot be made: {error.strerror}.") from None
    return path


def free_directory(parent: Path, name: str) -> Path:
    """Make the first of NAME, NAME-2, ... that is not there; who comes at the same time gets another."""
    for number in count(1):
        path = parent / (name if number == 1 else f"{name}-{number}")
        try:
            path.mkdir()
            break
        except FileExistsError:
            continue
    return path


@contextmanager
def claimed(path: Path, new: bool) -> Iterator[None]:
    """Hold a run's directory while it is trained. A new one that ends before its first checkpoint leaves nothing
    behind. Raises ``InputError`` where another process holds it, or nothing can be written there.
    """
    lock = FileLock(path / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise InputError(f"{path} is being trained by another process; name another --output-dir.") from None
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}.") from None
    try:
        yield
    except BaseException:
        if new and not (path / CHECKPOINTS).exists():
            for name in (CONFIG, LOCK):
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
            if json.loads(config.read_bytes())["training"]["preset"] == preset:
                found.append(((metrics if metrics.exists() else config).stat().st_mtime, config.parent))
    if not found:
        raise InputError(
            f"There is no run of {preset!r} in {parent}/ to resume: leave --resume out, or name its --output-dir."
        )
    return max(found)[1]


def check_new(path: Path) -> None:
    """For a run without a checkpoint that can be read: raises ``InputError`` where it has begun nevertheless, since to
    begin it again would overwrite its model."""
    metrics = path / METRICS
    if any((path / CHECKPOINTS).glob("step-*")) or (metrics.exists() and metrics.stat().st_size):
        raise InputError(
            f"{path} has no checkpoint that can be read, so it cannot go on. Its model is left as it is: a new run may "
            f"start from it, with --init-from {shlex.quote(str(path / MODEL))}."
        )


def truncate_metrics(path: Path, step: int) -> None:
    """Drop the lines after a step, and a last line cut off by a crash: a resumed run writes them anew."""
    if not path.exists():
        return
    kept = 0
    with open(path, "r+b") as file:
        for line in file:
            if not line.endswith(b"\n") or json.loads(line)["step"] > step:
                break
            kept += len(line)
        file.truncate(kept)
