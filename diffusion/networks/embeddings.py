"""Embeddings of what a network is conditioned on: time, label and guidance scale."""

import math
from typing import Literal

import torch
from torch import Tensor, nn

from diffusion.condition import Condition
from diffusion.networks.layers import embedding_table, normal_, zero_module

TimeKind = Literal["sinusoidal", "fourier", "scalar"]


def sinusoidal(t: Tensor, width: int, max_period: float = 10_000.0) -> Tensor:
    """Sinusoidal features (Vaswani et al. 2017, section 3.5) of t (...,) -> (..., width), in float32."""
    frequencies = torch.exp(-math.log(max_period) * torch.arange(width // 2, device=t.device) / (width // 2))
    angles = t.float()[..., None] * frequencies
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


class Sinusoidal(nn.Module):
    """Sinusoidal features of a time from 0 to about 1000, as in DDPM: (N,) -> (N, width)."""

    def __init__(self, width: int):
        super().__init__()
        self.width = width

    def forward(self, t: Tensor) -> Tensor:
        return sinusoidal(t, self.width)


class GaussianFourier(nn.Module):
    """Random Fourier features (Tancik et al. 2020; Song et al. 2021) of a time from 0 to 1: (N,) -> (N, width).

    The frequencies W are sampled once with standard deviation ``scale``, not trained, and saved with the weights. They
    are rounded to values that float16 and bfloat16 represent exactly: rounding a frequency of 60 later, when weights
    are stored in half precision, would change the phase by a tenth of a radian.
    """

    W: Tensor

    def __init__(self, width: int, scale: float):
        super().__init__()
        self.width = width
        self.register_buffer("W", normal_(torch.empty(width // 2), scale).bfloat16().float())

    def forward(self, t: Tensor) -> Tensor:
        angles = 2 * math.pi * t.float()[:, None] * self.W.float()
        return torch.cat([angles.sin(), angles.cos()], dim=1)


class Scalar(nn.Module):
    """The time itself as the only feature, scaled from 0 to 1000 to -1 to 1: (N,) -> (N, 1)."""

    width = 1

    def forward(self, t: Tensor) -> Tensor:
        return t.float()[:, None] / 500 - 1


def time_features(kind: TimeKind, width: int, fourier_scale: float) -> nn.Module:
    """The module for a ``TimeKind``: times (N,) -> features (N, module.width)."""
    if kind == "fourier":
        return GaussianFourier(width, fourier_scale)
    return Sinusoidal(width) if kind == "sinusoidal" else Scalar()


class GuidanceScale(nn.Module):
    """The embedding of a guidance scale, to be added to that of the time: (N,), clamped to 0 to ``most`` -> (N, width).

    Zero when fresh, so that a student initialised with its teacher's weights has the teacher's output (Meng et al.
    2023, "On distillation of guided diffusion models", section 3.1).
    """

    def __init__(self, width: int, most: float):
        super().__init__()
        self.most, self.width = most, width // 4
        self.layers = nn.Sequential(nn.Linear(self.width, width), nn.SiLU(), zero_module(nn.Linear(width, width)))

    def forward(self, scale: Tensor) -> Tensor:
        features = sinusoidal(scale.float().clamp(0, self.most) / self.most * 1000, self.width)
        return self.layers(features.to(self.layers[0].weight.dtype))


class Conditioned(nn.Module):
    """A network conditioned on time and labels. Without labels ``num_classes`` is 0; else it is the null label's index.

    The embedding of a label is added to that of the time or, with ``tokens`` > 0, a context of that many tokens of
    ``context_width`` for cross-attention. (With a single token cross-attention would be constant.) With
    ``max_guidance`` the guidance scale is an input, too.
    """

    def __init__(
        self,
        features: nn.Module,
        width: int,
        num_classes: int,
        tokens: int = 0,
        context_width: int = 0,
        max_guidance: float | None = None,
    ):
        super().__init__()
        self.num_classes, self.tokens = num_classes, tokens
        self.features = features
        self.time = nn.Sequential(nn.Linear(features.width, width), nn.SiLU(), nn.Linear(width, width))
        self.label = embedding_table(num_classes + 1, tokens * context_width or width) if num_classes else None
        self.guidance = GuidanceScale(width, max_guidance) if max_guidance is not None else None

    @property
    def dtype(self) -> torch.dtype:
        """The dtype that the network computes in: float32, unless ``half()`` or ``bfloat16()`` was called."""
        return self.time[0].weight.dtype

    def embed(self, t: Tensor, condition: Condition) -> tuple[Tensor, Tensor | None]:
        """t (N,) -> embedding (N, width) and context (N, M, D), None without tokens.

        Labels below 0, the index num_classes and no labels are all the null label; a network without labels ignores
        them. Raises ValueError where the guidance scale is missing, or given to a network that does not take it.
        """
        if (condition.guidance_scale is None) != (self.guidance is None):
            raise ValueError("guidance_scale must be given to a network with max_guidance, and to no other")
        embedding = self.time(self.features(t).to(self.dtype))
        if self.guidance is not None:
            embedding = embedding + self.guidance(condition.guidance_scale)
        if self.label is None:
            return nn.functional.silu(embedding), None
        if condition.labels is None:
            labels = torch.full_like(t, self.num_classes, dtype=torch.long)
        else:
            labels = torch.where(condition.labels < 0, self.num_classes, condition.labels)
        if self.tokens:
            return nn.functional.silu(embedding), self.label(labels).unflatten(1, (self.tokens, -1))
        return nn.functional.silu(embedding + self.label(labels)), None
