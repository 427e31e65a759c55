"""The Fréchet distance between the features of two sets of images (Heusel et al. 2017)."""

import torch

Moments = tuple[torch.Tensor, torch.Tensor]  # mean (F,) and covariance (F, F), float64


def moments(features: torch.Tensor) -> Moments:
    """The mean (F,) and the unbiased covariance (F, F) of features (N, F), in float64; N at least 2."""
    features = features.double()
    return features.mean(0), features.T.cov()


def frechet_distance(a: Moments, b: Moments) -> float:
    """|mean_a - mean_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^1/2) of two Gaussians (Dowson & Landau 1982).

    The trace of the square root is the sum of the square roots of the product's eigenvalues, which are real and
    non-negative up to rounding.
    """
    (mean_a, covariance_a), (mean_b, covariance_b) = a, b
    root_trace = torch.linalg.eigvals(covariance_a @ covariance_b).real.clamp(min=0).sqrt().sum()
    distance = (mean_a - mean_b).square().sum() + covariance_a.trace() + covariance_b.trace() - 2 * root_trace
    return max(distance.item(), 0.0)
