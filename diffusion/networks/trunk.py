"""The down path of a U-Net and its middle, which the U-Net and the encoder share."""

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from diffusion.networks.blocks import Block, ResBlock, downsampler
from diffusion.networks.embeddings import Conditioned, time_features
from diffusion.networks.trunk_config import Attends, TrunkConfig


class Trunk(Conditioned):
    """``descend(x, ...)``: images (N, channels, H, W) -> feature maps of the middle and of all layers before it."""

    def __init__(
        self,
        config: TrunkConfig,
        channels: int,
        num_classes: int,
        tokens: int = 0,
        context_width: int | None = None,
        max_guidance: float | None = None,
    ):
        first = config.channels[0]
        features = time_features(config.time, first, config.fourier_scale)
        super().__init__(features, 4 * first, num_classes, tokens, context_width or 0, max_guidance)
        self.config, self.embedding_width = config, 4 * first
        self.context_width = context_width if num_classes and tokens else None
        self.input = nn.Conv2d(channels * config.patch**2, first, 3, padding=1)

        self.down = nn.ModuleList()
        self.skip_channels = [first]
        for level, (width, attends) in enumerate(zip(config.channels, config.attention, strict=True)):
            for _ in range(config.blocks):
                self.down.append(self.block(self.skip_channels[-1], width, attends))
                self.skip_channels.append(width)
            if level < len(config.channels) - 1:
                self.down.append(downsampler(width, self.embedding_width, config))
                self.skip_channels.append(width)

        last, attends = config.channels[-1], config.attention[-1]
        middle = [self.block(last, last, attends), self.block(last, last, False)] if config.middle else []
        self.middle = nn.ModuleList(middle)

    def block(self, in_channels: int, out_channels: int, attends: Attends) -> Block:
        """A block with this network's settings."""
        return Block(in_channels, out_channels, self.embedding_width, attends, self.config, self.context_width)

    def descend(self, x: Tensor, embedding: Tensor, context: Tensor | None) -> tuple[Tensor, list[Tensor]]:
        """x (N, C, H, W) -> the output of the middle, and those of the layers before it, in their order."""
        h = self.input(nn.functional.pixel_unshuffle(x.to(self.dtype), self.config.patch))
        skips = [h]
        for layer in self.down:
            h = self.run(layer, h, embedding, context)
            skips.append(h)
        for layer in self.middle:
            h = self.run(layer, h, embedding, context)
        return h, skips

    def run(self, layer: nn.Module, h: Tensor, embedding: Tensor, context: Tensor | None) -> Tensor:
        """Call one layer with the inputs that it takes; in training with gradient checkpointing, if set."""
        if not isinstance(layer, Block | ResBlock):
            return layer(h)
        inputs = (h, embedding, context) if isinstance(layer, Block) else (h, embedding)
        if self.config.checkpoint and torch.is_grad_enabled():
            return checkpoint(layer, *inputs, use_reentrant=False)
        return layer(*inputs)
