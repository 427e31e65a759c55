"""The files of a model directory: read with suspicion, as they may come from a stranger, and written whole or not at
all. No pickle is ever opened."""

import os
import secrets
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from diffusion.config import ModelConfig
from diffusion.errors import InputError

CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
MAX_CONFIG_BYTES = 1_000_000


def read_config(directory: Path) -> ModelConfig:
    """The configuration in a model directory."""
    path = directory / CONFIG
    try:
        with open(path, "rb") as file:
            text = file.read(MAX_CONFIG_BYTES + 1)
    except OSError as error:
        raise InputError(f"{directory} is not a model directory: {CONFIG} cannot be read ({error.strerror}).") from None
    if len(text) > MAX_CONFIG_BYTES:
        raise InputError(f"{path} is larger than a model's configuration can be ({MAX_CONFIG_BYTES} bytes).")
    return ModelConfig.from_json(text, str(path))


def read_tensors(path: Path, expected: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a safetensors file, checked by name and shape against ``expected``; float32."""
    try:
        with safe_open(path, framework="pt") as file:
            found = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
            wanted = {name: tuple(tensor.shape) for name, tensor in expected.items()}
            for name in wanted.keys() - found.keys():
                raise InputError(f"{path} does not fit its configuration: tensor {name!r} is missing.")
            for name in found.keys() - wanted.keys():
                raise InputError(f"{path} does not fit its configuration: tensor {name!r} is not part of the network.")
            for name, shape in wanted.items():
                if found[name] != shape:
                    raise InputError(
                        f"{path} does not fit its configuration: tensor {name!r} has shape {found[name]}, not {shape}."
                    )
            # copies: what is not converted would stay in the file, and change or vanish with it
            tensors = {name: file.get_tensor(name).to(expected[name].dtype, copy=True) for name in wanted}
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path} cannot be read as safetensors: {error}.") from None
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise InputError(f"{path} holds values that are not finite, in tensor {name!r}.")
    return tensors


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a reader, or a crash, meets the old content or the new, never a part."""
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
