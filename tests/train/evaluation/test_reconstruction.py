"""DIRE's figures: the area under the curve by hand, and the errors that it is of."""

import pytest
import torch

from diffusion.dire import reconstruct
from tests.tiny import tiny_model
from train.evaluation.reconstruction import auc, dire, errors


def test_auc_by_hand():
    """Of the 6 pairs of {3, 1} and {0, 1, 2} the first is above in 0, 1, 2 for 3, in 0 for 1, and equal once."""
    assert auc(torch.tensor([3.0, 1.0]), torch.tensor([0.0, 2.0, 1.0])) == pytest.approx(4.5 / 6)
    assert auc(torch.tensor([2.0, 3.0]), torch.tensor([0.0, 1.0])) == 1
    assert auc(torch.tensor([0.0, 1.0]), torch.tensor([2.0, 3.0])) == 0
    assert auc(torch.ones(5), torch.ones(7)) == 0.5


def test_auc_by_counting_pairs():
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randint(9, (n,), generator=generator).double() for n in (40, 55))
    above, equal = a[:, None] > b, a[:, None] == b
    assert auc(a, b) == pytest.approx((above.double() + equal.double() / 2).mean().item())


def test_errors_are_those_of_the_reconstruction():
    model = tiny_model()
    images = torch.randint(256, (5, 1, 8, 8), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    x = images.float() / 127.5 - 1
    expected = torch.cat([(reconstruct(model, part, 3) - part).abs().mean((1, 2, 3)) for part in x.split(2)]).double()
    torch.testing.assert_close(errors(model, images, 2, 3), expected)  # in the same batches: no other rounding
    result = dire(model, images[:2], images[2:], 2, 3)
    assert result["generated"]["dire_error"] == pytest.approx(expected[:2].mean().item(), rel=1e-5)
    assert result["real"]["dire_error"] == pytest.approx(expected[2:].mean().item(), rel=1e-5)
    assert result["generated"]["dire_auc"] == auc(expected[2:], expected[:2])
