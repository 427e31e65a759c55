"""Bits per dimension: the sum of its parts, closed forms, and the variances of the trained model."""

import math

import pytest
import torch

from diffusion import InputError, Model, ModelConfig
from tests.tiny import DIGITS, NETWORK, tiny_model
from train.datasets import Dataset
from train.evaluation.likelihood import bits_per_dim


def images(n=6, size=8):
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (n, 1, size, size), generator=generator, dtype=torch.uint8)
    return Dataset(pixels, torch.arange(n) % 10, list(DIGITS))


def test_the_parts_add_up_and_the_batch_size_does_not_matter():
    model = tiny_model(variance="large")
    result = bits_per_dim(model, images(), batch_size=4, respacing="ddim20")
    assert result["n"] == 6
    assert result["steps"] == 20
    total = result["prior"] + result["chain"] + result["decoder"]
    assert result["bits_per_dim"] == pytest.approx(total, rel=1e-9)
    again = bits_per_dim(model, images(), batch_size=6, respacing="ddim20")
    assert again["bits_per_dim"] == pytest.approx(result["bits_per_dim"], rel=1e-4)
    assert bits_per_dim(model, images(), respacing="ddim20", seed=1)["bits_per_dim"] != result["bits_per_dim"]


class Zero(torch.nn.Module):
    """Predicts x0 = 0 whatever its input, and a variance, if it is given one."""

    def __init__(self, raw=None):
        super().__init__()
        self.raw = raw

    def forward(self, x, t, condition=None):
        x0 = torch.zeros_like(x)
        return x0 if self.raw is None else torch.cat([x0, torch.full_like(x, self.raw)], dim=1)


def test_the_chain_of_a_constant_prediction_in_closed_form():
    """x0 being predicted as 0, the bound of the chain is that of N(0, small) steps: the sum of B^2 x0^2 / (2 small),
    which telescopes to (SNR at the clean end - SNR at the noisy end) x0^2 / 2 (Kingma et al. 2021, eq. 14)."""
    config = ModelConfig(name="zero", image_size=8, network=NETWORK, prediction="x0", process={"kind": "linear_vp"})
    model, data = Model(config, Zero()), images(3)
    result = bits_per_dim(model, data)
    assert result["steps"] == 1000
    square = (data.images.double() / 127.5 - 1).square().mean().item()
    clean, noisy = (model.process.level(t) for t in (0.001, 1.0))
    snr = (clean.alpha / clean.sigma) ** 2 - (noisy.alpha / noisy.sigma) ** 2
    assert result["chain"] == pytest.approx(snr * square / 2 / math.log(2), rel=1e-4)


def test_a_learned_range_of_variances_is_not_clamped():
    """The error of x0 = 0 is far larger than any variance, so the larger the variance the lower the bound, also beyond
    the end of the range, 1: were it clamped, nothing would change there."""

    def bound(raw):
        config = {"name": "zero", "image_size": 8, "network": NETWORK, "prediction": "x0", "variance": "learned_range"}
        return bits_per_dim(Model(ModelConfig(**config), Zero(raw)), images(2), respacing="ddim20")["bits_per_dim"]

    assert bound(-1.0) > bound(1.0) > 1.005 * bound(3.0)


def test_other_labels_and_too_short_chains_are_refused():
    data = images()
    data.label_names = ["cat", "dog"]
    with pytest.raises(InputError, match="not those of the model 'tiny'"):
        bits_per_dim(tiny_model(), data)
    with pytest.raises(InputError, match="at least two steps"):
        bits_per_dim(tiny_model(), images(), respacing="1")
