import gc
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from diffusion import Condition
from diffusion.networks import FreeU
from diffusion.runtime import batches, batching
from diffusion.runtime.batches import MAX_BATCH
from diffusion.runtime.batching import BatchingService
from tests.programs import run_program
from tests.tiny import tiny_model


@pytest.fixture(autouse=True)
def _any_time(monkeypatch):
    """Batches as large as may be, also where they are held up."""
    monkeypatch.setattr(batches, "QUICK", 1e9)


def batched(model, seen=None):
    """The model with a batching service; ``seen`` collects the labels of each batch that its network is called with."""
    model.batching = BatchingService()
    if seen is not None:
        model.network.register_forward_hook(lambda _, inputs, output: seen.append(inputs[2].labels.tolist()))
    return model


def together(count, work):
    """What ``work(i)`` returns for each i, all begun at the same moment in threads of their own."""
    start = threading.Barrier(count)

    def one(i):
        start.wait(30)
        return work(i)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def in_line(count, network, work, of=lambda i: "a model"):
    """What ``work(call, i)`` returns for each i, ``call`` being the batched network of ``of(i)``: while 0 is computed,
    all others queue."""
    service, entered, release = BatchingService(), threading.Event(), threading.Event()

    def held(*arguments, **options):
        if not entered.is_set():
            entered.set()
            assert release.wait(60)
        return network(*arguments, **options)

    @torch.no_grad()
    def one(i):
        return work(service.batched(held, of(i)), i)

    with ThreadPoolExecutor(count) as pool:
        results = [pool.submit(one, 0)]
        assert entered.wait(60)
        results += [pool.submit(one, i) for i in range(1, count)]
        deadline = time.monotonic() + 60
        while len(service._waiting) < count - 1:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        release.set()
        return [result.result() for result in results]


REQUESTS = [
    {"labels": [3], "sampler": "ddim", "steps": 7, "guidance_scale": 3.0, "seed": 1},
    {"labels": [1, 2, 9, -1], "sampler": "ddpm", "steps": 9, "guidance_scale": 1.5, "seed": 2},
    {"labels": [0] * 40, "sampler": "heun", "steps": 4, "guidance_scale": 1.0, "seed": 3},
    {"labels": [5] * 3, "sampler": "dpmpp_2m", "steps": 8, "guidance_scale": 0.0, "seed": 4},
    {"labels": [6, 7], "sampler": "euler_maruyama", "steps": 12, "guidance_scale": 2.0, "seed": 5},
    {"labels": [-1] * 5, "sampler": "ddim", "steps": 5, "eta": 1.0, "seed": 6},
    {"labels": [8] * 64, "sampler": "ddim", "steps": 3, "guidance_scale": 4.0, "seed": 7},
    {"labels": [4], "sampler": "ddim", "steps": 6, "seed": 8, "first_index": 3},
]


@pytest.mark.parametrize(
    "changes", [{}, {"variance": "learned_range", "prediction": "eps"}, {"process": {"kind": "flow"}}]
)
def test_many_at_once_sample_what_each_samples_alone(changes):
    seen = []
    model, alone = batched(tiny_model(**changes), seen), tiny_model(**changes)
    model.network.double()  # in single precision, a batch of another size is summed in another order
    alone.network.double()
    sampled = together(len(REQUESTS), lambda i: model.generate(**REQUESTS[i]))
    for request, images in zip(REQUESTS, sampled, strict=True):
        torch.testing.assert_close(images, alone.generate(**request), rtol=0, atol=1e-5)
    assert any(len(set(labels) - {-1}) > 3 for labels in seen)  # they did share batches
    assert all(len(labels) <= MAX_BATCH["cpu"] or set(labels) == {8, -1} for labels in seen)  # the largest may go alone


def test_alone_the_call_reaches_the_network_unchanged_and_waits_for_nobody(monkeypatch):
    monkeypatch.setattr(batching, "PATIENCE", 1e9)
    seen, seen_without = [], []
    model, without = batched(tiny_model(), seen), tiny_model()
    without.network.register_forward_hook(lambda _, inputs, output: seen_without.append(inputs[2].labels.tolist()))
    for labels in ([1] * 64, [2]):
        assert torch.equal(model.generate(labels, steps=5), without.generate(labels, steps=5))
    assert seen == seen_without
    with model.batching._changed:  # who was just served will not come back: it need not wait for that
        model.batching._missing = 0
        model.batching._changed.notify()


def network_of_all(x, t, condition, freeu=(0.0,)):
    """A network whose output depends on all its inputs."""
    output = x * (1 + condition.labels[:, None] + t[:, None]) + sum(freeu)
    for part in (condition.low_res, condition.guidance_scale):
        output = output if part is None else output + 7 * part.view(-1, 1)
    return output


def inputs(i, **condition):
    """Those of the call with the number i: i + 1 images."""
    return torch.ones(i + 1, 1), torch.full((i + 1,), 100.0 * i), Condition(torch.arange(i + 1), **condition)


def test_every_row_of_a_condition_goes_with_its_image():
    sizes = []

    def network(x, *others):
        sizes.append(len(x))
        return network_of_all(x, *others)

    calls = [
        inputs(i, low_res=torch.full((i + 1, 1), 10.0 * i), guidance_scale=torch.full((i + 1,), 0.5 * i))
        for i in range(6)
    ]
    outputs = in_line(6, network, lambda call, i: call(*calls[i]))
    for i, output in enumerate(outputs):
        assert torch.equal(output, network_of_all(*calls[i]))
    assert sizes == [1, 20]


def test_calls_of_different_kinds_share_no_batch():
    """Other options, or a condition of which other parts are there."""
    batches = []

    def network(x, t, condition, freeu=(0.0,)):
        batches.append(sorted(set(t.tolist())))
        return network_of_all(x, t, condition, freeu)

    options = [{}, {"freeu": FreeU(2.0, 1.0)}, {}, {"freeu": FreeU(2.0, 1.0)}, {"freeu": FreeU(1.0, 2.0)}, {}]
    calls = [inputs(i, guidance_scale=torch.ones(i + 1) if i == 5 else None) for i in range(6)]
    outputs = in_line(6, network, lambda call, i: call(*calls[i], **options[i]))
    for i, output in enumerate(outputs):
        assert torch.equal(output, network_of_all(*calls[i], **options[i]))
    assert sorted(batches) == [[0], [100, 300], [200], [400], [500]]


def test_models_share_no_batch():
    batches = []

    def network(x, t, condition):
        batches.append(sorted(set(t.tolist())))
        return x + t[:, None]

    def work(call, i):
        return call(torch.zeros(2, 1), torch.full((2,), float(i)), Condition()).tolist()

    assert in_line(7, network, work, of=lambda i: i % 2) == [[[i]] * 2 for i in range(7)]
    assert sorted(batches) == [[0], [1, 3, 5], [2, 4, 6]]


def test_a_failure_is_for_the_caller_whose_it_is():
    sizes = []

    def network(x, t, condition):
        sizes.append(len(x))
        if (condition.labels == 3).any():
            raise ValueError("three is too much")
        return x + condition.labels[:, None]

    def work(call, i):
        try:
            return call(torch.zeros(1, 1), torch.zeros(1), Condition(torch.tensor([i]))).item()
        except ValueError as error:
            return str(error)

    assert in_line(6, network, work) == [0, 1, 2, "three is too much", 4, 5]
    assert sizes == [1, 5, 1, 1, 1, 1, 1]


def test_with_gradients_and_in_other_processes_the_network_is_called_directly():
    threads = []

    def network(x, t, condition):
        threads.append(threading.current_thread())
        return x * x

    call = BatchingService().batched(network, of="a model")
    x = torch.full((1, 1), 3.0, requires_grad=True)
    assert torch.autograd.grad(call(x, torch.zeros(1), Condition()).sum(), x)[0].item() == 6
    with torch.no_grad():
        call(x, torch.zeros(1), Condition())
        assert threads[0] is threading.current_thread() is not threads[1]
        child = os.fork()
        if not child:  # where the service's thread does not exist
            os._exit(0 if call(x, torch.zeros(1), Condition()).item() == 9 and threads[-1] is threads[0] else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_one_thread_computes_and_ends_with_the_service():
    workers = []

    def network(x, t, condition):
        workers.append(threading.current_thread())
        return x

    call = BatchingService().batched(network, of="a model")
    with torch.no_grad():
        for pause in (0, 0, 0.2):  # it has become idle meanwhile
            time.sleep(pause)
            call(torch.zeros(1, 1), torch.zeros(1), Condition())
    assert len(set(workers)) == 1
    assert workers[0] is not threading.current_thread()
    del call
    gc.collect()
    workers[0].join(30)
    assert not workers[0].is_alive()


@pytest.mark.slow
def test_a_thread_that_outlives_the_main_one_calls_directly():
    assert run_program("outlive_the_main_thread") == "1\n1\n"
