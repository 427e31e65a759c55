"""A thread calls a network through a batching service, once before and once after the main thread has ended."""

import threading
import time

import torch

from diffusion.condition import Condition
from diffusion.runtime.batching import BatchingService


def call_twice() -> None:
    network = BatchingService().batched(lambda x, t, condition: x + 1, of="a model")
    with torch.no_grad():
        for pause in (0, 1):  # by then the program is ending
            time.sleep(pause)
            print(int(network(torch.zeros(1, 1), torch.zeros(1), Condition())))


threading.Thread(target=call_twice).start()
