"""What sampling ends on with the ideal denoiser, and what waiting for it keeps from others."""

import numpy as np
import pytest
import torch

from ui.lab.ideal_sampling import endings
from ui.lab.noise import NoiseRequest
from ui.lab.real_digits import bundled
from ui.request import Request


def test_with_the_ideal_denoiser_sampling_ends_on_training_digits(noise_lab):
    found = endings(noise_lab, NoiseRequest(digit="3", seed=4))
    training = bundled("train")
    threes = training.images[training.labels == 3][:, 0].int()
    assert {name: len(each) for name, each in found.items()} == {"ideal": 6, "network": 6}
    for ending in found["ideal"]:
        assert (threes - ending.image.int()).abs().amax((1, 2)).min() <= 2
        assert ending.distance < 0.01
        assert (ending.nearest.int() - ending.image.int()).abs().max() <= 2
    request = Request(label="3", num_images=6, seed=4, model="unet")
    *_, last = noise_lab.engine.run(request)
    for ending, image in zip(found["network"], last.result.images[..., 0], strict=True):
        assert np.array_equal(ending.image.numpy(), image)
        differences = (training.images[:, 0].double() - torch.from_numpy(image).double()).square().mean((1, 2)).sqrt()
        assert ending.distance == pytest.approx(differences.min().item() / 127.5, rel=0.01)  # black is darker there
    assert [ending.image.shape for ending in endings(noise_lab, NoiseRequest(model="blind"))["ideal"]] == [(28, 28)] * 6


def test_who_waits_for_a_turn_of_the_ideal_denoiser_keeps_no_place_from_others(noise_lab, monkeypatch):
    turn, running = noise_lab.one_by_one.turn, []

    def noted(caller):
        running.append(noise_lab.engine.places.running)
        return turn(caller)

    monkeypatch.setattr(noise_lab.one_by_one, "turn", noted)
    endings(noise_lab, NoiseRequest())
    noise_lab.view(NoiseRequest())
    noise_lab.curve(NoiseRequest())
    assert len(running) > 30
    assert set(running) == {0}
