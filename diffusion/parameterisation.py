"""Parameterisations: what a network predicts.

A parameterisation is one row (c0, c1): the target is ``c0 x0 + c1 eps``. Together with ``x = alpha x0 + sigma eps`` it
is a 2x2 system, so one inverse turns any output into (x0, eps). The same row defines the training target.

    name        c0        c1        output is           used by
    eps         0         1         the target          Ho et al. 2020
    x0          1         0         the target          DALL-E 2's prior
    v          -sigma     alpha     the target          Salimans & Ho 2022
    score       0        -1/sigma   sigma * target      Song et al. 2021, whose model divides the raw output by sigma
    flow       -1         1         the target          Lipman et al. 2023: on the process Flow it is dx/dt
    previous_x  alpha_lo  A sigma   the target          Ho et al. 2020, section 3.2: the posterior's mean A x + B x0,
                                                        one step (lo) down the chain of the process
"""

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

from diffusion.process import Level, Number, Process, like, transition
from diffusion.variance import Variance


class Prediction(NamedTuple):
    """A denoiser's prediction from a noisy x: the clean image and the noise, both like x, and the variance of a reverse
    step, which only ``ddpm`` and the variational bound use."""

    x0: Tensor
    eps: Tensor
    variance: Variance = Variance()

    def split(self, sizes: list[int]) -> list["Prediction"]:
        """The batch's predictions as several batches of these sizes."""
        raw = self.variance.raw
        raws = [None] * len(sizes) if raw is None else raw.split(sizes)
        parts = zip(self.x0.split(sizes), self.eps.split(sizes), raws, strict=True)
        return [Prediction(x0, eps, Variance(self.variance.kind, raw)) for x0, eps, raw in parts]


class Parameterisation(NamedTuple):
    """A row: ``coefficients(level, process) -> (c0, c1)``, floats or tensors as in the level; the network's raw output
    is ``target * output_scale(sigma)``."""

    coefficients: Callable[[Level, Process], tuple[Number, Number]]
    output_scale: Callable[[Number], Number] = lambda sigma: sigma * 0 + 1

    def eps_gain(self, level: Level, process: Process) -> float:
        """|d eps / d output|: how much an error of the network's raw output is amplified in eps. At low noise about 1,
        but alpha / sigma for ``x0`` and more for ``previous_x``."""
        c0, c1 = self.coefficients(level, process)
        det = level.alpha * c1 - level.sigma * c0
        return abs(float(level.alpha / (det * self.output_scale(level.sigma))))

    def target(self, x0: Tensor, eps: Tensor, level: Level, process: Process) -> Tensor:
        """The regression target of the network's raw output: x0 and eps (N, C, H, W) -> like x0.

        For ``score`` the scale sigma makes the squared error denoising score matching with weight sigma^2 (Song et al.
        2021, eq. 7).
        """
        c0, c1 = self.coefficients(level, process)
        scale = self.output_scale(level.sigma)
        return like(scale * c0, x0) * x0 + like(scale * c1, x0) * eps

    def invert(self, x: Tensor, output: Tensor, level: Level, process: Process) -> tuple[Tensor, Tensor]:
        """The noisy x at ``level`` and the network's raw output, both (N, C, H, W) -> (x0, eps), like x."""
        alpha, sigma = level.alpha, level.sigma
        c0, c1 = self.coefficients(level, process)
        det = alpha * c1 - sigma * c0
        scaled = det * self.output_scale(sigma)
        x0 = x * like(c1 / det, x) - output * like(sigma / scaled, x)
        eps = output * like(alpha / scaled, x) - x * like(c0 / det, x)
        return x0, eps


def _previous_x(level: Level, process: Process) -> tuple[Number, Number]:
    lo = process.before(level)
    return lo.alpha, transition(level, lo).A * level.sigma  # A x + B x0, where B = alpha_lo - A alpha


PARAMETERISATIONS = {
    "eps": Parameterisation(lambda at, _: (at.alpha * 0, at.alpha * 0 + 1)),
    "x0": Parameterisation(lambda at, _: (at.alpha * 0 + 1, at.alpha * 0)),
    "v": Parameterisation(lambda at, _: (-at.sigma, at.alpha)),
    "score": Parameterisation(lambda at, _: (at.alpha * 0, -1 / at.sigma), output_scale=lambda sigma: sigma),
    "flow": Parameterisation(lambda at, _: (at.alpha * 0 - 1, at.alpha * 0 + 1)),
    "previous_x": Parameterisation(_previous_x),
}
