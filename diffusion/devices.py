"""Where a model computes, and in which precision it is fastest there."""

import functools
import time

import torch
from torch import nn

GAIN = 1.3  # of a convolution in bfloat16: with less, what surrounds it costs more than it saves


def default_device() -> torch.device:
    """The accelerator where there is one, else the CPU."""
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    return accelerator or torch.device("cpu")


def use_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is faster there: asks the processor. Without the instructions it is emulated, and slower."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and torch.cpu._is_avx512_bf16_supported() and cpu_gains()


@functools.cache
def cpu_gains() -> bool:
    """Whether a convolution gains from the processor's bfloat16 instructions, timed once (50 ms): on some they have
    twice the rate of float32, on others half of it. Counted is this thread's own time, whoever else uses the cores."""
    seconds = {dtype: float("inf") for dtype in (torch.float32, torch.bfloat16)}
    with torch.no_grad():
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
