import math

import pytest
import torch
from pydantic import ValidationError

from diffusion.condition import Condition
from diffusion.networks.dit import DiTConfig, modulate, sincos_positions
from tests.diffusion.networks.samples import DENOISERS, build, times, woken


def test_positions_encode_row_and_column():
    positions = sincos_positions(2, 3, 8, torch.device("cpu"))
    assert positions.shape == (6, 8)
    for row in range(2):
        for column in range(3):
            halves = [(math.cos(p), math.cos(p / 10**0.5), math.sin(p), math.sin(p / 10**0.5)) for p in (row, column)]
            assert positions[3 * row + column].tolist() == pytest.approx([*halves[0], *halves[1]], abs=1e-6)


def test_modulation_scales_and_shifts_each_image():
    x = torch.ones(2, 3, 1)
    out = modulate(x, torch.tensor([[1.0], [2.0]]), torch.tensor([[10.0], [20.0]]))
    assert out[:, 0, 0].tolist() == [12, 23]


@pytest.mark.parametrize("name", ["dit", "dit-cross"])
def test_fresh_blocks_are_the_identity(name):
    network = build(DENOISERS[name])
    x = torch.randn(2, 9, 32)
    embedding, context = network.embed(times(network, 2), Condition(torch.tensor([1, 2])))
    for block in network.blocks:
        assert torch.equal(block(x, embedding, context), x)


def test_a_block_is_its_gated_residuals():
    torch.manual_seed(0)
    network = woken(build(DENOISERS["dit-cross"]))
    block, x = network.blocks[0], torch.randn(2, 9, 32)
    embedding, context = network.embed(times(network, 2), Condition(torch.tensor([1, 2])))
    made = torch.nn.functional.linear(embedding, block.modulation.weight, block.modulation.bias)
    scale1, shift1, gate1, scale2, shift2, gate2 = (made[:, None, 32 * i : 32 * (i + 1)] for i in range(6))

    def normed(h):
        return (h - h.mean(-1, keepdim=True)) / (h.var(-1, unbiased=False, keepdim=True) + 1e-6).sqrt()

    h = x + gate1 * block.attention(normed(x) * (1 + scale1) + shift1)
    h = h + block.cross(block.cross_norm(h), context)
    h = h + gate2 * block.mlp(normed(h) * (1 + scale2) + shift2)
    torch.testing.assert_close(block(x, embedding, context), h)


def test_patches_go_back_to_where_they_came_from():
    network = woken(build(DENOISERS["dit"]))
    for block in network.blocks:  # tokens that do not speak to each other
        torch.nn.init.zeros_(block.attention.out.weight)
    x, t, y = torch.randn(1, 1, 12, 12), torch.tensor([500.0]), torch.tensor([3])
    changed = x.clone()
    changed[0, 0, 5, 10] += 1  # in the patch of rows 4 to 7, columns 8 to 11
    touched = (network(x, t, y) != network(changed, t, y))[0, 0].nonzero()
    assert touched.min(dim=0).values.tolist() == [4, 8]
    assert touched.max(dim=0).values.tolist() == [7, 11]


def test_files_without_an_epsilon_are_of_networks_trained_with_torchs():
    assert DiTConfig().norm_eps == 1e-6
    assert DiTConfig.model_validate_json('{"kind": "dit"}').norm_eps == 1e-5
    for config in (DiTConfig(), DiTConfig(norm_eps=1e-5)):
        assert DiTConfig.model_validate_json(config.model_dump_json()) == config
    settings = {**DENOISERS["dit-cross"], "norm_eps": 0.01}
    norms = [layer.eps for layer in build(settings).modules() if isinstance(layer, torch.nn.LayerNorm)]
    assert norms == [0.01] * 7


def test_stride_is_the_patch():
    assert DiTConfig(patch=7).stride == 7


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"width": 32, "heads": 5}, "must divide the width"),
        ({"depth": 10**6}, "less than or equal to 32"),
        ({"width": 2048}, "less than or equal to 1024"),
        ({"patch": 3}, "Input should be"),
        ({"context_tokens": 0}, "greater than or equal to 1"),
        ({"colour": "red"}, "Extra inputs"),
    ],
)
def test_impossible_or_huge_settings_are_refused(settings, complaint):
    with pytest.raises(ValidationError, match=complaint):
        DiTConfig(**settings)
