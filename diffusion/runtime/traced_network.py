"""A network traced into TorchScript, whose images are shared out among the cores: each core takes some of them through
all layers, and waits for the others once, at the end.

torch by itself shares out every layer: its threads meet at a hundred barriers, and where a core has something else to
do, all wait for it at each. TorchScript also leaves out what Python does between two layers. The operations are those
of the module.
"""

import functools
import os
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

import torch
from torch import Tensor, nn

from diffusion.condition import Condition
from diffusion.runtime.precision import ROUNDED, frozen_copy, rounded_copy
from diffusion.runtime.threads import available_cores, limited, shares, use_one_core


class TracedNetwork:
    """``traced(x, t, condition)``, from any thread: what ``network(x, t, condition)`` returns, without gradients.

    network: one on the CPU, in evaluation mode, whose weights do not change any more. x, t, condition: an example of
    its inputs. Others must be of the same kinds (``takes``), and may be of any number of images. Tracing takes less
    than a second; ``in_subprocess``, like ``call_in_subprocess``, moves that to a subprocess. Raises what torch
    raises where the network cannot be traced.
    """

    def __init__(
        self,
        network: nn.Module,
        x: Tensor,
        t: Tensor,
        condition: Condition,
        bfloat16: bool,
        in_subprocess: Callable[..., Any] | None = None,
    ):
        given = network, tensors(x, t, condition), condition, bfloat16
        self.traced = loaded(in_subprocess(traced_and_saved, *given)) if in_subprocess else traced(*given)
        self.kinds = kinds(x, condition)

    def takes(self, x: Tensor, condition: Condition) -> bool:
        """Whether the inputs are of the kinds of the example."""
        return kinds(x, condition) == self.kinds

    def __call__(self, x: Tensor, t: Tensor, condition: Condition) -> Tensor:
        first, *others = shares(len(x))
        pool = workers(os.getpid())
        try:
            pending = [pool.submit(self.part, x[part], t[part], condition.rows(part)) for part in others]
        except RuntimeError:  # the program is ending, and starts nothing any more
            first, pending = slice(len(x)), []
        with limited(1):
            output = self.part(x[first], t[first], condition.rows(first))
        return torch.cat([output, *(each.result() for each in pending)]) if pending else output

    @torch.no_grad()
    def part(self, x: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """The output for some images, by the calling thread."""
        # optimised it would compile anew for each new shape
        with torch.autocast("cpu", enabled=False), torch.jit.optimized_execution(False):
            return self.traced(*tensors(x, t, condition))


@torch.no_grad()
def traced(network: nn.Module, inputs: tuple[Tensor, ...], condition: Condition, bfloat16: bool) -> Any:
    """The network in TorchScript, for such inputs."""
    frozen = casting(rounded_copy(network)) if bfloat16 else frozen_copy(network)
    with warnings.catch_warnings(), torch.autocast("cpu", enabled=False):
        warnings.simplefilter("ignore")  # of what a trace does not see, and of its age
        return torch.jit.freeze(torch.jit.trace(OfTensors(frozen, condition), inputs, check_trace=False).eval())


def traced_and_saved(*given: Any) -> bytes:
    """The same as bytes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its age
        torch.jit.save(traced(*given), saved := BytesIO())
    return saved.getvalue()


def loaded(saved: bytes) -> Any:
    """What ``traced_and_saved`` returns, for use."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its age
        return torch.jit.load(BytesIO(saved))


def casting(network: nn.Module) -> nn.Module:
    """A rounded network that casts what its layers get, as autocast would: TorchScript has one of its own, which casts
    more."""

    def cast(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return tuple(each.bfloat16() for each in inputs)

    for layer in network.modules():
        if isinstance(layer, ROUNDED):
            layer.register_forward_pre_hook(cast)
    return network


class OfTensors(nn.Module):
    """A network as a function of tensors alone: x, t, and what there is of a condition."""

    def __init__(self, network: nn.Module, condition: Condition):
        super().__init__()
        self.network, self.given = network, [tensor is not None for tensor in condition.tensors()]

    def forward(self, x: Tensor, t: Tensor, *given: Tensor) -> Tensor:
        rest = iter(given)
        return self.network(x, t, Condition(*(next(rest) if is_given else None for is_given in self.given)))


def tensors(x: Tensor, t: Tensor, condition: Condition) -> tuple[Tensor, ...]:
    """The inputs of ``OfTensors``."""
    return (x, t, *(tensor for tensor in condition.tensors() if tensor is not None))


def kinds(x: Tensor, condition: Condition) -> list[torch.Size | None]:
    """The shapes of an image and of each part of its condition."""
    return [None if tensor is None else tensor.shape[1:] for tensor in (x, *condition.tensors())]


@functools.cache
def workers(process: int) -> ThreadPoolExecutor:
    """The threads of a process that compute beside the calling one, with a core each."""
    return ThreadPoolExecutor(max(1, available_cores() - 1), "images", initializer=use_one_core)
