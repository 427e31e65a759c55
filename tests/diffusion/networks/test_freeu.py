import pytest
import torch

from diffusion.networks import FreeU, UNetConfig
from diffusion.networks.freeu import backbone_scaled, low_frequencies_scaled
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
def test_it_wants_skips_where_it_acts(levels, skips):
    shape = {"channels": (16,) * levels, "attention": (False,) * levels}
    assert UNetConfig(**shape).freeu
    assert UNetConfig(**shape, skip_per="level").freeu == skips
    network = woken(build({"kind": "unet", **shape, "skip_per": "level"}))
    torch.manual_seed(1)
    x, t = torch.randn(2, 1, 16, 16), times(network, 2)
    assert (change(network(x, t), network(x, t, freeu=FreeU(1.3, 0.5))) > 1e-4) == skips


def test_the_backbone_is_amplified_where_it_is_strong():
    h = torch.tensor([[0.0, 4.0], [2.0, 6.0], [4.0, 8.0]])  # 3 pixels of 2 channels; means 2, 4, 6
    h = torch.stack([h, 10 * h]).transpose(1, 2).unsqueeze(2)  # two images (2, 2, 1, 3), of their own range each
    out = backbone_scaled(h, 1.5)
    assert out[0, 0, 0].tolist() == pytest.approx([0, 2 * 1.25, 4 * 1.5])
    assert torch.equal(out[:, 1], h[:, 1])
    torch.testing.assert_close(out[1], 10 * out[0])
    flat = torch.ones(1, 2, 2, 2)
    assert torch.equal(backbone_scaled(flat, 1.5), flat)


@pytest.mark.parametrize("size", [(7, 7), (8, 6), (2, 2), (1, 1)])
def test_only_the_lowest_frequencies_of_a_skip_are_scaled(size):
    torch.manual_seed(0)
    skip = torch.randn(2, 3, *size)
    spectrum = torch.fft.fft2(skip.double())
    for u in range(size[0]):
        for v in range(size[1]):
            if min(u, size[0] - u) <= 1 and min(v, size[1] - v) <= 1:
                spectrum[..., u, v] *= 0.2
    expected = torch.fft.ifft2(spectrum)
    assert expected.imag.abs().max() < 1e-12
    torch.testing.assert_close(low_frequencies_scaled(skip, 0.2).double(), expected.real, rtol=1e-4, atol=1e-5)


def test_half_precision_is_kept():
    h, skip = FreeU(1.2, 0.8)(torch.randn(1, 4, 7, 7).bfloat16(), torch.randn(1, 4, 7, 7).bfloat16())
    assert h.dtype == skip.dtype == torch.bfloat16
