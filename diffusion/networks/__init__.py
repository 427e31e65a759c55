"""Networks: ``network(x, t, condition=None, ...) -> output``, where the condition is a ``Condition`` or labels (N,).
They know nothing of schedules, samplers or losses.

    kind           class         output                                     options
    unet           UNet          an image, or an image and its variance     freeu
    dit            DiT           the same; no super-resolution              skip_middle
    unet_encoder   UNetEncoder   logits; x and t are its only inputs

A new network is one file, one row of ``NETWORKS`` and one member of ``NetworkConfig``.
"""

from typing import Annotated

from pydantic import Field
from torch import nn

from diffusion.networks.attention import recorded_attention
from diffusion.networks.dit import DiT, DiTConfig
from diffusion.networks.encoder import UNetEncoder, UNetEncoderConfig
from diffusion.networks.freeu import FreeU
from diffusion.networks.unet import UNet, UNetConfig

NetworkConfig = Annotated[UNetConfig | DiTConfig | UNetEncoderConfig, Field(discriminator="kind")]

NETWORKS: dict[str, type[nn.Module]] = {"unet": UNet, "dit": DiT, "unet_encoder": UNetEncoder}

__all__ = [
    "NETWORKS",
    "FreeU",
    "NetworkConfig",
    "UNetConfig",
    "UNetEncoderConfig",
    "build_network",
    "recorded_attention",
]


def build_network(config: NetworkConfig, channels: int, num_classes: int, learned_variance: bool = False) -> nn.Module:
    """A fresh network for images of so many channels; num_classes 0 is unconditional.

    ``learned_variance`` doubles the output's channels. Raises ValueError for an encoder with a learned variance, or
    without classes.
    """
    if not learned_variance:
        return NETWORKS[config.kind](config, channels, num_classes)
    if config.kind == "unet_encoder":
        raise ValueError("an encoder has no variance to learn")
    return NETWORKS[config.kind](config, channels, num_classes, learned_variance)
