"""A look at the rest of the program between the layers of a network, while it computes."""

import time
from collections.abc import Callable

from torch.overrides import TorchFunctionMode

LOOK_EVERY = 0.02  # seconds


class BetweenLayers(TorchFunctionMode):
    """Calls ``look`` between two functions of torch, every ``LOOK_EVERY`` seconds."""

    def __init__(self, look: Callable[[], None]):
        super().__init__()
        self.look, self.due = look, time.perf_counter() + LOOK_EVERY

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if time.perf_counter() > self.due:
            self.look()
            self.due = time.perf_counter() + LOOK_EVERY
        return function(*args, **(kwargs or {}))
