from itertools import pairwise

import pytest
import torch

from diffusion import InputError
from diffusion.process import ExponentialVE, LinearVP, transition
from diffusion.respacing import respaced, respaced_indices
from tests.diffusion import guided_diffusion as gd

SPECS = ["100", "10,15,20", "ddim50", "1", "1000", "ddim25", "ddim1000", "7", "1,1,1", "333,1,333", "250"]


@pytest.mark.parametrize(
    ("spec", "steps"), [(spec, 1000) for spec in SPECS] + [(spec, 4000) for spec in SPECS if "ddim" not in spec]
)
def test_the_kept_steps_are_guided_diffusions(spec, steps):
    assert respaced_indices(spec, steps) == gd.space_timesteps(steps, spec)


def test_known_cases():
    assert respaced_indices("ddim50", 1000) == list(range(0, 1000, 20))
    assert respaced_indices("5", 1000) == [0, 250, 500, 749, 999]
    assert respaced_indices("1,2", 10) == [0, 5, 9]
    assert respaced_indices(" 2 , 3 ", 10) == [0, 4, 5, 7, 9]


def test_the_respaced_chain_has_guided_diffusions_betas():
    """SpacedDiffusion: beta = 1 - bar / (bar of the previous kept step), posterior variance from those."""
    kept = respaced_indices("10,15,20", 1000)
    levels = respaced(LinearVP(), "10,15,20")
    assert len(levels) == 46
    assert [round(level.t * 1000) for level in levels] == [*(i + 1 for i in reversed(kept)), 0]
    bars = gd.BAR[kept]
    before = torch.cat([torch.ones(1, dtype=torch.float64), bars[:-1]])
    betas = 1 - bars / before
    for k, (hi, lo) in enumerate(pairwise(levels)):
        i = len(kept) - 1 - k
        assert hi.alpha**2 == pytest.approx(bars[i].item(), rel=1e-10)
        step = transition(hi, lo)
        assert step.large == pytest.approx(betas[i].item(), rel=1e-7)
        assert step.small == pytest.approx((betas[i] * (1 - before[i]) / (1 - bars[i])).item(), rel=1e-7, abs=1e-15)


def test_any_process_can_be_respaced():
    levels = respaced(ExponentialVE(), "ddim50")
    assert levels[0] == ExponentialVE().level(0.981)
    assert levels[-1].sigma == 0


@pytest.mark.parametrize("spec", ["ddim", "fast", "10,", ",10", "-5", "1e3", "ddim10,20", "9" * 5000, "1.5"])
def test_malformed_strings_are_refused(spec):
    with pytest.raises(InputError, match='"10,15,20" or "ddim50"') as raised:
        respaced_indices(spec, 1000)
    assert raised.value.code == "settings.respacing"
    assert len(str(raised.value)) < 150


@pytest.mark.parametrize(
    ("spec", "code", "sentence"),
    [
        ("1001", "respacing_section", r"^Each number of respacing '1001' must be from 1 to 1000, not 1001\.$"),
        ("0", "respacing_section", r"must be from 1 to 1000, not 0\.$"),
        ("10,600", "respacing_section", r"must be from 1 to 500, not 600\.$"),
        ("ddim999", "respacing_stride", r"no integer stride takes 999 of 1000 steps"),
        ("ddim0", "respacing_stride", r"no integer stride takes 0"),
    ],
)
def test_impossible_respacings_are_refused(spec, code, sentence):
    with pytest.raises(InputError, match=sentence) as raised:
        respaced_indices(spec, 1000)
    assert raised.value.code == f"settings.{code}"
