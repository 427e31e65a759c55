"""Supervised training of small classifiers, and its augmentations."""

import pytest
import torch
from torch.optim.swa_utils import AveragedModel

from tests.bars import bars
from train.evaluation.augmentations import random_flip_and_shift, random_shift, random_warp
from train.evaluation.classifier import EvaluationClassifier, accuracy
from train.evaluation.supervised_training import EMA_DECAY, train_supervised, update_average


def test_training_learns_and_repeats_by_its_seed():
    data = bars(100)

    def trained():
        torch.manual_seed(1)
        return train_supervised(EvaluationClassifier(), data, lambda x, generator: x, epochs=10, seed=1, batch_size=50)

    (first, seen), (again, _) = trained(), trained()
    assert seen == 1000
    assert accuracy(first, data) > 0.95
    torch.testing.assert_close(first.head.weight, again.head.weight, rtol=1e-3, atol=1e-4)


def test_the_average_lags_by_a_tenth_of_a_short_training_and_by_the_decay_of_a_long_one():
    """Weights that grow by 1 a step: with a share of 10 / (10 + k) the average lags by k / 11, with w by 1 / w - 1."""
    network = torch.nn.BatchNorm1d(1)
    averaged = AveragedModel(network, multi_avg_fn=update_average, use_buffers=True)
    lags = []
    for step in range(1, 7001):
        torch.nn.init.constant_(network.weight, float(step))
        network.num_batches_tracked.fill_(step)
        averaged.update_parameters(network)
        lags.append(step - averaged.module.weight.item())
    assert lags[99] == pytest.approx(100 / 11, rel=0.01)
    assert lags[2999] == pytest.approx(3000 / 11, rel=0.01)
    assert lags[-1] == pytest.approx(1 / (1 - EMA_DECAY) - 1, rel=0.01)
    assert averaged.module.num_batches_tracked == 7000


def test_warping_moves_little_and_repeats_by_its_generator():
    x = bars(200).images.float() / 127.5 - 1
    a, b = (random_warp(x, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(a, b)
    assert a.min() >= -1
    assert a.max() <= 1
    changed = (a - x).abs().flatten(1).mean(1)
    assert (changed > 0).all()
    assert not torch.equal(changed[0], changed[10])  # the same digit twice, moved differently
    ink, ink_before = (a + 1).sum(), (x + 1).sum()
    assert ink / ink_before == pytest.approx(1, abs=0.1)
    black = torch.full((4, 1, 28, 28), -1.0)
    assert torch.equal(random_warp(black, torch.Generator().manual_seed(0)), black)


def test_shifting_moves_by_whole_pixels_in_every_direction():
    x = torch.zeros(200, 3, 9, 9)
    x[:, :, 4, 4] = torch.tensor([1.0, 2.0, 3.0])
    moved = random_shift(x, torch.Generator().manual_seed(0))
    assert torch.equal(moved.sum((2, 3)), x.sum((2, 3)))  # nothing is lost, doubled or blurred
    places = {tuple(place) for place in (moved[:, 0] == 1).nonzero()[:, 1:].tolist()}
    assert places == {(row, column) for row in range(2, 7) for column in range(2, 7)}


def test_shifting_replicates_the_border():
    x = torch.arange(8.0).view(1, 1, 1, 8).expand(50, 1, 8, 8)
    moved = random_shift(x, torch.Generator().manual_seed(0))
    rows = {tuple(row) for row in moved[:, 0, 0].tolist()}
    assert rows == {tuple(float(min(max(i + by, 0), 7)) for i in range(8)) for by in range(-2, 3)}


def test_about_half_of_the_images_are_mirrored():
    x = torch.arange(32.0).view(1, 1, 1, 32).expand(400, 3, 32, 32)
    moved = random_flip_and_shift(x, torch.Generator().manual_seed(0))
    rising = (moved[:, 0, 0, 31] > moved[:, 0, 0, 0]).double().mean().item()
    assert rising == pytest.approx(0.5, abs=4 * 0.5 / 400**0.5)
