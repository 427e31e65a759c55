"""What stands in for engines and networks where the question is when they are made and compared."""

import time

import torch

from diffusion.condition import Condition
from diffusion.runtime.compiled import Compiled
from tests.tiny import tiny_model

INPUTS = torch.ones(2, 1), torch.ones(2), Condition()


class Engine:
    """In the place of a compiled network."""

    def __init__(self, *inputs):
        pass

    def takes(self, x, condition):
        return True

    def __call__(self, x, t, condition):
        return x


def network_compiled() -> Compiled:
    return Compiled(tiny_model().network, bfloat16=False)


def network_to_compare() -> Compiled:
    """It is compiled by the only engine that is worth a trial."""
    network = network_compiled()
    network.untried, network.by, network.ready = [], {"openvino": Engine()}, True
    return network


def slow_torch(x, t, condition):
    time.sleep(0.01)
    return x
