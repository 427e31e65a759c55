"""What a network costs, known before it computes anything: operations, memory and weights, from its configuration."""

import math
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from diffusion.condition import Condition
from diffusion.config import ModelConfig
from diffusion.model import fresh_network

FLOAT = 4  # bytes


@dataclass(frozen=True)
class NetworkCost:
    """Of one call with one image: ``operations`` (multiplications and additions) and the most bytes of activations that
    are there at the same time; and the network's weights, as float32."""

    operations: float
    activation_bytes: int
    weight_bytes: int


@lru_cache(100)
def network_cost(config: ModelConfig) -> NetworkCost:
    """The cost of a configuration's network, on torch's meta device: shapes only, nothing is allocated."""
    with torch.device("meta"):
        return measured(fresh_network(config), config)


@torch.no_grad()
def measured(network: nn.Module, config: ModelConfig) -> NetworkCost:
    """The cost of a network, by calling it with one image on the device that it is on: quicker than ``network_cost``
    where it is there anyway."""
    device = next(network.parameters()).device
    x, t = torch.zeros(1, *config.image_shape, device=device), torch.zeros(1, device=device)
    arguments: tuple[Any, ...] = (x, t)
    if config.task != "classification":
        low = config.low_res_size
        condition = Condition(
            labels=torch.zeros(1, dtype=torch.int64, device=device) if config.num_classes else None,
            low_res=torch.zeros(1, config.channels, low, low, device=device) if low else None,
            guidance_scale=torch.ones(1, device=device) if config.max_guidance is not None else None,
        )
        arguments = (x, t, condition)
    with Counting() as counted:
        network.eval()(*arguments)
    weights = FLOAT * sum(tensor.numel() for tensor in (*network.parameters(), *network.buffers()))
    return NetworkCost(counted.operations, counted.peak, weights)


class Counting(TorchFunctionMode):
    """Counts operations and the bytes of tensors that are alive, function by function."""

    def __init__(self) -> None:
        super().__init__()
        self.operations, self.live, self.peak = 0.0, 0, 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        output = function(*args, **(kwargs or {}))
        if isinstance(output, Tensor):
            count = OPERATIONS.get(getattr(function, "__name__", ""))
            self.operations += 0 if count is None else count(output, args)
            if output._base is None and not any(output is each for each in args):  # neither a view nor in place
                size = FLOAT * output.numel()
                self.live += size
                self.peak = max(self.peak, self.live)
                weakref.finalize(output, self.freed, size)
        return output

    def freed(self, size: int) -> None:
        self.live -= size


OPERATIONS: dict[str, Callable[[Tensor, tuple[Any, ...]], float]] = {
    # by the name of the function: two for each product that is added up
    "conv2d": lambda output, args: 2.0 * output.numel() * math.prod(args[1].shape[1:]),
    "conv_transpose2d": lambda output, args: 2.0 * args[0].numel() * math.prod(args[1].shape[1:]),
    "linear": lambda output, args: 2.0 * output.numel() * args[1].shape[1],
    "matmul": lambda output, args: 2.0 * output.numel() * args[0].shape[-1],
    "scaled_dot_product_attention": lambda output, args: 4.0 * output.numel() * args[1].shape[-2],
}
