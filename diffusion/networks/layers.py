"""Parts that networks share."""

import math

import torch
from torch import Tensor, nn


def zero_module(module: nn.Module) -> nn.Module:
    """Set every parameter to zero: what ends a residual branch, so that a fresh network changes nothing."""
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module


def embedding_table(count: int, dim: int) -> nn.Embedding:
    """A fresh ``nn.Embedding``, which on the meta device does without its ``normal_``: that would import the compiler,
    for seconds."""
    weight = torch.empty(count, dim)
    return nn.Embedding(count, dim, _weight=weight if weight.is_meta else nn.init.normal_(weight))


def sinusoidal(t: Tensor, dim: int, max_period: float = 10_000.0) -> Tensor:
    """Sinusoidal features (Vaswani et al. 2017, section 3.5): t (N,), meant for a range of about 1000 -> (N, dim)."""
    frequencies = torch.exp(-math.log(max_period) * torch.arange(dim // 2, device=t.device) / (dim // 2))
    angles = t.float()[:, None] * frequencies
    return torch.cat([angles.cos(), angles.sin()], dim=1)


def group_norm(channels: int, most_groups: int = 8) -> nn.GroupNorm:
    """GroupNorm with ``most_groups`` groups, or the largest number below that divides the channels."""
    return nn.GroupNorm(next(g for g in range(most_groups, 0, -1) if channels % g == 0), channels)


class SelfAttention(nn.Module):
    """Residual multi-head self-attention over the pixels of a feature map."""

    def __init__(self, channels: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm = group_norm(channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.out = zero_module(nn.Conv2d(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        qkv = self.qkv(self.norm(x))  # (N, 3C, H, W)
        q, k, v = qkv.reshape(n, 3, self.heads, c // self.heads, h * w).transpose(-1, -2).unbind(1)
        attended = nn.functional.scaled_dot_product_attention(q, k, v)  # (N, heads, HW, C / heads)
        return x + self.out(attended.transpose(-1, -2).reshape(n, c, h, w))
