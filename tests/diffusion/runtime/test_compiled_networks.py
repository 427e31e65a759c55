"""Other engines compute what torch computes, for every bundled network."""

import sys
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import Mock

import pytest
import torch

from diffusion import Condition, load_model
from diffusion.io.hub import bundled
from diffusion.io.loading import load_any
from diffusion.runtime import openvino_network, subprocess_call, threads, traced_network
from diffusion.runtime.compiled import engines
from diffusion.runtime.openvino_network import MOST_AT_ONCE, installed
from diffusion.runtime.traced_network import TracedNetwork
from tests.programs import run_program
from tests.tiny import tiny_model

without_openvino = pytest.mark.skipif(not installed(), reason="OpenVINO has no package for this platform")
ENGINES = ["torchscript", pytest.param("openvino", marks=without_openvino)]
SIZES = [1, 5, 18]


def inputs(config, n):
    """Noise, times as the network gets them, every label and none, every scale; images in low resolution."""
    generator = torch.Generator().manual_seed(n)
    t = config.process.embed_time(torch.rand(n, generator=generator, dtype=torch.float64)).float()
    low_res = scale = labels = None
    if config.num_classes:
        labels = torch.arange(n) % (config.num_classes + 1) - 1
    if config.low_res_size:
        low_res = 2 * torch.rand(n, config.channels, config.low_res_size, config.low_res_size, generator=generator) - 1
    if config.max_guidance:
        scale = torch.rand(n, generator=generator) * config.max_guidance
    return torch.randn(n, *config.image_shape, generator=generator), t, Condition(labels, low_res, scale)


def compiled(model, engine, bfloat16=False, **options):
    return engines()[engine](model.network, *inputs(model.config, 2), bfloat16=bfloat16, **options)


@pytest.fixture(scope="module", params=ENGINES)
def compiled_turbo(request):
    model = load_model("turbo")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(subprocess_call, "available_memory", lambda: 1e18)  # whatever other tests take
        return model, compiled(model, request.param, in_subprocess=subprocess_call.call_in_subprocess)


@torch.no_grad()
def assert_same(model, network, sizes):
    """Of torch's largest batch, the first n images are what the other engine computes as a batch of n."""
    x, t, condition = inputs(model.config, max(sizes))
    expected = model.network(x, t, condition)
    atol = 1e-5 * max(1, float(expected.abs().max()))
    for n in sizes:
        found = network(x[:n], t[:n], condition.rows(slice(n)))
        torch.testing.assert_close(found, expected[:n], rtol=0, atol=atol)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", [name for name in bundled() if name not in ("classifier", "turbo")])
def test_every_bundled_network_agrees_with_torch(name, engine):
    model = load_any(name)
    assert_same(model, compiled(model, engine), SIZES)


def test_every_batch_size_agrees_and_none_compiles_again(compiled_turbo):
    assert_same(*compiled_turbo, range(1, 65))


@torch.no_grad()
def test_inputs_of_other_kinds_are_not_taken(compiled_turbo):
    model, network = compiled_turbo
    x, _, condition = inputs(model.config, 4)
    assert network.takes(x, condition)
    assert not network.takes(x, Condition(condition.labels))
    assert not network.takes(x[..., :14], condition)
    assert not network.takes(x, Condition(condition.labels, x, condition.guidance_scale))


@torch.no_grad()
def test_outputs_are_the_callers_own(compiled_turbo):
    model, network = compiled_turbo
    first, second = inputs(model.config, 3), inputs(model.config, 4)
    output = network(*first)
    before = output.clone()
    network(*second)
    assert torch.equal(output, before)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["unet", "turbo", "dit-cross"])
@torch.no_grad()
def test_in_bfloat16_it_errs_by_that_types_rounding(name, engine):
    """As torch does in it, over some fifty layers; also what depends on the angles of times and guidance scales."""
    model = load_model(name)
    given = inputs(model.config, 16)
    exact, found = model.network(*given), compiled(model, engine, bfloat16=True)(*given)
    with torch.autocast("cpu", torch.bfloat16):
        torchs = model.network(*given).float()
    assert (found - exact).norm() < 2 * (torchs - exact).norm() < 0.02 * exact.norm()


@pytest.mark.parametrize("engine", ENGINES)
@torch.no_grad()
def test_autocast_of_the_caller_changes_nothing(engine):
    model = tiny_model()
    given = inputs(model.config, 2)
    with torch.autocast("cpu", torch.bfloat16):
        found = (network := compiled(model, engine))(*given)
    assert torch.equal(found, network(*given))
    assert_same(model, network, [2])


@pytest.mark.parametrize("cores", [1, 2, 3, 16])
@torch.no_grad()
def test_images_are_shared_out_among_any_number_of_cores(cores, monkeypatch):
    model, seen = tiny_model(), []
    network = compiled(model, "torchscript")
    monkeypatch.setattr(threads, "usable_cores", lambda: cores)
    monkeypatch.setattr(traced_network, "workers", lambda process: pool)
    monkeypatch.setattr(network, "part", lambda *part: seen.append(len(part[0])) or TracedNetwork.part(network, *part))
    with ThreadPoolExecutor(cores) as pool:
        for n in (1, 2, 3, 7, 32):
            seen.clear()
            x, t, condition = inputs(model.config, n)
            torch.testing.assert_close(network(x, t, condition), model.network(x, t, condition), rtol=0, atol=1e-5)
            assert sum(seen) == n
            assert len(seen) == max(1, min(cores, n // 2))
            assert max(seen) - min(seen) <= 1


@without_openvino
@pytest.mark.parametrize("cores", [1, 2, 3])
@torch.no_grad()
def test_openvino_has_a_request_for_the_share_of_each_core(cores, monkeypatch):
    model = tiny_model()
    network = compiled(model, "openvino")
    monkeypatch.setattr(threads, "usable_cores", lambda: cores)
    for n in (1, 2, 3, 7, 16):
        network.own.__dict__.clear()
        x, t, condition = inputs(model.config, n)
        torch.testing.assert_close(network(x, t, condition), model.network(x, t, condition), rtol=0, atol=1e-5)
        shares = [request.get_output_tensor().shape[0] for request in network.own.requests.values()]
        assert len(shares) == max(1, min(cores, n // 2))
        assert sum(shares) == n
        assert max(shares) - min(shares) <= 1


@without_openvino
@pytest.mark.parametrize(("images", "cores", "share"), [(1, 2, 1), (3, 2, 3), (32, 2, 16), (33, 2, 8), (32, 16, 2)])
@torch.no_grad()
def test_openvino_has_a_network_for_the_share_of_a_core_that_it_was_shown(images, cores, share, monkeypatch):
    monkeypatch.setattr(openvino_network, "available_cores", lambda: cores)
    monkeypatch.setattr(threads, "usable_cores", lambda: 1)  # as in the thread that compiles
    model = tiny_model()
    network = engines()["openvino"](model.network, *(given := inputs(model.config, images)), False)
    assert network.usual == share
    monkeypatch.setattr(threads, "usable_cores", lambda: cores)
    torch.testing.assert_close(network(*given), model.network(*given), rtol=0, atol=1e-5)
    assert any(usual for _, usual in network.own.requests)


@without_openvino
@pytest.mark.parametrize("cores", [1, 3])
@torch.no_grad()
def test_openvino_computes_a_large_batch_in_parts(cores, monkeypatch):
    model, seen = tiny_model(), []
    network = compiled(model, "openvino")
    monkeypatch.setattr(threads, "usable_cores", lambda: cores)
    at_once = network.at_once
    monkeypatch.setattr(network, "at_once", lambda x, *others: seen.append(len(x)) or at_once(x, *others))
    count = 2 * cores * MOST_AT_ONCE + 1
    given = inputs(model.config, count)
    torch.testing.assert_close(network(*given), model.network(*given), rtol=0, atol=1e-5)
    assert sum(seen) == count
    assert len(seen) == 3
    assert max(seen) - min(seen) <= 1


@without_openvino
@torch.no_grad()
def test_a_call_of_openvino_that_is_interrupted_disturbs_none_after_it(monkeypatch):
    model = tiny_model()
    network = compiled(model, "openvino")
    given = inputs(model.config, 4)
    expected = network(*given)
    before = network.own.requests
    with monkeypatch.context() as patch:
        patch.setattr(torch, "from_numpy", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            network(*given)
    assert torch.equal(network(*given), expected)
    assert not set(map(id, network.own.requests.values())) & set(map(id, before.values()))  # those may still be at work


@torch.no_grad()
def test_where_the_program_is_ending_the_calling_thread_computes_all(monkeypatch):
    model, pool = tiny_model(), ThreadPoolExecutor(1)
    network = compiled(model, "torchscript")
    monkeypatch.setattr(threads, "usable_cores", lambda: 2)
    monkeypatch.setattr(traced_network, "workers", lambda process: pool)
    pool.shutdown()  # as Python does with all of them once the main thread has ended
    x, t, condition = inputs(model.config, 5)
    torch.testing.assert_close(network(x, t, condition), model.network(x, t, condition), rtol=0, atol=1e-5)


@without_openvino
def test_nothing_is_reported_to_anybody():
    compiled(tiny_model(), "openvino")
    assert sys.modules["openvino_telemetry"] is None


@without_openvino
def test_a_thread_that_made_networks_receives_signals_when_they_have_gone():
    assert run_program("signal_after_networks") == "received\n"
