"""A look at the rest of the program between the layers of a network, while it computes."""

import threading
import time
from collections.abc import Callable

from torch.overrides import TorchFunctionMode

LOOK_EVERY = 0.02  # seconds


class Looks(threading.local):
    """The seconds that the present thread has spent in looks, so far."""

    seconds = 0.0


looks = Looks()


def own_time(clock: Callable[[], float]) -> float:
    """What a clock shows, but that it stands still during looks: a network is not to be charged for what others had
    computed meanwhile."""
    return clock() - looks.seconds


class BetweenLayers(TorchFunctionMode):
    """Calls ``look`` between two functions of torch, every ``LOOK_EVERY`` seconds."""

    def __init__(self, look: Callable[[], None]):
        super().__init__()
        self.look, self.due = look, time.perf_counter() + LOOK_EVERY

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if (start := time.perf_counter()) > self.due:
            try:
                self.look()
            finally:
                end = time.perf_counter()
                looks.seconds += end - start
                self.due = end + LOOK_EVERY
        return function(*args, **(kwargs or {}))
