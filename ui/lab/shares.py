"""How many of a run's images are classified as the digit that was asked for, and how sure that share is."""

from math import sqrt
from typing import NamedTuple

from ui.engine import Result

Z = 1.96  # of 95 percent


class Share(NamedTuple):
    """``right`` of so many images; with 95 percent confidence the true share is from ``low`` to ``high``."""

    right: int
    of: int
    low: float
    high: float


def share_of(result: Result) -> Share | None:
    """The share of images that are classified as what they should show; None where nobody knows."""
    if result.classifications is None or "" in result.labels:
        return None
    pairs = zip(result.classifications, result.labels, strict=True)
    right, of = sum(found.label == label for found, label in pairs), len(result.labels)
    return Share(right, of, *wilson_interval(right, of))


def wilson_interval(right: int, of: int) -> tuple[float, float]:
    """The score interval of a share (Wilson 1927): unlike the usual one it stays within 0 and 1, and has a width where
    all are right."""
    share, spread = right / of, Z * Z / of
    centre = (share + spread / 2) / (1 + spread)
    half = sqrt(share * (1 - share) * spread + spread * spread / 4) / (1 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)
