"""Whose images go into the next batch, when more wait than it has room for."""

from collections import Counter

import pytest
import torch

from diffusion import Condition
from diffusion.runtime.batches import GUARANTEED, LEAST_BATCH, MAX_BATCH, QUICK, Call, next_batch


def call(size, of="a model"):
    return Call(lambda x, t, condition: x, of, torch.zeros(size, 1), torch.zeros(size), Condition(), {})


def batches(sizes):
    """The batches, as {index of the call: images}, in which calls of these sizes are computed, if no others come."""
    calls = [call(size) for size in sizes]
    waiting, found = list(calls), []
    while waiting:
        batch = next_batch(waiting)
        found.append({calls.index(each): size for each, size in batch.items()})
        done = [each for each, size in batch.items() if each.take(torch.zeros(size, 1))]
        waiting = [each for each in waiting if each not in batch] + [each for each in batch if each not in done]
    return found


def test_small_calls_go_whole_and_in_the_order_of_their_turns():
    found = batches([8] * 20)
    assert found == [dict.fromkeys(range(8), 8), dict.fromkeys(range(8, 16), 8), dict.fromkeys(range(16, 20), 8)]


def test_a_large_call_alone_goes_whole():
    assert batches([128]) == [{0: 128}]


def test_a_large_call_leaves_room_for_small_ones():
    found = batches([128, *[8] * 12])
    computed_in = {i: number for number, batch in enumerate(found) for i in batch}
    assert found[0] == {0: GUARANTEED, **dict.fromkeys(range(1, 5), 8)}
    assert all(computed_in[i] <= 2 for i in range(1, 13))  # at full speed 12 of them alone take two
    assert sum(batch.get(0, 0) for batch in found) == 128


def test_each_is_guaranteed_as_many_whoever_is_first():
    assert batches([1, 64, 31])[0] == {0: 1, 1: GUARANTEED, 2: 31}


def test_large_calls_share_the_room_evenly():
    found = batches([128, 128, 128])
    given = Counter()
    for batch in found[:3]:
        given.update(batch)
    assert sum(given.values()) == 3 * MAX_BATCH["cpu"]
    assert max(given.values()) - min(given.values()) <= GUARANTEED


@pytest.mark.parametrize("seed", range(5))
def test_every_image_is_computed_once_and_no_batch_is_too_large(seed):
    sizes = torch.randint(1, 129, (20,), generator=torch.Generator().manual_seed(seed)).tolist()
    found = batches(sizes)
    for i, size in enumerate(sizes):
        assert sum(batch.get(i, 0) for batch in found) == size
    assert all(sum(batch.values()) <= MAX_BATCH["cpu"] for batch in found[:-1])
    assert len(found) <= -(-sum(sizes) // (MAX_BATCH["cpu"] - GUARANTEED)) + 1


def test_a_batch_is_of_one_model_and_the_others_come_next():
    waiting = [call(4, "a"), call(4, "b"), call(4, "a")]
    assert list(next_batch(waiting)) == [waiting[0], waiting[2]]
    assert list(next_batch(waiting[1:])) == [waiting[1]]


@pytest.mark.parametrize(
    ("seconds", "room"), [(QUICK / 24, 24), (QUICK, LEAST_BATCH), (QUICK / 1000, MAX_BATCH["cpu"])]
)
def test_a_shared_batch_is_quick_but_not_too_small(seconds, room):
    waiting = [call(40), *(call(8) for _ in range(8))]
    batch = next_batch(waiting, seconds)
    assert sum(batch.values()) == room
    assert waiting[0] in batch


def test_a_call_alone_goes_whole_however_long_it_takes():
    assert list(next_batch([call(40)], seconds=1.0).values()) == [40]
