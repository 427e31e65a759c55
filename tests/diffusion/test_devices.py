"""The precision is the one that is faster, and only where the processor has it."""

import pytest
import torch

from diffusion import devices

CPU = torch.device("cpu")


@pytest.mark.parametrize(("has", "gains"), [(False, True), (True, False), (True, True)])
def test_bfloat16_wants_the_instructions_and_a_gain(has, gains, monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: has)
    monkeypatch.setattr(devices, "cpu_gains", lambda: gains)
    assert devices.use_bfloat16(CPU) == (has and gains)


@pytest.mark.parametrize(("seconds", "gains"), [((2.0, 1.0), True), ((1.0, 2.0), False), ((1.0, 0.9), False)])
def test_the_gain_is_that_of_a_convolution(seconds, gains, monkeypatch):
    """On a made-up clock that moves by the seconds of a precision whenever it convolves."""
    clock, cost = [0.0], dict(zip((torch.float32, torch.bfloat16), seconds, strict=True))

    class Conv:
        def __init__(self, dtype):
            self.dtype = dtype

        def __call__(self, x):
            clock[0] += cost[self.dtype]

    monkeypatch.setattr(devices, "convolution", lambda dtype: (Conv(dtype), None))
    monkeypatch.setattr(devices.time, "thread_time", lambda: clock[0])
    assert devices.cpu_gains.__wrapped__() == gains


def test_what_is_timed_convolves_in_its_precision():
    for dtype in (torch.float32, torch.bfloat16):
        conv, x = devices.convolution(dtype)
        assert conv(x).dtype == dtype
