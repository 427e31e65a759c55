"""The U-Net (Ronneberger et al. 2015; Ho et al. 2020; Dhariwal & Nichol 2021), one for all presets."""

from typing import Annotated, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from diffusion.networks.layers import SelfAttention, embedding_table, group_norm, sinusoidal, zero_module

Width = Annotated[int, Field(ge=8, le=1024, multiple_of=8)]


class UNetConfig(BaseModel):
    """Settings of a ``UNet``; every size is bounded, since a config may come from a stranger."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["unet"] = "unet"
    patch: Literal[1, 2, 4] = 1  # pixels are folded patch x patch into channels before the first convolution
    channels: tuple[Width, ...] = Field((64, 128), min_length=1, max_length=6)  # one entry a level
    blocks: int = Field(2, ge=1, le=8)  # residual blocks a level, going down; one more going up
    attention: tuple[bool, ...] = (False, True)  # self-attention after each block, level by level
    head_channels: int = Field(32, ge=4, le=256)
    dropout: float = Field(0.0, ge=0, lt=1)

    @property
    def stride(self) -> int:
        """Image height and width must be divisible by this."""
        return self.patch * 2 ** (len(self.channels) - 1)

    def model_post_init(self, _) -> None:
        if len(self.attention) != len(self.channels):
            raise ValueError("attention must have one entry for each entry of channels")
        for width, attends in zip(self.channels, self.attention, strict=True):
            if attends and width % self.head_channels:
                raise ValueError(f"head_channels {self.head_channels} must divide the channels {width} that attend")


class ResBlock(nn.Module):
    """Two norm-activation-convolutions; time and label scale and shift between them ("scale-shift norm")."""

    def __init__(self, in_channels: int, out_channels: int, embedding: int, dropout: float):
        super().__init__()
        self.norm1 = group_norm(in_channels)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.embed = nn.Linear(embedding, 2 * out_channels)
        self.norm2 = group_norm(out_channels)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = zero_module(nn.Conv2d(out_channels, out_channels, 3, padding=1))
        self.skip = nn.Conv2d(in_channels, out_channels, 1) if in_channels != out_channels else nn.Identity()

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        h = self.conv1(nn.functional.silu(self.norm1(x)))
        scale, shift = self.embed(embedding)[:, :, None, None].chunk(2, dim=1)
        h = torch.addcmul(shift, self.norm2(h), 1 + scale)
        h = self.conv2(self.dropout(nn.functional.silu(h)))
        return self.skip(x) + h


class Block(nn.Module):
    """A residual block and, where asked for, self-attention."""

    def __init__(self, in_channels: int, out_channels: int, embedding: int, attends: bool, config: UNetConfig):
        super().__init__()
        self.residual = ResBlock(in_channels, out_channels, embedding, config.dropout)
        self.attention = SelfAttention(out_channels, out_channels // config.head_channels) if attends else nn.Identity()

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        return self.attention(self.residual(x, embedding))


class Upsample(nn.Module):
    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(nn.functional.interpolate(x, scale_factor=2.0, mode="nearest"))


class UNet(nn.Module):
    """``forward(x, t, y)``: x (N, C, H, W), t (N,) as ``Process.embed_time`` gives it, y (N,) labels in
    0..num_classes (num_classes is the null label, and what y = None means) -> (N, C, H, W)."""

    def __init__(self, config: UNetConfig, channels: int, num_classes: int):
        super().__init__()
        self.config, self.num_classes = config, num_classes
        first, embedding = config.channels[0], 4 * config.channels[0]
        folded = channels * config.patch**2

        self.time = nn.Sequential(nn.Linear(first, embedding), nn.SiLU(), nn.Linear(embedding, embedding))
        self.label = embedding_table(num_classes + 1, embedding) if num_classes else None
        self.input = nn.Conv2d(folded, first, 3, padding=1)

        self.down = nn.ModuleList()
        skips = [first]
        for level, (width, attends) in enumerate(zip(config.channels, config.attention, strict=True)):
            for _ in range(config.blocks):
                self.down.append(Block(skips[-1], width, embedding, attends, config))
                skips.append(width)
            if level < len(config.channels) - 1:
                self.down.append(nn.Conv2d(width, width, 3, stride=2, padding=1))
                skips.append(width)

        last, middle_attends = config.channels[-1], config.attention[-1]
        self.middle = nn.ModuleList(
            [Block(last, last, embedding, middle_attends, config), Block(last, last, embedding, False, config)]
        )

        self.up = nn.ModuleList()
        for level in reversed(range(len(config.channels))):
            width, attends = config.channels[level], config.attention[level]
            for _ in range(config.blocks + 1):
                self.up.append(Block(width + skips.pop(), width, embedding, attends, config))
            if level > 0:
                self.up.append(Upsample(width, config.channels[level - 1]))

        self.output = nn.Sequential(group_norm(first), nn.SiLU(), zero_module(nn.Conv2d(first, folded, 3, padding=1)))

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        embedding = self.time(sinusoidal(t, self.config.channels[0]).to(x.dtype))
        if self.label is not None:
            y = torch.full_like(t, self.num_classes, dtype=torch.long) if y is None else y
            embedding = embedding + self.label(y)
        embedding = nn.functional.silu(embedding)  # (N, 4 channels[0])

        h = self.input(nn.functional.pixel_unshuffle(x, self.config.patch))
        skips = [h]
        for layer in self.down:
            h = layer(h, embedding) if isinstance(layer, Block) else layer(h)
            skips.append(h)
        for layer in self.middle:
            h = layer(h, embedding)
        for layer in self.up:
            h = layer(torch.cat([h, skips.pop()], dim=1), embedding) if isinstance(layer, Block) else layer(h)
        return nn.functional.pixel_shuffle(self.output(h), self.config.patch)
