"""Page faults of 24 MB of new tensors: at first, when a model has been made and sampled, and after ``configure``."""

import resource

import torch

from diffusion.runtime import configure
from tests.tiny import tiny_model


def faults() -> int:
    """The page faults of allocating and freeing, when that has been done a few times."""
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        tensors = [torch.zeros(1 << 20) for _ in range(6)]
        del tensors
        after = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    return after - before


first = faults()
tiny_model().generate([1])
with_model = faults()
configure()
print(first, with_model, faults())
