"""Model: network + process + parameterisation + label names, as one thing that can be saved, loaded and sampled."""

import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_safetensors
from torch import Tensor, nn

from diffusion.config import ModelConfig
from diffusion.denoiser import Denoise, Denoiser, clipped
from diffusion.errors import InputError
from diffusion.guidance import classifier_free
from diffusion.networks import build_network
from diffusion.noise import ImageNoise
from diffusion.prediction import PARAMETERISATIONS
from diffusion.request import check_settings
from diffusion.samplers import SAMPLERS, Step

CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
MAX_CONFIG_BYTES = 1_000_000


class Model:
    """A diffusion model. ``Model(config)`` has fresh weights; ``load_model`` reads saved ones.

    Attributes: ``config``, ``network`` (nn.Module, float32), ``process``, ``parameterisation``, ``device``.
    """

    def __init__(self, config: ModelConfig, network: nn.Module | None = None, device: str | torch.device = "cpu"):
        self.config = config
        self.process = config.process
        self.parameterisation = PARAMETERISATIONS[config.prediction]
        self.device = torch.device(device)
        network = network or build_network(config.network, config.channels, config.num_classes)
        network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it
        self.network = network.eval()

    def denoiser(self) -> Denoiser:
        """The bare denoiser: no guidance, no clipping."""
        network = self.network
        if use_bfloat16(self.device):
            network = torch.autocast(self.device.type, torch.bfloat16)(network)
        return Denoiser(network, self.process, self.parameterisation)

    def sample(
        self,
        labels: Sequence[int] | None = None,
        *,
        num_images: int | None = None,
        sampler: str | None = None,
        steps: int | None = None,
        guidance_scale: float | None = None,
        eta: float | None = None,
        seed: int = 0,
        first_index: int = 0,
    ) -> Iterator[Step]:
        """Sample step by step: an iterator of ``Step(index, level, x, x0)``, x and x0 (N, C, H, W) float32.

        labels: one class index an image, -1 unconditional; without them ``num_images`` unconditional ones. What is None
        is the model's default. ``first_index`` is the first image's number within its seed: (first_index=3, one label)
        draws what is the fourth image otherwise. Raises ``InputError`` on bad values.
        """
        settings = check_settings(
            self.config, sampler=sampler, steps=steps, guidance_scale=guidance_scale, eta=eta, seed=seed
        )
        chosen = SAMPLERS[settings["sampler"]]
        options = {name: settings[name] for name in chosen.options}
        y = self._labels(labels, num_images)
        shape = (self.config.channels, self.config.image_size, self.config.image_size)
        noise = ImageNoise(settings["seed"], len(y), shape, first_index, self.device)

        denoise: Denoise = self.denoiser()
        if self.config.num_classes:
            denoise = classifier_free(denoise, settings["guidance_scale"], self.config.num_classes)
        levels = self.process.levels(settings["steps"], chosen.spacing)
        start = levels[0].sigma * noise()
        return chosen.function(partial(clipped(denoise), labels=y), start, levels, noise, **options)

    def generate(self, labels: Sequence[int] | None = None, **settings) -> Tensor:
        """The finished images, (N, C, H, W) in [-1, 1]: the last step of ``sample`` with the same arguments."""
        for step in self.sample(labels, **settings):
            x = step.x
        return x.clamp(-1, 1)

    def _labels(self, labels: Sequence[int] | None, num_images: int | None) -> Tensor:
        classes = self.config.num_classes
        if labels is None:
            labels = [-1] * (1 if num_images is None else num_images)
        for label in labels:
            if not -1 <= label < classes:
                raise InputError(
                    f"Label {label} is unknown; this model has {classes} labels, 0 to {classes - 1} (-1: none)."
                )
        y = torch.as_tensor(list(labels), dtype=torch.long, device=self.device)
        return torch.where(y < 0, classes, y)

    def save(self, directory: str | Path, readme: str | None = None, half: bool = False) -> None:
        """Write ``config.json``, ``model.safetensors`` and (if given) ``README.md``, each whole or not at all.

        ``half`` stores floating-point weights in half precision.
        """
        directory = Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in self.network.state_dict().items()}
        if half:
            tensors = {
                name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()
            }
        write_atomically(directory / CONFIG, (self.config.model_dump_json(indent=2) + "\n").encode())
        if readme is not None:
            write_atomically(directory / CARD, readme.encode())
        write_atomically(directory / WEIGHTS, to_safetensors(tensors, metadata={"format": "pt"}))


def load_model(ref: str | Path, device: str | torch.device | None = None) -> Model:
    """Load a model by reference: a bundled name ("unet"), a path, or "hub:owner/name[@revision]".

    Strict: a missing, extra or misshapen tensor is an ``InputError`` that names it. Without ``device``, a GPU is used
    where there is one.
    """
    from diffusion.hub import resolve

    directory = resolve(str(ref))
    config = read_config(directory)
    with torch.device("meta"):  # shapes only: nothing is allocated before the file is known to fit
        network = build_network(config.network, config.channels, config.num_classes)
    tensors = _read_tensors(directory / WEIGHTS, network.state_dict())
    network.load_state_dict(tensors, assign=True)
    return Model(config, network, device or default_device())


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


def _read_tensors(path: Path, expected: dict[str, Tensor]) -> dict[str, Tensor]:
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
            tensors = {name: file.get_tensor(name).to(expected[name].dtype) for name in wanted}
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path} cannot be read as safetensors: {error}.") from None
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise InputError(f"{path} holds values that are not finite, in tensor {name!r}.")
    return tensors


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a reader, or a crash, meets the old content or the new, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def default_device() -> torch.device:
    """The accelerator where there is one, else the CPU."""
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    return accelerator or torch.device("cpu")


def use_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is faster there: asks the processor. Without the instructions it is emulated, and slower."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and torch.cpu._is_avx512_bf16_supported()
