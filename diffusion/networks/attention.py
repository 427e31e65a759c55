"""Attention: softmax(Q K^T / sqrt(d)) V (Vaswani et al. 2017, eq. 1), over pixels or tokens.

    layer               queries   keys and values           used by
    SelfAttention       pixels    the pixels                U-Nets, as in guided-diffusion
    TokenAttention      tokens    the tokens or a context   DiT, and the two layers below
    CrossAttention      pixels    the label's context       U-Nets conditioned by a context
    SpatialTransformer  pixels    both, then an MLP         score-unet

A context is (N, M, D): M tokens of a label. All layers are residual, except ``TokenAttention``.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor, nn

from diffusion.networks.layers import MLP, group_norm, zero_module

QKVOrder = Literal["qkv_first", "heads_first"]
SHORT = 64  # keys, up to which attention on a CPU is computed without the fused kernel


def split_qkv(qkv: Tensor, heads: int, order: QKVOrder) -> tuple[Tensor, Tensor, Tensor]:
    """qkv (N, 3C, L) -> q, k, v, each (N, heads, L, C / heads).

    guided-diffusion has two layouts of the 3C channels: "qkv_first" has all heads of Q, then those of K, then those of
    V; "heads_first", its legacy one, has the Q, K and V of the first head, then those of the second, and so on.
    """
    n, channels, length = qkv.shape
    if order == "qkv_first":
        parts = qkv.reshape(n, 3, heads, channels // 3 // heads, length).unbind(1)
    else:
        parts = qkv.reshape(n, heads, 3, channels // 3 // heads, length).unbind(2)
    q, k, v = (part.transpose(-1, -2) for part in parts)  # transposed together, OpenVINO would copy them
    return q, k, v


def attention_maps(q: Tensor, k: Tensor) -> Tensor:
    """softmax(Q K^T / sqrt(d)): q (N, heads, L, d), k (N, heads, M, d) -> (N, heads, L, M), float32."""
    return ((q @ k.transpose(-1, -2)).float() / math.sqrt(q.shape[-1])).softmax(dim=-1)


def attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """softmax(Q K^T / sqrt(d)) V: q (N, heads, L, d), k and v (N, heads, M, d) -> (N, heads, L, d).

    torch's fused kernel is slow for short sequences on a CPU: the plain formula takes half the time for up to ``SHORT``
    keys, and a fifth when training in bfloat16.
    """
    if q.device.type == "cpu" and k.shape[-2] <= SHORT:
        return attention_maps(q, k).to(v.dtype) @ v
    return nn.functional.scaled_dot_product_attention(q, k, v)


class SelfAttention(nn.Module):
    """Residual multi-head self-attention over the pixels of a feature map."""

    def __init__(self, channels: int, heads: int, groups: int = 8, order: QKVOrder = "qkv_first"):
        super().__init__()
        self.heads, self.order = heads, order
        self.norm = group_norm(channels, groups)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.out = zero_module(nn.Conv2d(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """x (N, C, H, W) -> the same."""
        n, c, h, w = x.shape
        q, k, v = split_qkv(self.qkv(self.norm(x)).flatten(2), self.heads, self.order)
        attended = attention(q, k, v)  # (N, heads, HW, C / heads)
        return x + self.out(attended.transpose(-1, -2).reshape(n, c, h, w))


class TokenAttention(nn.Module):
    """Multi-head attention of tokens to themselves or, with a ``context_width``, to a context; not residual."""

    def __init__(self, width: int, heads: int, context_width: int | None = None):
        super().__init__()
        self.heads, self.crosses = heads, context_width is not None
        self.q = nn.Linear(width, width)
        self.kv = nn.Linear(context_width or width, 2 * width)
        self.out = nn.Linear(width, width)

    def qkv(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Queries from x, keys and values from the context, or from x: each (N, heads, length, C / heads)."""
        k, v = self.kv(x if context is None else context).chunk(2, dim=-1)
        return tuple(part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (self.q(x), k, v))

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """x (N, L, C), context (N, M, D) -> (N, L, C)."""
        attended = attention(*self.qkv(x, context))  # (N, heads, L, C / heads)
        return self.out(attended.transpose(1, 2).flatten(2))


class CrossAttention(nn.Module):
    """Residual cross-attention: queries from the pixels, keys and values from the context."""

    def __init__(self, channels: int, heads: int, context_width: int, groups: int = 8):
        super().__init__()
        self.norm = group_norm(channels, groups)
        self.attention = TokenAttention(channels, heads, context_width)
        zero_module(self.attention.out)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """x (N, C, H, W), context (N, M, D) -> (N, C, H, W)."""
        return x + to_pixels(self.attention(to_tokens(self.norm(x)), context), x)


class SpatialTransformer(nn.Module):
    """Self-attention, cross-attention and an MLP over pixels, each after a layer norm and residual.

    The block of latent diffusion (Rombach et al. 2022). ``context_width`` None, for networks without labels: there is
    no cross-attention.
    """

    def __init__(self, channels: int, heads: int, context_width: int | None, mlp_ratio: int = 3):
        super().__init__()
        self.norm1 = nn.LayerNorm(channels)
        self.attention = TokenAttention(channels, heads)
        self.cross = TokenAttention(channels, heads, context_width) if context_width else None
        self.norm2 = nn.LayerNorm(channels) if context_width else None
        self.norm3 = nn.LayerNorm(channels)
        self.mlp = MLP(channels, mlp_ratio)
        for last in (self.attention.out, self.mlp[-1], *([self.cross.out] if self.cross else [])):
            zero_module(last)

    def forward(self, x: Tensor, context: Tensor | None) -> Tensor:
        """x (N, C, H, W), context (N, M, D) -> (N, C, H, W)."""
        tokens = to_tokens(x)  # (N, HW, C)
        tokens = tokens + self.attention(self.norm1(tokens))
        if self.cross is not None:
            tokens = tokens + self.cross(self.norm2(tokens), context)
        tokens = tokens + self.mlp(self.norm3(tokens))
        return to_pixels(tokens, x)


def to_tokens(x: Tensor) -> Tensor:
    """Pixels as tokens, row by row: (N, C, H, W) -> (N, HW, C); a view where x is channels_last."""
    return x.flatten(2).transpose(1, 2)


def to_pixels(tokens: Tensor, like: Tensor) -> Tensor:
    """(N, HW, C) -> (N, C, H, W) with the height and width of ``like``."""
    return tokens.transpose(1, 2).unflatten(2, like.shape[-2:])


@contextmanager
def recorded_attention(network: nn.Module) -> Iterator[dict[str, list[Tensor]]]:
    """Record the attention maps of every cross-attention layer; the network's output is unchanged.

    Yields a dictionary: layer name -> a tensor for each call, (N, heads, pixels, M) float32, the weights over the M
    tokens of the label, which sum to 1. Pixels are in row-major order. Lists grow with every call: clear them in long
    runs. The dictionary is empty for a network without cross-attention. Calls from other threads are recorded, too.
    """
    maps: dict[str, list[Tensor]] = {}

    def recorder(name: str):
        def record(layer: TokenAttention, inputs: tuple[Tensor, Tensor], _output: Tensor) -> None:
            with torch.no_grad():
                q, k, _ = layer.qkv(*inputs)
                maps[name].append(attention_maps(q, k))

        return record

    handles = []
    for name, layer in network.named_modules():
        if isinstance(layer, TokenAttention) and layer.crosses:
            maps[name] = []
            handles.append(layer.register_forward_hook(recorder(name)))
    try:
        yield maps
    finally:
        for handle in handles:
            handle.remove()
