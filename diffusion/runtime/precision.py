"""Where a model computes, in which precision it is fastest there, and on how many cores."""

import copy
import ctypes
import functools
import os
import platform
import threading
import time
from typing import Any

import torch
from threadpoolctl import ThreadpoolController
from torch import nn

from diffusion.errors import InputError

VARIABLE = "DIGIT_DIFFUSION_PRECISION"  # "fp32" or "bf16" there decides for all models; else each machine for itself
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
GAIN = 1.3  # of a convolution in bfloat16: with less, what surrounds it costs more than it saves


def default_device() -> torch.device:
    """The accelerator where there is one, else the CPU."""
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    return accelerator or torch.device("cpu")


def precision() -> str:
    """What the environment says: "auto", "fp32" or "bf16". Raises InputError."""
    said = os.environ.get(VARIABLE) or "auto"
    if said not in ("auto", "fp32", "bf16"):
        raise InputError(f"{VARIABLE} must be auto, fp32 or bf16, not {said!r}.")
    return said


def use_bfloat16(device: torch.device) -> bool:
    """Whether models compute in bfloat16 there: what the environment says, or else whether that is faster, which the
    processor is asked. Without the instructions it is emulated, and slower. Raises InputError."""
    if (said := precision()) != "auto":
        return said == "bf16"
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and torch.cpu._is_avx512_bf16_supported() and cpu_gains()


@functools.cache
def cpu_gains() -> bool:
    """Whether a convolution gains from the processor's bfloat16 instructions, timed once (50 ms): on some they have
    twice the rate of float32, on others half of it. Counted is this thread's own time, whoever else uses the cores."""
    seconds = {dtype: float("inf") for dtype in (torch.float32, torch.bfloat16)}
    torch.get_num_threads()
    with torch.no_grad(), openmp().limit(limits=1):  # see keep_to_one_core
        cases = [(dtype, *convolution(dtype)) for dtype in seconds]
        for _ in range(8):  # in turn, and the best of each
            for dtype, conv, x in cases:
                start = time.thread_time()
                conv(x)
                seconds[dtype] = min(seconds[dtype], time.thread_time() - start)
    return seconds[torch.float32] > GAIN * seconds[torch.bfloat16]


def convolution(dtype: torch.dtype) -> tuple[nn.Module, torch.Tensor]:
    """One as our U-Nets have, and something to put into it."""
    conv = nn.Conv2d(64, 64, 3, padding=1, dtype=dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return conv, torch.zeros(16, 64, 14, 14, dtype=dtype).contiguous(memory_format=torch.channels_last)


class Bfloat16:
    """A network in bfloat16, to be called as the network itself is.

    Under autocast, and with the weights of its convolutions and linear layers rounded beforehand, where autocast would
    round them again at every call. Norms and embeddings are float32.
    """

    ROUNDED = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)

    def __init__(self, network: nn.Module, device: torch.device):
        self.original, self.device = network, device
        self.modules, self.tensors = list(network.modules()), [*network.parameters(), *network.buffers()]
        self.copy: nn.Module | None = None
        self.copies: list[torch.Tensor] = []  # of the tensors, in their order
        self.state: list[int] = []  # of the network when it was copied

    def __call__(self, *inputs: Any, **options: Any) -> torch.Tensor:
        hooked = any(module._forward_hooks or module._forward_pre_hooks for module in self.modules)
        if torch.is_grad_enabled() or hooked:
            network = self.original
        else:
            # inference mode's tensors do not count their changes
            versions = (0 if tensor.is_inference() else tensor._version for tensor in self.tensors)
            state = [int(self.original.training), *versions]
            network = self.copied() if self.copy is None or state != self.state else self.copy
            self.state = state
        with torch.autocast(self.device.type, torch.bfloat16):
            return network(*inputs, **options)

    @torch.inference_mode(False)  # what is made in that mode could not be written to outside of it
    @torch.no_grad()
    def copied(self) -> nn.Module:
        """The copy that computes, as the network is now. It is asked for where a run begins, too: what writes to
        ``weight.data``, and a fused optimiser, changes weights without torch counting it."""
        if self.copy is None:
            network = copy.deepcopy(self.original).requires_grad_(False)
            for module in network.modules():
                if isinstance(module, self.ROUNDED):
                    module.to(torch.bfloat16)
            self.copy, self.copies = network, [*network.parameters(), *network.buffers()]
        else:
            torch._foreach_copy_(self.copies, self.tensors)
        if self.copy.training != self.original.training:  # it takes as long as the weights do
            self.copy.train(self.original.training)
        return self.copy


def keep_to_one_core(main_too: bool = False) -> None:
    """Keep this thread from starting OpenMP helpers; the program's first one is left alone unless ``main_too``.

    Each thread that computes has its own helpers, for as long as it lives, and where there are more of all these than
    cores, libgomp puts them to sleep between two layers of a network instead of letting them wait the microseconds:
    then a network takes twice as long. So where one thread computes for many, the many must have none.
    """
    if main_too or threading.current_thread() is not threading.main_thread():
        torch.get_num_threads()  # torch sets the thread up now, and not later, over what we say
        openmp().limit(limits=1)  # a thread's own setting; takes 3 microseconds


@functools.cache
def openmp() -> ThreadpoolController:
    """The process's OpenMP libraries."""
    return ThreadpoolController().select(user_api="openmp")


@functools.cache
def keep_memory() -> None:
    """From now on this process keeps up to 1 GB of the memory that it has freed, for what it needs next.

    glibc returns large blocks to the system at once, so every layer's output costs fresh page faults at every step.
    Other C libraries are left as they are.
    """
    if platform.libc_ver()[0] == "glibc":
        malloc = ctypes.CDLL(None)
        malloc.mallopt(M_TRIM_THRESHOLD, 1 << 30)
        malloc.mallopt(M_MMAP_THRESHOLD, 1 << 25)  # the most that it takes
