"""Training losses, one value per image."""

import torch
from torch import Tensor, nn

from diffusion.prediction import Parameterisation
from diffusion.process import Process


def stratified_times(n: int, t_min: float, generator: torch.Generator | None = None) -> Tensor:
    """n times in [t_min, 1], one in each n-th of the range: uniform each, and together of low variance (Kingma et al.
    2021, appendix I.1). Float64, (n,), on the generator's device."""
    device = generator.device if generator is not None else None
    u = (torch.arange(n, device=device) + torch.rand(n, dtype=torch.float64, generator=generator, device=device)) / n
    return t_min + (1 - t_min) * u


def drop_labels(labels: Tensor, p: float, null_label: int, generator: torch.Generator | None = None) -> Tensor:
    """Replace each label by the null label with probability p: what classifier-free guidance needs (Ho & Salimans
    2022, algorithm 1). labels (N,) int64."""
    dropped = torch.rand(len(labels), generator=generator, device=labels.device) < p
    return torch.where(dropped, null_label, labels)


def denoising_loss(
    network: nn.Module,
    process: Process,
    parameterisation: Parameterisation,
    x0: Tensor,
    labels: Tensor | None,
    t: Tensor,
    eps: Tensor,
) -> Tensor:
    """Mean squared error on the parameterisation's target: x0, eps (N, C, H, W), t (N,) in (0, 1] -> (N,) float32.

    For ``eps`` it is Ho et al. 2020, eq. 14; for ``score`` denoising score matching weighted by sigma^2.
    """
    alpha, sigma = (c.to(x0.device).view(-1, 1, 1, 1) for c in process.alpha_sigma(t))  # float64, (N, 1, 1, 1)
    x = alpha.to(x0.dtype) * x0 + sigma.to(x0.dtype) * eps
    c_in = torch.rsqrt(alpha**2 + sigma**2).to(x0.dtype)
    output = network(x * c_in, process.embed_time(t).to(x0.device, x0.dtype), labels)
    target = parameterisation.target(x0, eps, alpha, sigma)
    return (output.float() - target.float()).square().flatten(1).mean(1)
