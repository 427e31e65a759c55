"""Batches: the order of the images, the distribution of the times, and the shares of several processes."""

from dataclasses import replace

import pytest
import torch

from tests.tiny import DIGITS, tiny_enlarger, tiny_model
from train.batches import Batches, image_order
from train.config import TrainConfig
from train.datasets import Dataset


@pytest.fixture
def data() -> Dataset:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (24, 1, 8, 8), dtype=torch.uint8, generator=generator)
    return Dataset(images, torch.arange(24) % 10, list(DIGITS))


def settings(**changes) -> TrainConfig:
    return TrainConfig.checked(**{"preset": "unet", "steps": 1, "batch_size": 16} | changes)


def test_every_image_comes_once_an_epoch():
    seen = torch.cat([image_order(10, 4 * step, 4 * step + 4, seed=3) for step in range(5)])
    assert seen[:10].sort().values.equal(torch.arange(10))
    assert seen[10:].sort().values.equal(torch.arange(10))
    assert not seen[:10].equal(seen[10:])


@pytest.mark.parametrize("model", [tiny_model(), tiny_enlarger()], ids=["labels", "low_res"])
def test_processes_share_the_batch_of_one(model, data):
    whole = Batches(data, model, settings())(7)
    shares = [Batches(data, model, settings(), index, 2)(7) for index in range(2)]
    assert (whole.condition.labels is None, whole.condition.low_res is None) == (
        not model.config.num_classes,
        model.config.low_res_size is None,
    )

    def tensors(batch):
        return [tensor for tensor in (batch.x0, batch.t, batch.eps, *batch.condition.tensors()) if tensor is not None]

    for together, *parts in zip(tensors(whole), *map(tensors, shares), strict=True):
        assert torch.stack(parts, 1).flatten(0, 1).equal(together)


def test_the_share_of_dropped_labels(data):
    batch = Batches(data, tiny_model(), settings(batch_size=4000, label_dropout=0.25))(0)
    dropped = batch.condition.labels < 0
    assert dropped.double().mean().item() == pytest.approx(0.25, abs=4 * (0.25 * 0.75 / 4000) ** 0.5)
    assert batch.condition.labels[~dropped].unique().tolist() == list(range(10))


def test_images_that_a_model_has_sampled_come_with_their_noise_and_their_labels(data):
    n = len(data.images)
    noise = torch.arange(n).float().view(n, 1, 1, 1).expand(data.images.shape)
    sampled = replace(data, labels=torch.arange(n) - 1, noise=noise)
    batch = Batches(sampled, tiny_model(), settings(label_dropout=0.5))(3)
    assert torch.equal(batch.eps[:, 0, 0, 0].long() - 1, batch.condition.labels)
    images = tiny_model().encode(data.images.float() / 127.5 - 1)
    torch.testing.assert_close(batch.x0, images[batch.condition.labels + 1])


@pytest.mark.parametrize(("times", "shares"), [("1:1", [0.2, 0.5, 0.3]), ("0.2:0.5,0.7:0.1,1:0.4", [0.5, 0.1, 0.4])])
def test_times_have_their_distribution(times, shares, data):
    model = tiny_model()
    t = Batches(data, model, settings(batch_size=1000, times=times))(0).t
    parts = [t[(lo < t) & (t <= hi)] for lo, hi in ((0, 0.2), (0.2, 0.7), (0.7, 1))]
    assert [len(part) / 1000 for part in parts] == pytest.approx(shares, abs=0.003)
    for part, lo, hi in zip(parts, (model.process.t_min, 0.2, 0.7), (0.2, 0.7, 1), strict=True):
        assert part.mean().item() == pytest.approx((lo + hi) / 2, abs=0.005)  # uniform within each
        assert lo <= part.min() < lo + 0.02
        assert hi - 0.02 < part.max() <= hi
