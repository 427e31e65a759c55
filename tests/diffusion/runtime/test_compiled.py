"""What is compiled of a network, when it is compiled anew, and how threads share the work of finding an engine."""

import threading
import time

import pytest
import torch

from diffusion import Model
from diffusion.runtime import inference
from diffusion.runtime.compiled import TRIALS
from diffusion.runtime.precision import VARIABLE as PRECISION
from tests.diffusion.runtime.stand_ins import INPUTS, Engine, network_compiled, network_to_compare, slow_torch
from tests.tiny import NETWORK, tiny_model

SETTINGS = {"steps": 4, "sampler": "ddim"}


@pytest.mark.parametrize("engine", ["torch", "torchscript"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_replaced_weights_and_layers_count_from_the_next_run_on(engine, precision, monkeypatch):
    monkeypatch.setenv(inference.VARIABLE, engine)
    monkeypatch.setenv(PRECISION, precision)
    model, fresh = tiny_model(), tiny_model(seed=5)
    model.generate([1, 2], **SETTINGS)
    model.network.load_state_dict(fresh.network.state_dict(), assign=True)
    assert torch.equal(model.generate([1, 2], **SETTINGS), fresh.generate([1, 2], **SETTINGS))
    for each in (model, fresh):
        each.network.output = torch.nn.Sequential(each.network.output, torch.nn.Tanh()).eval()
    fresh = Model(fresh.config, fresh.network)
    assert torch.equal(model.generate([1, 2], **SETTINGS), fresh.generate([1, 2], **SETTINGS))


@pytest.mark.parametrize("engine", ["torch", "torchscript"])
def test_dropout_is_at_work_where_only_that_layer_trains(engine, monkeypatch):
    monkeypatch.setenv(inference.VARIABLE, engine)
    monkeypatch.setenv(PRECISION, "bf16")
    model = tiny_model(network=NETWORK | {"dropout": 0.5})
    expected = model.generate([1, 2], **SETTINGS)
    dropouts = [module for module in model.network.modules() if isinstance(module, torch.nn.Dropout)]
    for training in (True, False):
        for dropout in dropouts:
            dropout.train(training)
        assert torch.equal(model.generate([1, 2], **SETTINGS), expected) is not training


def test_a_hook_is_no_part_of_what_is_compiled(monkeypatch):
    monkeypatch.setenv(inference.VARIABLE, "torchscript")
    model = tiny_model()
    hook = model.network.register_forward_hook(lambda network, inputs, output: 3 * output)
    model.generate([1, 2], **SETTINGS)
    hook.remove()
    torch.testing.assert_close(model.generate([1, 2], **SETTINGS), tiny_model().generate([1, 2], **SETTINGS))


def test_the_environment_may_ask_for_another_engine_at_any_time(engines, monkeypatch):
    model = tiny_model()
    for engine in engines:
        monkeypatch.setenv(inference.VARIABLE, engine)
        model.generate([1], **SETTINGS)
        assert model.engine == engine
    assert not model._inference.other.bfloat16
    monkeypatch.setenv(PRECISION, "bf16")
    model.generate([1], **SETTINGS)
    assert model._inference.other.bfloat16


def test_an_engine_that_is_asked_for_and_cannot_compile_fails_every_time(engines, monkeypatch):
    class Unable(Engine):
        def __init__(self, *inputs):
            raise RuntimeError("an operation that it does not know")

    engines["openvino"] = Unable
    monkeypatch.setenv(inference.VARIABLE, "openvino")
    model = tiny_model()
    for _ in range(2):
        with pytest.raises(RuntimeError, match="an operation that it does not know"):
            model.generate([1], **SETTINGS)


def test_where_the_output_is_no_number_torch_is_chosen():
    network = network_to_compare()
    network.compare(lambda x, t, condition: x * float("nan"), *INPUTS)
    assert network.chosen == "torch"


def test_one_thread_compares_while_others_go_on():
    network, seen = network_to_compare(), []

    def in_torch(*inputs):
        seen.append(threading.current_thread())
        if len(seen) == 1:
            second = threading.Thread(target=network.compare, args=(in_torch, *inputs))
            second.start()
            second.join(60)
        time.sleep(0.01)
        return inputs[0]

    for _ in range(2):
        network.compare(in_torch, *INPUTS)
    assert seen == (TRIALS + 1) * [threading.current_thread()]
    assert list(network.by) == [network.chosen] == ["openvino"]


def test_an_interrupted_comparison_is_made_again():
    network = network_to_compare()

    def interrupted(*inputs):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        network.compare(interrupted, *INPUTS)
    assert network.chosen is None
    network.compare(slow_torch, *INPUTS)
    assert network.chosen == "openvino"


@pytest.mark.parametrize("calls", [0, 2])
def test_an_engine_that_fails_when_it_is_called_is_dropped(engines, monkeypatch, calls):
    class Failing(Engine):
        left = calls

        def __call__(self, x, t, condition):
            if not Failing.left:
                raise RuntimeError("an operation that it cannot do")
            Failing.left -= 1
            return x

    monkeypatch.setitem(engines, "openvino", Failing)
    network = network_compiled()
    network.compile_in_background(*INPUTS)
    for _ in engines:
        assert network.chosen is None
        network.compiling.join()
        network.compare(slow_torch, *INPUTS)
    assert list(network.by) == [network.chosen] == ["torchscript"]


def test_engines_are_compiled_until_one_is_faster_than_torch(engines):
    made = []

    class Slow(Engine):
        def __init__(self, *inputs):
            made.append("slow")

        def __call__(self, x, t, condition):
            time.sleep(0.02)
            return x

    class Fast(Engine):
        def __init__(self, *inputs):
            made.append("fast")

    engines.clear()
    engines.update(first=Slow, second=Fast, third=Fast)
    network = network_compiled()
    network.compile_in_background(*INPUTS)
    for _ in range(3):
        network.compiling.join()
        network.compare(slow_torch, *INPUTS)
    assert made == ["slow", "fast"]
    assert list(network.by) == [network.chosen] == ["second"]


def test_where_no_engine_is_faster_torch_is_chosen(engines):
    class Slow(Engine):
        def __call__(self, x, t, condition):
            time.sleep(0.02)
            return x

    engines.update(dict.fromkeys(engines, Slow))
    network = network_compiled()
    network.compile_in_background(*INPUTS)
    for number in (1, 2):
        network.compiling.join()
        network.compare(slow_torch, *INPUTS)
        assert network.chosen == (None if number == 1 else "torch")
    assert network.by == {}


def test_nobody_compares_while_the_last_engine_is_compiled():
    network = network_to_compare()
    network.by, network.ready = {}, False
    network.compare(slow_torch, *INPUTS)
    assert network.chosen is None
