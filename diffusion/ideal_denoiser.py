"""The best possible denoiser of a finite set of images, in closed form: what a network would learn if it memorised.

Of images x_1 ... x_M, all equally likely, the posterior given x_t = alpha x_0 + sigma eps is a softmax of squared
distances, and the best guess of x_0 its mean:

    w_i = softmax_i(-|x_t - alpha x_i|^2 / (2 sigma^2))        E[x_0 | x_t] = sum_i w_i x_i

At high noise that is the mean image, at low noise the nearest one (Karras et al. 2022, appendix B.3; "closed-form
diffusion models", Scarvelis et al. 2023). A sampler that is run with it ends on the images of the set; that a network
draws others is how far it generalises.
"""

import torch
from torch import Tensor

from diffusion.condition import Condition
from diffusion.parameterisation import Prediction
from diffusion.process import Level, Number, like
from diffusion.variance import VARIANCES, Variance

EXACT = 1024  # so many of the nearest images have their distances in float64: at low noise they decide
NEGLIGIBLE = 1e-9  # weight, of all images together that are left out of the mean; it takes as long as reading the rest
BLOCK = 1024  # images that are summed in their own precision; the sums of blocks are added in float64


class IdealDenoiser:
    """``denoise(x, level, condition) -> Prediction``, as ``diffusion.denoiser.Denoise``: given labels, of the images of
    each label.

    images (M, C, H, W) float32: x0 as the process has it (``Model.encode``); labels (M,) int64, if any. It takes as
    much memory as the images and, for N images of x, N M numbers. Levels are one for all x, or tensors (N, 1, 1, 1).
    """

    def __init__(self, images: Tensor, labels: Tensor | None = None):
        self.labels = labels
        self.mean = images.flatten(1).mean(0)  # distances are taken from it: smaller numbers, smaller rounding errors
        self.flat = images.flatten(1) - self.mean
        # in parts, as a copy in float64 would take twice as much memory as the images
        self.squares = torch.cat([part.double().square().sum(1) for part in self.flat.split(BLOCK)])

    def __call__(self, x: Tensor, level: Level, condition: Condition | Tensor | None = None) -> Prediction:
        """x (N, C, H, W) at ``level``, a condition or labels (N,) alone -> x0 and eps like x."""
        return self.prediction(x, level, self.weights(x, level, Condition.of(condition).labels))

    def nearest(self, x: Tensor) -> Tensor:
        """For images x (N, C, H, W) the index of the nearest image of the set, (N,)."""
        return (self.squares - 2 * ((x.flatten(1) - self.mean) @ self.flat.mT).double()).argmin(1)

    def prediction(self, x: Tensor, level: Level, weights: Tensor) -> Prediction:
        """The prediction for x (N, C, H, W) that ``weights`` (N, M) stand for."""
        counts = (weights > NEGLIGIBLE / len(self.flat)).any(0)
        flat = self.flat
        if 2 * counts.sum() < len(flat):  # a copy of few is soon made
            weights, flat = weights[:, counts], flat[counts]
        parts = zip(weights.to(flat.dtype).split(BLOCK, dim=1), flat.split(BLOCK), strict=True)
        mean = sum((part @ images).double() for part, images in parts) + self.mean
        x0 = mean.view_as(x).to(x.dtype)
        eps = (x - like(level.alpha, x) * x0) / like(level.sigma, x)
        return Prediction(x0, eps, Variance(VARIANCES["small"], None))

    def weights(self, x: Tensor, level: Level, labels: Tensor | None = None) -> Tensor:
        """x (N, C, H, W), labels (N,) with -1 for any -> how probable each image is, (N, M) float64; each row's sum is
        1."""
        alpha, sigma = (rows(coefficient) for coefficient in (level.alpha, level.sigma))
        centred = x.double().flatten(1) - alpha * self.mean.double()
        products = centred.to(self.flat.dtype) @ self.flat.mT
        distances = alpha**2 * self.squares - 2 * alpha * products.double()  # and |x_t|^2, which is the same for all
        if labels is not None and self.labels is not None:
            others = (labels[:, None] >= 0) & (self.labels[None] != labels[:, None])
            distances = distances.masked_fill(others, float("inf"))
        nearest = distances.topk(min(EXACT, len(self.flat)), largest=False).indices
        gathered = self.flat[nearest].double()  # (N, EXACT, CHW)
        exact = alpha**2 * self.squares[nearest] - 2 * alpha * (gathered @ centred[:, :, None])[..., 0]
        exact = exact.masked_fill(distances.gather(1, nearest).isinf(), float("inf"))
        distances = distances.scatter(1, nearest, exact)
        return (-distances / (2 * sigma**2)).softmax(dim=1)


def rows(coefficient: Number) -> Number:
    """A coefficient that the rows of a matrix can be multiplied by: tensors (N, 1, 1, 1) as (N, 1)."""
    return coefficient.flatten(1) if isinstance(coefficient, Tensor) else coefficient
