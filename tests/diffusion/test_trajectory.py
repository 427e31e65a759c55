from dataclasses import replace

import numpy as np
import pytest
import torch

from diffusion import SAMPLERS, SamplingSettings
from diffusion.trajectory import displayed, kept_indices, trajectory
from tests.tiny import DEEP, DIT, ONE_PASS, tiny_classifier, tiny_enlarger, tiny_model

COSINE = "cosine_vp"
CASES = [(sampler, COSINE) for sampler in SAMPLERS]
CASES += [("ddim", kind) for kind in ("linear_vp", "exponential_ve", "flow")]


def resolved(model, **given):
    return SamplingSettings(**given).resolve(model.config)


@pytest.mark.parametrize(("sampler", "process"), CASES)
def test_every_x0_is_what_the_network_predicts_from_the_x_beside_it(sampler, process):
    model = tiny_model(process={"kind": process})
    settings = resolved(model, sampler=sampler, steps=5, seed=3)
    states = list(trajectory(model, [1, -1], settings))
    assert [state.index for state in states] == [0, 1, 2, 3, 4, 5]
    denoise = model.guided_denoiser(settings)
    with torch.no_grad():
        for state in states[:-1]:
            predicted = denoise(state.x, state.level, torch.tensor([1, -1])).x0.clamp(-1, 1)
            assert (predicted - state.x0).abs().max() < 1e-4
    assert states[-1].level.sigma == 0
    assert torch.equal(states[-1].x, states[-1].x0)
    *_, last = model.sample([1, -1], settings=settings)
    assert torch.equal(states[-1].x, last.x)


LOW_RES = torch.linspace(-1, 1, 8).view(2, 1, 2, 2)
OTHERS = {  # model, settings, arguments of sampling
    "respaced": (tiny_model(), {"respacing": "3,2"}, {}),
    "freeu": (tiny_model(network=DEEP), {"freeu_b": 1.5}, {}),
    "one pass": (tiny_model(network=ONE_PASS), {"guidance_scale": 3}, {}),
    "without its middle": (tiny_model(network=DIT, skip_scale=2.0), {}, {}),
    "super-resolution": (tiny_enlarger(), {}, {"low_res": LOW_RES}),
    "a later image": (tiny_model(), {}, {"first_index": 5}),
    "classifier": (tiny_model(label_names=()), {}, {"classifier": tiny_classifier().classifier()}),
}


@pytest.mark.parametrize("case", OTHERS)
def test_a_trajectory_ends_where_sampling_does(case):
    model, given, arguments = OTHERS[case]
    labels = [3, 7] if model.config.label_names or "classifier" in arguments else [-1, -1]
    settings = SamplingSettings(**given).resolve(model.config, "classifier" in arguments)
    states = list(trajectory(model, labels, settings, **arguments))
    assert len(states) == settings.steps + 1
    assert torch.equal(states[-1].x.clamp(-1, 1), model.generate(labels, settings=settings, **arguments))


def test_kept_indices_are_evenly_spread_with_both_ends():
    assert kept_indices(20, 120) == set(range(21))
    assert kept_indices(119, 120) == set(range(120))
    assert kept_indices(7, 1) == {7}
    kept = sorted(kept_indices(1000, 120))
    assert len(kept) == 120
    assert kept[0] == 0
    assert kept[-1] == 1000
    assert set(np.diff(kept)) <= {8, 9}


def test_the_noise_of_a_ve_process_is_shown_at_the_brightness_of_an_image():
    model = tiny_model(process={"kind": "exponential_ve"})
    first, *_, last = trajectory(model, [1] * 8, resolved(model, steps=3))
    assert first.x.std() > 5
    assert 60 < displayed(first).std() < 110  # the standard deviation of clipped unit noise is 91 of 255
    assert np.array_equal(displayed(last), displayed(replace(last, x=last.x.clamp(-1, 1))))
