"""The precision is the one that is faster, and only where the processor has it; or the one that was asked for."""

import pytest
import torch

from diffusion import devices
from diffusion.errors import InputError

CPU = torch.device("cpu")


@pytest.mark.parametrize(("said", "uses"), [("fp32", False), ("bf16", True)])
def test_the_environment_decides_whatever_the_processor_has(said, uses, monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: not uses)
    monkeypatch.setattr(devices, "cpu_gains", lambda: not uses)
    monkeypatch.setenv(devices.VARIABLE, said)
    assert devices.use_bfloat16(CPU) == uses


def test_another_precision_is_refused(monkeypatch):
    monkeypatch.setenv(devices.VARIABLE, "fp8")
    with pytest.raises(InputError, match="DIGIT_DIFFUSION_PRECISION must be auto, fp32 or bf16, not 'fp8'"):
        devices.use_bfloat16(CPU)


@pytest.mark.parametrize(("has", "gains"), [(False, True), (True, False), (True, True)])
def test_bfloat16_wants_the_instructions_and_a_gain(has, gains, monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: has)
    monkeypatch.setattr(devices, "cpu_gains", lambda: gains)
    for said in ("", "auto"):
        monkeypatch.setenv(devices.VARIABLE, said)
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
