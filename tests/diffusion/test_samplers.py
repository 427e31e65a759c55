"""Samplers against closed forms on Gaussian data, and against each other."""

import math

import pytest
import torch

from diffusion.samplers import SAMPLERS, ddim, ddpm, dpmpp_2m, euler_maruyama, heun, unipc
from tests.diffusion.gaussian import PROCESSES, Gaussian, last, no_noise

DATA = Gaussian()
each_process = pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)


def span(process, steps):
    """Levels uniform in lambda between two noise levels that all processes have: an order shows without end effects."""
    lam = torch.linspace(-2.0, 2.0, steps + 1, dtype=torch.float64)
    return [process.level(t.item()) for t in process.time_of(lam)]


def ode_error(sampler, process, steps):
    levels = span(process, steps)
    x = DATA.start(levels[0])
    end = last(sampler(DATA.denoise, x, levels, no_noise)).x
    return (end - DATA.flow(x, levels[0], levels[-1])).abs().max().item()


@each_process
@pytest.mark.parametrize(
    ("sampler", "low", "high"),
    [(ddim, 1.8, 2.2), (heun, 3.5, 4.5), (dpmpp_2m, 3.5, 4.5), (unipc, 6.5, 9.5)],
    ids=["ddim", "heun", "2m", "unipc"],
)
def test_halving_the_step_divides_the_error_by_two_to_the_order(process, sampler, low, high):
    coarse, fine = ode_error(sampler, process, 100), ode_error(sampler, process, 200)
    assert fine < 0.01
    assert low < coarse / fine < high


def moments(name, process, levels, eta=0.0):
    """Mean and variance that a stochastic sampler ends with. On Gaussian data each of its steps is x <- a x + b + c z;
    a, b and c are found by calling the sampler."""
    mean, variance = levels[0].alpha * DATA.mean, DATA.spread(levels[0]) ** 2
    options = {"eta": eta} if name == "ddim" else {}
    for i in range(len(levels) - 1):
        pair = levels[i : i + 2]
        padded = [*pair, pair[-1]._replace(sigma=0.0)] if i < len(levels) - 2 else pair  # not the sampler's last step

        def step(x, z, padded=padded):
            x = torch.full((1, 1, 1, 1), x, dtype=torch.float64)
            return next(
                SAMPLERS[name].function(DATA.denoise, x, padded, lambda: torch.full_like(x, z), **options)
            ).x.item()

        b, a, c = step(0.0, 0.0), step(1.0, 0.0) - step(0.0, 0.0), step(0.0, 1.0) - step(0.0, 0.0)
        mean, variance = a * mean + b, a**2 * variance + c**2
    return mean, variance


@each_process
@pytest.mark.parametrize(("name", "eta"), [("ddpm", 0.0), ("ddim", 0.5), ("ddim", 1.0), ("euler_maruyama", 0.0)])
def test_stochastic_samplers_converge_to_the_data_at_first_order(process, name, eta):
    def error(steps):
        levels = span(process, steps)
        mean, variance = moments(name, process, levels, eta)
        end = levels[-1]
        return abs(mean - end.alpha * DATA.mean), abs(variance - DATA.spread(end) ** 2)

    coarse, fine = error(200), error(400)
    assert max(fine) < 0.02
    assert 1.8 < coarse[1] / fine[1] < 2.2
    assert coarse[0] < 1e-9 or 1.7 < coarse[0] / fine[0] < 2.3


@each_process
def test_ddpm_is_ddim_with_eta_one(process):
    levels = process.levels(50)
    x = DATA.start(levels[0])
    noises = torch.randn(50, *x.shape, dtype=torch.float64)
    ends = [
        last(ddpm(DATA.denoise, x, levels, iter(noises).__next__)),
        last(ddim(DATA.denoise, x, levels, iter(noises).__next__, eta=1.0)),
    ]
    torch.testing.assert_close(ends[0].x, ends[1].x, rtol=0, atol=1e-10)


@each_process
def test_euler_maruyama_is_the_reverse_sde_written_out(process):
    hi, lo, _ = levels = [process.level(t) for t in (0.6, 0.5, 0.4)]
    x, z = DATA.start(hi), torch.randn(64, 1, 1, 1, dtype=torch.float64)
    f, g2 = (value.item() for value in process.sde(0.6))
    score = -(x - hi.alpha * DATA.mean) / DATA.spread(hi) ** 2  # of the Gaussian marginal
    dt = hi.t - lo.t
    expected = x - (f * x - g2 * score) * dt + math.sqrt(g2 * dt) * z
    step = next(euler_maruyama(DATA.denoise, x, levels, lambda: z))
    torch.testing.assert_close(step.x, expected, rtol=1e-10, atol=1e-10)


@each_process
@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_yields_each_step_and_ends_clean(process, name):
    row = SAMPLERS[name]
    for steps in (1, 2, 20):
        levels = process.levels(steps, row.spacing)
        calls = []

        def denoise(x, level, calls=calls):
            calls.append(level)
            return DATA.denoise(x, level)

        x = DATA.start(levels[0])
        done = list(row.function(denoise, x, levels, lambda x=x: torch.randn_like(x)))
        assert [step.index for step in done] == list(range(steps))
        assert [step.level for step in done] == levels[1:]
        assert len(calls) == row.evaluations(steps)
        assert done[-1].x.dtype == torch.float64
        assert done[-1].x.isfinite().all()
        if name != "euler_maruyama" or steps == 20:  # one Euler step over the whole SDE ends anywhere
            torch.testing.assert_close(done[-1].x, done[-1].x0, rtol=0, atol=2e-2)  # the last mean is the predicted x0


@each_process
def test_the_last_step_adds_no_noise(process):
    for name, row in SAMPLERS.items():
        calls = []

        def noise(calls=calls):
            calls.append(0)
            return torch.zeros(4, 1, 1, 1, dtype=torch.float64)

        levels = process.levels(6, row.spacing)
        list(row.function(DATA.denoise, DATA.start(levels[0], 4), levels, noise))
        assert len(calls) == (5 if name in ("ddpm", "euler_maruyama") else 0)
