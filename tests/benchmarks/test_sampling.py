"""The benchmark of sampling: what it counts."""

import pytest

from benchmarks.sampling import bare, calls, operations
from tests.tiny import ONE_PASS, tiny_model

LIMITED = {"guidance_t_max": 0.6, "steps": 4, "image_size": 28}  # DDIM at t = 1, 0.75, 0.5 and 0.25


def test_calls_are_counted_with_their_sizes():
    model = tiny_model(**LIMITED)
    assert calls(model, [1, 2, 3]) == [3, 3, 6, 6]
    assert not model.network._forward_pre_hooks


@pytest.mark.parametrize("changes", [{}, {"network": ONE_PASS}], ids=["two passes", "one pass"])
def test_the_bare_network_is_called_as_often(changes):
    model = tiny_model(**LIMITED | changes)
    seen: list[int] = []
    model.network.register_forward_pre_hook(lambda network, inputs: seen.append(len(inputs[0])))
    bare(model, [3, 3, 6])
    assert seen == [3, 3, 6]


@pytest.mark.slow
def test_operations_grow_with_the_images():
    model = tiny_model(**LIMITED)
    one = operations(model, [1])
    assert one > 0
    assert operations(model, [4, 2]) == 6 * one
