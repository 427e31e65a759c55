"""Parameterisations: what a network's output means.

A parameterisation is one row (c0, c1): the target is ``c0 x0 + c1 eps``. Together with ``x = alpha x0 + sigma eps`` it
is a 2x2 system, so one inverse turns any output into (x0, eps). The row that makes the loss is the row that is
inverted.

    name   c0      c1        output is           used by
    eps    0       1         the target          Ho et al. 2020
    x0     1       0         the target          DALL-E 2's prior
    v     -sigma   alpha     the target          Salimans & Ho 2022
    score  0      -1/sigma   sigma * target      Song et al. 2021: the network's raw output is divided by sigma
"""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from torch import Tensor

Number = TypeVar("Number", float, Tensor)  # coefficients are Python floats when sampling, float64 tensors in training


class Prediction(NamedTuple):
    """What a denoiser says about a noisy x: the clean image, the noise and, if learned, a variance; all like x."""

    x0: Tensor
    eps: Tensor
    variance: Tensor | None = None


class Parameterisation(NamedTuple):
    """A row: ``coefficients(alpha, sigma) -> (c0, c1)``; the raw output is ``target * output_scale(sigma)``."""

    coefficients: Callable[[Number, Number], tuple[Number, Number]]
    output_scale: Callable[[Number], Number] = lambda sigma: sigma * 0 + 1

    def target(self, x0: Tensor, eps: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        """What the network's raw output is compared with. Scaling by sigma makes the plain squared error of ``score``
        denoising score matching weighted by sigma^2 (Song et al. 2021, eq. 7)."""
        c0, c1 = self.coefficients(alpha, sigma)
        scale = self.output_scale(sigma)
        return (scale * c0).to(x0.dtype) * x0 + (scale * c1).to(x0.dtype) * eps

    def invert(self, x: Tensor, output: Tensor, alpha: float, sigma: float) -> tuple[Tensor, Tensor]:
        """(x0, eps) from the noisy x and the network's raw output, both (N, C, H, W)."""
        c0, c1 = self.coefficients(alpha, sigma)
        scale = self.output_scale(sigma)
        det = alpha * c1 - sigma * c0
        x0 = x * (c1 / det) - output * (sigma / (det * scale))
        eps = output * (alpha / (det * scale)) - x * (c0 / det)
        return x0, eps


PARAMETERISATIONS = {
    "eps": Parameterisation(lambda alpha, sigma: (alpha * 0, alpha * 0 + 1)),
    "x0": Parameterisation(lambda alpha, sigma: (alpha * 0 + 1, alpha * 0)),
    "v": Parameterisation(lambda alpha, sigma: (-sigma, alpha)),
    "score": Parameterisation(lambda alpha, sigma: (alpha * 0, -1 / sigma), output_scale=lambda sigma: sigma),
}
