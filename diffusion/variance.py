"""Variances of a reverse step, the Gaussian ``p(x_lo | x_hi)``.

The transition's ``small`` and ``large`` are lower and upper bounds: exact for data that is a single point and for
standard normal data (Ho et al. 2020, section 3.2). A network may learn the value between them.

    kind            log-variance                                         used by
    small           log small                                            Ho et al. 2020, "fixedsmall"
    large           log large                                            Ho et al. 2020, "fixedlarge"
    learned         the network's second half                            guided-diffusion
    learned_range   interpolated from log small to log large by that     Nichol & Dhariwal 2021, eq. 15
                    half, from -1 to 1
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

from diffusion.process import Number, Transition, like


class VarianceKind(NamedTuple):
    """A row: ``log(log_small, log_large, raw)`` returns the log-variance; raw is None unless it is learned."""

    log: Callable[..., Number]
    learned: bool = False  # the network has 2C output channels: the second C are raw


VARIANCES = {
    "small": VarianceKind(lambda small, large, raw: small),
    "large": VarianceKind(lambda small, large, raw: large),
    "learned": VarianceKind(lambda small, large, raw: raw, learned=True),
    "learned_range": VarianceKind(lambda small, large, raw: small + (raw + 1) / 2 * (large - small), learned=True),
}


class Variance(NamedTuple):
    """The predicted variance of a reverse step. Its value depends on the step, so it is computed by ``log(step)``."""

    kind: VarianceKind = VARIANCES["small"]
    raw: Tensor | None = None  # (N, C, H, W)

    def clamped(self) -> "Variance":
        """A learned range with its raw values clamped to [-1, 1], so that the variance is between small and large;
        other kinds as they are.

        Networks exceed the range (Nichol & Dhariwal 2021, section 3.1, do not constrain them). That is harmless in
        training, where neighbouring levels are close and so are both bounds, but not in sampling with few steps.
        """
        if self.raw is None or self.kind is not VARIANCES["learned_range"]:
            return self
        return self._replace(raw=self.raw.clamp(-1, 1))

    def log(self, step: Transition) -> Number:
        """The log-variance of a step, a float or a tensor that broadcasts to (N, C, H, W). Needs ``step.small`` > 0."""
        small, large = _log(step.small), _log(step.large)
        if self.raw is not None:
            small, large = like(small, self.raw), like(large, self.raw)
        return self.kind.log(small, large, self.raw)


def _log(value: Number) -> Number:
    return value.log() if isinstance(value, Tensor) else math.log(value)
