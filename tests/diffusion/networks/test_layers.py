import numpy as np
import pytest
import torch

from diffusion.networks.blocks import ResBlock
from diffusion.networks.layers import FrequencyBranch, group_norm
from diffusion.networks.trunk_config import TrunkConfig


@pytest.mark.parametrize("size", [(7, 7), (6, 10), (1, 5)])
def test_the_frequency_branch_is_an_explicit_fourier_transform(size):
    torch.manual_seed(0)
    branch, x = FrequencyBranch(2), torch.randn(1, 2, *size)
    assert (branch(x) == 0).all()
    torch.nn.init.normal_(branch.conv.weight)
    torch.nn.init.normal_(branch.conv.bias)

    height, width = size
    rows, columns = np.arange(height), np.arange(width)
    wave = np.exp(-2j * np.pi * np.einsum("u,h->uh", rows, rows) / height)  # (u, h)
    across = np.exp(-2j * np.pi * np.einsum("v,w->vw", columns, columns) / width)  # (v, w)
    norm = np.sqrt(height * width)
    spectrum = np.einsum("chw,uh,vw->cuv", x[0].numpy(), wave, across) / norm
    weight, bias = branch.conv.weight.detach().numpy()[:, :, 0, 0], branch.conv.bias.detach().numpy()
    mixed = np.einsum("oc,cuv->ouv", weight, np.concatenate([spectrum.real, spectrum.imag])) + bias[:, None, None]
    mixed = mixed / (1 + np.exp(-mixed))
    half = (mixed[:2] + 1j * mixed[2:])[:, :, : width // 2 + 1]
    # irfft2: back along the columns, then along the rows with the missing half mirrored
    back = np.einsum("cuv,uh->chv", half, wave.conj())
    expected = np.zeros((2, height, width))
    for v in range(width // 2 + 1):
        alone = v == 0 or 2 * v == width
        wave_v = np.exp(2j * np.pi * v * columns / width)
        expected += (1 if alone else 2) * (back[:, :, v, None] * wave_v).real
    np.testing.assert_allclose(branch(x)[0].detach().numpy(), expected / norm, atol=1e-4)


def test_a_pixel_reaches_every_other_through_the_spectrum():
    torch.manual_seed(0)
    branch, x = FrequencyBranch(4), torch.randn(1, 4, 9, 9)
    torch.nn.init.normal_(branch.conv.weight)
    other = x.clone()
    other[0, 0, 2, 3] += 1
    assert ((branch(x) - branch(other)).abs() > 1e-5).float().mean() > 0.9


@pytest.mark.parametrize(
    ("channels", "most", "groups"), [(64, 8, 8), (64, 32, 32), (12, 8, 6), (7, 8, 7), (40, 32, 20)]
)
def test_groups_divide_the_channels(channels, most, groups):
    assert group_norm(channels, most).num_groups == groups


def test_group_norm_is_float32_under_autocast():
    norm = group_norm(16)
    x = torch.randn(2, 16, 5, 5, generator=torch.Generator().manual_seed(0)).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        normed = norm(x)
    assert normed.dtype == torch.float32
    torch.testing.assert_close(normed, torch.nn.functional.group_norm(x.float(), 8))
    assert norm.bfloat16()(x).dtype == torch.bfloat16


@pytest.mark.parametrize("order", ["norm_first", "conv_first"])
@pytest.mark.parametrize("scale_shift", [False, True])
@pytest.mark.parametrize("resample", [None, torch.nn.AvgPool2d(2), torch.nn.Upsample(scale_factor=2.0)])
def test_a_residual_block_in_either_order(order, scale_shift, resample):
    torch.manual_seed(0)
    block = ResBlock(8, 16, 12, TrunkConfig(order=order, scale_shift=scale_shift, groups=4), resample)
    x, embedding = torch.randn(2, 8, 6, 6), torch.randn(2, 12)
    small = x if resample is None else resample(x)
    assert torch.equal(block(x, embedding), block.skip(small))  # fresh: nothing but the skip
    for layer in (block.conv2, block.norm2):
        torch.nn.init.normal_(layer.weight)

    silu, embedded = torch.nn.functional.silu, block.embed(embedding)[:, :, None, None]
    scale, shift = (embedded[:, :16], embedded[:, 16:]) if scale_shift else (0, embedded)
    if order == "norm_first":
        h = silu(block.norm1(x))
        h = block.conv1(h if resample is None else resample(h))
        h = block.norm2(h) * (1 + scale) + shift if scale_shift else block.norm2(h + shift)
        h = block.conv2(silu(h))
    else:
        h = silu(block.norm1(block.conv1(small))) * (1 + scale) + shift
        h = silu(block.norm2(block.conv2(h)))
    torch.testing.assert_close(block(x, embedding), block.skip(small) + h)
