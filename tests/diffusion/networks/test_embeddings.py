import math

import pytest
import torch

from diffusion.condition import Condition
from diffusion.networks.embeddings import Conditioned, GaussianFourier, Scalar, Sinusoidal, sinusoidal, time_features
from tests.diffusion.networks.samples import DENOISERS, build


def test_sinusoids_have_guided_diffusions_frequencies():
    features = sinusoidal(torch.tensor([0.0, 250.5]), 8)
    for row, t in zip(features, (0.0, 250.5), strict=True):
        angles = [t * 10_000 ** (-i / 4) for i in range(4)]
        expected = [math.cos(a) for a in angles] + [math.sin(a) for a in angles]
        assert row.tolist() == pytest.approx(expected, abs=1e-4)


def test_fourier_frequencies_are_fixed_saved_and_scaled():
    torch.manual_seed(0)
    features = GaussianFourier(4096, 30.0)
    assert list(features.state_dict()) == ["W"]
    assert not list(features.parameters())
    assert features.W.std().item() == pytest.approx(30, rel=0.05)
    t = torch.tensor([0.0, 0.37])
    angles = 2 * math.pi * 0.37 * features.W.double()
    torch.testing.assert_close(features(t)[0], torch.cat([torch.zeros(2048), torch.ones(2048)]))
    torch.testing.assert_close(features(t)[1].double(), torch.cat([angles.sin(), angles.cos()]), rtol=0, atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_fourier_frequencies_survive_half_precision_exactly(dtype):
    torch.manual_seed(0)
    features = GaussianFourier(256, 30.0)
    assert torch.equal(features.W.to(dtype).float(), features.W)


def test_a_scalar_time_is_brought_to_minus_one_to_one():
    assert Scalar()(torch.tensor([0.0, 500.0, 1000.0])).tolist() == [[-1], [0], [1]]


@pytest.mark.parametrize(
    ("kind", "made"), [("sinusoidal", Sinusoidal), ("fourier", GaussianFourier), ("scalar", Scalar)]
)
def test_features_are_as_wide_as_they_say(kind, made):
    features = time_features(kind, 16, 30.0)
    assert type(features) is made
    assert features(torch.rand(5)).shape == (5, features.width)


def test_a_label_is_added_to_the_time_or_becomes_a_context():
    torch.manual_seed(0)
    t, y = torch.tensor([100.0, 800.0]), torch.tensor([2, 3])
    added = Conditioned(Sinusoidal(8), 16, 3)
    embedding, context = added.embed(t, Condition(y))
    assert context is None
    expected = torch.nn.functional.silu(added.time(sinusoidal(t, 8)) + added.label.weight[y])
    torch.testing.assert_close(embedding, expected)

    beside = Conditioned(Sinusoidal(8), 16, 3, tokens=4, context_width=6)
    embedding, context = beside.embed(t, Condition(y))
    torch.testing.assert_close(embedding, torch.nn.functional.silu(beside.time(sinusoidal(t, 8))))
    assert torch.equal(context, beside.label.weight[y].view(2, 4, 6))
    assert torch.equal(beside.embed(t, Condition())[1][0], beside.label.weight[3].view(4, 6))


def test_a_label_has_four_tokens_by_default():
    settings = {"kind": "unet", "channels": (16,), "attention": ("cross",), "head_channels": 8}
    assert build(settings).label.weight.shape == (11, 4 * 64)
    assert build(DENOISERS["deep"]).label.weight.shape == (11, 64)
