"""The discriminator of ``train.adversarial``: small heads on feature maps of images, and on their grey levels."""

import math

import torch
from torch import Tensor, nn

from diffusion.condition import NULL_LABEL, Condition
from diffusion.networks.layers import group_norm

HEAD_WIDTH = 64
TYPICAL_SCALE = 4.0  # of guidance
BINS = 16  # classes of grey levels
GREY = 1 / 64  # two levels that differ by less than this share of their range are hardly told apart


class Discriminator(nn.Module):
    """A head for each feature map, and a table of labels for each: the logit of being real, the mean over places."""

    def __init__(self, widths: list[int], num_classes: int):
        super().__init__()
        self.heads = nn.ModuleList(Head(width, num_classes) for width in widths)

    def forward(self, maps: list[Tensor], condition: Condition) -> Tensor:
        """Maps (N, C, h, w), with their labels and guidance scales, if there are any -> logits (N, number of heads)."""
        n, device = len(maps[0]), maps[0].device
        labels = torch.full((n,), NULL_LABEL, device=device) if condition.labels is None else condition.labels
        scales = torch.zeros(n, device=device) if condition.guidance_scale is None else condition.guidance_scale
        return torch.stack([head(h, labels, scales) for head, h in zip(self.heads, maps, strict=True)], dim=1)


class Head(nn.Module):
    """Of one feature map; with a projection of label and guidance scale (Miyato & Koyama 2018)."""

    def __init__(self, width: int, num_classes: int):
        super().__init__()
        self.hidden = nn.Sequential(
            nn.Conv2d(width, HEAD_WIDTH, 3, padding=1),
            group_norm(HEAD_WIDTH),
            nn.LeakyReLU(0.2),
        )
        self.logit = nn.Conv2d(HEAD_WIDTH, 1, 3, padding=1)
        self.label = nn.Embedding(num_classes + 1, HEAD_WIDTH)
        self.scale = nn.Linear(1, HEAD_WIDTH)
        for weight in (self.label.weight, self.scale.weight, self.scale.bias):
            nn.init.zeros_(weight)

    def forward(self, h: Tensor, labels: Tensor, scales: Tensor) -> Tensor:
        h = self.hidden(h)
        given = self.label(labels % self.label.num_embeddings) + self.scale(scales[:, None] / TYPICAL_SCALE)
        projection = (h * given[:, :, None, None]).mean(1, keepdim=True)
        return (self.logit(h) + projection).float().mean((1, 2, 3))


def grey_levels(images: Tensor) -> Tensor:
    """Images (N, C, H, W) in [-1, 1] or darker -> the share of pixels in each of ``BINS`` classes of grey levels, with
    linear interpolation between two: (N, C BINS, 1, 1). The classes are even in the logit of the grey level (Dinh et
    al. 2017, section 4.1), so fine near black and near white; the gradient is as if they were even in the grey level
    itself: there it would be 60 times as large as elsewhere."""
    share = (images.clamp(-1, 1) + 1) / 2
    logits = straight_through(torch.log((share + GREY) / (1 - share + GREY)), images)
    largest = math.log((1 + GREY) / GREY)
    centres = torch.linspace(-largest, largest, BINS, device=images.device)
    distances = (logits[:, :, None] - centres[:, None, None]).abs() / (centres[1] - centres[0])
    return (1 - distances).clamp(min=0).flatten(1, 2).mean((2, 3), keepdim=True)


def straight_through(value: Tensor, x: Tensor) -> Tensor:
    """The value, with the gradient of x."""
    return x + (value - x).detach()
