"""FreeU (Si et al. 2023): at sampling time, amplify a U-Net's backbone and attenuate its skips' low frequencies.

The paper has two pairs (b, s) for the two deepest stages of Stable Diffusion; here is one pair for the deeper half of
the levels. Both scales act as in its code, https://github.com/ChenyangSi/FreeU.
"""

from typing import NamedTuple

import torch
from torch import Tensor


class FreeU(NamedTuple):
    """``UNet.forward(..., freeu=FreeU(b, s))``. The default of 1 leaves the output unchanged, bit for bit.

    b: factor of the first half of the backbone's channels where the features are strongest (section 3.2, eqs. 1 and 2);
    s: factor of the lowest frequencies of the skip connections (eqs. 3 to 5).
    """

    b: float = 1.0
    s: float = 1.0

    @staticmethod
    def applies(level: int, levels: int) -> bool:
        """Whether it acts at this level, 0 the finest: at the deeper half."""
        return level >= levels // 2

    def __call__(self, h: Tensor, skip: Tensor) -> tuple[Tensor, Tensor]:
        """Backbone h (N, C, H, W) and skip (N, C', H, W), before they are concatenated -> the same, scaled."""
        return scale_backbone(h, self.b), scale_low_frequencies(skip, self.s)


def scale_backbone(h: Tensor, b: float) -> Tensor:
    """Scale the first half of the channels of h (N, C, H, W) by 1 to b, linearly in the mean over all channels, whose
    range is that of each image."""
    if b == 1:
        return h
    mean = h.mean(dim=1, keepdim=True)  # (N, 1, H, W)
    low, high = mean.amin(dim=(2, 3), keepdim=True), mean.amax(dim=(2, 3), keepdim=True)
    mean = (mean - low) / (high - low).clamp(min=torch.finfo(h.dtype).tiny)  # 0 to 1
    first, second = h.tensor_split([h.shape[1] // 2], dim=1)
    return torch.cat([first * (1 + (b - 1) * mean), second], dim=1)


def scale_low_frequencies(skip: Tensor, s: float) -> Tensor:
    """Scale the lowest spatial frequencies of skip (N, C, H, W) by ``low_frequency_gain``."""
    if s == 1:
        return skip
    height, width = skip.shape[-2:]
    spectrum = torch.fft.rfft2(skip.float())  # (N, C, H, W // 2 + 1)
    spectrum = spectrum * low_frequency_gain(height, width, s, skip.device)
    return torch.fft.irfft2(spectrum, s=(height, width)).to(skip.dtype)


def low_frequency_gain(height: int, width: int, s: float, device: torch.device | None = None) -> Tensor:
    """The gain at each frequency (u, v) of ``rfft2``, (H, W // 2 + 1): s at (0, 0), (1 + s) / 2 at +-(0, 1), +-(1, 0)
    and +-(1, 1), 1 elsewhere.

    The published code scales the frequencies -1 and 0 of both axes by s and takes the real part of the inverse
    transform. The real part averages the gains of (u, v) and (-u, -v).
    """
    rows = torch.arange(height, device=device)[:, None]
    columns = torch.arange(width // 2 + 1, device=device)
    block = ((rows == 0) | (rows == height - 1)) & ((columns == 0) | (columns == width - 1))  # u and v are 0 or -1
    mirrored = ((rows == 0) | (rows == 1)) & ((columns == 0) | (columns == 1))
    return 1 + (s - 1) * (block.float() + mirrored.float()) / 2
