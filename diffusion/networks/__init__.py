"""Networks: ``network(x, t, y=None) -> output``. They know nothing of schedules, guidance or losses.

A new network is one file and one row of ``NETWORKS``.
"""

from torch import nn

from diffusion.networks.unet import UNet, UNetConfig

NetworkConfig = UNetConfig  # becomes a union, told apart by ``kind``, when there is more than one

NETWORKS: dict[str, type[nn.Module]] = {"unet": UNet}


def build_network(config: NetworkConfig, channels: int, num_classes: int) -> nn.Module:
    """A fresh network for images of so many channels; num_classes 0 is unconditional."""
    return NETWORKS[config.kind](config, channels, num_classes)
