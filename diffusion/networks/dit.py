"""DiT, the diffusion transformer (Peebles & Xie 2023): unconditional, class-conditional or with cross-attention."""

from typing import Any, Literal

import torch
from pydantic import Field, ValidationInfo, model_validator
from torch import Tensor, nn

from diffusion.condition import Condition
from diffusion.networks.attention import TokenAttention, to_pixels, to_tokens
from diffusion.networks.embeddings import Conditioned, TimeKind, sinusoidal, time_features
from diffusion.networks.layers import MLP, normal_, zero_module
from diffusion.networks.trunk_config import MaxGuidance, Settings, Width


class DiTConfig(Settings):
    """Settings of a ``DiT``. For a model without labels, ``condition`` and the context have no effect."""

    kind: Literal["dit"] = "dit"
    patch: Literal[1, 2, 4, 7, 8] = 4  # a token is patch x patch pixels
    width: Width = 128
    depth: int = Field(6, ge=1, le=32)
    heads: int = Field(4, ge=1, le=64)
    mlp_ratio: int = Field(4, ge=1, le=8)
    condition: Literal["class", "cross"] = "class"  # the label is added to the time, or attended to
    context_tokens: int = Field(4, ge=1, le=64)
    context_width: Width = 64
    time: TimeKind = "sinusoidal"
    fourier_scale: float = Field(30.0, gt=0, le=1000)
    norm_eps: float = Field(1e-6, gt=0, le=1e-2)  # of every layer norm, as published
    max_guidance: MaxGuidance = None

    @property
    def stride(self) -> int:
        """Image height and width must be divisible by this."""
        return self.patch

    @model_validator(mode="before")
    @classmethod
    def _norm_eps_before_it_was_a_setting(cls, values: Any, info: ValidationInfo) -> Any:
        """Files are written with every setting; those without ``norm_eps`` are of models trained with torch's 1e-5."""
        if info.mode == "json" and isinstance(values, dict):
            return {"norm_eps": 1e-5} | values
        return values

    def model_post_init(self, _) -> None:
        if self.width % self.heads:
            raise ValueError(f"heads {self.heads} must divide the width {self.width}")


def sincos_positions(height: int, width: int, channels: int, device: torch.device) -> Tensor:
    """Fixed position embeddings of a grid's tokens, row by row: (height * width, channels), half row, half column.

    The largest period is short, since a grid has few rows and columns.
    """
    rows, columns = torch.meshgrid(
        torch.arange(height, device=device), torch.arange(width, device=device), indexing="ij"
    )
    return torch.cat([sinusoidal(index.flatten(), channels // 2, max_period=10.0) for index in (rows, columns)], dim=1)


def modulate(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """x (N, L, C) scaled by 1 + scale and shifted, both (N, C)."""
    return torch.addcmul(shift[:, None], x, 1 + scale[:, None])


class DiTBlock(nn.Module):
    """Self-attention and an MLP with adaLN-Zero: the embedding scales and shifts the input of each, and gates its
    output. With a context there is cross-attention between them, without a gate (section 3.2)."""

    def __init__(self, config: DiTConfig, context_width: int | None):
        super().__init__()
        width, heads, eps = config.width, config.heads, config.norm_eps
        self.modulation = nn.Linear(width, 6 * width)
        self.norm1 = nn.LayerNorm(width, eps, elementwise_affine=False)
        self.attention = TokenAttention(width, heads)
        self.cross_norm = nn.LayerNorm(width, eps) if context_width else None
        self.cross = TokenAttention(width, heads, context_width) if context_width else None
        self.norm2 = nn.LayerNorm(width, eps, elementwise_affine=False)
        self.mlp = MLP(width, config.mlp_ratio)

    def forward(self, x: Tensor, embedding: Tensor, context: Tensor | None) -> Tensor:
        """x (N, L, C), embedding (N, C), context (N, M, D) -> (N, L, C)."""
        scale1, shift1, gate1, scale2, shift2, gate2 = self.modulation(embedding).chunk(6, dim=1)
        x = x + gate1[:, None] * self.attention(modulate(self.norm1(x), scale1, shift1))
        if self.cross is not None:
            x = x + self.cross(self.cross_norm(x), context)
        return x + gate2[:, None] * self.mlp(modulate(self.norm2(x), scale2, shift2))


class DiT(Conditioned):
    """``forward(x, t, condition)``: a denoising network. Computes in the dtype of its weights and returns that of x."""

    def __init__(self, config: DiTConfig, channels: int, num_classes: int, learned_variance: bool = False):
        crosses = config.condition == "cross"
        features = time_features(config.time, config.width, config.fourier_scale)
        tokens, context_width = (config.context_tokens, config.context_width) if crosses else (0, 0)
        super().__init__(features, config.width, num_classes, tokens, context_width, config.max_guidance)
        self.config = config
        patch, width, out = config.patch, config.width, channels * (2 if learned_variance else 1)

        self.input = nn.Conv2d(channels, width, patch, stride=patch)
        self.blocks = nn.ModuleList(
            DiTBlock(config, context_width if num_classes and crosses else None) for _ in range(config.depth)
        )
        self.norm = nn.LayerNorm(width, config.norm_eps, elementwise_affine=False)
        self.modulation = nn.Linear(width, 2 * width)
        self.output = nn.Linear(width, out * patch**2)
        self.initialise()

    def initialise(self) -> None:
        """As published (``initialize_weights``), and cross-attention like the gated branches."""
        # 1. linear layers and the patch embedding: Xavier, zero bias
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Conv2d):
                nn.init.xavier_uniform_(module.weight.view(len(module.weight), -1))
                nn.init.zeros_(module.bias)
        # 2. the embeddings of time and label: small
        for linear in (self.time[0], self.time[2]):
            normal_(linear.weight, std=0.02)
        if self.label is not None and not self.tokens:
            normal_(self.label.weight, std=0.02)
        # 3. adaLN-Zero: every gate and every cross-attention is zero, so a block is the identity
        for block in self.blocks:
            zero_module(block.modulation)
            if block.cross is not None:
                zero_module(block.cross.out)
        # 4. the output is zero
        zero_module(self.modulation)
        zero_module(self.output)

    def forward(
        self, x: Tensor, t: Tensor, condition: Condition | Tensor | None = None, skip_middle: bool = False
    ) -> Tensor:
        """x (N, C, H, W), t (N,) as ``Process.embed_time`` gives it -> (N, C, H, W), or (N, 2C, H, W) with a learned
        variance. ``skip_middle`` leaves out the middle block: a weaker network to guide away from.

        Raises ValueError where guidance_scale is missing or superfluous, and where low_res is given.
        """
        condition = Condition.of(condition)
        if condition.low_res is not None:
            raise ValueError("low_res must be given to a network for super-resolution, and to no other")
        embedding, context = self.embed(t, condition)
        h, patches = self.tokenised(x)
        for index, block in enumerate(self.blocks):
            if not (skip_middle and index == len(self.blocks) // 2):
                h = block(h, embedding, context)
        scale, shift = self.modulation(embedding).chunk(2, dim=1)
        h = self.output(modulate(self.norm(h), scale, shift))  # (N, hw, out patch^2)
        return nn.functional.pixel_shuffle(to_pixels(h, patches), self.config.patch).to(x.dtype)

    def tokenised(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x (N, C, H, W) -> tokens with their positions (N, hw, width), and the patches that they are (N, width, h,
        w)."""
        patches = self.input(x.to(self.dtype))
        height, width = patches.shape[-2:]
        positions = sincos_positions(height, width, self.config.width, x.device)
        return to_tokens(patches) + positions.to(patches.dtype), patches

    def feature_maps(self, x: Tensor, t: Tensor, condition: Condition) -> list[Tensor]:
        """Inputs as ``forward`` -> the feature maps (N, width, h, w) that all blocks return."""
        embedding, context = self.embed(t, condition)
        h, patches = self.tokenised(x)
        maps = []
        for block in self.blocks:
            h = block(h, embedding, context)
            maps.append(to_pixels(h, patches))
        return maps
