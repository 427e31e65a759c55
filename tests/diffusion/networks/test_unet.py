import math
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from diffusion.condition import Condition
from diffusion.networks.blocks import Block
from diffusion.networks.unet import UNetConfig
from tests.diffusion.networks.samples import DENOISERS, FLAT, build, change, times, woken

DEFAULT = {"kind": "unet", "patch": 2, "channels": (64, 96), "blocks": 1, "attention": (False, True)}


def test_the_default_network_has_the_tensors_of_its_trained_weights():
    stored = (Path(__file__).parent / "default_unet.txt").read_text().splitlines()
    tensors = build(DEFAULT).state_dict()
    assert [f"{name} {' '.join(map(str, tensor.shape))}" for name, tensor in tensors.items()] == stored


@torch.no_grad()
def test_the_default_network_still_computes_what_was_trained():
    network = build(DEFAULT)
    for i, weight in enumerate(network.parameters()):
        fan = weight.numel() / len(weight)
        wave = torch.arange(weight.numel(), dtype=torch.float64).mul(0.7).add(i).sin() / math.sqrt(fan)
        weight.copy_(wave.view_as(weight))
    x = torch.arange(2 * 784, dtype=torch.float64).mul(0.31).cos().float().view(2, 1, 28, 28)
    out = network(x, torch.tensor([3.0, 900.0]), torch.tensor([1, 10]))
    first = [-0.96946204, -1.35475445, -1.34489119, -1.35466206]  # as computed when its training began
    last = [0.73113006, 0.13216852, 0.74208343, 0.11928805]
    assert out[0, 0, 3, ::7].tolist() == pytest.approx(first, abs=2e-4)
    assert out[1, 0, 20, ::7].tolist() == pytest.approx(last, abs=2e-4)


@pytest.mark.parametrize("channels_last", [False, True])
def test_the_layout_in_memory_changes_nothing(channels_last):
    network = woken(build(DENOISERS["self-cross"]))
    torch.manual_seed(1)
    x, t, y = torch.randn(2, 1, 12, 12), times(network, 2), torch.tensor([1, 2])
    out = network(x, t, y)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    torch.testing.assert_close(network.to(memory_format=layout)(x, t, y), out, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("levels", "blocks"), [(1, 2), (2, 1), (3, 2)])
@pytest.mark.parametrize("skip_per", ["layer", "level"])
@torch.no_grad()
def test_skip_connections(levels, blocks, skip_per):
    shape = {"channels": (16, 24, 32)[:levels], "attention": (False,) * levels, "blocks": blocks}
    network = woken(build({"kind": "unet", **shape, "skip_per": skip_per}))
    put_out, got = [], []
    for layer in (network.input, *network.down):
        layer.register_forward_hook(lambda layer, _inputs, out: put_out.append((layer, out)))
    for layer in network.up:
        layer.register_forward_pre_hook(lambda layer, inputs: got.append((layer, inputs[0])))
    network(torch.randn(2, 1, 12, 12), times(network, 2), torch.tensor([1, 10]))
    lowest = 12 // 2 ** (levels - 1)
    ends = {out.shape[-1]: out for layer, out in put_out if isinstance(layer, Block) and out.shape[-1] > lowest}
    for layer, h in got:
        if isinstance(layer, Block):
            if skip_per == "layer":  # in the reverse of their order
                expected = put_out.pop()[1]
            elif (expected := ends.pop(h.shape[-1], None)) is None:  # only the first block of a level gets any
                assert h.shape[1] == layer.residual.conv2.out_channels
                continue
            assert torch.equal(h[:, -expected.shape[1] :], expected)
    assert not (put_out if skip_per == "layer" else ends)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_low_resolution_image_is_enlarged_and_concatenated(dtype):
    network = woken(build({**FLAT, "patch": 2, "low_res": "bilinear"}, channels=3, num_classes=0)).to(dtype)
    torch.manual_seed(1)
    x, t, small = torch.randn(2, 3, 28, 28), torch.tensor([3.0, 900.0]), torch.randn(2, 3, 7, 7)
    seen = []
    network.input.register_forward_pre_hook(lambda _layer, inputs: seen.append(inputs[0]))
    out = network(x, t, Condition(low_res=small))
    large = torch.nn.functional.interpolate(small, (28, 28), mode="bilinear")
    expected = torch.nn.functional.pixel_unshuffle(torch.cat([x, large], dim=1), 2).to(dtype)
    torch.testing.assert_close(seen[0], expected)
    assert change(out, network(x, t, Condition(low_res=small.flip(0)))) > 1e-3


def test_low_res_is_required_or_refused():
    x, t = torch.randn(1, 1, 12, 12), torch.tensor([3.0])
    with pytest.raises(ValueError, match="low_res must be given"):
        build({**FLAT, "low_res": "bilinear"})(x, t)
    with pytest.raises(ValueError, match="to no other"):
        build(FLAT)(x, t, Condition(low_res=x))
    with pytest.raises(ValidationError, match="should be 'bilinear'"):
        build({**FLAT, "low_res": "bicubic"})


def test_the_time_does_not_swamp_what_is_known_of_the_image():
    """A fresh scalar or Fourier time makes an embedding of the size that sinusoids make."""
    sizes = {}
    for kind in ("sinusoidal", "fourier", "scalar"):
        network = build({**FLAT, "time": kind}, num_classes=0)
        sizes[kind] = network.time(network.features(times(network, 50))).abs().mean().item()
    assert max(sizes.values()) < 4 * min(sizes.values()), sizes


@pytest.mark.parametrize(("heads", "head_channels", "count"), [(None, 8, 3), (None, 12, 2), (4, 8, 4)])
def test_heads_are_counted_by_number_or_by_channels(heads, head_channels, count):
    network = build({**FLAT, "heads": heads, "head_channels": head_channels})
    assert network.middle[0].attention.heads == count


def test_both_orders_are_the_same_network_when_the_weights_are_brought_to_the_order():
    first, legacy = (woken(build({**FLAT, "qkv_order": order})) for order in ("qkv_first", "heads_first"))
    tensors = first.state_dict()
    for name, tensor in tensors.items():
        if ".qkv." in name:  # (3, heads, d, ...) to (heads, 3, d, ...)
            tensors[name] = tensor.unflatten(0, (3, 3, 8)).transpose(0, 1).flatten(0, 2)
    legacy.load_state_dict(tensors)
    torch.manual_seed(1)
    x, t, y = torch.randn(2, 1, 12, 12), times(first, 2), torch.tensor([1, 2])
    torch.testing.assert_close(legacy(x, t, y), first(x, t, y), rtol=1e-4, atol=1e-5)
    legacy.load_state_dict(first.state_dict())
    assert change(legacy(x, t, y), first(x, t, y)) > 1e-4


def test_dropout_is_for_training_only():
    network = woken(build({**FLAT, "dropout": 0.5}))
    torch.manual_seed(1)
    x, t = torch.randn(1, 1, 12, 12), torch.tensor([500.0])
    assert torch.equal(network(x, t), network(x, t))
    network.train()
    assert change(network(x, t), network(x, t)) > 1e-3


@pytest.mark.parametrize("name", [name for name, settings in DENOISERS.items() if settings["kind"] == "unet"])
def test_settings_survive_json(name):
    config = UNetConfig(**DENOISERS[name])
    assert UNetConfig.model_validate_json(config.model_dump_json()) == config


def test_stride_is_the_patch_times_two_a_level_below_the_first():
    assert UNetConfig(**DEFAULT).stride == 4
    assert UNetConfig(**DENOISERS["deep"]).stride == 4


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"attention": (True,)}, "one entry for each"),
        ({"channels": (16, 24), "attention": (False, True), "head_channels": 32}, "head_channels 32 must divide"),
        ({"channels": (16, 24), "attention": (False, "cross"), "heads": 5}, "heads 5 must divide the channels 24"),
        ({"channels": (4096,), "attention": (False,)}, "less than or equal to 1024"),
        ({"channels": ()}, "at least 1"),
        ({"blocks": 10**9}, "less than or equal to 8"),
        ({"groups": 0}, "greater than or equal to 1"),
        ({"context_tokens": 10**6}, "less than or equal to 64"),
        ({"context_width": 10**6}, "less than or equal to 1024"),
        ({"fourier_scale": -1}, "greater than 0"),
        ({"attention": (False, "sideways")}, "Input should be"),
        ({"time": "sundial"}, "Input should be"),
        ({"colour": "red"}, "Extra inputs"),
    ],
)
def test_impossible_or_huge_settings_are_refused(settings, complaint):
    with pytest.raises(ValidationError, match=complaint):
        UNetConfig(**settings)
