"""The precision is the faster one, and bfloat16 only where the processor has it; or the one that was chosen."""

import pytest
import torch

from diffusion import Condition
from diffusion.errors import InputError
from diffusion.networks import recorded_attention
from diffusion.runtime import precision
from diffusion.runtime.precision import Bfloat16Network
from tests.tiny import NETWORK, tiny_model

CPU = torch.device("cpu")


def inputs(seed=0):
    generator = torch.Generator().manual_seed(seed)
    condition = Condition(torch.tensor([1, 5, -1]))
    return torch.randn(3, 1, 8, 8, generator=generator), torch.tensor([3.0, 400.0, 900.0]), condition


@pytest.mark.parametrize(("choice", "uses"), [("fp32", False), ("bf16", True)])
def test_the_environment_decides_whatever_the_processor_has(choice, uses, monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: not uses)
    monkeypatch.setattr(precision, "cpu_gains", lambda: not uses)
    monkeypatch.setenv(precision.VARIABLE, choice)
    assert precision.use_bfloat16(CPU) == uses
    assert precision.precision_on(CPU) == choice


def test_another_precision_is_refused(monkeypatch):
    monkeypatch.setenv(precision.VARIABLE, "fp8")
    with pytest.raises(InputError, match="DIGIT_DIFFUSION_PRECISION must be auto, fp32 or bf16, not 'fp8'"):
        precision.use_bfloat16(CPU)


@pytest.mark.parametrize(("has", "gains"), [(False, True), (True, False), (True, True)])
def test_bfloat16_needs_the_instructions_and_a_gain(has, gains, monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: has)
    monkeypatch.setattr(precision, "cpu_gains", lambda: gains)
    for choice in ("", "auto"):
        monkeypatch.setenv(precision.VARIABLE, choice)
        assert precision.use_bfloat16(CPU) == (has and gains)


@pytest.mark.parametrize(("seconds", "gains"), [((2.0, 1.0), True), ((1.0, 2.0), False), ((1.0, 0.9), False)])
def test_the_gain_is_that_of_a_convolution(seconds, gains, monkeypatch):
    """On a clock that moves by the seconds of a precision whenever it convolves."""
    clock, cost = [0.0], dict(zip((torch.float32, torch.bfloat16), seconds, strict=True))

    class Conv:
        def __init__(self, dtype):
            self.dtype = dtype

        def __call__(self, x):
            clock[0] += cost[self.dtype]

    monkeypatch.setattr(precision, "convolution", lambda dtype: (Conv(dtype), None))
    monkeypatch.setattr(precision.time, "thread_time", lambda: clock[0])
    assert precision.cpu_gains.__wrapped__() == gains


def test_what_is_timed_convolves_in_its_precision():
    for dtype in (torch.float32, torch.bfloat16):
        conv, x = precision.convolution(dtype)
        assert conv(x).dtype == dtype


@pytest.mark.parametrize("attends", [True, "cross", "transformer"])
@pytest.mark.parametrize("resample", ["conv", "transposed", "residual"])
@torch.no_grad()
def test_weights_rounded_beforehand_are_those_that_autocast_rounds(attends, resample):
    settings = {"channels": (8, 8), "patch": 2, "attention": (False, attends), "resample": resample, "head_channels": 8}
    network = tiny_model(network=NETWORK | settings).network
    fast = Bfloat16Network(network, CPU)
    x, t, condition = inputs()
    with torch.autocast("cpu", torch.bfloat16):
        expected = network(x, t, condition)
    assert torch.equal(fast(x, t, condition), expected)
    assert not torch.equal(network(x, t, condition), expected)
    assert all(weight.dtype == torch.float32 for weight in network.parameters())


@torch.no_grad()
def test_rounded_weights_follow_those_of_the_network():
    network = tiny_model().network
    fast = Bfloat16Network(network, CPU)
    before = fast(*inputs())
    network.output[-1].bias += 1
    moved = fast(*inputs())
    torch.testing.assert_close(moved, before + 1, rtol=0, atol=0.05)
    network.load_state_dict(tiny_model(seed=3).network.state_dict())
    assert torch.equal(fast(*inputs()), Bfloat16Network(tiny_model(seed=3).network, CPU)(*inputs()))


@torch.no_grad()
def test_the_copy_follows_buffers_and_the_mode_and_inference_mode_is_no_obstacle():
    network = tiny_model(network=NETWORK | {"time": "fourier", "dropout": 0.5}).network
    fast = Bfloat16Network(network, CPU)
    x, _, condition = inputs()
    at_times = (x, torch.tensor([0.1, 0.5, 0.9]), condition)
    before = fast(*at_times)
    network.train()
    assert not torch.equal(fast(*at_times), fast(*at_times))  # dropout
    network.eval()
    assert torch.equal(fast(*at_times), before)
    network.features.W.neg_()
    assert not torch.equal(fast(*at_times), before)
    with torch.inference_mode():
        born = Bfloat16Network(tiny_model().network, CPU)
        assert torch.equal(born(*inputs()), Bfloat16Network(tiny_model().network, CPU)(*inputs()))
    assert born(*inputs()).isfinite().all()


def test_gradients_and_hooks_are_those_of_the_network_itself():
    network = tiny_model(network=NETWORK | {"attention": ("cross",), "head_channels": 8}).network
    fast = Bfloat16Network(network, CPU)
    fast(*inputs()).sum().backward()
    assert all(weight.grad is not None for name, weight in network.named_parameters() if "label" not in name)
    with torch.no_grad():
        before = fast(*inputs())
        with recorded_attention(network) as maps:
            recorded = fast(*inputs())
    assert torch.equal(recorded, before)
    assert maps
    assert all(len(calls) == 1 for calls in maps.values())
    seen = []
    hook = network.register_forward_pre_hook(lambda layer, inputs: seen.append(len(inputs[0])))
    with torch.no_grad():
        Bfloat16Network(network, CPU)(*inputs())
        fast(*inputs())
        hook.remove()
        fast(*inputs())
    assert seen == [3, 3]


@torch.no_grad()
def test_a_copy_in_use_is_never_written_to():
    """Another thread may be computing with it: a change of the weights makes a new one."""
    network = tiny_model().network
    fast = Bfloat16Network(network, CPU)
    before = fast(*inputs())
    copy = fast.current()
    assert fast.current() is copy
    held = {name: (tensor, tensor.clone()) for name, tensor in copy.state_dict(keep_vars=True).items()}
    for weight in network.parameters():
        weight.mul_(1.5)
    assert not torch.equal(fast(*inputs()), before)
    network.output[-1].bias.data.add_(1)
    fast.refresh()
    fast(*inputs())
    assert fast.current() is not copy
    for name, tensor in copy.state_dict(keep_vars=True).items():
        original, values = held[name]
        assert tensor is original
        assert torch.equal(tensor, values)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(copy(*inputs()), before)


def write_to_data(network):
    network.output[-1].bias.data.add_(0.5)


def fused_step(network):
    for weight in network.parameters():
        weight.grad = torch.ones_like(weight)
    torch.optim.AdamW(network.parameters(), lr=0.1, fused=True).step()
    network.zero_grad()


@pytest.mark.parametrize("change", [write_to_data, fused_step])
def test_a_run_uses_the_weights_as_they_are_also_where_torch_does_not_count_changes(change, monkeypatch):
    monkeypatch.setattr("diffusion.runtime.inference.use_bfloat16", lambda device: True)
    model = tiny_model()
    with torch.inference_mode():
        before = model.generate([3], steps=2)
    assert torch.equal(model.generate([3], steps=2), before)
    change(model.network)
    changed = model.generate([3], steps=2)
    fresh = tiny_model()
    fresh.network.load_state_dict(model.network.state_dict())
    assert not torch.equal(changed, before)
    assert torch.equal(changed, fresh.generate([3], steps=2))


def test_precisions_differ_by_rounding_alone(monkeypatch):
    images = []
    for choice in ("fp32", "bf16"):
        monkeypatch.setenv(precision.VARIABLE, choice)
        images.append(tiny_model().generate([0, 1, 2], steps=5))
    assert 0 < (images[0] - images[1]).abs().max() < 0.1
