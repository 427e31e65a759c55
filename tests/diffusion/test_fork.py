"""Going on from any step: exactly as before, or with other settings."""

import pytest
import torch

from diffusion import InputError
from diffusion.samplers import SAMPLERS
from tests.tiny import tiny_model

LABELS = [1, 5, -1]
ONE_STEP = [name for name, row in SAMPLERS.items() if not row.multistep]  # what comes next depends on x alone
STEPS = 8


def sampled(model, **settings):
    return list(model.sample(LABELS, seed=4, **settings))


@pytest.mark.parametrize("process", ["cosine_vp", "exponential_ve", "flow"])
@pytest.mark.parametrize(
    "settings", [{"sampler": name} for name in ONE_STEP] + [{"sampler": "ddim", "eta": 0.7}], ids=str
)
def test_without_a_change_it_goes_on_to_the_last_bit(settings, process):
    model = tiny_model(process={"kind": process})
    settings = settings | {"steps": STEPS}
    whole = sampled(model, **settings)
    for k in range(STEPS - 1):
        rest = sampled(model, start=whole[k].x, start_t=whole[k].level.t, **settings)
        assert len(rest) == STEPS - 1 - k
        for step, expected in zip(rest, whole[k + 1 :], strict=True):
            assert step.level == expected.level
            assert torch.equal(step.x, expected.x)
            assert torch.equal(step.x0, expected.x0)


@pytest.mark.parametrize("sampler", ["dpmpp_2m", "unipc"])
def test_multistep_samplers_begin_anew_and_end_near(sampler):
    model = tiny_model()
    whole = sampled(model, sampler=sampler, steps=40)
    rest = sampled(model, sampler=sampler, steps=40, start=whole[19].x, start_t=whole[19].level.t)
    assert len(rest) == 20
    assert not torch.equal(rest[0].x, whole[20].x)
    torch.testing.assert_close(rest[-1].x, whole[-1].x, rtol=0, atol=0.05)


def test_from_the_beginning_it_is_the_whole():
    model = tiny_model()
    whole = sampled(model, sampler="ddpm", steps=STEPS)
    noise = next(iter(model.sample(LABELS, seed=4, sampler="ddim", steps=1)))
    assert noise.x.shape == whole[0].x.shape
    first = model.process.level(1.0)
    generators = torch.stack([torch.randn(1, 8, 8, generator=generator) for generator in own_generators(4, 3)])
    again = sampled(model, sampler="ddpm", steps=STEPS, start=first.sigma * generators, start_t=1.0)
    assert all(torch.equal(a.x, b.x) for a, b in zip(again, whole, strict=True))


def own_generators(seed, count):
    from diffusion.noise import _generator

    return [_generator(seed, index) for index in range(count)]


def test_a_fork_changes_what_it_is_asked_to_and_starts_where_it_began():
    model = tiny_model()
    whole = sampled(model, sampler="ddpm", steps=STEPS)
    middle = {"start": whole[3].x, "start_t": whole[3].level.t, "steps": STEPS}
    ends = {
        "as it was": sampled(model, sampler="ddpm", **middle),
        "other digits": list(model.sample([7, 7, 7], seed=4, sampler="ddpm", **middle)),
        "other noise": list(model.sample(LABELS, seed=5, sampler="ddpm", **middle)),
        "another sampler": sampled(model, sampler="heun", **middle),
        "more guidance": sampled(model, sampler="ddpm", guidance_scale=4.0, **middle),
    }
    finished = [steps[-1].x for steps in ends.values()]
    assert all(not torch.equal(a, b) for i, a in enumerate(finished) for b in finished[:i])
    for steps in ends.values():
        assert all(step.level.t < whole[3].level.t for step in steps)
        assert steps[-1].level.t == 0


def test_a_grid_that_lacks_the_time_begins_there_nonetheless():
    model = tiny_model()
    steps = sampled(model, sampler="ddim", steps=4, start=torch.zeros(3, 1, 8, 8), start_t=0.6)
    assert [step.level.t for step in steps] == [0.5, 0.25, 0.0]


def test_the_last_step_of_a_grid_that_ends_at_the_smallest_time():
    model = tiny_model()
    *_, before, last = sampled(model, sampler="heun", steps=60)
    (step,) = sampled(model, sampler="heun", steps=60, start=before.x, start_t=before.level.t)
    assert torch.equal(step.x, last.x)


@pytest.mark.parametrize("t", [0.0, 1.5, float("nan")])
def test_what_is_no_time_to_start_at_is_refused(t):
    with pytest.raises(InputError, match="start_t must lie above"):
        sampled(tiny_model(), start=torch.zeros(3, 1, 8, 8), start_t=t)
    with pytest.raises(InputError, match="give both"):
        sampled(tiny_model(), start_t=0.5)
