"""The average of the weights, against its definition."""

import pytest
import torch

from train.optim.ema import PowerFunctionEMA


def test_the_average_is_the_mean_of_the_steps_weighted_by_a_power():
    source, average = torch.nn.Linear(1, 1, bias=False), torch.nn.Linear(1, 1, bias=False)
    ema = PowerFunctionEMA(source, average, width=0.1)
    values = torch.rand(20, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for step, value in enumerate(values, 1):
        torch.nn.init.constant_(source.weight, value.item())
        ema.update(step)
    # what (1 - 1/k)^(gamma + 1) unrolls to
    weights = torch.arange(21, dtype=torch.float64) ** (ema.gamma + 1)
    expected = (weights.diff() * values).sum() / weights[-1]
    assert average.weight.item() == pytest.approx(expected.item(), rel=1e-5)
    assert ema.gamma == pytest.approx(6.94, abs=0.01)  # Karras et al. 2024, table 4: sigma_rel 0.10
