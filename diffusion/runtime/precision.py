"""Precision: bfloat16 where the machine is faster with it, float32 elsewhere."""

import copy
import functools
import os
import time
from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
from torch import nn

from diffusion.errors import InputError
from diffusion.runtime.threads import openmp

VARIABLE = "DIGIT_DIFFUSION_PRECISION"  # "fp32" or "bf16" there decides for all models; else each machine for itself
ROUNDED = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)  # layers that autocast computes in bfloat16
LEAST_GAIN = 1.3  # of a convolution in bfloat16: with less, what surrounds it costs more than it saves


def requested_precision() -> str:
    """The environment's choice: "auto", "fp32" or "bf16". Raises InputError."""
    choice = os.environ.get(VARIABLE) or "auto"
    if choice not in ("auto", "fp32", "bf16"):
        raise InputError("command.precision", variable=VARIABLE, given=choice)
    return choice


def precision_on(device: torch.device) -> str:
    """The precision that models sample in on a device, "fp32" or "bf16". Raises InputError."""
    return "bf16" if use_bfloat16(device) else "fp32"


def use_bfloat16(device: torch.device) -> bool:
    """Whether models compute in bfloat16 there: the environment's choice, or else whether that is faster, which is
    measured on the CPU. Without the instructions it is emulated, and slower. Raises InputError."""
    if (choice := requested_precision()) != "auto":
        return choice == "bf16"
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and torch.cpu._is_avx512_bf16_supported() and cpu_gains()


@functools.cache
def cpu_gains() -> bool:
    """Whether a convolution gains from the processor's bfloat16 instructions, timed once (50 ms): on some they have
    twice the rate of float32, on others half of it. The calling thread's own time is counted, whoever else uses the
    cores."""
    seconds = {dtype: float("inf") for dtype in (torch.float32, torch.bfloat16)}
    torch.get_num_threads()
    with torch.no_grad(), openmp().limit(limits=1):
        cases = [(dtype, *convolution(dtype)) for dtype in seconds]
        for _ in range(8):  # in turn, and the best of each
            for dtype, conv, x in cases:
                start = time.thread_time()
                conv(x)
                seconds[dtype] = min(seconds[dtype], time.thread_time() - start)
    return seconds[torch.float32] > LEAST_GAIN * seconds[torch.bfloat16]


def convolution(dtype: torch.dtype) -> tuple[nn.Module, torch.Tensor]:
    """A convolution as our U-Nets have, and an input for it."""
    conv = nn.Conv2d(64, 64, 3, padding=1, dtype=dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return conv, torch.zeros(16, 64, 14, 14, dtype=dtype).contiguous(memory_format=torch.channels_last)


class Bfloat16Network:
    """A network in bfloat16, called as the network itself is.

    It runs under autocast, with the weights of its convolutions and linear layers rounded beforehand, where autocast
    would round them again at every call. Norms and embeddings are float32. The rounded copy is never written to: when
    the network's weights have changed a new one takes its place, so that another thread may be using the old one.
    """

    def __init__(self, network: nn.Module, device: torch.device):
        self.original, self.device = network, device
        self.modules, self.tensors = list(network.modules()), tensors_of(network)
        self.rounded: Rounded | None = None

    def __call__(self, *inputs: Any, **options: Any) -> torch.Tensor:
        network = self.original if torch.is_grad_enabled() or has_hooks(self.modules) else self.current()
        with torch.autocast(self.device.type, torch.bfloat16):
            return network(*inputs, **options)

    def current(self) -> nn.Module:
        """The rounded copy of the network as it is now, by torch's count of changes."""
        # tensors of inference mode do not count their changes
        versions = (0 if tensor.is_inference() else tensor._version for tensor in self.tensors)
        state = [*(int(module.training) for module in self.modules), *versions]
        rounded = self.rounded
        if rounded is None or rounded.state != state:
            originals = [tensor.detach().clone() for tensor in self.tensors]
            rounded = self.rounded = Rounded(state, originals, rounded_copy(self.original))
        return rounded.network

    def refresh(self) -> None:
        """Compare the copy with the network, value by value: to be called where a run begins, since what writes to
        ``weight.data``, and a fused optimiser, changes weights without torch counting it, and layers and weights may
        have been replaced."""
        before, self.modules = self.modules, list(self.original.modules())
        self.tensors = tensors_of(self.original)
        if self.rounded is not None and (self.modules != before or not same(self.tensors, self.rounded.originals)):
            self.rounded = None


class Rounded(NamedTuple):
    """A network rounded to bfloat16, and what it was rounded from."""

    state: list[int]
    originals: list[torch.Tensor]
    network: nn.Module


@torch.inference_mode(False)  # what is made in that mode could not be written to outside of it
@torch.no_grad()
def frozen_copy(network: nn.Module) -> nn.Module:
    """The network as it is now, without gradients."""
    return copy.deepcopy(network).requires_grad_(False)


@torch.inference_mode(False)
@torch.no_grad()
def rounded_copy(network: nn.Module) -> nn.Module:
    """The same, with the weights in bfloat16 that autocast would round."""
    network = frozen_copy(network)
    for module in network.modules():
        if isinstance(module, ROUNDED):
            module.to(torch.bfloat16)
    return network


def has_hooks(modules: Iterable[nn.Module]) -> bool:
    """Whether anybody looks into a network made of these modules."""
    return any(module._forward_hooks or module._forward_pre_hooks for module in modules)


def tensors_of(network: nn.Module) -> list[torch.Tensor]:
    """Its weights and buffers, as they are now."""
    return [*network.parameters(), *network.buffers()]


def same(tensors: list[torch.Tensor], originals: list[torch.Tensor]) -> bool:
    """Whether the tensors have the values of the originals."""
    return len(tensors) == len(originals) and all(map(identical, tensors, originals))


def identical(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Whether two tensors have the same values. On the CPU by NumPy, whose one thread is a hundred times as fast as
    torch's several where the cores are busy."""
    if a.device.type != "cpu":
        return torch.equal(a, b)
    return a.shape == b.shape and bool((a.detach().numpy() == b.numpy()).all())
