"""Nearest training images, on planted copies and by brute force."""

import pytest
import torch

from train.evaluation.nearest_neighbours import compare_neighbours, nearest


def images(count, seed, channels=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(256, (count, channels, 6, 6), generator=generator, dtype=torch.uint8)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_nearest_is_that_of_brute_force(channels):
    queries, training = images(23, 0, channels), images(150, 1, channels)
    distance, index = nearest(queries, training, chunk=7)
    all_distances = torch.cdist(queries.flatten(1).double() / 255, training.flatten(1).double() / 255)
    expected = all_distances.min(1)
    assert torch.equal(index, expected.indices)
    torch.testing.assert_close(distance, expected.values, rtol=1e-9, atol=0)


def test_planted_copies_are_found():
    training, generated = images(400, 1), images(20, 0)
    generated[3], generated[11] = training[250], training[7]
    generated[5] = training[99]
    generated[5, 0, 0, 0] ^= 1  # a copy but for one grey level
    distance, index = nearest(generated, training)
    assert (index[3], index[11], index[5]) == (250, 7, 99)
    assert distance[3] == distance[11] == 0
    assert distance[5].item() == pytest.approx(1 / 255)
    metrics, sheet = compare_neighbours(generated, training, images(300, 2))
    assert metrics["generated"]["near_copies"] == pytest.approx(3 / 20)
    assert metrics["real"]["near_copies"] == pytest.approx(0.01, abs=0.001)
    assert metrics["generated"]["nearest_distance"] == pytest.approx(distance.mean().item())
    assert sheet.shape == (2 * 8 - 2, 10 * 14 - 2, 1)  # two rows of ten pairs
    fourth = sheet[:6, 3 * 14 : 3 * 14 + 12]
    assert (fourth[:, :6] == fourth[:, 6:]).all()  # the copy and its source


def test_a_sheet_shows_a_hundred_pairs():
    _, sheet = compare_neighbours(images(130, 0), images(150, 1), images(10, 2))
    assert sheet.shape == (10 * 8 - 2, 10 * 14 - 2, 1)
