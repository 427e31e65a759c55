"""Checkpoints: everything a run needs to continue exactly as if it had not been interrupted.

One file each, ``checkpoints/step-00001000.safetensors``: the weights, their average and the optimiser's state as
tensors, the rest as JSON in the file's metadata. Nothing is pickled. What else a step depends on (the order of the
data, the noise, the dropped labels) is a function of (seed, step), so there is no generator state to save.
"""

import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_safetensors
from torch import Tensor, nn

from diffusion.errors import InputError
from diffusion.io.files import check_room, write_atomically
from diffusion.io.json_text import parse_json
from train.output.run_directory import CHECKPOINTS

NUM_KEPT = 2  # the last ones: should the newest be damaged, there is one before it
TENSORS = 4  # of each weight in a checkpoint, at most: itself, its average and two moments
RENAMED = {"mean": "exp_avg", "square": "exp_avg_sq"}  # Muon's state in checkpoints of earlier versions


def save_checkpoint(
    directory: Path, modules: dict[str, nn.Module], optimizer: torch.optim.Optimizer, state: dict[str, Any]
) -> None:
    """Write a checkpoint, completely or not at all, and delete all but it and the one before. modules: whose weights it
    has, by name. ``state`` is JSON, with the "step"."""
    tensors: dict[str, Tensor] = {}
    for prefix, module in modules.items():
        tensors |= {f"{prefix}.{name}": tensor for name, tensor in module.state_dict().items()}
    names = parameter_names(optimizer)
    for index, values in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{names[index]}|{key}": value for key, value in values.items()}
    content = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"step-{state['step']:08d}.safetensors"
    write_atomically(path, to_safetensors(content, metadata={"state": json.dumps(state)}))
    existing = checkpoints(directory)
    kept = [other for other in existing if other <= path][-NUM_KEPT:]
    for other in existing:
        if other not in kept:  # old, or damaged: of a later step than the one that the run was resumed from
            delete(other)
    for abandoned in directory.glob(".*.tmp"):  # by a process that was killed while writing
        delete(abandoned)


def delete(path: Path) -> None:
    """A file that the run does not need; where something else is reading it just now, the next time."""
    with suppress(OSError):
        path.unlink(missing_ok=True)


def check_disk(run_dir: Path, network: nn.Module) -> None:
    """Find out before training whether the checkpoints can be written. Raises ``InputError``."""
    missing = NUM_KEPT + 1 - len(checkpoints(run_dir / CHECKPOINTS)[:NUM_KEPT])  # with the one being written
    size = missing * TENSORS * sum(weight.numel() * weight.element_size() for weight in network.parameters())
    try:
        check_room(run_dir, size)
    except OSError as error:
        values = {"path": run_dir, "size": f"{size / 1e6:,.0f}", "reason": error.strerror}
        raise InputError("run.no_room", output_dir="output_dir", **values) from None


def load_checkpoint(
    directory: Path, modules: dict[str, nn.Module], optimizer: torch.optim.Optimizer
) -> dict[str, Any] | None:
    """Load the newest readable checkpoint into the modules and the optimiser and return its state; None where there is
    none.

    Raises ``InputError`` where a checkpoint does not fit the run's network.
    """
    for path in reversed(checkpoints(directory)):
        try:
            with safe_open(path, framework="pt") as file:
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
                state = dict(parse_json(file.metadata()["state"]))
                if not isinstance(state["step"], int):
                    raise ValueError("its step is no number")
        except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
            print(f"{path} cannot be read ({error}); trying the one before it.", file=sys.stderr)
            continue
        try:
            for prefix, module in modules.items():
                module.load_state_dict(_with_prefix(f"{prefix}.", tensors))
            optimizer.load_state_dict(_optimizer_state(optimizer, _with_prefix("optimizer.", tensors)))
        except (RuntimeError, ValueError, KeyError):
            raise InputError("training.checkpoint_does_not_fit", path=path) from None
        return state
    return None


def checkpoints(directory: Path) -> list[Path]:
    """The checkpoint files there, oldest first."""
    return sorted(directory.glob("step-*.safetensors"))


def parameter_names(optimizer: torch.optim.Optimizer) -> list[str]:
    """The names of an optimiser's parameters, in the order of its state's numbers."""
    return [name for group in optimizer.param_groups for name in group["param_names"]]


def _with_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _optimizer_state(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> dict[str, Any]:
    """The optimiser's state dict: the file has its parameters by name, torch by number."""
    names = parameter_names(optimizer)
    numbers = {name: number for number, name in enumerate(names)}
    weights = (weight for group in optimizer.param_groups for weight in group["params"])
    parameters = dict(zip(names, weights, strict=True))
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        owner, key = name.split("|")
        if tensor.shape == parameters[owner].shape:  # a moment: the fused kernel needs the parameter's memory layout
            tensor = torch.empty_like(parameters[owner]).copy_(tensor)
        else:
            tensor = tensor.clone()  # what is of the file keeps it open, and Windows deletes no file that is
        state.setdefault(numbers[owner], {})[RENAMED.get(key, key)] = tensor
    return {"state": state, "param_groups": optimizer.state_dict()["param_groups"]}
