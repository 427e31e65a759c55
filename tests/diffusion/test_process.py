import math
from itertools import pairwise

import pytest
import torch

from diffusion.process import CosineVP, ExponentialVE, Flow, Level, LinearVP, transition
from tests.diffusion.gaussian import PROCESSES

TIMES = torch.linspace(0.02, 0.98, 49, dtype=torch.float64)
GRID = torch.arange(1, 1001, dtype=torch.float64) / 1000


def test_linear_vp_is_ddpms_thousand_betas():
    betas = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
    alpha_bar = torch.cumprod(1 - betas, 0)
    alpha, sigma = LinearVP().alpha_sigma(GRID)
    torch.testing.assert_close(alpha**2, alpha_bar, rtol=1e-11, atol=0)
    torch.testing.assert_close(sigma**2, 1 - alpha_bar, rtol=1e-11, atol=0)


@pytest.mark.parametrize(
    ("steps", "low", "high"),
    [(50, 0.002, 0.4), (200, 1e-4, 0.1), (1000, 0.01, 0.01), (1000, 0.01, 0.01 + 1e-13), (1000, 0.02, 1e-4)],
    ids=["guided-diffusion's 50", "steep", "constant", "all but constant", "falling"],
)
def test_linear_vp_of_other_betas(steps, low, high):
    process = LinearVP(steps=steps, beta_min=low, beta_max=high)
    grid = torch.arange(1, steps + 1, dtype=torch.float64) / steps
    betas = torch.linspace(low, high, steps, dtype=torch.float64)
    torch.testing.assert_close(process.alpha_sigma(grid)[0] ** 2, torch.cumprod(1 - betas, 0), rtol=1e-11, atol=0)
    for t in (0.5 / steps, 1.5 / steps, 0.7):  # the slope of L within the first step, and after it
        (lower, upper), _ = process.log_alpha_squared(torch.tensor([t - 1e-6, t + 1e-6], dtype=torch.float64))
        assert process.sde(t)[1].item() == pytest.approx((lower - upper).item() / 2e-6, rel=1e-4)
    check_falling(process)


@pytest.mark.parametrize("process", [CosineVP(steps=100), CosineVP(steps=10_000), LinearVP(steps=10)])
def test_no_two_levels_of_a_grid_are_the_same(process):
    check_falling(process)


def check_falling(process):
    for spacing in ("time", "root", "lambda"):
        for steps in (1, 2, 20, 1000):
            levels = process.levels(steps, spacing)
            assert all(math.isfinite(value) for level in levels for value in level)
            assert all(hi.lam < lo.lam for hi, lo in pairwise(levels))


def test_a_process_without_signal_at_its_end_is_refused():
    with pytest.raises(ValueError, match=r"1000 betas up to 0\.5 leave too little signal"):
        LinearVP(beta_max=0.5)
    with pytest.raises(ValueError, match="greater than or equal to 100"):
        CosineVP(steps=10)


def test_cosine_vp_is_nichol_and_dhariwals():
    def bar(t):
        return math.cos((t + 0.008) / 1.008 * math.pi / 2) ** 2

    betas = torch.tensor(
        [min(0.999, 1 - bar((i + 1) / 1000) / bar(i / 1000)) for i in range(1000)], dtype=torch.float64
    )
    alpha, _ = CosineVP().alpha_sigma(GRID)
    torch.testing.assert_close(alpha**2, torch.cumprod(1 - betas, 0), rtol=1e-10, atol=0)


def test_cosine_vp_is_exact_where_it_begins():
    process = CosineVP()
    assert [value.item() for value in process.alpha_sigma(0.0)] == [1, 0]
    t = torch.tensor([1e-12, 1e-9, 1e-7], dtype=torch.float64)
    slope = math.pi / 1.008 * math.tan(math.pi / 2 * 0.008 / 1.008)  # of alpha^2, downwards, at t = 0
    torch.testing.assert_close(process.alpha_sigma(t)[1] ** 2, slope * t, rtol=2e-5, atol=0)


def test_exponential_ve():
    alpha, sigma = ExponentialVE().alpha_sigma(TIMES)
    assert (alpha == 1).all()
    torch.testing.assert_close(sigma**2, (25.0 ** (2 * TIMES) - 1) / (2 * math.log(25)), rtol=1e-12, atol=0)


def test_flow_is_the_straight_line():
    alpha, sigma = Flow().alpha_sigma(TIMES)
    torch.testing.assert_close(alpha, 1 - TIMES, rtol=1e-15, atol=0)
    torch.testing.assert_close(sigma, TIMES, rtol=1e-15, atol=0)
    f, g2 = Flow().sde(TIMES)
    x, eps = 0.7, -0.3  # the probability flow, dx/dt = f x + g^2 / (2 sigma) eps, is the line's own slope, eps - x0
    x0 = (x - TIMES * eps) / (1 - TIMES)
    torch.testing.assert_close(f * x + g2 / (2 * TIMES) * eps, eps - x0, rtol=1e-12, atol=1e-12)


def test_flow_at_its_very_end_is_noise_and_finite():
    end = Flow().level(1.0)
    assert 0 < end.alpha < 2e-4
    assert end.sigma == pytest.approx(1, abs=2e-4)
    assert all(map(math.isfinite, end))
    assert end.lam == pytest.approx(-9.2, abs=0.1)  # about where the cosine ends


def test_levels_of_tensors_are_those_of_floats():
    t = torch.tensor([0.0, 0.25, 1.0], dtype=torch.float64)
    for process in PROCESSES.values():
        together = process.level(t.view(-1, 1, 1, 1))
        for k in range(3):
            alone = process.level(t[k].item())
            assert [value[k].item() for value in together] == pytest.approx(list(alone), rel=1e-12)
        assert process.before(together).t.flatten().tolist() == pytest.approx([0, 0.249, 0.999])
        assert process.before(process.level(0.0005)).sigma == 0
        assert process.before(process.level(0.25)).t == pytest.approx(0.249)


def test_transition_takes_tensors_too():
    process = LinearVP()
    hi, lo = torch.tensor([1.0, 0.5, 0.001]).double(), torch.tensor([0.9, 0.5, 0.0]).double()
    together = transition(process.level(hi), process.level(lo))
    for k in range(3):
        alone = transition(process.level(hi[k].item()), process.level(lo[k].item()))
        assert [value[k].item() for value in together] == pytest.approx(list(alone), rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
def test_sde_is_the_derivative_of_alpha_and_lambda(process):
    def log_alpha_and_lam(t):
        alpha, sigma = process.alpha_sigma(t)
        return torch.stack([alpha.log(), alpha.log() - sigma.log()])

    h = 1e-5
    slope = (log_alpha_and_lam(TIMES + h) - log_alpha_and_lam(TIMES - h)) / (2 * h)
    f, g2 = process.sde(TIMES)
    _, sigma = process.alpha_sigma(TIMES)
    torch.testing.assert_close(f, slope[0], rtol=2e-6, atol=1e-8)
    torch.testing.assert_close(g2, -2 * sigma**2 * slope[1], rtol=2e-6, atol=0)


@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
@pytest.mark.parametrize("spacing", ["time", "lambda"])
@pytest.mark.parametrize("steps", [1, 2, 7, 1000])
def test_levels_run_from_noise_to_clean(process, spacing, steps):
    levels = process.levels(steps, spacing)
    assert len(levels) == steps + 1
    assert (
        levels[0].t == 1
        if spacing == "time" or steps == 1
        else levels[0].lam == pytest.approx(max(process.level(1).lam, -5.1))
    )
    assert levels[-1].t == levels[-1].sigma == 0
    assert levels[-1].alpha == 1
    lams = [level.lam for level in levels]
    assert all(a < b for a, b in pairwise(lams))
    if spacing == "lambda" and steps > 2:
        gaps = torch.tensor(lams[:-1], dtype=torch.float64).diff()
        torch.testing.assert_close(gaps, gaps.mean().expand_as(gaps), rtol=1e-4, atol=0)


def test_level_agrees_with_levels_and_refuses_other_times():
    process = LinearVP()
    assert process.levels(10)[3] == process.level(process.levels(10)[3].t)
    with pytest.raises(ValueError, match="t must lie in"):
        process.level(1.5)
    with pytest.raises(ValueError, match="steps must be"):
        process.levels(0)


def test_the_networks_time_is_ddpms_index():
    torch.testing.assert_close(LinearVP().embed_time(GRID), torch.arange(1000, dtype=torch.float64), rtol=0, atol=1e-10)


def test_transition_is_ddpms_posterior():
    betas = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
    alpha_bar = torch.cumprod(1 - betas, 0)
    i = 500
    beta, bar, before = betas[i].item(), alpha_bar[i].item(), alpha_bar[i - 1].item()
    step = transition(LinearVP().level((i + 1) / 1000), LinearVP().level(i / 1000))
    assert pytest.approx((1 - before) * math.sqrt(1 - beta) / (1 - bar), rel=1e-9) == step.A  # Ho et al. 2020, eq. 7
    assert pytest.approx(math.sqrt(before) * beta / (1 - bar), rel=1e-8) == step.B
    assert step.small == pytest.approx((1 - before) / (1 - bar) * beta, rel=1e-8)
    assert step.large == pytest.approx(beta, rel=1e-8)


def test_transition_on_ve_is_ncsns_ancestral_step():
    hi, lo = ExponentialVE().level(0.8), ExponentialVE().level(0.6)
    step = transition(
        hi, lo
    )  # Song et al. 2021, appendix F: x + (hi^2 - lo^2) score, variance lo^2 (hi^2 - lo^2) / hi^2
    x, x0 = 1.7, 0.4
    score = (x0 - x) / hi.sigma**2
    assert step.A * x + step.B * x0 == pytest.approx(x + (hi.sigma**2 - lo.sigma**2) * score, rel=1e-12)
    assert step.small == pytest.approx(lo.sigma**2 * (hi.sigma**2 - lo.sigma**2) / hi.sigma**2, rel=1e-12)


@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
def test_transition_composes_with_the_forward_process(process):
    """Drawing x_hi from x0, then x_lo from the posterior, gives the forward process's own x_lo."""
    hi, lo = process.level(0.7), process.level(0.45)
    step = transition(hi, lo)
    assert step.A * hi.alpha + step.B == pytest.approx(lo.alpha, rel=1e-10)
    assert step.A**2 * hi.sigma**2 + step.small == pytest.approx(lo.sigma**2, rel=1e-10)


def test_half_log_snr_of_the_clean_level_is_infinite():
    assert Level(0.0, 1.0, 0.0).lam == math.inf
