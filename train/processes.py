"""The processes of a run, several under ``accelerate launch``: how they connect, agree and part."""

import gc
import importlib
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from accelerate import PartialState
from accelerate.utils import broadcast_object_list

from diffusion.errors import InputError

VARIABLES = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")  # as accelerate launch sets them
LOST = ("gloo", "NCCL", "onnection", "Broken pipe", "Socket")  # in torch's words for another process that is gone


@contextmanager
def process_group() -> Iterator[None]:
    """Connect the processes of the run; at the end, this one lets go. Raises ``InputError``.

    The group's threads free tensors, for which they need the interpreter: one that does so while Python shuts down
    aborts the process. They end with the last reference to the group. The network as prepared for training has some,
    so the frames of an error that passes through are cleared.
    """
    if several_requested():
        # when it is imported, the group there is becomes a default argument of its functions, for good
        importlib.import_module("torch.distributed.nn.functional")
    try:
        # processes without a GPU communicate over gloo, which accelerate uses only where cpu is requested
        cpu = not torch.accelerator.is_available() or os.environ.get("ACCELERATE_USE_CPU", "").lower() == "true"
        PartialState(cpu=cpu)
    except (RuntimeError, ValueError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise InputError("run.processes_not_connected", reason=reason) from None
    try:
        yield
    except BaseException as error:
        traceback.clear_frames(error.__traceback__)
        raise
    finally:
        if dist.is_initialized():
            gc.collect()
            dist.destroy_process_group()


def several_requested() -> bool:
    """Whether the variables ask for a process group. Raises ``InputError`` where they do not say which of its processes
    this is."""
    given = {name: value for name in VARIABLES if (value := os.environ.get(name))}
    numbers = {}
    for name in given.keys() - {"MASTER_ADDR"}:
        if not given[name].isdecimal():
            raise InputError("run.process_number", variable=name, given=given[name])
        numbers[name] = int(given[name])
    if "LOCAL_RANK" not in numbers and numbers.get("WORLD_SIZE", 1) == 1:
        return False  # one process, whatever another program has left behind
    if missing := [name for name in VARIABLES if name not in given]:
        raise InputError("run.processes_incomplete", given=", ".join(sorted(given)), missing=", ".join(missing))
    if numbers["RANK"] >= numbers["WORLD_SIZE"]:
        values = {"rank": numbers["RANK"], "world_size": numbers["WORLD_SIZE"]}
        raise InputError("run.process_rank", **values)
    return True


def on_main_process(function: Callable[[], Any]) -> Any:
    """What a function returns on the main process, or the ``InputError`` that it raises, on every process."""
    outcome: list[Any] = [None]
    if PartialState().is_main_process:
        try:
            outcome = [function()]
        except InputError as error:
            outcome = [error]
    broadcast_object_list(outcome)
    if isinstance(outcome[0], InputError):
        raise outcome[0]
    return outcome[0]


def is_main_process() -> bool:
    """Whether this process is the one that writes."""
    return PartialState().is_main_process


def report(sentence: str, status: int) -> int:
    """Say why the run ends, unless another of its processes has said it; returns the exit status."""
    if claim_report():
        print(f"train.run: {sentence}", file=sys.stderr)
    return status


def claim_report() -> bool:
    """Whether this process is the first of the run to end with an error, and so knows the reason: the others end
    because it is gone."""
    if not dist.is_initialized():
        return True
    try:
        return dist.distributed_c10d._get_default_store().add("reported", 1) == 1
    except RuntimeError:  # its server has ended with the process that knew
        return False


def is_lost_connection(error: Exception) -> bool:
    """Whether an error of torch says that another process of the run is gone."""
    lost = isinstance(error, RuntimeError) and any(word in str(error) for word in LOST)
    return lost and dist.is_initialized()
