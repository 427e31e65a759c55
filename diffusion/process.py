"""Forward processes, from image to noise.

Every process is ``x_t = alpha_t * x0 + sigma_t * eps`` for a time t in [0, 1], 0 = clean and 1 = noise; processes
differ in alpha_t and sigma_t only. The half-log-SNR ``lambda = log(alpha / sigma)`` decreases strictly with t.
Coefficients are float64; they are cast at the network.

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
MIN_ALPHA = 1e-6  # at t = 1: x0 is recovered by dividing by alpha, which float32 cannot do below this


class Level(NamedTuple):
    """The process at one time. Float64: Python floats in a sampling grid, as annotated; in training, where each image
    has its own time, tensors (N, 1, 1, 1)."""

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
    """``q(x_lo | x_hi, x0)``: the mean ``A x_hi + B x0`` and two variances for a reverse step."""

    A: float
    B: float
    small: float
    large: float


def transition(hi: Level, lo: Level) -> Transition:
    """The Gaussian posterior between *any* two levels, ``hi`` the noisier one.

    ``small`` is the variance of the posterior, exact where x0 is known; ``large`` is that of the forward step
    ``q(x_hi | x_lo)``, exact where x0 is standard normal. On VP these are "fixedsmall" and "fixedlarge" of Ho et al.
    2020 (eqs. 6 and 7); on VE, the ancestral step of NCSN (Song et al. 2021, appendix F).
    """
    ratio = hi.alpha / lo.alpha
    forward = hi.sigma**2 - ratio**2 * lo.sigma**2  # variance of x_hi given x_lo
    forward = (forward + abs(forward)) / 2  # max(forward, 0) for floats and tensors
    share = lo.sigma**2 / hi.sigma**2
    return Transition(A=ratio * share, B=lo.alpha * forward / hi.sigma**2, small=forward * share, large=forward)


def like(coefficient: Number, x: Tensor) -> Number:
    """A coefficient that x can be multiplied by: tensors cast to its dtype and device, Python floats unchanged."""
    return coefficient.to(x) if isinstance(coefficient, Tensor) else coefficient


class Process:
    """Base class of forward processes. A subclass defines ``alpha_sigma``, ``sde`` and ``embed_time``."""

    steps: int = 1000  # T of the discrete chain t = n / T, which previous_x, respacing and the bound are defined on
    t_min = 1e-3  # the smallest time in training; a grid uniform in lambda goes from there to t = 0 in its last step
    lam_min = -5.1  # of grids uniform in lambda: just below DDPM's noisiest step; the cosine's end is at -9.9

    def alpha_sigma(self, t: Tensor | float) -> tuple[Tensor, Tensor]:
        """Signal and noise scale at time t in [0, 1]: two float64 tensors of t's shape."""
        raise NotImplementedError

    def sde(self, t: Tensor | float) -> tuple[Tensor, Tensor]:
        """Drift f = d log(alpha)/dt and squared diffusion g^2 = -2 sigma^2 dlambda/dt (Kingma et al. 2021, eq. 2)."""
        raise NotImplementedError

    def embed_time(self, t: Tensor | float) -> Tensor:
        """The network's input for time t; float64, of t's shape."""
        raise NotImplementedError

    def level(self, t: Number) -> Level:
        """The level at time t in [0, 1], of floats or of tensors like t. Raises ValueError for floats out of range."""
        if isinstance(t, Tensor):
            return Level(t, *self.alpha_sigma(t), *self.sde(t))  # type: ignore[arg-type]
        if not 0 <= t <= 1:
            raise ValueError(f"t must lie in [0, 1], not {t}")
        values = (*self.alpha_sigma(t), *self.sde(t))
        return Level(float(t), *(value.item() for value in values))

    def before(self, level: Level) -> Level:
        """The level one step of the chain closer to clean: t - 1 / steps, but at least 0."""
        earlier = level.t - 1 / self.steps
        return self.level(earlier.clamp(min=0) if isinstance(earlier, Tensor) else max(earlier, 0.0))

    def levels(self, steps: int, spacing: str = "time", longest_step: float = math.inf) -> list[Level]:
        """A sampling grid: ``steps + 1`` levels from noise (t = 1, or close to it) to clean (t = 0).

        ``spacing`` is "time" (uniform in t, Lin et al. 2023's "trailing" timesteps), "root" (uniform in t^2, denser at
        high noise) or "lambda" (uniform in lambda from lambda(1), but at least lam_min, to lambda(t_min), then one step
        to clean; Lu et al. 2022). Where steps in lambda would be longer than ``longest_step``, they pass only the part
        of that range around lambda = 0, where most is decided. Raises ValueError for fewer than 1 step.
        """
        if steps < 1:
            raise ValueError(f"steps must be at least 1, not {steps}")
        times = torch.arange(steps, -1, -1, dtype=torch.float64) / steps
        if spacing == "root":
            times = times.sqrt()
        if spacing == "lambda" and steps > 1:
            ends = self._lam(torch.tensor([1.0, self.t_min], dtype=torch.float64))
            first, last = ends[0].clamp(min=self.lam_min), ends[1]
            if (reach := longest_step * (steps - 1)) < last - first:
                first = torch.clamp(torch.full_like(first, -reach / 2), first, last - reach)
                last = first + reach
            lam = torch.lerp(first, last, torch.arange(steps, dtype=torch.float64) / (steps - 1))
            times = torch.cat([self.time_of(lam), times[-1:]])
        return self.levels_at(times)

    def levels_at(self, times: Tensor) -> list[Level]:
        """The levels at times (M,) in [0, 1]."""
        table = torch.stack([times, *self.alpha_sigma(times), *self.sde(times)], dim=1)
        return [Level(*row) for row in table.tolist()]

    def time_of(self, lam: Tensor) -> Tensor:
        """The times at which the half-log-SNR is ``lam``, by bisection; float64, of lam's shape."""
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
    """Variance preserving: alpha^2 + sigma^2 = 1, defined by L = log(alpha^2) and its derivative dL/dt. The network's
    input is DDPM's timestep index, 0 to steps - 1, extended to fractions."""

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

    With 1 - beta_i = d (z - 1 - i) the product is d^n Gamma(z) / Gamma(z - n), which is smooth in n and so defines the
    process between the steps, too; the Gamma functions are by Stirling's series, without cancellation. L is linear in
    the first step, where the formula may increase (beta_min < d), and everywhere if d is 0.
    """

    kind: Literal["linear_vp"] = "linear_vp"
    steps: int = Field(1000, ge=10, le=10_000)
    beta_min: float = Field(1e-4, gt=0, le=0.02)
    beta_max: float = Field(0.02, gt=0, le=0.5)

    def __post_init__(self) -> None:
        if self.alpha_sigma(1.0)[0] < MIN_ALPHA:
            raise ValueError(f"{self.steps} betas up to {self.beta_max:g} leave too little signal at t = 1")

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
    """The cosine schedule (Nichol & Dhariwal 2021, eq. 17), with betas of at most 0.999, as there."""

    kind: Literal["cosine_vp"] = "cosine_vp"
    steps: int = Field(1000, ge=100, le=10_000)  # with fewer, 1000 sampling steps would reach the clamped end twice
    offset: float = Field(0.008, gt=0, le=0.1)

    def log_alpha_squared(self, t: Tensor) -> tuple[Tensor, Tensor]:
        speed = math.pi / 2 / (1 + self.offset)
        start = speed * self.offset
        last = speed * (1 - 1 / self.steps + self.offset)
        angle = (speed * t).clamp(max=math.acos(math.sqrt(1 - 0.999) * math.cos(last)) - start)
        # alpha = cos(start + angle) / cos(start) = 1 - lost, written so that it is exactly 1 at t = 0
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
    """Straight lines from image to noise, alpha = 1 - t, sigma = t (Lipman et al. 2023; Liu et al. 2023). t is clamped
    to 0.9999: at t = 1 x0 could not be recovered from eps, and f and g^2 would be infinite."""

    kind: Literal["flow"] = "flow"

    def alpha_sigma(self, t: Tensor | float) -> tuple[Tensor, Tensor]:
        t = _float64(t).clamp(max=0.9999)
        return 1 - t, t

    def sde(self, t: Tensor | float) -> tuple[Tensor, Tensor]:
        t = _float64(t).clamp(max=0.9999)
        return -1 / (1 - t), 2 * t / (1 - t)

    def embed_time(self, t: Tensor | float) -> Tensor:
        return _float64(t) * self.steps


def _float64(t: Tensor | float) -> Tensor:
    return torch.as_tensor(t, dtype=torch.float64)


def _stirling(z: Tensor) -> Tensor:
    """log Gamma(z) minus (z - 1/2) log z - z + log(2 pi) / 2; the error is below 1e-3 / z^5."""
    return 1 / (12 * z) - 1 / (360 * z * z * z)
