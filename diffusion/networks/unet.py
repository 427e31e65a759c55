"""The U-Net (Ronneberger et al. 2015; Ho et al. 2020; Dhariwal & Nichol 2021), one for all presets."""

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
    """Settings of a ``UNet``. Where any level attends to the label's context, that is how the label is told; where
    none does, its embedding is added to the time's."""

    kind: Literal["unet"] = "unet"
    context_tokens: int = Field(4, ge=1, le=64)  # of a label's context
    context_width: Width = 64
    # handed across to the way up: what every layer going down puts out (Ho et al. 2020), or only what comes out of each
    # level but the lowest (Ronneberger et al. 2015), which is faster
    skip_per: Literal["layer", "level"] = "layer"
    low_res: Literal["bilinear", "bicubic"] | None = None  # super-resolution: how the small image is enlarged
    max_guidance: MaxGuidance = None

    @property
    def attends_to_context(self) -> bool:
        return any(attends in TO_CONTEXT for attends in self.attention)

    @property
    def freeu(self) -> bool:
        """Whether there are skips at the levels that FreeU acts at."""
        levels = len(self.channels)
        return self.skip_per == "layer" or any(FreeU.applies(level, levels) for level in range(levels - 1))


class UNet(Trunk):
    """``forward(x, t, condition)``: a denoising network.

    Computes in its weights' dtype (``half()`` and ``bfloat16()`` work as they are) and answers in that of x.
    """

    config: UNetConfig

    def __init__(self, config: UNetConfig, channels: int, num_classes: int, learned_variance: bool = False):
        tokens = config.context_tokens if config.attends_to_context else 0
        inputs = channels * (2 if config.low_res else 1)
        super().__init__(config, inputs, num_classes, tokens, config.context_width, config.max_guidance)

        self.up = nn.ModuleList()
        self.sources = sources(config)
        handed = iter(self.sources)
        for level in reversed(range(len(config.channels))):
            width, attends = config.channels[level], config.attention[level]
            for _ in range(config.blocks + 1):
                source = next(handed)
                beside = 0 if source is None else self.skip_channels[source]
                self.up.append(self.block(width + beside, width, attends))
            if level > 0:
                self.up.append(upsampler(width, config.channels[level - 1], self.embedding_width, config))

        first, out = config.channels[0], channels * (2 if learned_variance else 1) * config.patch**2
        last = zero_module(nn.Conv2d(first, out, 3, padding=1))
        self.output = nn.Sequential(group_norm(first, config.groups), nn.SiLU(), last)

    def forward(
        self,
        x: Tensor,
        t: Tensor,
        condition: Condition | Tensor | None = None,
        freeu: FreeU | None = None,
    ) -> Tensor:
        """x (N, C, H, W), t (N,) as ``Process.embed_time`` gives it, condition with low_res (N, C, h, w) of any size
        for super-resolution -> (N, C, H, W), or (N, 2C, H, W) with a learned variance. ``freeu`` changes the weights of
        backbone and skips.

        Raises ValueError where low_res or guidance_scale is missing, or given to a network that does not take it.
        """
        condition = Condition.of(condition)
        if (condition.low_res is None) != (self.config.low_res is None):
            raise ValueError("low_res must be given to a network for super-resolution, and to no other")
        h = x
        if condition.low_res is not None:
            large = nn.functional.interpolate(condition.low_res.to(x.dtype), x.shape[-2:], mode=self.config.low_res)
            h = torch.cat([x, large], dim=1)  # (N, 2C, H, W)
        embedding, context = self.embed(t, condition)
        h, skips = self.descend(h, embedding, context)
        level, handed = len(self.config.channels) - 1, iter(self.sources)
        for layer in self.up:
            if isinstance(layer, Block):
                if (source := next(handed)) is not None:
                    skip = skips[source]
                    if freeu is not None and freeu.applies(level, len(self.config.channels)):
                        h, skip = freeu(h, skip)
                    h = torch.cat([h, skip], dim=1)
            else:
                level -= 1
            h = self.run(layer, h, embedding, context)
        return nn.functional.pixel_shuffle(self.output(h), self.config.patch).to(x.dtype)


def sources(config: UNetConfig) -> list[int | None]:
    """For each block going up, the layer going down whose output it is handed, 0 being the first convolution; or None.

    A level has one layer more than blocks, going down: what leads to it comes first.
    """
    layers, levels = config.blocks + 1, len(config.channels)
    if config.skip_per == "layer":
        return list(reversed(range(layers * levels)))
    handed: list[int | None] = [None] * (layers * levels)
    for level in range(levels - 1):
        handed[layers * (levels - 1 - level)] = layers * level + config.blocks
    return handed
