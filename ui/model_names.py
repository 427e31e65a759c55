"""What models are called: in the list of models, by visitors, and in errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

from diffusion.config import ModelConfig, Task
from diffusion.errors import InputError, Message
from diffusion.io.hub import is_bundled
from diffusion.io.model_directory import WEIGHTS

HUB = "hub:"

Source = Literal["bundled", "run", "hub"]


class ModelEntry(NamedTuple):
    """One line of the model list. ``ref`` is what a request names it by."""

    ref: str
    title: str
    description: str
    source: Source
    task: Task
    few_steps: bool = False  # whether it was distilled to a few steps: quick enough for live sampling
    problem: InputError | None = None  # why it cannot be loaded


def public_name(own: str) -> str:
    """What visitors know the operator's model by: its reference, but for a path from outside of the program's folder,
    which is nobody's business."""
    path = Path(own)
    if own.startswith(HUB) or is_bundled(own) or not (path.is_absolute() or own.startswith("~") or ".." in path.parts):
        return own
    name = short_name(own)
    return f"{name} (own)" if is_bundled(name) else name


@contextmanager
def speaking_of(ref: str, *directories: str | Path) -> Iterator[None]:
    """Errors within speak of a reference, not of the host's directories that it stands for."""
    try:
        yield
    except InputError as error:
        for directory in directories:
            rename(error.message, str(directory), ref)
        error.args = (error.text(),)
        raise


def rename(message: Message, old: str, new: str) -> None:
    """Put another name into the values of a message."""

    def renamed(value: Any) -> Any:
        if isinstance(value, Message | InputError):
            rename(value if isinstance(value, Message) else value.message, old, new)
        return str(value).replace(old, new) if old in str(value) else value

    message.values = {name: renamed(value) for name, value in message.values.items()}


def described(ref: str, config: ModelConfig, source: Source) -> ModelEntry:
    title = config.title or config.name
    if source != "bundled":
        title = f"{short_name(ref)} ({title})"
    return ModelEntry(ref, title, config.description, source, config.task, config.max_guidance is not None)


def short_name(ref: str) -> str:
    """``mine`` of runs/mine/model, ``owner/name`` of hub:owner/name@revision."""
    if ref.startswith(HUB):
        return ref.removeprefix(HUB)
    path = Path(ref)
    return path.parent.name if path.name == "model" else path.name


def run_refs(runs_dir: Path) -> list[str]:
    """``RUNS_DIR/NAME/model`` of every run that has a model, the newest first."""
    found = []
    for weights in runs_dir.glob(f"*/model/{WEIGHTS}"):
        try:
            found.append((weights.stat().st_mtime, str(weights.parent)))
        except FileNotFoundError:  # being replaced or removed at this moment
            continue
    return [ref for _, ref in sorted(found, reverse=True)]
