"""The U-Net of all presets (Ronneberger et al. 2015; Ho et al. 2020; Dhariwal & Nichol 2021)."""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from diffusion.condition import Condition
from diffusion.networks.blocks import Block, upsampler
from diffusion.networks.freeu import FreeU
from diffusion.networks.layers import group_norm, zero_module
from diffusion.networks.trunk import Trunk
from diffusion.networks.trunk_config import TO_CONTEXT, MaxGuidance, TrunkConfig, Width


class UNetConfig(TrunkConfig):
    """Settings of a ``UNet``. It is conditioned on the label by cross-attention if any level has that; else the label's
    embedding is added to that of the time."""

    kind: Literal["unet"] = "unet"
    context_tokens: int = Field(4, ge=1, le=64)  # of a label's context
    context_width: Width = 64
    # skip connections from every layer of the down path (Ho et al. 2020), or only from the last block of each level but
    # the coarsest (Ronneberger et al. 2015), which is faster
    skip_per: Literal["layer", "level"] = "layer"
    low_res: Literal["bilinear"] | None = None  # super-resolution: how the small image is resized to the large one
    max_guidance: MaxGuidance = None

    @property
    def attends_to_context(self) -> bool:
        return any(attends in TO_CONTEXT for attends in self.attention)

    @property
    def freeu(self) -> bool:
        """Whether there are skip connections at the levels at which FreeU acts."""
        levels = len(self.channels)
        return self.skip_per == "layer" or any(FreeU.applies(level, levels) for level in range(levels - 1))


class UNet(Trunk):
    """``forward(x, t, condition)``: a denoising network. Computes in the dtype of its weights and returns that of x."""

    config: UNetConfig

    def __init__(self, config: UNetConfig, channels: int, num_classes: int, learned_variance: bool = False):
        tokens = config.context_tokens if config.attends_to_context else 0
        inputs = channels * (2 if config.low_res else 1)
        super().__init__(config, inputs, num_classes, tokens, config.context_width, config.max_guidance)

        self.up = nn.ModuleList()
        self.sources = skip_sources(config)
        sources = iter(self.sources)
        for level in reversed(range(len(config.channels))):
            width, attends = config.channels[level], config.attention[level]
            for _ in range(config.blocks + 1):
                source = next(sources)
                skip_width = 0 if source is None else self.skip_channels[source]
                self.up.append(self.block(width + skip_width, width, attends))
            if level > 0:
                self.up.append(upsampler(width, config.channels[level - 1], self.embedding_width, config))

        first, out = config.channels[0], channels * (2 if learned_variance else 1) * config.patch**2
        last = zero_module(nn.Conv2d(first, out, 3, padding=1))
        self.output = nn.Sequential(group_norm(first, config.groups), nn.SiLU(), last)

    def forward(
        self, x: Tensor, t: Tensor, condition: Condition | Tensor | None = None, freeu: FreeU | None = None
    ) -> Tensor:
        """x (N, C, H, W), t (N,) as ``Process.embed_time`` gives it, condition with low_res (N, C, h, w) of any size
        for super-resolution -> (N, C, H, W), or (N, 2C, H, W) with a learned variance. ``freeu`` scales backbone and
        skips.

        Raises ValueError where low_res or guidance_scale is missing, or given to a network that does not take it.
        """
        condition = Condition.of(condition)
        embedding, context = self.embed(t, condition)
        h, skips = self.descend(self.with_low_res(x, condition), embedding, context)
        level, sources = len(self.config.channels) - 1, iter(self.sources)
        for layer in self.up:
            if isinstance(layer, Block):
                if (source := next(sources)) is not None:
                    skip = skips[source]
                    if freeu is not None and freeu.applies(level, len(self.config.channels)):
                        h, skip = freeu(h, skip)
                    h = torch.cat([h, skip], dim=1)
            else:
                level -= 1
            h = self.run(layer, h, embedding, context)
        return nn.functional.pixel_shuffle(self.output(h), self.config.patch).to(x.dtype)

    def feature_maps(self, x: Tensor, t: Tensor, condition: Condition) -> list[Tensor]:
        """Inputs as ``forward`` -> the feature maps (N, width, h, w) of all layers of the down path, and of the middle
        if there is one."""
        h, skips = self.descend(self.with_low_res(x, condition), *self.embed(t, condition))
        return [*skips, h] if self.middle else skips

    def with_low_res(self, x: Tensor, condition: Condition) -> Tensor:
        """x with what is to be enlarged beside it, (N, 2C, H, W); as it is where there is nothing to be."""
        if (condition.low_res is None) != (self.config.low_res is None):
            raise ValueError("low_res must be given to a network for super-resolution, and to no other")
        if condition.low_res is None:
            return x
        large = nn.functional.interpolate(condition.low_res.to(x.dtype), x.shape[-2:], mode=self.config.low_res)
        return torch.cat([x, large], dim=1)


def skip_sources(config: UNetConfig) -> list[int | None]:
    """For each block of the up path, the layer of the down path that its skip connection is from, or None.

    Layer 0 is the first convolution. A level of the down path has one layer more than blocks: the downsampling to it is
    the first of its layers.
    """
    layers, levels = config.blocks + 1, len(config.channels)
    if config.skip_per == "layer":
        return list(reversed(range(layers * levels)))
    sources: list[int | None] = [None] * (layers * levels)
    for level in range(levels - 1):
        sources[layers * (levels - 1 - level)] = layers * level + config.blocks
    return sources
