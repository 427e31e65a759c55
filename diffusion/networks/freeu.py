"""FreeU (Si et al. 2023): at sampling time, let a trained U-Net trust its backbone more and its skips less."""

from typing import NamedTuple

import torch
from torch import Tensor


class FreeU(NamedTuple):
    """Two scales, for ``UNet.forward(..., freeu=FreeU(b, s))``; both 1 change nothing, bit for bit.

    ``b`` amplifies the first half of the backbone's channels, most where the features are strong (section 3.2, eqs. 1
    and 2); ``s`` scales the lowest frequencies of the skip connections (eqs. 3 to 5).
    """

    b: float = 1.0
    s: float = 1.0

    @staticmethod
    def applies(level: int, levels: int) -> bool:
        """Whether it acts at this level, 0 the finest: at the deeper half, as in the paper (two of four)."""
        return level >= levels // 2

    def __call__(self, h: Tensor, skip: Tensor) -> tuple[Tensor, Tensor]:
        """Backbone h (N, C, H, W) and skip (N, C', H, W), about to be concatenated -> the same, scaled."""
        return backbone_scaled(h, self.b), low_frequencies_scaled(skip, self.s)


def backbone_scaled(h: Tensor, b: float) -> Tensor:
    """Scale the first half of the channels by 1 to b, in step with the mean over all channels, image by image."""
    if b == 1:
        return h
    strength = h.mean(dim=1, keepdim=True)  # (N, 1, H, W)
    low, high = strength.amin(dim=(2, 3), keepdim=True), strength.amax(dim=(2, 3), keepdim=True)
    strength = (strength - low) / (high - low).clamp(min=torch.finfo(h.dtype).tiny)  # 0 to 1
    first, second = h.tensor_split([h.shape[1] // 2], dim=1)
    return torch.cat([first * (1 + (b - 1) * strength), second], dim=1)


def low_frequencies_scaled(skip: Tensor, s: float) -> Tensor:
    """Scale by s what changes over the whole map at most once in either direction, the mean included."""
    if s == 1:
        return skip
    height, width = skip.shape[-2:]
    spectrum = torch.fft.rfft2(skip.float())  # (N, C, H, W // 2 + 1)
    vertical = torch.fft.fftfreq(height, 1 / height, device=skip.device).abs()
    horizontal = torch.fft.rfftfreq(width, 1 / width, device=skip.device)
    lowest = (vertical[:, None] <= 1) & (horizontal <= 1)
    return torch.fft.irfft2(torch.where(lowest, s * spectrum, spectrum), s=(height, width)).to(skip.dtype)
