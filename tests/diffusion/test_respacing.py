from itertools import pairwise

import pytest
import torch

from diffusion import InputError
from diffusion.process import ExponentialVE, LinearVP, transition
from diffusion.respacing import respaced, respaced_indices
from diffusion.settings import Settings, check_settings
from tests.diffusion import guided_diffusion as gd
from tests.tiny import tiny_model

SPECS = ["100", "10,15,20", "ddim50", "1", "1000", "ddim25", "ddim1000", "7", "1,1,1", "333,1,333", "250"]


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("steps", [1000, 4000])
def test_the_kept_steps_are_guided_diffusions(spec, steps):
    if spec.startswith("ddim") and not any(len(range(0, steps, i)) == int(spec[4:]) for i in range(1, steps)):
        pytest.skip("no such stride")
    kept = respaced_indices(spec, steps)
    assert kept == gd.space_timesteps(steps, spec)
    assert kept == sorted(set(kept))


def test_known_cases():
    assert respaced_indices("ddim50", 1000) == list(range(0, 1000, 20))
    assert respaced_indices("5", 1000) == [0, 250, 500, 749, 999]
    assert respaced_indices("1,2", 10) == [0, 5, 9]
    assert respaced_indices(" 2 , 3 ", 10) == [0, 4, 5, 7, 9]


def test_the_respaced_chain_has_guided_diffusions_betas():
    """SpacedDiffusion: beta = 1 - bar / (bar of the kept step before), posterior variance from those."""
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
def test_what_cannot_be_read_is_refused_in_one_sentence(spec):
    for refuse in (lambda: respaced_indices(spec, 1000), lambda: Settings(respacing=spec)):
        with pytest.raises(
            InputError, match=r'^respacing must be like "100", "10,15,20" or "ddim50", not .*\.$'
        ) as raised:
            refuse()
        assert len(str(raised.value)) < 150


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("1001", r"^each number of the respacing '1001' must be from 1 to 1000, not 1001\.$"),
        ("0", r"must be from 1 to 1000, not 0\.$"),
        ("10,600", r"must be from 1 to 500, not 600\.$"),
        ("ddim999", r"^no whole stride takes 999 of 1000 steps"),
        ("ddim0", r"^no whole stride takes 0"),
    ],
)
def test_what_does_not_fit_the_chain_is_refused(spec, sentence):
    with pytest.raises(InputError, match=sentence):
        check_settings(tiny_model().config, respacing=spec)


def test_settings_with_a_respacing():
    config = tiny_model().config
    assert check_settings(config, respacing="5,5")["steps"] == 10
    assert check_settings(config, respacing="5,5", steps=10)["respacing"] == "5,5"
    assert "respacing" not in check_settings(config, respacing=" ")
    with pytest.raises(InputError, match=r"^respacing '5,5' has 10 steps, not 20: leave steps out\.$"):
        check_settings(config, respacing="5,5", steps=20)


def test_a_model_samples_the_respaced_chain():
    model = tiny_model()
    steps = list(model.sample([3], sampler="ddpm", respacing="ddim10"))
    assert [step.level for step in steps] == respaced(model.process, "ddim10")[1:]
