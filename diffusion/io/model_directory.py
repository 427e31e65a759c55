"""The files of a model directory, which may come from a stranger: sizes are checked, and no pickle is ever opened."""

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
        raise InputError("weights.config_unreadable", directory=directory, file=CONFIG, reason=error.strerror) from None
    if len(text) > MAX_CONFIG_BYTES:
        raise InputError("weights.config_too_large", path=path, limit=MAX_CONFIG_BYTES)
    return ModelConfig.from_json(text, str(path))


def read_tensors(path: Path, expected: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a safetensors file, checked by name and shape against ``expected``; float32."""
    try:
        with safe_open(path, framework="pt") as file:
            found = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
            wanted = {name: tuple(tensor.shape) for name, tensor in expected.items()}
            for name in wanted.keys() - found.keys():
                raise InputError("weights.tensor_missing", path=path, tensor=name)
            for name in found.keys() - wanted.keys():
                raise InputError("weights.tensor_extra", path=path, tensor=name)
            for name, shape in wanted.items():
                if found[name] != shape:
                    raise InputError("weights.tensor_shape", path=path, tensor=name, found=found[name], wanted=shape)
            # copies: what is not converted would stay in the file, and change or vanish with it
            tensors = {name: file.get_tensor(name).to(expected[name].dtype, copy=True) for name in wanted}
    except (OSError, SafetensorError) as error:
        raise InputError("weights.unreadable", path=path, reason=error) from None
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise InputError("weights.not_finite", path=path, tensor=name)
    return tensors
