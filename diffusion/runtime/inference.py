"""How a model's network is called when it samples: its precision, its number of threads, and which engine computes.

torch can do everything; OpenVINO, where it is installed and the machine has the instructions that it is made for, is
faster. Which one runs a network is measured on this machine, with the network's own calls: after some seconds of use it
is compiled in the background, both are timed once in turn, and runs that begin afterwards have the faster one, if it
computes the same. So nobody waits for a compiler, and a short command never meets it; a server may have it done before
its first visitor (``choose``). Gradients, hooks, options (FreeU,
skipped layers) and networks whose weights still change stay in torch.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from diffusion.condition import Condition
from diffusion.denoiser import Network
from diffusion.errors import InputError
from diffusion.runtime.openvino_network import OpenVINONetwork, installed
from diffusion.runtime.precision import Bfloat16Network, has_hooks, identical, requested_precision, use_bfloat16
from diffusion.runtime.thread_tuner import TunedCalls
from diffusion.runtime.threads import use_one_core

VARIABLE = "DIGIT_DIFFUSION_ENGINE"  # "torch" or "openvino" there decides for all models; else measurement
IN_USE = 4.0  # seconds that a network has computed before it is compiled
TRIALS = 3  # calls of each engine
LONGEST = 0.3  # seconds of a call that may be used for them: nobody should notice the trial
GAIN = 0.9  # of torch's time, which the other has to take at most
CLOSE = 0.015  # of the output's norm: by more than that the two must not differ; bfloat16 alone is 0.005 or so


def requested_engine() -> str:
    """The environment's choice: "auto", "torch" or "openvino". Raises InputError."""
    choice = os.environ.get(VARIABLE) or "auto"
    if choice not in ("auto", "torch", "openvino"):
        raise InputError("command.engine", variable=VARIABLE, given=choice)
    if choice == "openvino" and not installed():
        raise InputError("command.no_openvino", variable=VARIABLE)
    return choice


class InferenceNetwork:
    """The network of one model, on its device."""

    def __init__(self, network: nn.Module, device: torch.device):
        self.network, self.device = network, device
        self.bfloat16 = Bfloat16Network(network, device)
        self.tuned = TunedCalls()
        self.other: Compiled | None = None
        self.seconds = 0.0  # computed by torch, until there is another engine

    @property
    def engine(self) -> str:
        """What computes the runs that begin now: "torch" or "openvino"."""
        return "openvino" if self.other is not None and self.other.is_faster else "torch"

    def choose(self, run: Callable[[], object]) -> None:
        """Compile and compare at once, in two runs of this network, and not after some seconds of use: a busy program
        cannot time both engines fairly. Takes some seconds. Raises InputError where the environment's choice is bad."""
        if not self.is_open():
            return
        if self.other is None:
            self.seconds = float("inf")
            run()
        if self.other is not None and self.other.is_faster is None:
            if self.other.compiling is not None:
                self.other.compiling.join()
            run()

    def is_open(self) -> bool:
        """Whether the engine is chosen by measurement: the environment names none, and there are two. Raises
        InputError."""
        given = requested_engine() != "auto" or requested_precision() != "auto"
        return self.device.type == "cpu" and not given and installed()

    def for_run(self) -> Network:
        """The network as one run calls it from its beginning to its end. Raises InputError where the environment asks
        for what there is not."""
        in_torch = self.in_torch()
        engine = requested_engine()
        if self.device.type != "cpu" or engine == "torch":
            return in_torch
        if self.other is not None and not self.other.is_current():  # the weights have changed, and will again
            self.other, self.seconds = None, float("-inf")
        if engine == "openvino":
            return self._compiling(in_torch)
        if not self.is_open():
            return in_torch
        if self.other is not None and self.other.is_faster:
            return self.other.network_for(in_torch)
        return self._measuring(in_torch)

    def in_torch(self) -> Callable[..., Tensor]:
        """The network in torch; in bfloat16 where that is faster. On the CPU its number of threads follows what is
        fastest, unless the environment names a precision: then results repeat bit by bit."""
        network: Callable[..., Tensor] = self.network
        if use_bfloat16(self.device):
            self.bfloat16.refresh()
            network = self.bfloat16
        if self.device.type != "cpu" or requested_precision() != "auto":
            return network
        return partial(self.tuned, network)

    def _compiling(self, in_torch: Network) -> Network:
        """The other engine, compiled at the first call."""

        def network(x: Tensor, t: Tensor, condition: Condition, **options: Any) -> Tensor:
            if not options and self.other is None and not torch.is_grad_enabled():
                self.other = Compiled(self.network, use_bfloat16(self.device))
                self.other.compile(x, t, condition)
            other = in_torch if self.other is None else self.other.network_for(in_torch)
            return other(x, t, condition, **options)

        return network

    def _measuring(self, in_torch: Network) -> Network:
        """torch, which also gathers what is needed to choose."""

        def network(x: Tensor, t: Tensor, condition: Condition, **options: Any) -> Tensor:
            start = time.perf_counter()
            output = in_torch(x, t, condition, **options)
            seconds = time.perf_counter() - start
            self.seconds += seconds
            if options or torch.is_grad_enabled() or has_hooks(self.bfloat16.modules):
                return output
            if self.other is None:
                if self.seconds > IN_USE:
                    self.other = Compiled(self.network, use_bfloat16(self.device))
                    self.other.compile_in_background(x, t, condition)
            elif self.other.is_faster is None and self.other.ready and seconds < LONGEST:
                self.other.compare(in_torch, x, t, condition)
            return output

        return network


class Compiled:
    """A network and what became of compiling it."""

    def __init__(self, network: nn.Module, bfloat16: bool):
        self.network, self.bfloat16 = network, bfloat16
        self.tensors = [*network.parameters(), *network.buffers()]
        self.originals = [tensor.detach().clone() for tensor in self.tensors]
        self.modules = list(network.modules())
        self.compiled: OpenVINONetwork | None = None
        self.compiling: threading.Thread | None = None
        self.ready = False  # to be compared
        self.is_faster: bool | None = None  # not known yet

    def compile(self, x: Tensor, t: Tensor, condition: Condition) -> None:
        """Raises what torch or OpenVINO raises."""
        self.compiled = OpenVINONetwork(self.network, x, t, condition, self.bfloat16)
        self.ready = True

    def compile_in_background(self, *inputs: Any) -> None:
        """Compile in a thread of its own; a network that cannot be compiled stays in torch."""

        def work() -> None:
            use_one_core()
            try:
                self.compile(*inputs)
            except Exception as error:  # of many kinds, from torch's tracer and OpenVINO's frontend
                self.is_faster = False
                logging.getLogger(__name__).info("The network stays in torch: %s", error)

        # not a daemon: a program that ended in the middle of it would crash, so it waits
        self.compiling = threading.Thread(target=work, name="compiler")
        self.compiling.start()

    def compare(self, in_torch: Network, x: Tensor, t: Tensor, condition: Condition) -> None:
        """Time both engines in turn, and keep the compiled network only where it is faster, and as exact."""
        assert self.compiled is not None
        seconds: dict[Callable[..., Tensor], list[float]] = {in_torch: [], self.compiled: []}
        outputs = []
        for _ in range(TRIALS + 1):  # the first call of each sizes its buffers
            for engine, times in seconds.items():
                start = time.perf_counter()
                outputs.append(engine(x, t, condition).float())
                times.append(time.perf_counter() - start)
        torch_seconds, compiled_seconds = (median(times[1:]) for times in seconds.values())
        *_, ours, theirs = outputs
        is_close = bool((theirs - ours).norm() <= CLOSE * ours.norm())
        self.is_faster = compiled_seconds < GAIN * torch_seconds and is_close
        if not self.is_faster:
            self.compiled = None

    def is_current(self) -> bool:
        """Whether the weights are those that were compiled."""
        return all(map(identical, self.tensors, self.originals))

    def network_for(self, in_torch: Network) -> Network:
        """The compiled network, and torch for what it cannot do."""
        compiled = self.compiled

        def network(x: Tensor, t: Tensor, condition: Condition, **options: Any) -> Tensor:
            unable = compiled is None or options or torch.is_grad_enabled() or has_hooks(self.modules)
            if compiled is None or unable or not compiled.takes(x, condition):
                return in_torch(x, t, condition, **options)
            return compiled(x, t, condition)

        return network
