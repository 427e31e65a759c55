import math

import pytest
import torch
from pydantic import ValidationError

from diffusion.networks.encoder import UNetEncoderConfig
from diffusion.networks.pooling import AdaptivePool, AttentionPool2d, SpatialPool
from tests.diffusion.networks.samples import ENCODERS, HALF, build, times, woken


def set_to(parameter, values):
    with torch.no_grad():
        parameter.copy_(torch.tensor(values, dtype=torch.float32).view_as(parameter))


def silu(x):
    return x / (1 + math.exp(-x))


def test_the_adaptive_pool_by_hand():
    pool = AdaptivePool(1, 2, 8)
    set_to(pool[3].weight, [2, -1])
    set_to(pool[3].bias, [0.5, 0])
    x = torch.tensor([[[[1.0, 3.0], [5.0, 7.0]]]])  # mean 4, variance 5
    normed = [(value - 4) / math.sqrt(5 + 1e-5) for value in (1, 3, 5, 7)]
    mean = sum(silu(value) for value in normed) / 4
    assert pool(x)[0].tolist() == pytest.approx([2 * mean + 0.5, -mean], abs=1e-5)


def test_the_attention_pool_by_hand():
    pool = AttentionPool2d(1, 2, 1, 2)
    set_to(pool.positions, [0.5, 1, 0, 0, -1])  # of the mean, then of the pixels row by row
    set_to(pool.qkv.weight, [2, 1, 3])
    set_to(pool.qkv.bias, [0, 0, 0.25])
    set_to(pool.out.weight, [1, -1])
    set_to(pool.out.bias, [0, 1])
    x = torch.tensor([[[[0.0, 1.0], [2.0, 1.0]]]])
    tokens = [1.5, 1, 1, 2, 0]  # the mean 1 and the pixels, each plus its position
    weights = [math.exp(2 * 1.5 * token) for token in tokens]
    pooled = sum(w * (3 * token + 0.25) for w, token in zip(weights, tokens, strict=True)) / sum(weights)
    assert pool(x)[0].tolist() == pytest.approx([pooled, 1 - pooled], abs=1e-5)


@pytest.mark.parametrize(("activation", "act"), [(torch.nn.ReLU(), lambda x: max(x, 0)), (torch.nn.SiLU(), silu)])
def test_the_spatial_pool_by_hand(activation, act):
    pool = SpatialPool(3, 2, 1, activation)
    set_to(pool.layers[0].weight, [1, 0, 2, 0, -1, 1])
    set_to(pool.layers[0].bias, [0, 0.5])
    set_to(pool.layers[2].weight, [10, 1])
    maps = [torch.tensor([[[[1.0, 3.0]], [[4.0, 6.0]]]]), torch.tensor([[[[1.0], [-2.0]]]])]  # means 2, 5 and -0.5
    hidden = [2 + 2 * -0.5, -5 - 0.5 + 0.5]
    assert pool(maps).item() == pytest.approx(10 * act(hidden[0]) + act(hidden[1]), abs=1e-5)


def test_spatial_pools_take_every_layer_and_differ_in_their_activation():
    network = woken(build(ENCODERS["spatial"]))
    seen = []
    network.pool.register_forward_hook(lambda _layer, inputs, _out: seen.extend(inputs[0]))
    network(torch.randn(2, 1, 12, 12), times(network, 2))
    assert [features.shape[1:] for features in seen] == [(16, 12, 12), (16, 12, 12), (16, 6, 6), (24, 6, 6), (24, 6, 6)]
    assert [type(layer) for layer in network.pool.layers][1] is torch.nn.ReLU
    norm, act = build(ENCODERS["spatial_v2"]).pool.layers[1]
    assert (norm.num_groups, norm.num_channels, type(act)) == (32, 64, torch.nn.SiLU)


def test_the_attention_pool_is_made_for_one_size():
    network = build(ENCODERS["attention"])
    with pytest.raises(ValueError, match=r"made for 6x6 features, not \(7, 7\)"):
        network(torch.randn(1, 1, 14, 14), torch.tensor([1.0]))


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"attention": (False, "cross")}, "no labels to attend to"),
        ({"attention": (False, False), "heads": 5}, "must divide the channels 24"),
        ({"pool": "max"}, "Input should be"),
        ({"pool_width": 10**9}, "less than or equal to 4096"),
        ({"low_res": "bilinear"}, "Extra inputs"),
    ],
)
def test_impossible_or_huge_settings_are_refused(settings, complaint):
    with pytest.raises(ValidationError, match=complaint):
        UNetEncoderConfig(**{**HALF, **settings})
