"""Models that take milliseconds. Their weights are noise, but their output depends on x, t and the label."""

import torch
from torch import Tensor, nn

from diffusion import Model, ModelConfig
from diffusion.settings import SETTINGS

NETWORK = {"kind": "unet", "patch": 4, "channels": (8,), "attention": (False,), "blocks": 1}
DEEP = NETWORK | {"patch": 1, "channels": (8, 16), "attention": (False, False)}  # FreeU acts on it
ONE_PASS = NETWORK | {"max_guidance": 4.0}  # the guidance scale is an input, as turbo's
DIT = {"kind": "dit", "patch": 4, "width": 16, "depth": 3, "heads": 2}
ENCODER = {"kind": "unet_encoder", "patch": 2, "channels": (8,), "attention": (False,), "blocks": 1}
ENCODER |= {"pool_size": 4, "head_channels": 8}
ENLARGER = NETWORK | {"low_res": "bilinear"}
DIGITS = tuple("0123456789")


def tiny_model(seed: int = 0, module: nn.Module | None = None, **changes) -> Model:
    """8x8 grey images of the labels 0 to 9, 4 steps of DDIM with guidance 2; ``changes`` are fields of the
    configuration or of its own settings of sampling. ``module`` takes the place of the network."""
    sampling = {"steps": 4, "guidance_scale": 2.0}
    sampling |= {name: changes.pop(name) for name in SETTINGS if name in changes}
    config = {"name": "tiny", "image_size": 8, "label_names": DIGITS, "network": NETWORK, "sampling": sampling}
    torch.manual_seed(seed)
    model = Model(ModelConfig(**config | changes), module)
    with torch.no_grad():
        for parameter in model.network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model


def tiny_classifier(**changes) -> Model:
    """A classifier of 8x8 grey images, of the same labels and process."""
    return tiny_model(**{"network": ENCODER, **changes})


def tiny_enlarger(**changes) -> Model:
    """Super-resolution from 2x2 to 8x8 grey images, without labels."""
    return tiny_model(**{"network": ENLARGER, "low_res_size": 2, "label_names": (), **changes})


def assert_reaches_all(loss: Tensor, network: nn.Module) -> None:
    """That the gradient of a loss, one number, is there and not zero for every weight."""
    loss.backward()
    for name, weight in network.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().max() > 0, name
