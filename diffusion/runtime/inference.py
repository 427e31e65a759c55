"""How a model's network is called when it samples: its precision, its number of threads, and which engine computes.

torch can do everything, layer by layer. Two other engines are faster where they are: OpenVINO, on Intel's processors,
where it is installed, and TorchScript, which shares out the images among the cores instead of each layer
(``traced_network``). Which one runs a network is measured on this machine, with the network's own calls: after some
seconds of use it is compiled in the background by one engine after the other and timed beside torch, until one is
faster and computes the same; runs that begin afterwards have that one. The part that is work in Python is done in a
subprocess (``subprocess_call``). So nobody waits for a compiler, and a short command never meets it; a server may
have it done before its first visitor (``choose``). Gradients, hooks, options (FreeU, skipped layers), training mode,
large networks and those whose weights still change stay in torch.
"""

import os
import threading
import time
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor, nn

from diffusion.condition import Condition
from diffusion.denoiser import Network
from diffusion.errors import InputError
from diffusion.runtime.between_layers import own_time
from diffusion.runtime.compiled import MOST, TORCH, Compiled, engines, needs_torch
from diffusion.runtime.precision import Bfloat16Network, requested_precision, use_bfloat16
from diffusion.runtime.thread_tuner import TunedCalls

VARIABLE = "DIGIT_DIFFUSION_ENGINE"  # an engine's name there decides for all models; else measurement
CHOICES = ("auto", TORCH, "torchscript", "openvino")
IN_USE = 4.0  # seconds that a network has computed before it is compiled
LONGEST = 0.3  # seconds of a call in which engines may be compared: nobody should notice the trial
LONGEST_IMAGE = 0.02  # of it: larger networks are to be interrupted between their layers, as no compiled one can be
MOST_BYTES = 100_000_000  # of weights: engines make several copies of them


def requested_engine() -> str:
    """The environment's choice, one of ``CHOICES``. Raises InputError."""
    choice = os.environ.get(VARIABLE) or "auto"
    if choice not in CHOICES:
        raise InputError("command.engine", variable=VARIABLE, known=", ".join(CHOICES), given=choice)
    if choice not in ("auto", TORCH) and choice not in engines():
        raise InputError("command.no_openvino", variable=VARIABLE)
    return choice


class InferenceNetwork:
    """The network of one model, on its device."""

    def __init__(self, network: nn.Module, device: torch.device):
        self.network, self.device = network, device
        self.bfloat16 = Bfloat16Network(network, device)
        self.bytes = sum(tensor.nbytes for tensor in self.bfloat16.tensors)
        self.tuned = TunedCalls()
        self.other: Compiled | None = None
        self.making = threading.Lock()  # held while ``other`` is made unasked, so that two threads do not make two
        self.seconds = 0.0  # computed by torch, until there is another engine

    @property
    def engine(self) -> str:
        """What computes the runs that begin now: "torch", "torchscript" or "openvino"."""
        return (self.other.chosen if self.other is not None else None) or TORCH

    def choose(self, run: Callable[[], object]) -> None:
        """Compile and compare at once, in some runs of this network, and not after some seconds of use: a busy program
        cannot time the engines fairly. Takes some seconds. Raises InputError where the environment's choice is bad."""
        if not self.is_open():
            return
        if self.other is None:
            self.seconds = float("inf")
            run()
        for _ in engines():
            if self.other is None or self.other.chosen is not None:
                return
            if self.other.compiling is not None:
                self.other.compiling.join()
            run()

    def is_open(self) -> bool:
        """Whether the engine is chosen by measurement: the environment names none. Raises InputError."""
        given = requested_engine() != "auto" or requested_precision() != "auto"
        return self.device.type == "cpu" and not given

    def for_run(self) -> Network:
        """The network as one run calls it from its beginning to its end. Raises InputError where the environment asks
        for something that is not available."""
        engine = requested_engine()
        if self.device.type != "cpu" or engine == TORCH:
            return self.in_torch()
        other = self.other  # another thread's run may replace it
        if other is not None and not other.is_current():  # the weights have changed, and will again
            self.other = other = None
            self.seconds = float("-inf")
        if engine != "auto":
            return self._compiling(engine, self.in_torch())
        if not self.is_open():
            return self.in_torch()
        if other is not None and other.chosen not in (None, TORCH):
            return other.network_for(cache(self.in_torch))  # which compares the weights again, if it is needed
        return self._measuring(self.in_torch())

    def in_torch(self) -> Callable[..., Tensor]:
        """The network in torch; in bfloat16 where that is faster. On the CPU its number of threads follows what is
        fastest, unless the environment names a precision: then results repeat bit by bit."""
        network: Callable[..., Tensor] = self.network
        self.bfloat16.refresh()
        if use_bfloat16(self.device):
            network = self.bfloat16
        if self.device.type != "cpu" or requested_precision() != "auto":
            return network
        return partial(self.tuned, network)

    def _compiling(self, engine: str, in_torch: Network) -> Network:
        """Another engine, compiled at the first call that it can compute."""
        bfloat16 = use_bfloat16(self.device)

        def network(x: Tensor, t: Tensor, condition: Condition, **options: Any) -> Tensor:
            if needs_torch(self.bfloat16.modules, options):
                return in_torch(x, t, condition, **options)
            other = self.other
            if other is None or (other.chosen, other.bfloat16) != (engine, bfloat16):
                other = Compiled(self.network, bfloat16)
                other.compile(engine, x, t, condition)
                self.other = other
            return other.network_for(lambda: in_torch)(x, t, condition)

        return network

    def _compile_in_background(self, *inputs: Any) -> None:
        """By another engine, unless that has begun already, or enough networks of this process are compiled."""
        with self.making:
            if self.other is None and Compiled.count < MOST:
                self.other = Compiled(self.network, use_bfloat16(self.device))
                self.other.compile_in_background(*inputs)

    def _measuring(self, in_torch: Network) -> Network:
        """torch, which also gathers what is needed to choose."""

        def network(x: Tensor, t: Tensor, condition: Condition, **options: Any) -> Tensor:
            start = own_time(time.perf_counter)
            output = in_torch(x, t, condition, **options)
            seconds = own_time(time.perf_counter) - start
            self.seconds += seconds
            if needs_torch(self.bfloat16.modules, options):
                return output
            if seconds > min(LONGEST, LONGEST_IMAGE * len(x)) or self.bytes > MOST_BYTES:
                return output
            other = self.other
            if other is None:
                if self.seconds > IN_USE:
                    self._compile_in_background(x, t, condition)
            elif other.ready:
                other.compare(in_torch, x, t, condition)
            return output

        return network
