"""A network as other engines than torch compute it, and which of them is the fastest."""

import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn

from diffusion.condition import Condition
from diffusion.denoiser import Network
from diffusion.runtime.openvino_network import OpenVINONetwork, installed
from diffusion.runtime.precision import frozen_copy, has_hooks, same, tensors_of
from diffusion.runtime.subprocess_call import SubprocessFailed, call_in_subprocess
from diffusion.runtime.threads import use_one_core
from diffusion.runtime.traced_network import TracedNetwork

logger = logging.getLogger(__name__)

TRIALS = 3  # calls of each engine
GAIN = 0.9  # of the others' time, which torch has to take at most: beside busy processes it slows down most
CLOSE = 0.015  # of the output's norm: by more than that the two must not differ; bfloat16 alone is 0.005 or so
SAME = 1e-4  # outputs of one network in two processes, in float32, must not differ by more
MOST = 12  # networks that a process compiles unasked: of each, engines keep tens of MB until the process ends
TORCH = "torch"


class CompiledNetwork(Protocol):
    """What computes a network instead of torch. It is made of ``(network, x, t, condition, bfloat16)``, and, where
    a subprocess is to do the work in Python, of a function like ``call_in_subprocess``."""

    def takes(self, x: Tensor, condition: Condition) -> bool:
        """Whether these inputs are of the kinds that it was made for."""

    def __call__(self, x: Tensor, t: Tensor, condition: Condition) -> Tensor: ...


def engines() -> dict[str, Callable[..., CompiledNetwork]]:
    """Those that there are on this machine, by name, in the order in which they are tried."""
    found: dict[str, Callable[..., CompiledNetwork]] = {"openvino": OpenVINONetwork} if installed() else {}
    return found | {"torchscript": TracedNetwork}


@cache
def worth_a_trial() -> list[str]:
    """Of these, the names of those that are tried unasked, one by one until one is faster than torch: each takes
    memory. On Intel's processors OpenVINO is the faster of the two for all but Fourier transforms
    (``benchmarks.run engines``). On AMD's it is hardly faster for a sheet of the default model, and takes more memory:
    there it has to be asked for."""
    with suppress(OSError):
        if "GenuineIntel" not in Path("/proc/cpuinfo").read_text():
            return [name for name in engines() if name != "openvino"]
    return list(engines())


class Compiled:
    """A network, what was compiled of it, and which engine is chosen: None while that is not known."""

    count: ClassVar[int] = 0  # of these, so far

    def __init__(self, network: nn.Module, bfloat16: bool):
        Compiled.count += 1
        self.network, self.bfloat16 = network, bfloat16
        self.frozen = frozen_copy(network)  # which all engines compile, whatever becomes of the weights meanwhile
        self.originals = tensors_of(self.frozen)
        self.modules = list(network.modules())
        self.untried = list(worth_a_trial())
        self.by: dict[str, CompiledNetwork] = {}  # the engine's name
        self.compiling: threading.Thread | None = None
        self.chosen: str | None = None
        self.ready = False  # to be compared
        self.comparing = threading.Lock()

    def compile(self, engine: str, x: Tensor, t: Tensor, condition: Condition) -> None:
        """By one engine, which is chosen. Raises what torch or OpenVINO raises."""
        with turn(os.getpid()):
            self.by[engine] = engines()[engine](self.frozen, x, t, condition, self.bfloat16)
        self.chosen = engine

    def compile_in_background(self, *inputs: Any) -> None:
        """By the next that is worth a trial, in a thread of its own; what cannot be compiled by any stays in torch, and
        everything does once the main thread has ended: most probably the program only waits for its threads."""
        self.ready = False

        def work() -> None:
            use_one_core()
            while self.untried and not self.by and threading.main_thread().is_alive():
                name = self.untried.pop(0)
                try:
                    with turn(os.getpid()):
                        self.by[name] = self._compiled_in_subprocess(engines()[name], *inputs)
                except Exception as error:  # of many kinds, from torch's tracer and OpenVINO's frontend
                    logger.info("The network is not compiled by %s: %s", name, error)
            self.ready = True

        if threading.main_thread().is_alive():
            # not a daemon: a program that ended in the middle of it would crash, so it waits
            self.compiling = threading.Thread(target=work, name="compiler")
            self.compiling.start()

    def _compiled_in_subprocess(self, engine: Callable[..., CompiledNetwork], *inputs: Any) -> CompiledNetwork:
        """By one engine; the work in Python is done in a subprocess, or by this thread where that fails."""

        def in_subprocess(function: Callable, *arguments: Any) -> Any:
            theirs, result = call_in_subprocess(with_output, self.frozen, inputs, function, arguments)
            if not torch.allclose(theirs, output(self.frozen, inputs), rtol=SAME, atol=SAME, equal_nan=True):
                raise SubprocessFailed("this program has changed the network's code")
            return result

        try:
            return engine(self.frozen, *inputs, self.bfloat16, in_subprocess)
        except SubprocessFailed as error:
            if not threading.main_thread().is_alive():
                raise
            logger.info("The network is compiled without a subprocess: %s", error)
            return engine(self.frozen, *inputs, self.bfloat16)

    def compare(self, in_torch: Network, x: Tensor, t: Tensor, condition: Condition) -> None:
        """Time torch and what is compiled, and keep the faster one that is exact; while that is torch, the next is
        compiled. Does nothing where another thread is at it, or has done it."""
        if not self.comparing.acquire(blocking=False):
            return
        try:
            if self.chosen is None and self.ready:
                self._compare(in_torch, x, t, condition)
        finally:
            self.comparing.release()

    def _compare(self, in_torch: Network, x: Tensor, t: Tensor, condition: Condition) -> None:
        networks: dict[str, Callable[..., Tensor]] = {TORCH: in_torch, **self.by}
        seconds: dict[str, list[float]] = {name: [] for name in networks}
        outputs: dict[str, Tensor] = {}
        for name, network in networks.items():
            # the first call sizes buffers, while threads of the engine before still wait for work, and take the cores
            for _ in range(TRIALS + 1):
                start = time.perf_counter()
                try:
                    outputs[name] = network(x, t, condition).float()
                except Exception as error:
                    if name == TORCH:
                        raise
                    logger.info("The network is not computed by %s: %s", name, error)
                    outputs.pop(name, None)
                    break
                seconds[name].append(time.perf_counter() - start)
        ours = outputs[TORCH]
        exact = [name for name, theirs in outputs.items() if (theirs - ours).norm() <= CLOSE * ours.norm()]
        times = {name: median(seconds[name][1:]) for name in (TORCH, *exact)}  # torch also where its output is NaN
        times[TORCH] /= GAIN
        fastest = min(times, key=times.__getitem__)
        self.by = {name: network for name, network in self.by.items() if name == fastest}
        if fastest == TORCH and self.untried:
            self.compile_in_background(x, t, condition)
        else:
            self.chosen = fastest

    def is_current(self) -> bool:
        """Whether the layers and weights are those that were compiled."""
        return self.modules == list(self.network.modules()) and same(tensors_of(self.network), self.originals)

    def network_for(self, in_torch: Callable[[], Network]) -> Network:
        """The network by the chosen engine, and by torch for what that cannot do."""
        compiled = self.by.get(self.chosen or TORCH)

        def network(x: Tensor, t: Tensor, condition: Condition, **options: Any) -> Tensor:
            if compiled is None or needs_torch(self.modules, options) or not compiled.takes(x, condition):
                return in_torch()(x, t, condition, **options)
            return compiled(x, t, condition)

        return network


def needs_torch(modules: list[nn.Module], options: dict[str, Any]) -> bool:
    """Whether only torch can compute a call of the network that is made of these modules: with options, for gradients,
    where somebody looks into it, and in training mode."""
    return bool(options) or torch.is_grad_enabled() or has_hooks(modules) or any(each.training for each in modules)


def with_output(network: nn.Module, inputs: tuple, function: Callable, arguments: tuple) -> tuple[Tensor, Any]:
    """A network's output, and what a function returns."""
    return output(network, inputs), function(*arguments)


@torch.no_grad()
def output(network: nn.Module, inputs: tuple) -> Tensor:
    """Of a network in float32."""
    with torch.autocast("cpu", enabled=False):
        return network(*inputs)


@cache
def turn(process: int) -> threading.Lock:
    """Held by the thread of a process that compiles: torch's tracer, and what silences warnings, have state that all
    threads share. A forked process has another, which nobody holds."""
    return threading.Lock()
