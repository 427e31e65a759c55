"""What one request may take of this host, known and checked before anything is loaded or computed.

DIGIT_DIFFUSION_MAX_WORK is the most operations of one request, in trillions; DIGIT_DIFFUSION_MAX_MEMORY the gigabytes
that models and runs take together, beside the half gigabyte of the program itself.
"""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from diffusion.config import ModelConfig
from diffusion.errors import InputError
from diffusion.process import Level
from diffusion.runtime.cost import NetworkCost
from diffusion.runtime.memory import granted_memory, is_out_of_memory
from diffusion.samplers import SAMPLERS
from diffusion.settings import SamplingSettings
from ui.network_calls import passes

WORK, MEMORY = "DIGIT_DIFFUSION_MAX_WORK", "DIGIT_DIFFUSION_MAX_MEMORY"
DEFAULT_WORK = {"cpu": 40.0}  # trillions of operations: ten minutes or so of two cores
DEFAULT_WORK_ELSEWHERE = 4000.0
DEFAULT_MEMORY = 1.5  # GB; a quarter of what the process may have, where that is less
CALLS = 400  # of one image: none may take more than such a share of a request's work
RESULT_BYTES = 16_000_000  # of the finished images, also of a whole grid
TENSORS = 16  # of a run's size that a sampler and guidance hold at the same time
BATCH_WORK = 4e10  # operations: a batch takes half a second or so of two cores
LARGE = 2e9  # operations of one image from which on a network is interrupted between its layers
GRADIENT = 3  # times a call: a classifier's, with its gradient
TERA, GIGA, MEGA = 1e12, 1e9, 1e6


@dataclass(frozen=True)
class Cost:
    """Of a request: ``operations`` in all, and ``memory`` in bytes beside the model's."""

    operations: float
    memory: int


@dataclass(frozen=True)
class Limits:
    """``work`` in operations, ``memory`` in bytes."""

    work: float
    memory: float

    @classmethod
    def of_host(cls, device: torch.device) -> "Limits":
        """From the environment, else what suits the machine. Raises InputError."""
        work = number(WORK, DEFAULT_WORK.get(device.type, DEFAULT_WORK_ELSEWHERE))
        memory = number(MEMORY, min(DEFAULT_MEMORY, granted_memory() / 4 / GIGA))
        return cls(work * TERA, memory * GIGA)

    @property
    def weights(self) -> float:
        """Bytes of all models that are held, and of any one."""
        return self.memory / 2

    @property
    def runs(self) -> float:
        """Bytes of all runs under way, and of any one."""
        return self.memory / 4

    @property
    def batch(self) -> float:
        """Bytes of the activations of a batch."""
        return self.memory / 8

    def check_model(self, config: ModelConfig, cost: NetworkCost, bytes_per_weight: float) -> None:
        """Raises InputError for a model that is too large to be held, or to be called with one image."""
        weights = cost.weight_bytes / 4 * bytes_per_weight
        for code, given, most, shown, variable in (
            ("host.weights", weights, self.weights, gigabytes, MEMORY),
            ("host.call", cost.operations, self.work / CALLS, trillions, WORK),
            ("host.activations", cost.activation_bytes, self.batch, gigabytes, MEMORY),
        ):
            if given > most:
                raise InputError(code, model=config.name, given=shown(given), most=shown(most), variable=variable)

    def check_request(self, config: ModelConfig, num_images: int, cost: Cost) -> None:
        """Raises InputError for a request that takes more than its share of the host."""
        if cost.operations > self.work:
            raise InputError("host.work", given=trillions(cost.operations), most=trillions(self.work), variable=WORK)
        size = math.prod(config.image_shape)
        most = int(min(RESULT_BYTES / size, self.runs / (cost.memory / num_images)))
        if num_images > max(most, 1):
            raise InputError(
                "host.images", setting="num_images", most=max(most, 1), size=config.image_size, given=num_images
            )

    def check_grid(self, cost: Cost, runs: int, size: int) -> None:
        """Raises InputError for runs that together take more than a request's share of the host; ``size`` is of the
        picture of all finished images, in bytes: they are held until the last is there."""
        if size > RESULT_BYTES:
            given, most = (f"{number / MEGA:.0f}" for number in (size, RESULT_BYTES))
            raise InputError("host.grid_images", runs=runs, given=given, most=most)
        if cost.operations > self.work:
            given, most = trillions(cost.operations), trillions(self.work)
            raise InputError("host.grid", runs=runs, given=given, most=most, variable=WORK)

    def images_of_a_batch(self, cost: NetworkCost) -> int:
        """How many images a batch of a model's calls may have."""
        return max(1, int(min(BATCH_WORK / max(cost.operations, 1), self.batch / max(cost.activation_bytes, 1))))


def request_cost(
    config: ModelConfig,
    settings: SamplingSettings,
    labels: list[int],
    network: NetworkCost,
    classifier: NetworkCost | None = None,
) -> Cost:
    """The cost of sampling with resolved settings, one label an image; it may turn out a little lower, where guidance
    holds for a part of the steps."""
    guided = config.two_passes and settings.guidance_scale not in (0, 1) and max(labels) >= 0
    calls = (2 if guided else 1) + (1 if settings.skip_scale else 0)
    operations = calls * network.operations + (GRADIENT * classifier.operations if classifier else 0)
    evaluations = SAMPLERS[settings.sampler].evaluations(settings.steps)
    size = math.prod(config.image_shape) * 4 * TENSORS
    return Cost(len(labels) * evaluations * operations, len(labels) * size)


def evaluation_operations(
    config: ModelConfig,
    settings: SamplingSettings,
    level: Level,
    labelled: bool,
    network: NetworkCost,
    classifier: NetworkCost | None = None,
) -> float:
    """Operations of evaluating the denoiser for one image at a level, with resolved settings."""
    gradient = GRADIENT * classifier.operations if classifier else 0
    return passes(config, settings, level, labelled) * network.operations + gradient


def number(variable: str, default: float) -> float:
    """A positive number from the environment. Raises InputError."""
    text = os.environ.get(variable, "").strip()
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise InputError("host.variable", variable=variable, given=text)
    return value


def trillions(operations: float) -> str:
    """A number of operations in trillions, with as many digits as say something."""
    return f"{operations / TERA:.2g}" if operations < 10 * TERA else f"{operations / TERA:,.0f}"


def gigabytes(size: float) -> str:
    """A number of bytes in gigabytes."""
    return f"{size / GIGA:.1f}"


@contextmanager
def out_of_memory_explained() -> Iterator[None]:
    """Raises InputError where torch, on whatever device, gets no memory."""
    try:
        yield
    except Exception as error:
        if is_out_of_memory(error):
            raise InputError("host.out_of_memory") from error
        raise
