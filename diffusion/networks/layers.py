"""Layers that networks share, and their initialisation."""

import torch
from torch import Tensor, nn


def zero_module(module: nn.Module) -> nn.Module:
    """Set every parameter to zero, for the last layer of a residual branch: a fresh branch adds nothing."""
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module


def normal_(tensor: Tensor, std: float = 1.0) -> Tensor:
    """Fill with samples of N(0, std^2); not on the meta device, where torch would import its compiler for seconds."""
    return tensor if tensor.is_meta else nn.init.normal_(tensor, std=std)


def embedding_table(count: int, width: int) -> nn.Embedding:
    """A fresh ``nn.Embedding``, initialised by ``normal_``."""
    return nn.Embedding(count, width, _weight=normal_(torch.empty(count, width)))


class GroupNorm(nn.GroupNorm):
    """GroupNorm in the dtype of its weights, so in float32 under autocast, as on CUDA. On a CPU that takes a third of
    the time of bfloat16, for the norm and for elementwise operations up to the next convolution."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.to(self.weight.dtype))


def group_norm(channels: int, most_groups: int = 8) -> GroupNorm:
    """GroupNorm with the largest number of groups up to ``most_groups`` that divides the channels. torch accumulates
    its statistics in float32 for half precision, too."""
    return GroupNorm(next(g for g in range(most_groups, 0, -1) if channels % g == 0), channels)


class Upsample(nn.Module):
    """Nearest-neighbour upsampling, then a convolution: (N, C, H, W) -> (N, C', 2H, 2W)."""

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(nn.functional.interpolate(x, scale_factor=2.0, mode="nearest"))


class FrequencyBranch(nn.Module):
    """A 1x1 convolution of the spectrum's real and imaginary parts (Chi et al. 2020, "Fast Fourier Convolution").

    The receptive field is the whole image. The activation is applied to the spectrum, since a *linear* map that is the
    same at all frequencies commutes with the transform: it would be a 1x1 convolution of the pixels.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.conv = zero_module(nn.Conv2d(2 * channels, 2 * channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """x (N, C, H, W) -> the same; zero when fresh. The transforms are float32: a CPU has none in half precision."""
        spectrum = torch.fft.rfft2(x.float(), norm="ortho")  # (N, C, H, W // 2 + 1), complex
        parts = torch.cat([spectrum.real, spectrum.imag], dim=1).to(x.dtype)  # (N, 2C, H, W // 2 + 1)
        real, imag = nn.functional.silu(self.conv(parts)).float().chunk(2, dim=1)
        return torch.fft.irfft2(torch.complex(real, imag), s=x.shape[-2:], norm="ortho").to(x.dtype)


class MLP(nn.Sequential):
    """Linear, GELU, linear on tokens: (N, L, C) -> (N, L, C); the hidden layer is ``ratio`` times as wide."""

    def __init__(self, width: int, ratio: int):
        super().__init__(nn.Linear(width, ratio * width), nn.GELU(approximate="tanh"), nn.Linear(ratio * width, width))
