"""Run directories: ``runs/NAME/{config.json, metrics.jsonl, samples/*.png, checkpoints/, model/}``."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffusion.errors import InputError
from diffusion.files import write_atomically
from train.config import RunConfig

CONFIG, METRICS, SAMPLES, CHECKPOINTS, MODEL, EVENTS = (
    "config.json",
    "metrics.jsonl",
    "samples",
    "checkpoints",
    "model",
    "tensorboard",
)


@dataclass(frozen=True)
class Run:
    """What a run directory tells at a glance."""

    name: str
    path: Path
    preset: str
    step: int  # of the last line of metrics.jsonl
    progress: float  # 0 to 1
    seconds: float

    @property
    def finished(self) -> bool:
        return self.progress >= 1

    @property
    def model(self) -> Path:
        return self.path / MODEL


def list_runs(directory: str | Path = "runs") -> list[Run]:
    """The runs in a directory that have a model to load, newest first. What is not a run is passed over."""
    found = []
    for config in Path(directory).glob(f"*/{CONFIG}"):
        path = config.parent
        try:
            preset = json.loads(config.read_bytes())["training"]["preset"]
            changed = (path / MODEL / "model.safetensors").stat().st_mtime
        except (OSError, ValueError, KeyError, TypeError):
            continue  # another program's folder, or a run that is just being made
        last = last_metrics(path / METRICS)
        run = Run(
            path.name, path, str(preset), last.get("step", 0), last.get("progress", 0.0), last.get("seconds", 0.0)
        )
        found.append((changed, run))
    return [run for _, run in sorted(found, key=lambda pair: pair[0], reverse=True)]


def new_run_directory(preset: str, output_dir: str | None, parent: str = "runs") -> Path:
    """Where a new run is to be: the directory asked for, or the first free of runs/PRESET, runs/PRESET-2, ...

    Raises ``InputError`` where the one asked for is in use: a run is never overwritten.
    """
    if output_dir is None:
        number = 1
        while os.path.lexists(path := Path(parent) / (preset if number == 1 else f"{preset}-{number}")):
            number += 1
    else:
        path = Path(output_dir)
        if (path / CONFIG).exists():
            raise InputError(f"{path} holds a run already: go on with it by --resume, or name another --output-dir.")
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise InputError(f"{path} is not an empty directory: name another --output-dir.")
    return path


def start_run(path: Path, config: RunConfig) -> None:
    """Make the directory and write config.json. Raises ``InputError`` where that is not possible."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path} cannot be made: {error.strerror}.") from None
    write_atomically(path / CONFIG, (config.model_dump_json(indent=2) + "\n").encode())


def latest_run_directory(preset: str, parent: str = "runs") -> Path:
    """The run of a preset that was last trained, for --resume without --output-dir. Raises ``InputError``."""
    found = []
    for config in Path(parent).glob(f"{preset}*/{CONFIG}"):
        metrics = config.with_name(METRICS)
        if json.loads(config.read_bytes()).get("training", {}).get("preset") == preset:
            found.append(((metrics if metrics.exists() else config).stat().st_mtime, config.parent))
    if not found:
        raise InputError(
            f"There is no run of {preset!r} in {parent}/ to resume: leave --resume out, or name its --output-dir."
        )
    return max(found)[1]


def last_metrics(path: Path) -> dict[str, Any]:
    """The last whole line of a metrics.jsonl; {} where there is none. Reads the end of the file only."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
            lines = file.read().split(b"\n")[:-1]  # what follows the last line break is being written
    except OSError:
        return {}
    return json.loads(lines[-1]) if lines else {}


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
