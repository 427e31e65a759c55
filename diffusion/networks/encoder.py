"""The down path of a U-Net with a pooling head: a classifier of noisy images (Dhariwal & Nichol 2021, section 4)."""

from typing import Literal

from pydantic import Field
from torch import Tensor, nn

from diffusion.condition import Condition
from diffusion.networks.layers import group_norm
from diffusion.networks.pooling import AdaptivePool, AttentionPool2d, PoolKind, SpatialPool
from diffusion.networks.trunk import Trunk
from diffusion.networks.trunk_config import TO_CONTEXT, TrunkConfig


class UNetEncoderConfig(TrunkConfig):
    """Settings of a ``UNetEncoder``."""

    kind: Literal["unet_encoder"] = "unet_encoder"
    pool: PoolKind = "attention"
    pool_size: int = Field(7, ge=1, le=64)  # of pool "attention": height and width of the deepest features
    pool_width: int = Field(2048, ge=32, le=4096, multiple_of=32)  # of the spatial pools: their hidden layer

    def model_post_init(self, _) -> None:
        super().model_post_init(_)
        if any(attends in TO_CONTEXT for attends in self.attention):
            raise ValueError("an encoder has no labels to attend to: its attention must be true or false")
        divisor = self.heads or self.head_channels
        if self.pool == "attention" and self.channels[-1] % divisor:
            raise ValueError(
                f"the heads of the attention pool, {divisor}, must divide the channels {self.channels[-1]}"
            )


class UNetEncoder(Trunk):
    """``forward(x, t)``: the logits of the classes of noisy images."""

    def __init__(self, config: UNetEncoderConfig, channels: int, num_classes: int):
        super().__init__(config, channels, 0)
        if num_classes < 1:
            raise ValueError("an encoder needs at least one class")
        last, all_channels = config.channels[-1], sum(self.skip_channels) + config.channels[-1]
        self.pool: nn.Module
        if config.pool == "adaptive":
            self.pool = AdaptivePool(last, num_classes, config.groups)
        elif config.pool == "attention":
            attention = AttentionPool2d(last, config.pool_size, config.heads_of(last), num_classes)
            self.pool = nn.Sequential(group_norm(last, config.groups), nn.SiLU(), attention)
        else:
            normed = nn.Sequential(group_norm(config.pool_width, 32), nn.SiLU())
            activation = normed if config.pool == "spatial_v2" else nn.ReLU()
            self.pool = SpatialPool(all_channels, config.pool_width, num_classes, activation)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """x (N, C, H, W), t (N,) as ``Process.embed_time`` gives it -> logits (N, num_classes) in x's dtype."""
        embedding, _ = self.embed(t, Condition())
        h, skips = self.descend(x, embedding, None)
        return self.pool([*skips, h] if isinstance(self.pool, SpatialPool) else h).to(x.dtype)
