"""The arrays of Ho et al. 2020 and guided-diffusion, from the betas alone, in float64: an independent reference.

Index i is step i + 1 of 1000. Nothing here comes from the package.
"""

import math

import torch

BETAS = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
BAR = torch.cumprod(1 - BETAS, 0)  # alpha-bar
BEFORE = torch.cat([torch.ones(1, dtype=torch.float64), BAR[:-1]])
POSTERIOR_VARIANCE = BETAS * (1 - BEFORE) / (1 - BAR)  # eq. 7
LOG_SMALL = torch.cat([POSTERIOR_VARIANCE[1:2], POSTERIOR_VARIANCE[1:]]).log()  # the first, log 0, borrows the next
LOG_LARGE = BETAS.log()
LOG_FIXED_LARGE = torch.cat([LOG_SMALL[:1], LOG_LARGE[1:]])  # its first entry is the other's
COEF_X0 = BEFORE.sqrt() * BETAS / (1 - BAR)
COEF_X = (1 - BETAS).sqrt() * (1 - BEFORE) / (1 - BAR)


def noisy(x0, eps, i):
    return BAR[i].sqrt() * x0 + (1 - BAR[i]).sqrt() * eps


def log_variance(kind, raw, i):
    """Nichol & Dhariwal 2021, eq. 15, and its simpler relatives."""
    frac = (raw + 1) / 2
    return {
        "small": LOG_SMALL[i] + 0 * raw,
        "large": LOG_FIXED_LARGE[i] + 0 * raw,
        "learned": raw,
        "learned_range": frac * LOG_LARGE[i] + (1 - frac) * LOG_SMALL[i],
    }[kind]


def bound_term(x0, x, predicted_x0, log_var, i):
    """L_i of Ho et al. 2020, eqs. 5 and 13, in bits per dimension, (N,)."""
    mean = COEF_X0[i] * predicted_x0 + COEF_X[i] * x
    if i > 0:
        true_mean = COEF_X0[i] * x0 + COEF_X[i] * x
        ratio = (LOG_SMALL[i] - log_var).exp()
        nats = 0.5 * (-1 + log_var - LOG_SMALL[i] + ratio + (true_mean - mean) ** 2 * (-log_var).exp())
    else:
        std = (log_var / 2).exp()
        upper = torch.where(x0 > 0.999, 1.0, cdf((x0 + 1 / 255 - mean) / std))
        lower = torch.where(x0 < -0.999, 0.0, cdf((x0 - 1 / 255 - mean) / std))
        nats = -(upper - lower).log()
    return nats.flatten(1).mean(1) / math.log(2)


def cdf(z):
    return (1 + torch.erf(z / math.sqrt(2))) / 2


def space_timesteps(steps, spec):
    """The kept indices, by walking as the original does, one fractional stride at a time."""
    if spec.startswith("ddim"):
        wanted = int(spec[4:])
        return next(sorted(range(0, steps, i)) for i in range(1, steps) if len(range(0, steps, i)) == wanted)
    counts = [int(part) for part in spec.split(",")]
    kept, start = [], 0
    for number, count in enumerate(counts):
        size = steps // len(counts) + (1 if number < steps % len(counts) else 0)
        position, stride = 0.0, 1 if count <= 1 else (size - 1) / (count - 1)
        for _ in range(count):
            kept.append(start + round(position))
            position += stride
        start += size
    return kept
