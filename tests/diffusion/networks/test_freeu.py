import pytest
import torch
from diffusers.utils.torch_utils import fourier_filter

from diffusion.networks import FreeU, UNetConfig
from diffusion.networks.freeu import low_frequency_gain, scale_backbone, scale_low_frequencies
from tests.diffusion.networks.samples import DENOISERS, build, change, times, woken


@pytest.mark.parametrize("name", ["plain", "patch", "deep", "self-cross", "guided"])
def test_ones_change_nothing_and_either_scale_changes_the_output(name):
    network = woken(build(DENOISERS[name]))
    torch.manual_seed(1)
    x, t, y = torch.randn(2, 1, 12, 12), times(network, 2), torch.tensor([1, 10])
    out = network(x, t, y)
    assert torch.equal(network(x, t, y, freeu=FreeU()), out)
    for freeu in (FreeU(b=1.3), FreeU(s=0.5)):
        changed = network(x, t, y, freeu=freeu)
        assert change(out, changed) > 1e-4
        torch.testing.assert_close(network(x[:1], t[:1], y[:1], freeu=freeu), changed[:1], rtol=1e-4, atol=1e-5)
    assert torch.equal(network(x, t, y), out)


def test_it_acts_at_the_deeper_half_of_the_levels():
    acts = {levels: [level for level in range(levels) if FreeU().applies(level, levels)] for levels in (1, 2, 3, 4)}
    assert acts == {1: [0], 2: [1], 3: [1, 2], 4: [2, 3]}


@pytest.mark.parametrize(("levels", "skips"), [(1, False), (2, False), (3, True), (4, True)])
def test_it_needs_skips_where_it_acts(levels, skips):
    shape = {"channels": (16,) * levels, "attention": (False,) * levels}
    assert UNetConfig(**shape).freeu
    assert UNetConfig(**shape, skip_per="level").freeu == skips
    network = woken(build({"kind": "unet", **shape, "skip_per": "level"}))
    torch.manual_seed(1)
    x, t = torch.randn(2, 1, 16, 16), times(network, 2)
    assert (change(network(x, t), network(x, t, freeu=FreeU(1.3, 0.5))) > 1e-4) == skips


def test_the_backbone_is_amplified_where_its_mean_is_large():
    h = torch.tensor([[0.0, 4.0], [2.0, 6.0], [4.0, 8.0]])  # 3 pixels of 2 channels; means 2, 4, 6
    h = torch.stack([h, 10 * h]).transpose(1, 2).unsqueeze(2)  # two images (2, 2, 1, 3), each normalised by itself
    out = scale_backbone(h, 1.5)
    assert out[0, 0, 0].tolist() == pytest.approx([0, 2 * 1.25, 4 * 1.5])
    assert torch.equal(out[:, 1], h[:, 1])
    torch.testing.assert_close(out[1], 10 * out[0])
    flat = torch.ones(1, 2, 2, 2)
    assert torch.equal(scale_backbone(flat, 1.5), flat)


@pytest.mark.parametrize("size", [(7, 7), (8, 6), (5, 8), (2, 2), (1, 5), (1, 1)])
def test_the_filter_is_the_published_one(size):
    """Scale the frequencies -1 and 0 of both axes, and take the real part."""
    torch.manual_seed(0)
    skip = torch.randn(2, 3, *size, dtype=torch.float64)
    spectrum = torch.fft.fft2(skip)
    for u in {0, size[0] - 1}:
        for v in {0, size[1] - 1}:
            spectrum[..., u, v] *= 0.2
    expected = torch.fft.ifft2(spectrum).real
    torch.testing.assert_close(scale_low_frequencies(skip, 0.2), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("size", [(7, 7), (8, 8), (14, 14), (2, 4)])
def test_the_filter_is_that_of_diffusers(size):
    skip = torch.randn(2, 3, *size)
    torch.testing.assert_close(scale_low_frequencies(skip, 0.2), fourier_filter(skip, 1, 0.2), rtol=0, atol=1e-5)


def test_gains_of_the_low_frequencies():
    rows_0_1_2_and_minus_1 = low_frequency_gain(8, 8, 0.2)[[0, 1, 2, 7]]
    assert rows_0_1_2_and_minus_1[:, :3].tolist() == [
        pytest.approx(row) for row in ([0.2, 0.6, 1], [0.6, 0.6, 1], [1, 1, 1], [0.6, 1, 1])
    ]


def test_half_precision_is_kept():
    h, skip = FreeU(1.2, 0.8)(torch.randn(1, 4, 7, 7).bfloat16(), torch.randn(1, 4, 7, 7).bfloat16())
    assert h.dtype == skip.dtype == torch.bfloat16
