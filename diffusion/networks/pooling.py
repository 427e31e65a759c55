"""Pooling heads of an encoder, from feature maps to logits: guided-diffusion's four.

    pool         input                              layers
    adaptive     the output of the middle           norm, SiLU, mean over pixels, linear
    attention    the output of the middle           norm, SiLU, attention with the mean as query (as in CLIP), linear
    spatial      the means of all layers' outputs   linear, ReLU, linear
    spatial_v2   the means of all layers' outputs   linear, norm, SiLU, linear

The last linear layer is zero in a fresh network, so all classes are equally probable.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from diffusion.networks.attention import attention, split_qkv
from diffusion.networks.layers import group_norm, normal_, zero_module

PoolKind = Literal["adaptive", "attention", "spatial", "spatial_v2"]


class AdaptivePool(nn.Sequential):
    """Norm, SiLU, mean over pixels and a linear layer: (N, C, H, W) -> (N, outputs)."""

    def __init__(self, channels: int, outputs: int, groups: int):
        linear = zero_module(nn.Conv2d(channels, outputs, 1))
        super().__init__(group_norm(channels, groups), nn.SiLU(), nn.AdaptiveAvgPool2d(1), linear, nn.Flatten())


class AttentionPool2d(nn.Module):
    """The mean of the pixels, as one more token, attends to the pixels and itself (guided-diffusion's AttentionPool2d).

    Each token has a learned position embedding, so height and width must be ``size``.
    """

    def __init__(self, channels: int, size: int, heads: int, outputs: int):
        super().__init__()
        self.heads, self.size = heads, size
        self.positions = nn.Parameter(normal_(torch.empty(channels, size**2 + 1), channels**-0.5))
        self.qkv = nn.Conv1d(channels, 3 * channels, 1)
        self.out = zero_module(nn.Linear(channels, outputs))

    def forward(self, x: Tensor) -> Tensor:
        """x (N, C, size, size) -> (N, outputs). Raises ValueError at any other size."""
        if x.shape[-2:] != (self.size, self.size):
            raise ValueError(
                f"the attention pool is made for {self.size}x{self.size} features, not {tuple(x.shape[-2:])}"
            )
        tokens = x.flatten(2)  # (N, C, L)
        tokens = torch.cat([tokens.mean(dim=-1, keepdim=True), tokens], dim=-1) + self.positions  # (N, C, 1 + L)
        q, k, v = split_qkv(self.qkv(tokens), self.heads, "qkv_first")  # each (N, heads, 1 + L, C / heads)
        pooled = attention(q[:, :, :1], k, v)  # (N, heads, 1, C / heads)
        return self.out(pooled.flatten(1))


class SpatialPool(nn.Module):
    """An MLP on the means of all layers' outputs: a list of (N, C_i, H_i, W_i) -> (N, outputs)."""

    def __init__(self, channels: int, hidden: int, outputs: int, activation: nn.Module):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(channels, hidden), activation, zero_module(nn.Linear(hidden, outputs)))

    def forward(self, maps: list[Tensor]) -> Tensor:
        return self.layers(torch.cat([features.mean(dim=(2, 3)) for features in maps], dim=1))
