"""The samplers against Hugging Face diffusers' schedulers, an implementation of its own, step for step.

The schedulers keep their betas in float32, where 1 - 0.999 is off by 1e-5, so they are given the same betas in float64;
clipping is off on both sides.
"""

import math
from itertools import pairwise

import diffusers
import pytest
import torch

from diffusion.parameterisation import PARAMETERISATIONS, Prediction
from diffusion.process import CosineVP, LinearVP
from diffusion.samplers import SAMPLERS

SCHEDULES = {"linear": LinearVP(), "squaredcos_cap_v2": CosineVP()}
each_schedule = pytest.mark.parametrize("schedule", SCHEDULES)
each_length = pytest.mark.parametrize("steps", [5, 20, 50])
TOLERANCE = {"rtol": 0, "atol": 1e-5}  # some schedulers keep their sigmas in float32


def betas(schedule):
    if schedule == "linear":
        return torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
    bar = [math.cos((i / 1000 + 0.008) / 1.008 * math.pi / 2) ** 2 for i in range(1001)]
    return torch.tensor([min(0.999, 1 - after / before) for before, after in pairwise(bar)], dtype=torch.float64)


def v_of(x, t):
    """A made-up network: smooth, and different for every x, t and label."""
    labels = torch.arange(4.0)
    return torch.tanh(x + 0.2 * labels.view(-1, 1, 1, 1).to(x)) * torch.cos(torch.as_tensor(t / 400).to(x)) - 0.3 * x


def denoise(process):
    def denoise(x, level):
        t = process.embed_time(level.t)
        return Prediction(*PARAMETERISATIONS["v"].invert(x, v_of(x, t), level, process))

    return denoise


def scheduler(kind, schedule, steps, timesteps=None, **settings):
    made = kind(
        beta_start=1e-4, beta_end=0.02, beta_schedule=schedule, prediction_type="v_prediction",
        timestep_spacing="trailing", **settings,
    )  # fmt: skip
    made.betas = betas(schedule)
    made.alphas = 1 - made.betas
    made.alphas_cumprod = torch.cumprod(made.alphas, 0)
    made.set_timesteps(steps) if timesteps is None else made.set_timesteps(timesteps=timesteps)
    return made


def ours(name, schedule, steps, sampled_noise=None, **options):
    process = SCHEDULES[schedule]
    levels = process.levels(steps)
    noise = iter(sampled_noise).__next__ if sampled_noise is not None else None
    return [step.x for step in SAMPLERS[name].function(denoise(process), start(), levels, noise, **options)]


def start():
    return torch.randn(4, 1, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def noises(steps):
    return torch.randn(steps, 4, 1, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@each_schedule
@each_length
@pytest.mark.parametrize("eta", [0.0, 0.7, 1.0])
def test_ddim(schedule, steps, eta):
    theirs = scheduler(diffusers.DDIMScheduler, schedule, steps, clip_sample=False)
    x, sampled_noise = start(), noises(steps)
    for mine, t, z in zip(
        ours("ddim", schedule, steps, sampled_noise, eta=eta), theirs.timesteps, sampled_noise, strict=True
    ):
        x = theirs.step(v_of(x, t), t, x, eta=eta, variance_noise=z).prev_sample
        torch.testing.assert_close(mine, x, **TOLERANCE)


@each_schedule
@each_length
def test_ddpm(schedule, steps, monkeypatch):
    theirs = scheduler(diffusers.DDPMScheduler, schedule, steps, clip_sample=False, variance_type="fixed_small")
    sampled_noise = noises(steps)
    replay = iter(sampled_noise)
    module = "diffusers.schedulers.scheduling_ddpm.randn_tensor"
    monkeypatch.setattr(module, lambda *args, **kwargs: next(replay))
    x = start()
    for mine, t in zip(ours("ddpm", schedule, steps, sampled_noise), theirs.timesteps, strict=True):
        x = theirs.step(v_of(x, t), t, x).prev_sample
        torch.testing.assert_close(mine, x, **TOLERANCE)


MULTISTEP = {
    "dpmpp_2m": (
        diffusers.DPMSolverMultistepScheduler,
        {"algorithm_type": "dpmsolver++", "solver_order": 2, "solver_type": "midpoint", "final_sigmas_type": "zero"},
    ),
    "unipc": (
        diffusers.UniPCMultistepScheduler,
        {"solver_order": 2, "solver_type": "bh2", "final_sigmas_type": "zero"},
    ),
}


@each_schedule
@each_length
@pytest.mark.parametrize("name", MULTISTEP)
def test_multistep(name, schedule, steps):
    kind, settings = MULTISTEP[name]
    theirs = scheduler(kind, schedule, steps, **settings)
    x = start()
    for mine, t in zip(ours(name, schedule, steps), theirs.timesteps, strict=True):
        x = theirs.step(v_of(x, t), t, x).prev_sample
        torch.testing.assert_close(mine, x, **TOLERANCE)


@each_schedule
@each_length
def test_heun(schedule, steps):
    """Without the cosine's very first level: there sigma / alpha, and what it makes of a rounding, is 20,000."""
    process = SCHEDULES[schedule]
    levels = process.levels(steps)[1:]
    indices = [round(process.embed_time(level.t).item()) for level in levels[:-1]]
    theirs = scheduler(diffusers.HeunDiscreteScheduler, schedule, None, timesteps=indices)
    x = start() / levels[0].alpha  # theirs walks in x / alpha
    for t in theirs.timesteps:
        x = theirs.step(v_of(theirs.scale_model_input(x, t), t), t, x).prev_sample
    mine = list(SAMPLERS["heun"].function(denoise(process), start(), levels, None))[-1].x
    torch.testing.assert_close(mine, x, **TOLERANCE)
