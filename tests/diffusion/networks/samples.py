"""Tiny networks of every setting, for the tests beside this file."""

import torch
from pydantic import TypeAdapter

from diffusion.networks import NetworkConfig, build_network

DEEP = {"kind": "unet", "channels": (16, 24, 32), "blocks": 1, "attention": (False, True, True), "head_channels": 8}
FLAT = {"kind": "unet", "channels": (16, 24), "blocks": 1, "attention": (False, True), "head_channels": 8}

DENOISERS = {
    "plain": {"kind": "unet", "channels": (16,), "attention": (False,)},
    "patch": {**FLAT, "patch": 2, "blocks": 2},
    "deep": {**DEEP, "dropout": 0.1},
    "skips-per-level": {**DEEP, "skip_per": "level", "middle": False},
    "fourier-time": {**FLAT, "time": "fourier"},
    "scalar-time": {**FLAT, "time": "scalar", "order": "conv_first", "scale_shift": False},
    "transformer": {**FLAT, "attention": (False, "transformer"), "context_width": 16},
    "self-cross": {**FLAT, "attention": ("self_cross", "self_cross"), "context_tokens": 3, "resample": "transposed"},
    "cross": {**FLAT, "attention": ("cross", False), "order": "conv_first"},
    "guided": {**DEEP, "resample": "residual", "heads": 2, "qkv_order": "heads_first", "groups": 4},
    "added": {**FLAT, "scale_shift": False, "resample": "residual", "order": "conv_first"},
    "frequency": {**FLAT, "fourier_branch": True},
    "frequency-conv-first": {**FLAT, "fourier_branch": True, "order": "conv_first"},
    "dit": {"kind": "dit", "width": 32, "depth": 2},
    "dit-cross": {"kind": "dit", "width": 32, "depth": 2, "condition": "cross", "patch": 2, "context_tokens": 3},
    "dit-fourier-time": {"kind": "dit", "width": 32, "depth": 1, "time": "fourier"},
}

HALF = {**FLAT, "kind": "unet_encoder"}
ENCODERS = {
    "adaptive": {**HALF, "pool": "adaptive"},
    "attention": {**HALF, "pool": "attention", "pool_size": 6, "resample": "residual"},
    "spatial": {**HALF, "pool": "spatial", "pool_width": 64},
    "spatial_v2": {**HALF, "pool": "spatial_v2", "pool_width": 64},
}


def build(settings: dict, channels: int = 1, num_classes: int = 10, **options) -> torch.nn.Module:
    """A fresh network, the same one each time, in evaluation."""
    torch.manual_seed(0)
    config = TypeAdapter(NetworkConfig).validate_python(settings)
    return build_network(config, channels, num_classes, **options).eval()


def woken(network: torch.nn.Module) -> torch.nn.Module:
    """As after some training: what starts at zero gets weights."""
    with torch.no_grad():
        for parameter in network.parameters():
            if not parameter.any():
                parameter.normal_(std=0.05)
    return network


def times(network: torch.nn.Module, n: int) -> torch.Tensor:
    """n different times, in the range that the network's features are meant for."""
    return torch.linspace(0.1, 0.9, n) * (1 if network.config.time == "fourier" else 1000)


def change(one: torch.Tensor, other: torch.Tensor) -> float:
    """The largest difference, as a part of the larger one's spread."""
    return ((one - other).abs().max() / one.std()).item()
