"""DIRE: the area under the curve by hand, and that the reconstruction is the plain model's."""

import pytest
import torch

from tests.tiny import tiny_model
from train.evaluation.reconstruction import auc, dire_metrics, reconstruction_errors


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


def some_images(count=5):
    return torch.randint(256, (count, 1, 8, 8), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def test_the_metrics_are_those_of_the_errors():
    model, images = tiny_model(), some_images()
    errors = reconstruction_errors(model, images, 5, 3)
    torch.testing.assert_close(reconstruction_errors(model, images, 2, 3), errors, rtol=1e-4, atol=1e-5)
    result = dire_metrics(model, images[:2], images[2:], 5, 3)
    assert result["generated"]["dire_error"] == pytest.approx(errors[:2].mean().item(), rel=1e-4)
    assert result["real"]["dire_error"] == pytest.approx(errors[2:].mean().item(), rel=1e-4)
    assert result["generated"]["dire_auc"] == auc(errors[2:], errors[:2])


@pytest.mark.parametrize("own", [{"guidance_scale": 5.0}, {"sampler": "unipc", "steps": 7}])
def test_the_models_own_sampling_settings_do_not_matter(own):
    plain, with_own = tiny_model(sampling={}), tiny_model(sampling=own)
    errors = [reconstruction_errors(model, some_images(), 5, 3) for model in (plain, with_own)]
    assert torch.equal(*errors)


def test_nor_does_the_skip_guidance_of_a_dit():
    dit = {"kind": "dit", "patch": 4, "width": 32, "depth": 3, "heads": 2}
    plain, guided = (tiny_model(network=dit, sampling=own) for own in ({}, {"skip_scale": 3.0}))
    errors = [reconstruction_errors(model, some_images(), 5, 3) for model in (plain, guided)]
    assert torch.equal(*errors)
