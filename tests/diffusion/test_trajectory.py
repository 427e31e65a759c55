from dataclasses import replace

import numpy as np
import pytest
import torch

from diffusion import SAMPLERS, FreeU
from diffusion.guidance import classifier_free
from diffusion.settings import check_settings
from diffusion.trajectory import displayed, kept_indices, trajectory
from tests.tiny import tiny_model


@pytest.mark.parametrize("process", ["cosine_vp", "linear_vp", "exponential_ve", "flow"])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_x0_is_what_the_network_predicts_from_the_x_beside_it(sampler, process):
    model = tiny_model(process={"kind": process})
    settings = check_settings(model.config, sampler=sampler, steps=5, seed=3)
    states = list(trajectory(model, [1, -1], **settings))
    assert [state.index for state in states] == [0, 1, 2, 3, 4, 5]
    denoise = classifier_free(model.denoiser(), settings["guidance_scale"], 10)
    with torch.no_grad():
        for state in states[:-1]:
            predicted = denoise(state.x, state.level, torch.tensor([1, 10])).x0.clamp(-1, 1)
            assert (predicted - state.x0).abs().max() < 1e-4
    assert states[-1].level.sigma == 0
    assert torch.equal(states[-1].x, states[-1].x0)
    *_, last = model.sample([1, -1], **settings)
    assert torch.equal(states[-1].x, last.x)


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
    first, *_, last = trajectory(model, [1] * 8, **check_settings(model.config, steps=3))
    assert first.x.std() > 5
    assert 60 < displayed(first).std() < 110  # the standard deviation of clipped unit noise is 91 of 255
    assert np.array_equal(displayed(last), displayed(replace(last, x=last.x.clamp(-1, 1))))


def test_the_scales_of_freeu_reach_the_network():
    model = tiny_model(network={"kind": "unet", "channels": (8, 8), "attention": (False, False), "blocks": 1})
    settings = check_settings(model.config, freeu_b=1.5)
    *_, state = trajectory(model, [1], **settings)
    assert torch.equal(state.x.clamp(-1, 1), model.generate([1], freeu=FreeU(b=1.5)))
    assert (state.x - model.generate([1])).abs().max() > 1e-4
