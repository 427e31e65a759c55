"""Moment matching: a student's samples of a class vary as its teacher's do.

A discriminator judges one image at a time. It says whether an image could be the teacher's, and not whether there are
enough of its kind: a student that it teaches prefers the typical. What it misses are means and covariances of features
over many images of a class. Their distance is the Fréchet distance of two Gaussians, |m - m'|^2 + tr(C + C' -
2 (C C')^1/2), here of the features that the teacher's network has of slightly noised images. Over all classes together
the variance would seem to be right where images are too typical, but classes too far apart. Salimans et al. 2024,
"Multistep distillation of diffusion models via moment matching", match the means alone, at every noise level.

A batch is far too small for a covariance. So the moments are running averages over the last batches, as constants, and
a batch gets the distance's gradient with respect to them: 2 (m - m') for the mean and I - T for the covariance, where
T = C'^1/2 (C'^1/2 C C'^1/2)^-1/2 C'^1/2 takes the student's Gaussian to the teacher's (Dowson & Landau 1982).
"""

import torch
from accelerate.utils import reduce
from torch import Tensor, nn

WINDOW = 100  # batches over which moments are averaged
SMALLEST = 1e-3  # of the variances of normalised features


class Moments(nn.Module):
    """Running moments of features (N, F) by class: the share of each class, the mean features of its images, and the
    covariance around these means over all classes. They are on the CPU: not every device has float64."""

    shares: Tensor
    sums: Tensor
    second: Tensor
    batches: Tensor

    def __init__(self, width: int, num_classes: int):
        super().__init__()
        shapes = {"shares": (num_classes,), "sums": (num_classes, width), "second": (width, width), "batches": ()}
        for name, shape in shapes.items():
            self.register_buffer(name, torch.zeros(shape, dtype=torch.float64))

    def update(self, features: Tensor, classes: Tensor) -> None:
        """With the features of one batch, in all processes, and their classes (N,) from 0."""
        features = features.detach()
        members = nn.functional.one_hot(classes, len(self.shares)).to(features)  # (N, K)
        self.batches += 1
        weight = 1 / self.batches.clamp(max=WINDOW)
        new = {"shares": members.mean(0), "sums": members.T @ features / len(features)}
        for name, value in (new | {"second": features.T @ features / len(features)}).items():
            getattr(self, name).lerp_(reduce(value, "mean").cpu().double(), weight)

    def means(self) -> Tensor:
        """Of each class, (K, F)."""
        return self.sums / self.shares.clamp(min=1e-12)[:, None]

    def covariance(self) -> Tensor:
        """(F, F)"""
        return self.second - self.means().T @ self.sums


class MomentMatching(nn.Module):
    """A loss whose gradient is that of the Fréchet distance between the features of a student's and a teacher's images:
    the mean over classes of the means' part, and that of the covariances within classes. The features are divided by
    the teacher's standard deviations."""

    def __init__(self, width: int, num_classes: int):
        super().__init__()
        self.student, self.teacher = (Moments(width, num_classes + 1) for _ in range(2))  # no label is a class, too

    def forward(self, student: Tensor, teacher: Tensor, labels: Tensor | None) -> Tensor:
        """Features (N, F) of as many images of both, with the same labels (N,), of which -1 is none -> (N,) float32;
        the teacher's have no gradient."""
        classes = torch.zeros_like(teacher[:, 0]).long() if labels is None else labels % len(self.teacher.shares)
        self.student.update(student, classes)
        self.teacher.update(teacher, classes)
        deviation = self.teacher.covariance().diagonal().clamp(min=1e-12).sqrt()
        mine, theirs = (m.covariance() / torch.outer(deviation, deviation) for m in (self.student, self.teacher))
        gradient = torch.eye(len(deviation)).to(mine) - transport(mine, theirs)
        offset = (self.student.means() - self.teacher.means()) / deviation
        z = (student - self.student.means().to(student)[classes]) / deviation.to(student)
        return (2 * (z * offset.to(z)[classes]).sum(1) + ((z @ gradient.to(z)) * z).sum(1)).float()


def transport(source: Tensor, target: Tensor) -> Tensor:
    """The symmetric matrix T with T source T = target, of two covariances (F, F); variances below ``SMALLEST`` count as
    that."""
    identity = SMALLEST * torch.eye(len(source)).to(source)
    root = power(target + identity, 0.5)
    return root @ power(root @ (source + identity) @ root, -0.5) @ root


def power(matrix: Tensor, exponent: float) -> Tensor:
    """Of a symmetric positive definite matrix."""
    values, vectors = torch.linalg.eigh(matrix)
    return vectors * values.clamp(min=SMALLEST**2).pow(exponent) @ vectors.T
