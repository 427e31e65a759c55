"""What every network must do, whatever its settings."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from diffusion.condition import Condition
from diffusion.networks.attention import TokenAttention
from tests.diffusion.networks.samples import DENOISERS, ENCODERS, FLAT, build, change, times, woken
from tests.tiny import assert_reaches_all


def inputs(network, n=3, channels=1, size=(12, 12)):
    torch.manual_seed(1)
    return torch.randn(n, channels, *size), times(network, n), torch.tensor([1, 10, 4, 7])[:n]


@pytest.mark.parametrize("name", DENOISERS)
@pytest.mark.parametrize(("channels", "learned_variance", "size"), [(1, False, (12, 12)), (3, True, (8, 20))])
def test_the_output_of_a_fresh_network_is_zero(name, channels, learned_variance, size):
    network = build(DENOISERS[name], channels, learned_variance=learned_variance)
    x, t, y = inputs(network, channels=channels, size=size)
    out = network(x, t, y)
    assert out.shape == (3, channels * (2 if learned_variance else 1), *size)
    assert (out == 0).all()


@pytest.mark.parametrize("name", ENCODERS)
def test_the_logits_of_a_fresh_encoder_are_zero(name):
    network = build(ENCODERS[name], 3, num_classes=7)
    x, t, _ = inputs(network, channels=3)
    assert network(x, t).shape == (3, 7)
    assert (network(x, t) == 0).all()


@pytest.mark.parametrize("name", DENOISERS)
def test_output_depends_on_x_on_t_and_on_the_label(name):
    network = woken(build(DENOISERS[name]))
    x, t, y = inputs(network)
    out = network(x, t, y)
    for other in (network(x + 0.1, t, y), network(x, 0.9 * t, y), network(x, t, torch.tensor([2, 3, 5]))):
        assert change(out, other) > 1e-4


@pytest.mark.parametrize("name", ENCODERS)
def test_logits_depend_on_x_and_on_t(name):
    network = woken(build(ENCODERS[name]))
    x, t, _ = inputs(network)
    out = network(x, t)
    assert change(out, network(x + 0.1, t)) > 1e-4
    assert change(out, network(x, 0.9 * t)) > 1e-4


@pytest.mark.parametrize("name", ["patch", "transformer", "self-cross", "dit", "dit-cross"])
def test_no_label_is_the_null_label(name):
    network = woken(build(DENOISERS[name]))
    x, t, _ = inputs(network)
    out = network(x, t)
    for null in (torch.tensor([10, 10, 10]), torch.tensor([-1, -1, -1]), torch.tensor([-1, 10, -1])):
        assert torch.equal(network(x, t, null), out)
        assert torch.equal(network(x, t, Condition(null)), out)


def test_conditions_that_a_network_does_not_take_are_refused():
    x, t, _ = inputs(build(FLAT))
    scale = torch.ones(3)
    for settings in (FLAT, DENOISERS["dit"]):
        with pytest.raises(ValueError, match="to no other"):
            build(settings)(x, t, Condition(guidance_scale=scale))
        with pytest.raises(ValueError, match="guidance_scale must be given"):
            build({**settings, "max_guidance": 4.0})(x, t)
        with pytest.raises(ValueError, match="low_res must be given to a network for super-resolution"):
            build(settings)(x, t, Condition(low_res=x))


@pytest.mark.parametrize("name", DENOISERS)
def test_networks_without_labels_ignore_them(name):
    network = woken(build(DENOISERS[name], num_classes=0))
    x, t, _ = inputs(network)
    assert network(x, t).shape == x.shape
    assert network.label is None
    assert not any(isinstance(layer, TokenAttention) and layer.crosses for layer in network.modules())
    torch.testing.assert_close(network(x, t), network(x, t, torch.tensor([0, 1, 2])))


@pytest.mark.parametrize("name", [*DENOISERS, *ENCODERS])
@pytest.mark.parametrize("num_classes", [0, 10])
def test_gradients_reach_every_parameter(name, num_classes):
    if name in ENCODERS:
        network = woken(build(ENCODERS[name])).train()
        out = network(*inputs(network, 4)[:2])
    else:
        network = woken(build(DENOISERS[name], num_classes=num_classes)).train()
        x, t, y = inputs(network, 4)
        out = network(x, t, y)
    assert_reaches_all(out.square().mean(), network)


@pytest.mark.parametrize("name", [*DENOISERS, *ENCODERS])
def test_images_of_a_batch_do_not_touch_each_other(name):
    network = woken(build((DENOISERS | ENCODERS)[name]))
    batch = inputs(network) if name in DENOISERS else inputs(network)[:2]
    together = network(*batch)
    for i in range(3):
        alone = network(*(part[i : i + 1] for part in batch))
        torch.testing.assert_close(alone, together[i : i + 1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", [*DENOISERS, *ENCODERS])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_only_rounds(name, dtype):
    network = woken(build((DENOISERS | ENCODERS)[name]))
    batch = inputs(network) if name in DENOISERS else inputs(network)[:2]
    exact = network(*batch)
    rounded = network.to(dtype)(*batch)
    assert rounded.dtype == torch.float32  # as x is
    assert 0 < change(exact, rounded) < (0.1 if dtype == torch.bfloat16 else 0.0125)
    assert network(batch[0].to(dtype), *batch[1:]).dtype == dtype


@pytest.mark.parametrize("name", [*DENOISERS, *ENCODERS])
def test_autocast_only_rounds(name):
    network = woken(build((DENOISERS | ENCODERS)[name]))
    batch = inputs(network) if name in DENOISERS else inputs(network)[:2]
    with torch.autocast("cpu", torch.bfloat16):
        rounded = network(*batch)
    assert rounded.dtype == torch.float32
    assert 0 < change(network(*batch), rounded) < 0.1


@pytest.mark.parametrize("name", ["deep", "guided", "self-cross", "frequency"])
def test_checkpointing_changes_nothing(name):
    gradients = {}
    for checkpoint in (False, True):
        network = woken(build({**DENOISERS[name], "checkpoint": checkpoint})).train()
        x, t, y = inputs(network)
        torch.manual_seed(2)  # the same dropout when a block is computed again
        out = network(x, t, y)
        out.square().mean().backward()
        gradients[checkpoint] = [out, *(parameter.grad for parameter in network.parameters())]
    for without, with_it in zip(*gradients.values(), strict=True):
        torch.testing.assert_close(without, with_it, rtol=0, atol=0)


def test_checkpointing_keeps_less_for_the_way_back():
    kept = {}
    for checkpoint in (False, True):
        network = woken(build({**FLAT, "checkpoint": checkpoint})).train()
        tensors = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda kept, into=tensors: into.append(kept) or kept, lambda kept: kept
        ):
            network(*inputs(network))
        kept[checkpoint] = sum(tensor.numel() for tensor in tensors)
    assert kept[True] < kept[False] / 2


@pytest.mark.parametrize("name", ["deep", "transformer", "guided", "frequency", "dit-cross"])
def test_networks_built_on_the_meta_device_load_weights(name):
    network = woken(build(DENOISERS[name]))
    with torch.device("meta"):
        empty = build(DENOISERS[name])
    empty.load_state_dict(network.state_dict(), assign=True)
    batch = inputs(network)
    assert torch.equal(empty(*batch), network(*batch))


def test_making_a_network_on_no_device_does_not_import_the_compiler():
    script = f"""
import sys
import torch
from tests.diffusion.networks.samples import build
with torch.device("meta"):
    for settings in {[*DENOISERS.values(), *ENCODERS.values()]}:
        build(settings)
assert not {{"sympy", "torch._dynamo", "torch._inductor"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).parents[3])


def test_an_encoder_learns_no_variance_and_needs_classes():
    with pytest.raises(ValueError, match="no variance"):
        build(ENCODERS["adaptive"], learned_variance=True)
    with pytest.raises(ValueError, match="at least one class"):
        build(ENCODERS["adaptive"], num_classes=0)
