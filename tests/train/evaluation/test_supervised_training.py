"""The training of small classifiers, and how it changes their images."""

import pytest
import torch

from tests.bars import bars
from train.evaluation.classifier import Evaluator, accuracy
from train.evaluation.train_classifier import bend, fit, flip_and_shift, shift


def test_fitting_learns_and_repeats_by_its_seed():
    data = bars(100)

    def trained():
        torch.manual_seed(1)
        return fit(Evaluator(), data, lambda x, generator: x, epochs=10, seed=1, batch_size=50)

    (first, seen), (again, _) = trained(), trained()
    assert seen == 1000
    assert accuracy(first, data) > 0.95
    torch.testing.assert_close(first.head.weight, again.head.weight, rtol=1e-3, atol=1e-4)


def test_bending_moves_little_and_repeats_by_its_generator():
    x = bars(200).images.float() / 127.5 - 1
    a, b = (bend(x, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(a, b)
    assert a.min() >= -1
    assert a.max() <= 1
    changed = (a - x).abs().flatten(1).mean(1)
    assert (changed > 0).all()
    assert not torch.equal(changed[0], changed[10])  # the same digit twice, moved differently
    ink, ink_before = (a + 1).sum(), (x + 1).sum()
    assert ink / ink_before == pytest.approx(1, abs=0.1)
    black = torch.full((4, 1, 28, 28), -1.0)
    assert torch.equal(bend(black, torch.Generator().manual_seed(0)), black)


def test_shifting_moves_by_whole_pixels_and_every_way():
    x = torch.zeros(200, 3, 9, 9)
    x[:, :, 4, 4] = torch.tensor([1.0, 2.0, 3.0])
    moved = shift(x, torch.Generator().manual_seed(0))
    assert moved.shape == x.shape
    assert torch.equal(moved.sum((2, 3)), x.sum((2, 3)))  # nothing is lost, doubled or blurred
    places = {tuple(place) for place in (moved[:, 0] == 1).nonzero()[:, 1:].tolist()}
    assert places == {(row, column) for row in range(2, 7) for column in range(2, 7)}


def test_shifting_goes_on_with_the_edge():
    x = torch.arange(8.0).view(1, 1, 1, 8).expand(50, 1, 8, 8)
    moved = shift(x, torch.Generator().manual_seed(0))
    rows = {tuple(row) for row in moved[:, 0, 0].tolist()}
    assert rows == {tuple(float(min(max(i + by, 0), 7)) for i in range(8)) for by in range(-2, 3)}


def test_about_half_of_the_images_are_mirrored():
    x = torch.arange(32.0).view(1, 1, 1, 32).expand(400, 3, 32, 32)
    moved = flip_and_shift(x, torch.Generator().manual_seed(0))
    rising = (moved[:, 0, 0, 31] > moved[:, 0, 0, 0]).double().mean().item()
    assert rising == pytest.approx(0.5, abs=4 * 0.5 / 400**0.5)
