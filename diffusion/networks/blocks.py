"""The blocks of a U-Net: residual blocks, their attention, downsampling and upsampling."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from diffusion.networks.attention import CrossAttention, SelfAttention, SpatialTransformer
from diffusion.networks.layers import FrequencyBranch, Upsample, group_norm, zero_module
from diffusion.networks.trunk_config import Attends, TrunkConfig


class ResBlock(nn.Module):
    """Two convolutions and a residual connection, conditioned on the embedding of time and label.

    The order is norm, activation, convolution ("norm_first", Dhariwal & Nichol 2021) or convolution, norm, activation
    ("conv_first"). ``resample`` halves or doubles height and width of both branches.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        embedding: int,
        config: TrunkConfig,
        resample: nn.Module | None = None,
    ):
        super().__init__()
        self.conv_first, self.scale_shift = config.order == "conv_first", config.scale_shift
        self.resample = resample or nn.Identity()
        self.norm1 = group_norm(out_channels if self.conv_first else in_channels, config.groups)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.embed = nn.Linear(embedding, 2 * out_channels if config.scale_shift else out_channels)
        self.norm2 = group_norm(out_channels, config.groups)
        self.dropout = nn.Dropout(config.dropout)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        zero_module(self.norm2 if self.conv_first else self.conv2)  # the branch's last layer
        self.skip = nn.Conv2d(in_channels, out_channels, 1) if in_channels != out_channels else nn.Identity()
        self.fourier = FrequencyBranch(out_channels) if config.fourier_branch else None

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """x (N, C, H, W), embedding (N, E) -> (N, C', H, W), with ``resample`` of half or twice the size."""
        silu = nn.functional.silu
        if self.conv_first:
            x = self.resample(x)
            h = silu(self.norm1(self.conv1(x)))
            inner = self.dropout(self.condition(h, embedding))
            h = silu(self.norm2(self.conv2(inner)))
        else:
            h = self.conv1(self.resample(silu(self.norm1(x))))
            x = self.resample(x)
            inner = self.dropout(silu(self.condition(h, embedding, self.norm2)))
            h = self.conv2(inner)
        out = self.skip(x) + h
        return out if self.fourier is None else out + self.fourier(inner)

    def condition(self, h: Tensor, embedding: Tensor, norm: Callable[[Tensor], Tensor] = lambda h: h) -> Tensor:
        """Apply the embedding (N, E) to h (N, C, H, W): scale-shift after the norm, or addition before it."""
        embedded = self.embed(embedding)[:, :, None, None]
        if not self.scale_shift:
            return norm(h + embedded)
        scale, shift = embedded.chunk(2, dim=1)
        return torch.addcmul(shift, norm(h), 1 + scale)


class Block(nn.Module):
    """A residual block, followed by self-attention, cross-attention or both as ``attends`` says.

    ``context_width`` None, in a network without labels: there is no cross-attention.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        embedding: int,
        attends: Attends,
        config: TrunkConfig,
        context_width: int | None,
    ):
        super().__init__()
        heads = config.heads_of(out_channels)
        self.residual = ResBlock(in_channels, out_channels, embedding, config)
        self.attention: nn.Module = nn.Identity()
        self.context: nn.Module | None = None
        if attends in (True, "self_cross"):
            self.attention = SelfAttention(out_channels, heads, config.groups, config.qkv_order)
        if attends == "transformer":
            self.context = SpatialTransformer(out_channels, heads, context_width)
        elif attends in ("cross", "self_cross") and context_width:
            self.context = CrossAttention(out_channels, heads, context_width, config.groups)

    def forward(self, x: Tensor, embedding: Tensor, context: Tensor | None) -> Tensor:
        """x (N, C, H, W), embedding (N, E), context (N, M, D) -> (N, C', H, W)."""
        h = self.attention(self.residual(x, embedding))
        return h if self.context is None else self.context(h, context)


def downsampler(width: int, embedding: int, config: TrunkConfig) -> nn.Module:
    """Halves height and width, from one level to the next coarser one."""
    if config.resample == "residual":
        return ResBlock(width, width, embedding, config, nn.AvgPool2d(2))
    if config.resample == "transposed":
        return nn.Conv2d(width, width, 4, stride=2, padding=1)
    return nn.Conv2d(width, width, 3, stride=2, padding=1)


def upsampler(in_channels: int, out_channels: int, embedding: int, config: TrunkConfig) -> nn.Module:
    """Doubles height and width, from one level to the next finer one."""
    if config.resample == "residual":
        return ResBlock(in_channels, out_channels, embedding, config, nn.Upsample(scale_factor=2.0, mode="nearest"))
    if config.resample == "transposed":
        return nn.ConvTranspose2d(in_channels, out_channels, 4, stride=2, padding=1)
    return Upsample(in_channels, out_channels)
