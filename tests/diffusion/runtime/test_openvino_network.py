"""OpenVINO computes what torch computes, for every bundled network."""

import sys

import pytest
import torch

from diffusion import Condition, load_model
from diffusion.io.hub import bundled
from diffusion.io.loading import load_any
from diffusion.runtime.openvino_network import OpenVINONetwork, installed

pytestmark = pytest.mark.skipif(not installed(), reason="OpenVINO has no package for this platform")
SIZES = [1, 5, 33]


def inputs(config, n):
    """Noise, times as the network gets them, every label and none, every scale; images in low resolution."""
    generator = torch.Generator().manual_seed(n)
    t = config.process.embed_time(torch.rand(n, generator=generator, dtype=torch.float64)).float()
    low_res = scale = labels = None
    if config.num_classes:
        labels = torch.arange(n) % (config.num_classes + 1) - 1
    if config.low_res_size:
        low_res = 2 * torch.rand(n, config.channels, config.low_res_size, config.low_res_size, generator=generator) - 1
    if config.max_guidance:
        scale = torch.rand(n, generator=generator) * config.max_guidance
    return torch.randn(n, *config.image_shape, generator=generator), t, Condition(labels, low_res, scale)


@pytest.fixture(scope="module")
def compiled_turbo():
    model = load_model("turbo")
    return model, OpenVINONetwork(model.network, *inputs(model.config, 2), bfloat16=False)


@torch.no_grad()
def assert_same(model, compiled, sizes):
    """Of torch's largest batch, the first n images are what the other engine computes as a batch of n."""
    x, t, condition = inputs(model.config, max(sizes))
    expected = model.network(x, t, condition)
    atol = 1e-5 * max(1, float(expected.abs().max()))
    for n in sizes:
        found = compiled(x[:n], t[:n], condition.rows(slice(n)))
        torch.testing.assert_close(found, expected[:n], rtol=0, atol=atol)


@pytest.mark.parametrize("name", [name for name in bundled() if name not in ("classifier", "turbo")])
def test_every_bundled_network_agrees_with_torch(name):
    model = load_any(name)
    assert_same(model, OpenVINONetwork(model.network, *inputs(model.config, 2), bfloat16=False), SIZES)


def test_every_batch_size_agrees_and_none_compiles_again(compiled_turbo):
    assert_same(*compiled_turbo, range(1, 65))


@torch.no_grad()
def test_inputs_of_other_kinds_are_not_taken(compiled_turbo):
    model, compiled = compiled_turbo
    x, _, condition = inputs(model.config, 4)
    assert compiled.takes(x, condition)
    assert not compiled.takes(x, Condition(condition.labels))
    assert not compiled.takes(x[..., :14], condition)
    assert not compiled.takes(x, Condition(condition.labels, x, condition.guidance_scale))


@torch.no_grad()
def test_outputs_are_the_callers_own(compiled_turbo):
    model, compiled = compiled_turbo
    first, second = inputs(model.config, 3), inputs(model.config, 4)
    output = compiled(*first)
    before = output.clone()
    compiled(*second)
    assert torch.equal(output, before)


@pytest.mark.parametrize("name", ["unet", "turbo", "dit-cross"])
@torch.no_grad()
def test_in_bfloat16_it_errs_by_that_types_rounding(name):
    """As torch does in it, over some fifty layers; also what depends on the angles of times and guidance scales."""
    model = load_model(name)
    given = inputs(model.config, 16)
    compiled = OpenVINONetwork(model.network, *inputs(model.config, 2), bfloat16=True)
    exact, found = model.network(*given), compiled(*given)
    with torch.autocast("cpu", torch.bfloat16):
        torchs = model.network(*given).float()
    assert (found - exact).norm() < 2 * (torchs - exact).norm() < 0.02 * exact.norm()


def test_nothing_is_reported_to_anybody():
    assert sys.modules["openvino_telemetry"] is None
