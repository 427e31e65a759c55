"""The thread that compiles a network: when it works, on what, and what it leaves to a subprocess."""

import os
import threading
import time

import torch

from diffusion.runtime import subprocess_call
from diffusion.runtime.compiled import Compiled
from tests.diffusion.runtime.stand_ins import INPUTS, Engine, network_compiled, slow_torch
from tests.tiny import tiny_model


def test_networks_are_compiled_one_at_a_time(engines):
    """Two at the same time would leave the process without any warnings."""
    inside, most = [], []

    class Slow(Engine):
        def __init__(self, *inputs):
            inside.append(self)
            most.append(len(inside))
            time.sleep(0.02)
            inside.remove(self)

    engines.update(dict.fromkeys(engines, Slow))
    networks = [network_compiled() for _ in range(3)]
    for network in networks:
        network.compile_in_background(*INPUTS)
    networks[0].compile("openvino", *INPUTS)
    for network in networks:
        network.compiling.join(60)
    assert most == 4 * [1]


def compiled_where(engines) -> tuple[Compiled, list[bool]]:
    """A network that is compiled in the background, and whether the work in Python was done by this process, each time
    that an engine was made."""
    here = []

    class Python(Engine):
        def __init__(self, network, x, t, condition, bfloat16, in_subprocess=None):
            here.append(None if in_subprocess is None else in_subprocess(os.getpid) == os.getpid())

    engines.update(dict.fromkeys(engines, Python))
    model = tiny_model()
    network = Compiled(model.network, bfloat16=False)
    x = torch.randn(2, *model.config.image_shape)
    network.compile_in_background(x, torch.ones(2), model.condition(torch.tensor([1, 2]), None, 2.0))
    network.compiling.join()
    return network, here


def test_a_subprocess_does_the_work_in_python(engines, monkeypatch):
    monkeypatch.setattr(subprocess_call, "available_memory", lambda: 1e18)
    network, here = compiled_where(engines)
    assert here == [False]
    assert list(network.by) == ["openvino"]


def test_without_a_subprocess_the_thread_does_it(engines, monkeypatch):
    monkeypatch.setattr(subprocess_call, "available_memory", lambda: 0.0)
    network, here = compiled_where(engines)
    assert here == [None]
    assert list(network.by) == ["openvino"]


def test_code_that_the_program_has_changed_is_compiled_as_it_is_here(engines, monkeypatch):
    monkeypatch.setattr(subprocess_call, "available_memory", lambda: 1e18)
    kind = type(tiny_model().network)
    forward = kind.forward
    monkeypatch.setattr(kind, "forward", lambda *inputs, **options: 1.01 * forward(*inputs, **options))
    network, here = compiled_where(engines)
    assert here == [None]
    assert list(network.by) == ["openvino"]


def test_nothing_is_compiled_once_the_main_thread_has_ended(engines, monkeypatch):
    monkeypatch.setattr(threading, "main_thread", threading.Thread)
    network = network_compiled()
    network.compile_in_background(*INPUTS)
    assert network.compiling is None
    network.compare(slow_torch, *INPUTS)
    assert network.chosen is None


def test_weights_that_change_while_a_network_is_compiled_are_not_compiled(engines, monkeypatch):
    seen = []

    class Noting(Engine):
        def __init__(self, network, *inputs):
            seen.append(network.output[-1].bias.clone())

    monkeypatch.setitem(engines, "openvino", Noting)
    network = network_compiled()
    before = network.network.output[-1].bias.detach().clone()
    network.network.output[-1].bias.data.add_(1)
    network.compile_in_background(*INPUTS)
    network.compiling.join()
    assert torch.equal(seen[0], before)
    assert not network.is_current()
