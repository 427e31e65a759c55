import pytest
import torch

from diffusion.parameterisation import PARAMETERISATIONS, Prediction
from diffusion.process import Flow, Level, LinearVP
from diffusion.variance import VARIANCES, Variance
from tests.diffusion.gaussian import PROCESSES


@pytest.mark.parametrize("name", PARAMETERISATIONS)
@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
@pytest.mark.parametrize("t", [0.01, 0.3, 0.99])
def test_every_row_round_trips(name, process, t):
    row = PARAMETERISATIONS[name]
    x0, eps = torch.randn(2, 3, 1, 4, 4, dtype=torch.float64)
    training, sampling = process.level(torch.full((3, 1, 1, 1), t, dtype=torch.float64)), process.level(t)
    output = row.target(x0, eps, training, process)
    for level in (training, sampling):
        back = row.invert(level.alpha * x0 + level.sigma * eps, output, level, process)
        torch.testing.assert_close(back[0], x0, rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(back[1], eps, rtol=1e-10, atol=1e-10)


def test_targets_are_the_fields_own():
    x0, eps = torch.randn(2, 3, 1, 4, 4, dtype=torch.float64)
    level = Level(0.5, 0.6, 0.8)
    expected = {  # score's raw output is sigma * score
        "eps": eps,
        "x0": x0,
        "v": 0.6 * eps - 0.8 * x0,
        "score": -eps,
        "flow": eps - x0,
    }
    for name, target in expected.items():
        torch.testing.assert_close(PARAMETERISATIONS[name].target(x0, eps, level, LinearVP()), target)


def test_previous_x_is_ddpms_posterior_mean():
    """Ho et al. 2020, eq. 7, from the betas, at several steps at once; the first step's is the image itself."""
    betas = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
    bar = torch.cumprod(1 - betas, 0)
    i = torch.tensor([0, 1, 400, 999])
    before = torch.where(i > 0, bar[i - 1], 1.0).view(-1, 1, 1, 1)
    beta, bar = betas[i].view(-1, 1, 1, 1), bar[i].view(-1, 1, 1, 1)
    x0, eps = torch.randn(2, 4, 1, 4, 4, dtype=torch.float64)
    x = bar.sqrt() * x0 + (1 - bar).sqrt() * eps
    mean = before.sqrt() * beta / (1 - bar) * x0 + (1 - beta).sqrt() * (1 - before) / (1 - bar) * x
    process = LinearVP()
    level = process.level(((i + 1).double() / 1000).view(-1, 1, 1, 1))
    target = PARAMETERISATIONS["previous_x"].target(x0, eps, level, process)
    torch.testing.assert_close(target, mean, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(target[0], x0[0], rtol=1e-9, atol=1e-9)


def test_flow_on_the_flow_process_is_the_velocity():
    process, t, h = Flow(), 0.37, 1e-6
    x0, eps = torch.randn(2, 3, 1, 4, 4, dtype=torch.float64)
    ends = [level.alpha * x0 + level.sigma * eps for level in map(process.level, (t - h, t + h))]
    velocity = PARAMETERISATIONS["flow"].target(x0, eps, process.level(t), process)
    torch.testing.assert_close((ends[1] - ends[0]) / (2 * h), velocity, rtol=1e-8, atol=1e-8)


def test_splitting_a_batch_keeps_the_variance_with_its_images():
    x0, eps, raw = torch.randn(3, 6, 2, 4, 4)
    kind = VARIANCES["learned"]
    first, second = Prediction(x0, eps, Variance(kind, raw)).split([2, 4])
    for part, rows in ((first, slice(0, 2)), (second, slice(2, 6))):
        assert part.variance.kind is kind
        for piece, whole in ((part.x0, x0), (part.eps, eps), (part.variance.raw, raw)):
            assert torch.equal(piece, whole[rows])
    assert Prediction(x0, eps).split([2, 4])[1].variance == Variance()
