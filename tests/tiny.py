"""Models that take milliseconds. Their weights are noise, but what they say depends on x, t and the label."""

import torch
from torch import Tensor, nn

from diffusion import Model, ModelConfig

NETWORK = {"kind": "unet", "patch": 4, "channels": (8,), "attention": (False,), "blocks": 1}
READER = {"kind": "unet_encoder", "patch": 2, "channels": (8,), "attention": (False,), "blocks": 1, "pool_size": 4}
READER |= {"head_channels": 8}
ENLARGER = NETWORK | {"low_res": "bilinear"}
DIGITS = tuple("0123456789")


def tiny_model(seed: int = 0, **changes) -> Model:
    """8x8 grey images of the labels 0 to 9, 4 steps of DDIM with guidance 2; ``changes`` go into the configuration."""
    settings = {"name": "tiny", "image_size": 8, "label_names": DIGITS, "steps": 4, "guidance_scale": 2.0}
    torch.manual_seed(seed)
    model = Model(ModelConfig(**{**settings, "network": NETWORK, **changes}))
    with torch.no_grad():
        for parameter in model.network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model


def tiny_classifier(**changes) -> Model:
    """A classifier of 8x8 grey images, of the same labels and process."""
    return tiny_model(**{"network": READER, **changes})


def tiny_enlarger(**changes) -> Model:
    """Super-resolution from 2x2 to 8x8 grey images, without labels."""
    return tiny_model(**{"network": ENLARGER, "low_res_size": 2, "label_names": (), **changes})


def assert_reaches_all(loss: Tensor, network: nn.Module) -> None:
    """That the gradient of a loss, one number, is there and not zero for every weight."""
    loss.backward()
    for name, weight in network.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().max() > 0, name
