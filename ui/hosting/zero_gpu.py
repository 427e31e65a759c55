"""On Hugging Face's ZeroGPU a function borrows a GPU while it runs; everywhere else nothing changes.

Import this before torch touches CUDA: ``spaces`` has to be first.
"""

from collections.abc import Callable
from typing import TypeVar

F = TypeVar("F", bound=Callable)

try:
    import spaces
except ImportError:  # the package exists on Spaces only
    LENDS = False

    def on_gpu(function: F) -> F:
        """The function as it is."""
        return function

else:
    LENDS = True

    def on_gpu(function: F) -> F:
        """The function, run with a GPU lent for at most two minutes."""
        return spaces.GPU(duration=120)(function)
