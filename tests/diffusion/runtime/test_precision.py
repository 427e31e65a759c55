"""The precision is the one that is faster, and only where the processor has it; or the one that was asked for."""

import os
import platform
import subprocess
import sys

import pytest
import torch

from diffusion.errors import InputError
from diffusion.networks import recorded_attention
from diffusion.runtime import precision as devices
from tests.tiny import NETWORK, tiny_model

CPU = torch.device("cpu")


def questions(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(3, 1, 8, 8, generator=generator), torch.tensor([3.0, 400.0, 900.0]), torch.tensor([1, 5, 10])


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


@pytest.mark.parametrize("attends", [True, "cross", "transformer"])
@pytest.mark.parametrize("resample", ["conv", "transposed", "residual"])
@torch.no_grad()
def test_weights_rounded_beforehand_are_those_that_autocast_rounds(attends, resample):
    settings = {"channels": (8, 8), "patch": 2, "attention": (False, attends), "resample": resample, "head_channels": 8}
    network = tiny_model(network=NETWORK | settings).network
    fast = devices.Bfloat16(network, CPU)
    x, t, y = questions()
    with torch.autocast("cpu", torch.bfloat16):
        expected = network(x, t, y)
    assert torch.equal(fast(x, t, y), expected)
    assert not torch.equal(network(x, t, y), expected)
    assert all(weight.dtype == torch.float32 for weight in network.parameters())


@torch.no_grad()
def test_rounded_weights_follow_those_of_the_network():
    network = tiny_model().network
    fast = devices.Bfloat16(network, CPU)
    before = fast(*questions())
    network.output[-1].bias += 1
    moved = fast(*questions())
    torch.testing.assert_close(moved, before + 1, rtol=0, atol=0.05)
    network.load_state_dict(tiny_model(seed=3).network.state_dict())
    assert torch.equal(fast(*questions()), devices.Bfloat16(tiny_model(seed=3).network, CPU)(*questions()))


@torch.no_grad()
def test_the_copy_follows_buffers_and_the_mode_and_inference_mode_is_no_obstacle():
    network = tiny_model(network=NETWORK | {"time": "fourier", "dropout": 0.5}).network
    fast = devices.Bfloat16(network, CPU)
    x, _, y = questions()
    question = (x, torch.tensor([0.1, 0.5, 0.9]), y)
    before = fast(*question)
    network.train()
    assert not torch.equal(fast(*question), fast(*question))  # dropout
    network.eval()
    assert torch.equal(fast(*question), before)
    network.features.W.neg_()
    assert not torch.equal(fast(*question), before)
    with torch.inference_mode():
        born = devices.Bfloat16(tiny_model().network, CPU)
        assert torch.equal(born(*questions()), devices.Bfloat16(tiny_model().network, CPU)(*questions()))
    assert born(*questions()).isfinite().all()


def test_gradients_and_hooks_meet_the_network_itself():
    network = tiny_model(network=NETWORK | {"attention": ("cross",), "head_channels": 8}).network
    fast = devices.Bfloat16(network, CPU)
    fast(*questions()).sum().backward()
    assert all(weight.grad is not None for name, weight in network.named_parameters() if "label" not in name)
    with torch.no_grad():
        before = fast(*questions())
        with recorded_attention(network) as maps:
            recorded = fast(*questions())
    assert torch.equal(recorded, before)
    assert maps
    assert all(len(calls) == 1 for calls in maps.values())
    seen = []
    hook = network.register_forward_pre_hook(lambda layer, inputs: seen.append(len(inputs[0])))
    with torch.no_grad():
        devices.Bfloat16(network, CPU)(*questions())
        fast(*questions())
        hook.remove()
        fast(*questions())
    assert seen == [3, 3]


def test_a_run_sees_what_torch_does_not_count(monkeypatch):
    monkeypatch.setattr("diffusion.model.use_bfloat16", lambda device: True)
    model = tiny_model()
    with torch.inference_mode():
        before = model.generate([3], steps=2)
    assert torch.equal(model.generate([3], steps=2), before)
    model.network.output[-1].bias.data.add_(0.5)  # as a fused optimiser's step is not counted, either
    changed = model.generate([3], steps=2)
    fresh = tiny_model()
    fresh.network.load_state_dict(model.network.state_dict())
    assert not torch.equal(changed, before)
    assert torch.equal(changed, fresh.generate([3], steps=2))


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are left as they are")
def test_memory_that_was_freed_is_not_given_back_and_fetched_again():
    program = """
import resource, torch
from tests.tiny import tiny_model
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def round():
    before = faults()
    tensors = [torch.zeros(1 << 20) for _ in range(6)]
    return faults() - before
*_, before = (round() for _ in range(5))
tiny_model()
*_, after = (round() for _ in range(5))
print(before, after)
"""
    returning = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536"}  # else it depends on what lies above them on the heap
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=returning)
    before, after = map(int, done.stdout.split())
    assert before > 1000  # 24 MB, in pages of 4 kB
    assert after < 100
