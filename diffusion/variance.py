"""Variances of a reverse step: how far a draw from ``p(x_lo | x_hi)`` may stray from its mean.

Two are known beforehand, the transition's own ``small`` and ``large``; they are right for data that is a single point
and for data that is standard normal, and all other data lies between. So a network may learn where.

    kind            log-variance                                         used by
    small           log small                                            Ho et al. 2020, "fixedsmall"
    large           log large                                            Ho et al. 2020, "fixedlarge"
    learned         the network's second half                            guided-diffusion
    learned_range   from log small to log large, as that half goes       Nichol & Dhariwal 2021, eq. 15
                    from -1 to 1
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

from diffusion.process import Number, Transition, like


class VarianceKind(NamedTuple):
    """A row: ``log(log_small, log_large, raw)`` gives the log-variance; raw is None unless it is learned."""

    log: Callable[..., Number]
    learned: bool = False  # the network has 2C output channels, the second C being raw


VARIANCES = {
    "small": VarianceKind(lambda small, large, raw: small),
    "large": VarianceKind(lambda small, large, raw: large),
    "learned": VarianceKind(lambda small, large, raw: raw, learned=True),
    "learned_range": VarianceKind(lambda small, large, raw: small + (raw + 1) / 2 * (large - small), learned=True),
}


class Variance(NamedTuple):
    """What a prediction says of the variance. It is no number before the step is known: a grid of other levels has
    other transitions."""

    kind: VarianceKind = VARIANCES["small"]
    raw: Tensor | None = None  # (N, C, H, W)

    def clamped(self) -> "Variance":
        """Of a learned range, what lies in that range. Networks go beyond it (Nichol & Dhariwal 2021, section 3.1, let
        them) where its ends are hardly apart, as they are in training; between levels far from each other that would
        be noise without end."""
        if self.raw is None or self.kind is not VARIANCES["learned_range"]:
            return self
        return self._replace(raw=self.raw.clamp(-1, 1))

    def log(self, step: Transition) -> Number:
        """The log-variance of a step, a number or (N, C, H, W); the step's ``small`` must be above 0."""
        small, large = _log(step.small), _log(step.large)
        if self.raw is not None:
            small, large = like(small, self.raw), like(large, self.raw)
        return self.kind.log(small, large, self.raw)


def _log(value: Number) -> Number:
    return value.log() if isinstance(value, Tensor) else math.log(value)
