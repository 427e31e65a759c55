"""Which engine computes a network: by measurement, or as the environment says."""

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from diffusion.errors import InputError
from diffusion.networks import recorded_attention
from diffusion.runtime import compiled, inference
from diffusion.runtime.compiled import engines
from diffusion.runtime.inference import InferenceNetwork
from diffusion.runtime.openvino_network import installed
from diffusion.runtime.precision import VARIABLE as PRECISION
from tests.programs import run_program
from tests.tiny import NETWORK, tiny_model

SETTINGS = {"steps": 4, "sampler": "ddim"}


TORCH = 1.0  # seconds of a call

CLOSE = compiled.CLOSE


class Other:
    """In the place of a compiled network: it returns ones, after so many seconds."""

    clock, seconds, fails, made = 0.0, 0.0, False, 0

    def __init__(self, network, x, t, condition, bfloat16, in_subprocess=None):
        type(self).made += 1
        if self.fails:
            raise RuntimeError("an operation that it does not know")

    def takes(self, x, condition):
        return True

    def __call__(self, x, t, condition):
        Other.clock += self.seconds
        return torch.ones_like(x)


@pytest.fixture
def other(monkeypatch):
    """There is one other engine, by which a network is compiled after its first call. On a clock of its own torch takes
    a second for each."""
    for name, value in {"clock": 0.0, "seconds": 0.5, "fails": False, "made": 0}.items():
        monkeypatch.setattr(Other, name, value)
    in_torch = InferenceNetwork.in_torch

    def timed_in_torch(self):
        network = in_torch(self)

        def timed(*inputs, **options):
            Other.clock += TORCH
            return network(*inputs, **options)

        return timed

    monkeypatch.setattr(InferenceNetwork, "in_torch", timed_in_torch)
    monkeypatch.setattr(inference.time, "perf_counter", lambda: Other.clock)
    for module in (compiled, inference):
        monkeypatch.setattr(module, "engines", lambda: {"openvino": Other})
    monkeypatch.setattr(compiled, "worth_a_trial", lambda: ["openvino"])
    monkeypatch.setattr(compiled.Compiled, "count", 0)
    monkeypatch.setattr(inference, "IN_USE", 0.0)
    monkeypatch.setattr(inference, "LONGEST", 60.0)
    monkeypatch.setattr(inference, "LONGEST_IMAGE", 60.0)
    monkeypatch.setattr(compiled, "CLOSE", float("inf"))  # its output is ones
    monkeypatch.delenv(PRECISION, raising=False)
    monkeypatch.delenv(inference.VARIABLE, raising=False)
    return Other


def settled(model, **settings):
    """Run until the engine is chosen; what the next run has."""
    for _ in range(3):
        model.generate([1, 2], **SETTINGS | settings)
        for thread in threading.enumerate():
            if thread.name == "compiler":
                thread.join(60)
    return model.generate([1, 2], **SETTINGS | settings)


def calls_of_torch(model):
    seen = []
    model.network.register_forward_pre_hook(lambda network, inputs: seen.append(len(inputs[0])))
    return seen


def test_the_faster_engine_computes_and_the_first_run_never_waits(other, monkeypatch):
    model, alone = tiny_model(), tiny_model()
    first = model.generate([1, 2], **SETTINGS)
    monkeypatch.setenv(inference.VARIABLE, "torch")
    assert torch.equal(first, alone.generate([1, 2], **SETTINGS))
    monkeypatch.delenv(inference.VARIABLE)
    assert not torch.equal(settled(model), first)
    assert model.engine == "openvino"
    assert other.made == 1


def test_however_many_threads_sample_a_network_it_is_compiled_once(other, monkeypatch):
    class Slow(compiled.Compiled):
        def __init__(self, *arguments):
            time.sleep(0.2)
            super().__init__(*arguments)

    monkeypatch.setattr(inference, "Compiled", Slow)
    model = tiny_model()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda seed: model.generate([1, 2], seed=seed, **SETTINGS), range(2)))
    settled(model)
    assert other.made == compiled.Compiled.count == 1


@pytest.mark.parametrize(("vendor", "names"), [("GenuineIntel", ["openvino", "torchscript"]), ("AMD", ["torchscript"])])
def test_openvino_is_tried_on_the_processors_that_it_is_made_for(vendor, names, monkeypatch):
    monkeypatch.setattr(compiled, "engines", lambda: {"openvino": Other, "torchscript": Other})
    monkeypatch.setattr(compiled.Path, "read_text", lambda path: f"vendor_id : {vendor}")
    assert compiled.worth_a_trial.__wrapped__() == names


def test_a_program_may_choose_before_the_model_has_been_in_use(other, monkeypatch):
    monkeypatch.setattr(inference, "IN_USE", 1e9)
    model, runs = tiny_model(), []
    model.choose_engine(lambda: runs.append(model.generate([1, 2], **SETTINGS)))
    assert model.engine == "openvino"
    assert 1 <= len(runs) <= 2
    model.choose_engine(lambda: runs.append(None))  # known already
    assert None not in runs
    assert other.made == 1


@pytest.mark.parametrize("variable", [(inference.VARIABLE, "torch"), (PRECISION, "fp32")])
def test_where_there_is_nothing_to_choose_nothing_runs(other, monkeypatch, variable):
    monkeypatch.setenv(*variable)
    model, runs = tiny_model(), []
    model.choose_engine(lambda: runs.append(model.generate([1, 2], **SETTINGS)))
    assert (model.engine, other.made, runs) == ("torch", 0, [])


def test_an_engine_that_computes_something_else_is_dropped(other, monkeypatch):
    monkeypatch.setattr(compiled, "CLOSE", CLOSE)
    model = tiny_model()
    first = model.generate([1, 2], **SETTINGS)
    assert torch.equal(settled(model), first)
    assert model._inference.other.chosen == "torch"


def test_a_slower_engine_is_dropped(other, monkeypatch):
    monkeypatch.setattr(other, "seconds", 1.15)
    model = tiny_model()
    first = model.generate([1, 2], **SETTINGS)
    assert torch.equal(settled(model), first)
    assert model._inference.other.chosen == "torch"
    assert not model._inference.other.by
    assert other.made == 1


@pytest.mark.parametrize(("name", "value"), [("LONGEST", 0.9), ("LONGEST_IMAGE", 0.2), ("MOST_BYTES", 1000)])
def test_a_network_that_is_slow_or_large_is_not_compiled(other, monkeypatch, name, value):
    monkeypatch.setattr(inference, name, value)
    model = tiny_model()
    first = model.generate([1, 2], **SETTINGS)
    assert torch.equal(settled(model), first)
    assert (model.engine, other.made) == ("torch", 0)


def test_a_process_compiles_only_so_many_networks(other, monkeypatch):
    monkeypatch.setattr(inference, "MOST", 2)
    models = [tiny_model(seed) for seed in range(3)]
    for model in models:
        settled(model)
    assert [model.engine for model in models] == ["openvino", "openvino", "torch"]


def test_what_cannot_be_compiled_stays_in_torch(other, monkeypatch):
    monkeypatch.setattr(other, "fails", True)
    model = tiny_model()
    first = model.generate([1, 2], **SETTINGS)
    assert torch.equal(settled(model), first)
    assert other.made == 1


def test_changed_weights_are_computed_by_torch_from_then_on(other):
    model, fresh = tiny_model(), tiny_model(seed=5)
    settled(model)
    model.network.load_state_dict(fresh.network.state_dict())
    for _ in range(3):
        assert torch.equal(settled(model), fresh.generate([1, 2], **SETTINGS))
        model.network.output[-1].bias.data.add_(0.1)
        fresh.network.output[-1].bias.data.add_(0.1)
    assert other.made == 2  # one each, before the weights were known to change


def test_gradients_hooks_and_options_are_torchs(other):
    model = tiny_model(network=NETWORK | {"attention": ("cross",), "head_channels": 8})
    settled(model)
    network = model.denoiser().network
    x, t, condition = (
        torch.randn(2, 1, 8, 8),
        torch.tensor([3.0, 400.0]),
        model.condition(torch.tensor([1, 2]), None, 1),
    )
    with torch.no_grad():
        assert torch.equal(network(x, t, condition), torch.ones_like(x))
        with recorded_attention(model.network) as maps:
            assert not torch.equal(network(x, t, condition), torch.ones_like(x))
        assert maps
        weaker = tiny_model(network=NETWORK | {"kind": "unet"})
        settled(weaker)
        assert not torch.equal(weaker.generate([1], freeu_b=1.2, **SETTINGS), weaker.generate([1], **SETTINGS))
    assert network(x.requires_grad_(), t, condition).requires_grad


def test_a_precision_that_is_asked_for_repeats_bit_by_bit_in_torch(other, monkeypatch):
    monkeypatch.setenv(PRECISION, "fp32")
    model = tiny_model()
    assert torch.equal(settled(model), tiny_model().generate([1, 2], **SETTINGS))
    assert other.made == 0


def test_the_environment_may_ask_for_either(other, monkeypatch):
    monkeypatch.setenv(inference.VARIABLE, "torch")
    settled(tiny_model())
    assert other.made == 0
    monkeypatch.setenv(inference.VARIABLE, "openvino")
    seen = calls_of_torch(model := tiny_model())
    settled(model)
    assert seen  # a hook: all is torch's
    assert other.made == 0
    model.network._forward_pre_hooks.clear()
    seen.clear()
    model.generate([1], **SETTINGS)
    assert not seen
    assert other.made == 1


def test_another_engine_is_refused(monkeypatch):
    monkeypatch.setenv(inference.VARIABLE, "onnx")
    with pytest.raises(InputError, match="must be one of auto, torch, torchscript, openvino, not 'onnx'"):
        tiny_model().generate([1])


def test_without_openvinos_package_there_are_torchs_engines(monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    monkeypatch.setattr(compiled.Compiled, "count", 0)
    monkeypatch.setattr(inference, "IN_USE", 0.0)
    monkeypatch.setattr(inference, "LONGEST", 60.0)
    monkeypatch.setattr(inference, "LONGEST_IMAGE", 60.0)
    monkeypatch.delenv(PRECISION, raising=False)
    assert not installed()
    assert list(engines()) == ["torchscript"]
    model = tiny_model()
    first = model.generate([1, 2], **SETTINGS)
    torch.testing.assert_close(settled(model), first, rtol=0, atol=0.05)
    assert model._inference.other.chosen in ("torch", "torchscript")
    monkeypatch.setenv(inference.VARIABLE, "openvino")
    with pytest.raises(InputError, match="not installed: pip install openvino"):
        model.generate([1])


@pytest.mark.skipif(not installed(), reason="OpenVINO has no package for this platform")
def test_a_program_may_end_while_a_network_is_compiled():
    assert run_program("ends_while_compiling") == "compiling\n"
