"""Forward processes: how an image turns into noise.

Every process is ``x_t = alpha_t * x0 + sigma_t * eps`` for a time t in [0, 1], 0 = clean and 1 = noise; processes
differ only in the two curves. The half-log-SNR ``lambda = log(alpha / sigma)`` falls strictly with t. Coefficients are
float64 throughout; they are cast where they meet the network.

    process        alpha, sigma                                        used by
    LinearVP       DDPM's 1000 linear betas                            Ho et al. 2020; guided-diffusion
    CosineVP       a squared cosine                                    Nichol & Dhariwal 2021; the default model
    ExponentialVE  1, sqrt((s^2t - 1) / (2 ln s))                      Song et al. 2021 (score SDE)
    Flow           1 - t, t                                            Lipman et al. 2023 (flow matching)
"""

import math
from typing import Literal, NamedTuple

import torch
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass
from torch import Tensor

_settings = dataclass(frozen=True, config=ConfigDict(extra="forbid"))
Number = float | Tensor
LEAST_SIGNAL = 1e-6  # of an image at t = 1: with less, float32 can no longer divide by it


class Level(NamedTuple):
    """The process at one time, float64: Python floats in a sampling grid; in training, where each image has a time of
    its own, tensors (N, 1, 1, 1). The annotations speak of the former."""

    t: float
    alpha: float
    sigma: float
    f: float = math.nan  # drift: dx = f x dt + g dw
    g2: float = math.nan  # squared diffusion, g^2

    @property
    def lam(self) -> float:
        """Half-log-SNR, log(alpha / sigma); infinite at the clean level."""
        return math.inf if self.sigma == 0 else math.log(self.alpha / self.sigma)


class Transition(NamedTuple):
    """``q(x_lo | x_hi, x0)``: mean ``A x_hi + B x0`` and two variances a reverse step may use; numbers as in levels."""

    A: float
    B: float
    small: float
    large: float


def transition(hi: Level, lo: Level) -> Transition:
    """The Gaussian posterior between *any* two levels, ``hi`` the noisier one.

    ``small`` is the posterior's own variance, right where x0 is known; ``large`` is the variance of the forward step
    ``q(x_hi | x_lo)``, right where x0 is standard normal. On VP these are DDPM's eqs. 6 and 7 (fixedsmall, fixedlarge);
    on VE they give NCSN's ancestral step (Song et al. 2021, appendix F).
    """
    ratio = hi.alpha / lo.alpha
    forward = hi.sigma**2 - ratio**2 * lo.sigma**2  # variance of x_hi given x_lo
    forward = (forward + abs(forward)) / 2  # not below 0, be it a float or a tensor
    share = lo.sigma**2 / hi.sigma**2
    return Transition(A=ratio * share, B=lo.alpha * forward / hi.sigma**2, small=forward * share, large=forward)


def like(coefficient: Number, x: Tensor) -> Number:
    """A coefficient as it meets x: tensors in its dtype and on its device, Python floats as they are."""
    return coefficient.to(x) if isinstance(coefficient, Tensor) else coefficient


class Process:
    """What all forward processes share. A subclass gives ``alpha_sigma``, ``sde`` and ``embed_time``."""

    steps: int = 1000  # of the process as a chain, t = n / steps: what previous-x, respacing and the bound speak of
    t_min = 1e-3  # the cleanest time a network is trained on; a sampling grid steps from there to t = 0 at once
    lam_min = -5.1  # just below DDPM's noisiest step: what lies beyond (the cosine's end, -9.9) only costs steps

    def alpha_sigma(self, t: Tensor | float) -> tuple[Tensor, Tensor]:
        """Signal and noise scale at time t in [0, 1]: two float64 tensors of t's shape."""
        raise NotImplementedError

    def sde(self, t: Tensor | float) -> tuple[Tensor, Tensor]:
        """Drift f = d log(alpha)/dt and squared diffusion g^2 = -2 sigma^2 dlambda/dt (Kingma et al. 2021, eq. 2)."""
        raise NotImplementedError

    def embed_time(self, t: Tensor | float) -> Tensor:
        """What the network is told about the time t; float64, of t's shape."""
        raise NotImplementedError

    def level(self, t: Number) -> Level:
        """The noise level at time t in [0, 1]; of floats for a float, of tensors of t's shape for a tensor."""
        if isinstance(t, Tensor):
            return Level(t, *self.alpha_sigma(t), *self.sde(t))  # type: ignore[arg-type]
        if not 0 <= t <= 1:
            raise ValueError(f"t must lie in [0, 1], not {t}")
        values = (*self.alpha_sigma(t), *self.sde(t))
        return Level(float(t), *(value.item() for value in values))

    def before(self, level: Level) -> Level:
        """The level one step of the chain cleaner; the clean one for the first step and whatever lies within it."""
        earlier = level.t - 1 / self.steps
        return self.level(earlier.clamp(min=0) if isinstance(earlier, Tensor) else max(earlier, 0.0))

    def levels(self, steps: int, spacing: str = "time") -> list[Level]:
        """A sampling grid: ``steps + 1`` levels from noise (t = 1, or close to it) to clean (t = 0).

        ``spacing`` is "time" (uniform in t, Lin et al. 2023's "trailing" steps), "root" (uniform in t^2: denser where
        noise is strong and a picture is decided on) or "lambda" (uniform in the half-log-SNR from t = 1, or where it
        passes lam_min, to t_min, then one step to clean; Lu et al. 2022).
        """
        if steps < 1:
            raise ValueError(f"steps must be at least 1, not {steps}")
        times = torch.arange(steps, -1, -1, dtype=torch.float64) / steps
        if spacing == "root":
            times = times.sqrt()
        if spacing == "lambda" and steps > 1:
            ends = self._lam(torch.tensor([1.0, self.t_min], dtype=torch.float64))
            first = ends[0].clamp(min=self.lam_min)
            lam = torch.lerp(first, ends[1], torch.arange(steps, dtype=torch.float64) / (steps - 1))
            times = torch.cat([self.time_of(lam), times[-1:]])
        return self.levels_at(times)

    def levels_at(self, times: Tensor) -> list[Level]:
        """The levels at some times (M,) in [0, 1]."""
        table = torch.stack([times, *self.alpha_sigma(times), *self.sde(times)], dim=1)
        return [Level(*row) for row in table.tolist()]

    def time_of(self, lam: Tensor) -> Tensor:
        """The time with half-log-SNR ``lam``, by bisection: lambda falls strictly with t."""
        low, high = torch.zeros_like(lam), torch.ones_like(lam)
        for _ in range(60):
            middle = (low + high) / 2
            noisier = self._lam(middle) < lam
            low, high = torch.where(noisier, low, middle), torch.where(noisier, middle, high)
        return (low + high) / 2

    def _lam(self, t: Tensor) -> Tensor:
        alpha, sigma = self.alpha_sigma(t)
        return alpha.log() - sigma.log()


class VP(Process):
    """Variance preserving: alpha^2 + sigma^2 = 1, given by L = log(alpha^2) and its slope dL/dt.

    The network is told DDPM's own index, 0 to steps - 1, continued to fractions.
    """

    def log_alpha_squared(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """L(t) and dL/dt, float64."""
        raise NotImplementedError

    def alpha_sigma(self, t: Tensor | float) -> tuple[Tensor, Tensor]:
        log_squared, _ = self.log_alpha_squared(_float64(t))
        return (log_squared / 2).exp(), (0 - torch.expm1(log_squared)).sqrt()

    def sde(self, t: Tensor | float) -> tuple[Tensor, Tensor]:
        _, slope = self.log_alpha_squared(_float64(t))
        return slope / 2, -slope

    def embed_time(self, t: Tensor | float) -> Tensor:
        return _float64(t) * self.steps - 1


@_settings
class LinearVP(VP):
    """DDPM's linear betas (Ho et al. 2020, section 4): at t = n / steps, alpha^2 is *exactly* prod(1 - beta_i, i < n).

    With 1 - beta_i = d (z - 1 - i) the product is d^n Gamma(z) / Gamma(z - n), which is smooth in n: so the process is
    defined, with its SDE, between the steps too. The Gammas are Stirling's series, arranged so that nothing cancels.
    Within the first step, where they would rise if beta_min is small beside d, L is a straight line, as it is all the
    way where d is 0.
    """

    kind: Literal["linear_vp"] = "linear_vp"
    steps: int = Field(1000, ge=10, le=10_000)
    beta_min: float = Field(1e-4, gt=0, le=0.02)
    beta_max: float = Field(0.02, gt=0, le=0.5)

    def __post_init__(self) -> None:
        if self.alpha_sigma(1.0)[0] < LEAST_SIGNAL:
            raise ValueError(f"{self.steps} betas up to {self.beta_max:g} leave nothing of an image to start from")

    def log_alpha_squared(self, t: Tensor) -> tuple[Tensor, Tensor]:
        n = t * self.steps
        first = math.log1p(-self.beta_min)
        d = (self.beta_max - self.beta_min) / (self.steps - 1)
        if d == 0:
            return n * first, torch.full_like(n, first * self.steps)
        z = _float64((1 - self.beta_min) / d + 1)
        w = z - n
        value = n * (d * z).log() - (w - 0.5) * torch.log1p(-n / z) - n + _stirling(z) - _stirling(w)
        slope = (d * w).log() - 1 / (2 * w) - 1 / (12 * w**2)  # log d + digamma(w)
        return torch.where(n < 1, n * first, value), torch.where(n < 1, first, slope) * self.steps


@_settings
class CosineVP(VP):
    """The cosine schedule (Nichol & Dhariwal 2021, eq. 17), with its last beta held at 0.999 as they do."""

    kind: Literal["cosine_vp"] = "cosine_vp"
    steps: int = Field(1000, ge=100, le=10_000)  # of fewer, 1000 steps of sampling would meet the held end twice
    offset: float = Field(0.008, gt=0, le=0.1)

    def log_alpha_squared(self, t: Tensor) -> tuple[Tensor, Tensor]:
        speed = math.pi / 2 / (1 + self.offset)
        start = speed * self.offset
        last = speed * (1 - 1 / self.steps + self.offset)
        angle = (speed * t).clamp(max=math.acos(math.sqrt(1 - 0.999) * math.cos(last)) - start)
        # alpha = cos(start + angle) / cos(start) = 1 - lost: at t = 0 exactly 1, whatever a platform's cosine rounds to
        lost = 2 * (angle / 2).sin().square() + math.tan(start) * angle.sin()
        return 2 * torch.log1p(-lost), -2 * speed * (start + angle).tan()


@_settings
class ExponentialVE(Process):
    """Variance exploding, dx = s^t dw (Song et al. 2021): alpha = 1, sigma_t^2 = (s^2t - 1) / (2 ln s)."""

    kind: Literal["exponential_ve"] = "exponential_ve"
    s: float = Field(25.0, gt=1, le=1000)

    def alpha_sigma(self, t: Tensor | float) -> tuple[Tensor, Tensor]:
        t = _float64(t)
        rate = 2 * math.log(self.s)
        return torch.ones_like(t), (torch.expm1(rate * t) / rate).sqrt()

    def sde(self, t: Tensor | float) -> tuple[Tensor, Tensor]:
        t = _float64(t)
        return torch.zeros_like(t), torch.exp(2 * math.log(self.s) * t)

    def embed_time(self, t: Tensor | float) -> Tensor:
        return _float64(t)


@_settings
class Flow(Process):
    """The straight line from image to noise, alpha = 1 - t, sigma = t (Lipman et al. 2023; Liu et al. 2023).

    It is held at t = 0.9999: at the very end nothing is left of the image, so an eps-row could not be inverted there,
    and the drift f = -1 / (1 - t) and g^2 = 2 t / (1 - t) would be infinite.
    """

    kind: Literal["flow"] = "flow"

    def alpha_sigma(self, t: Tensor | float) -> tuple[Tensor, Tensor]:
        t = self._held(t)
        return 1 - t, t

    def sde(self, t: Tensor | float) -> tuple[Tensor, Tensor]:
        t = self._held(t)
        return -1 / (1 - t), 2 * t / (1 - t)

    def embed_time(self, t: Tensor | float) -> Tensor:
        return _float64(t) * self.steps

    def _held(self, t: Tensor | float) -> Tensor:
        return _float64(t).clamp(max=0.9999)


def _float64(t: Tensor | float) -> Tensor:
    return torch.as_tensor(t, dtype=torch.float64)


def _stirling(z: Tensor) -> Tensor:
    """The part of log Gamma(z) beyond (z - 1/2) log z - z + log(2 pi) / 2; error below 1e-3 / z^5."""
    return 1 / (12 * z) - 1 / (360 * z * z * z)
