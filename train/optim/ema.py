"""The exponential moving average of the weights, from which models are sampled and saved."""

import numpy as np
import torch
from torch import Tensor, nn


class PowerFunctionEMA:
    """Power-function EMA (Karras et al. 2024, "Analyzing and improving the training dynamics", section 3.1).

    After k steps the weights of step i have a weight of i^gamma: the averaged part is a fixed share of the run so far,
    the same for a run of two minutes and one of two days. ``width`` is its standard deviation as a share of k.
    """

    def __init__(self, source: nn.Module, average: nn.Module, width: float):
        self.gamma = gamma(width)
        # lists, as iterating over the modules at each step would take longer than the arithmetic
        self.source: list[Tensor] = list(source.parameters())
        self.average: list[Tensor] = list(average.parameters())
        self.buffers = list(zip(average.buffers(), source.buffers(), strict=True))

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Call it after the optimiser's step number ``step``, from 1."""
        decay = (1 - 1 / step) ** (self.gamma + 1)
        torch._foreach_lerp_(self.average, self.source, 1 - decay)
        for average, source in self.buffers:
            average.copy_(source)


def gamma(width: float) -> float:
    """The exponent for a relative width, below 0.28: the root of width^2 = (g + 1) / ((g + 2)^2 (g + 3)), eq. 126."""
    inverse = width**-2
    return float(np.roots([1, 7, 16 - inverse, 12 - inverse]).real.max())
