"""Norms and elementwise operations on images whose pixels are one axis.

OpenVINO is slow along a last axis of 14 or 7 pixels: with the number of images open a SiLU takes many times as long as
along (N, C, H * W), since no vector instructions are used. The reshapes between the two are free.
``benchmarks.run engines`` shows what that gains.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

IMAGES = {nn.functional.silu}  # of one image
WITH_CHANNELS = {torch.addcmul, torch.add, Tensor.add, Tensor.__add__}  # of images and values of their channels


class FlattenedPixels(TorchFunctionMode):
    """Within it, images (N, C, H, W) are flattened for what lies between two convolutions: group norms, SiLU, and sums
    and ``addcmul`` with values of whole channels (N, C, 1, 1). The sum of two images stays as it is: the compiler makes
    that a part of the convolution before."""

    def __torch_function__(self, function: Callable, types: Any, args: tuple = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if function is nn.functional.group_norm:
            return group_norm(*args, **kwargs)
        if function not in IMAGES | WITH_CHANNELS:
            return function(*args, **kwargs)
        tensors = [each for each in (*args, *kwargs.values()) if isinstance(each, Tensor)]
        sizes = {size(each) for each in tensors}
        of_channels = len(sizes) == 2 and (1, 1) in sizes
        if any(each.ndim != 4 for each in tensors) or not (of_channels or function in IMAGES):
            return function(*args, **kwargs)
        options = {name: flattened(each) for name, each in kwargs.items()}
        return function(*map(flattened, args), **options).unflatten(2, max(sizes))


def size(images: Tensor) -> tuple[int, ...]:
    """Height and width, as numbers: a trace has tensors instead."""
    return tuple(map(int, images.shape[2:]))


def flattened(argument: Any) -> Any:
    """Of images the pixels as one axis; anything else as it is."""
    return argument.flatten(2) if isinstance(argument, Tensor) else argument


def group_norm(
    x: Tensor, groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """What ``nn.functional.group_norm`` returns, by a layer norm of each group's values: of a group norm, OpenVINO
    computes the shapes at each call."""
    channels, pixels = int(x.shape[1]), math.prod(size(x))
    values = channels // groups * pixels
    normed = nn.functional.layer_norm(x.reshape(-1, groups, values), (values,), eps=eps).reshape(-1, channels, pixels)
    normed = normed if weight is None else normed * weight[:, None]
    normed = normed if bias is None else normed + bias[:, None]
    return normed.reshape(-1, channels, *size(x))
