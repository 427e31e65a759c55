import pytest
import torch

from diffusion.prediction import PARAMETERISATIONS
from tests.diffusion.gaussian import PROCESSES


@pytest.mark.parametrize("name", PARAMETERISATIONS)
@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
@pytest.mark.parametrize("t", [0.01, 0.3, 0.99])
def test_every_row_round_trips(name, process, t):
    row = PARAMETERISATIONS[name]
    x0, eps = torch.randn(2, 3, 1, 4, 4, dtype=torch.float64)
    alpha, sigma = process.alpha_sigma(torch.full((3, 1, 1, 1), t))
    output = row.target(x0, eps, alpha, sigma)
    back = row.invert(alpha * x0 + sigma * eps, output, alpha[0].item(), sigma[0].item())
    torch.testing.assert_close(back[0], x0, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(back[1], eps, rtol=1e-10, atol=1e-10)


def test_targets_are_the_fields_own():
    x0, eps = torch.randn(2, 3, 1, 4, 4, dtype=torch.float64)
    alpha, sigma = (torch.full((3, 1, 1, 1), v, dtype=torch.float64) for v in (0.6, 0.8))
    expected = {"eps": eps, "x0": x0, "v": 0.6 * eps - 0.8 * x0, "score": -eps}  # score's raw output is sigma * score
    for name, target in expected.items():
        torch.testing.assert_close(PARAMETERISATIONS[name].target(x0, eps, alpha, sigma), target)
