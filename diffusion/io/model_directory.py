"""The files of a model directory, which may come from a stranger: sizes are checked, and no pickle is ever opened."""

from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_safetensors
from torch import Tensor

from diffusion.config import ModelConfig
from diffusion.errors import InputError
from diffusion.io.files import write_atomically

CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
MAX_CONFIG_BYTES = 1_000_000
MAX_HEADER_BYTES = 1_000_000  # of a weights file: names and shapes of all tensors, some 100 bytes each
POINTER = b"version https://git-lfs.github.com/spec/"  # how a file begins that Git LFS has not fetched


def read_config(directory: Path) -> ModelConfig:
    """The configuration in a model directory. Raises InputError."""
    path = directory / CONFIG
    try:
        with open(path, "rb") as file:
            text = file.read(MAX_CONFIG_BYTES + 1)
    except OSError as error:
        raise InputError("weights.config_unreadable", directory=directory, file=CONFIG, reason=error.strerror) from None
    if len(text) > MAX_CONFIG_BYTES:
        raise InputError("weights.config_too_large", path=path, limit=MAX_CONFIG_BYTES)
    if text.startswith(POINTER):
        raise InputError("weights.pointer", path=path)
    return checked_config(text, str(path))


@lru_cache(64)
def checked_config(text: bytes, source: str) -> ModelConfig:
    """``ModelConfig.from_json``, once for each text: a page asks for the same ones again and again."""
    return ModelConfig.from_json(text, source)


def read_tensors(path: Path, expected: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a safetensors file, checked by name and shape against ``expected`` and converted to its dtypes.
    Raises InputError that names the first tensor that does not fit."""
    try:
        check_header(path)
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
        with suppress(OSError), open(path, "rb") as file:
            if file.read(len(POINTER)) == POINTER:
                raise InputError("weights.pointer", path=path) from None
        raise InputError("weights.unreadable", path=path, reason=error) from None
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise InputError("weights.not_finite", path=path, tensor=name)
    return tensors


def check_header(path: Path) -> None:
    """Raises InputError where a safetensors file begins with a list of tensors that is longer than any network's: the
    library takes up to 100 MB, whose names would cost a gigabyte of memory and hold up all other threads."""
    with open(path, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
    if MAX_HEADER_BYTES < size <= path.stat().st_size:  # what is larger than the file is no header
        raise InputError("weights.header_too_large", path=path, size=f"{size:,}", limit=f"{MAX_HEADER_BYTES:,}")


def write_model(
    directory: Path, config: ModelConfig, tensors: dict[str, Tensor], card: str | None = None, half: bool = False
) -> None:
    """Write ``config.json``, ``model.safetensors`` and (if given) ``README.md``, each whole or not at all. ``half``
    stores floating-point tensors in half precision."""
    directory.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    if half:
        tensors = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
    write_atomically(directory / CONFIG, (config.model_dump_json(indent=2) + "\n").encode())
    write_atomically(directory / WEIGHTS, to_safetensors(tensors, metadata={"format": "pt"}))
    if card is not None:
        write_atomically(directory / CARD, card.encode())
