import gc
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from diffusion.networks import FreeU
from diffusion.runtime import batching as gather
from diffusion.runtime.batching import MOST, TURN, Call, Gatherer, next_batch
from tests.tiny import tiny_model


def gathering(model, seen=None):
    """The model with a gatherer; ``seen`` collects the labels of each batch that its network is asked for."""
    model.gatherer = Gatherer()
    if seen is not None:
        model.network.register_forward_hook(lambda _module, inputs, _output: seen.append(inputs[2].tolist()))
    return model


def together(count, work):
    """What ``work(i)`` gives for each i, all begun at the same moment in threads of their own."""
    start = threading.Barrier(count)

    def one(i):
        start.wait(30)
        return work(i)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def in_line(count, network, work, of=lambda i: "a model"):
    """What ``work(asked, i)`` gives for each i, ``asked`` being the gathered network of ``of(i)``: 0 is answered first,
    and while it is, all others get into line."""
    gatherer, entered, release = Gatherer(), threading.Event(), threading.Event()

    def held(*arguments, **options):
        if not entered.is_set():
            entered.set()
            assert release.wait(60)
        return network(*arguments, **options)

    @torch.no_grad()
    def one(i):
        return work(gatherer.gathered(held, of(i)), i)

    with ThreadPoolExecutor(count) as pool:
        answers = [pool.submit(one, 0)]
        assert entered.wait(60)
        answers += [pool.submit(one, i) for i in range(1, count)]
        deadline = time.monotonic() + 60
        while len(gatherer._waiting) < count - 1:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        release.set()
        return [answer.result() for answer in answers]


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
def test_many_at_once_draw_what_each_draws_alone(changes):
    seen = []
    model = gathering(tiny_model(**changes), seen)
    drawn = together(len(REQUESTS), lambda i: model.generate(**REQUESTS[i]))
    alone = tiny_model(**changes)
    for request, images in zip(REQUESTS, drawn, strict=True):
        torch.testing.assert_close(images, alone.generate(**request), rtol=0, atol=1e-5)
    assert any(len(set(labels) - {10}) > 3 for labels in seen)  # they did share batches
    assert all(len(labels) <= MOST["cpu"] or set(labels) == {8, 10} for labels in seen)  # the largest may go alone


def test_alone_the_network_is_asked_as_without_and_nothing_is_waited_for(monkeypatch):
    monkeypatch.setattr(gather, "PATIENCE", 1e9)
    seen, seen_without = [], []
    model, without = gathering(tiny_model(), seen), tiny_model()
    without.network.register_forward_hook(lambda _module, inputs, _output: seen_without.append(inputs[2].tolist()))
    for labels in ([1] * 64, [2]):
        assert torch.equal(model.generate(labels, steps=5), without.generate(labels, steps=5))
    assert seen == seen_without
    with model.gatherer._changed:  # who was just served will not come back: it need not wait for that
        model.gatherer._missing = 0
        model.gatherer._changed.notify()


def labelled(x, t, y=None, low_res=0.0, freeu=(0.0,)):
    """Stands in for a network whose answer depends on all that it is asked."""
    return x * (1 + y[:, None] + t[:, None]) + low_res + sum(freeu)


def question(i):
    """x, t and y of the call with the number i: i + 1 images."""
    return torch.ones(i + 1, 1), torch.full((i + 1,), 100.0 * i), torch.arange(i + 1)


def test_options_that_are_tensors_go_with_their_images():
    batches = []

    def network(x, *others, **options):
        batches.append(len(x))
        return labelled(x, *others, **options)

    low_res = [torch.full((i + 1, 1), 10.0 * i) for i in range(6)]
    answers = in_line(6, network, lambda asked, i: asked(*question(i), low_res=low_res[i]))
    for i, answer in enumerate(answers):
        assert torch.equal(answer, labelled(*question(i), low_res=low_res[i]))
    assert batches == [1, 20]


def test_calls_with_other_options_share_no_batch():
    batches = []

    def network(x, t, y, freeu):
        batches.append(sorted(set(t.tolist())))
        return labelled(x, t, y, freeu=freeu)

    freeu = [FreeU(1 + i % 2, 1.0) for i in range(6)]
    answers = in_line(6, network, lambda asked, i: asked(*question(i), freeu=freeu[i]))
    for i, answer in enumerate(answers):
        assert torch.equal(answer, labelled(*question(i), freeu=freeu[i]))
    assert sorted(batches) == [[0], [100, 300, 500], [200, 400]]


def test_models_share_no_batch():
    batches = []

    def network(x, t, y=None):
        batches.append(sorted(set(t.tolist())))
        return x + t[:, None]

    def work(asked, i):
        return asked(torch.zeros(2, 1), torch.full((2,), float(i))).tolist()

    assert in_line(7, network, work, of=lambda i: i % 2) == [[[i]] * 2 for i in range(7)]
    assert sorted(batches) == [[0], [1, 3, 5], [2, 4, 6]]


def test_a_failure_is_for_the_caller_whose_it_is():
    batches = []

    def network(x, t, y=None):
        batches.append(len(x))
        if (y == 3).any():
            raise ValueError("three is too much")
        return x + y[:, None]

    def work(asked, i):
        try:
            return asked(torch.zeros(1, 1), torch.zeros(1), torch.tensor([i])).item()
        except ValueError as error:
            return str(error)

    assert in_line(6, network, work) == [0, 1, 2, "three is too much", 4, 5]
    assert batches == [1, 5, 1, 1, 1, 1, 1]


def test_gradients_and_other_processes_ask_directly():
    gatherer = Gatherer()
    threads = []

    def network(x, t, y=None):
        threads.append(threading.current_thread())
        return x * x

    asked = gatherer.gathered(network, of="a model")
    x = torch.full((1, 1), 3.0, requires_grad=True)
    assert torch.autograd.grad(asked(x, torch.zeros(1)).sum(), x)[0].item() == 6
    with torch.no_grad():
        asked(x, torch.zeros(1))
        assert threads[0] is threading.current_thread() is not threads[1]
        child = os.fork()
        if not child:  # where the gatherer's thread does not exist
            os._exit(0 if asked(x, torch.zeros(1)).item() == 9 and threads[-1] is threads[0] else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_one_thread_computes_and_ends_with_the_gatherer():
    workers = []

    def network(x, t, y=None):
        workers.append(threading.current_thread())
        return x

    asked = Gatherer().gathered(network, of="a model")
    with torch.no_grad():
        for pause in (0, 0, 0.2):  # it has become idle meanwhile
            time.sleep(pause)
            asked(torch.zeros(1, 1), torch.zeros(1))
    assert len(set(workers)) == 1
    assert workers[0] is not threading.current_thread()
    del asked
    gc.collect()
    workers[0].join(30)
    assert not workers[0].is_alive()


def test_a_thread_that_outlives_the_main_one_asks_directly():
    program = """
import threading, time, torch
from diffusion.runtime.batching import Gatherer

def ask():
    asked = Gatherer().gathered(lambda x, t, y=None: x + 1, of="a model")
    with torch.no_grad():
        for pause in (0, 1):  # until the program is ending
            time.sleep(pause)
            print(int(asked(torch.zeros(1, 1), torch.zeros(1))))

threading.Thread(target=ask).start()
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "1\n1\n", "")


# ------------------------------------------------------------------------------------------------------- turns


def call(size, of="a model"):
    return Call(lambda x, t, y=None: x, of, {"x": torch.zeros(size, 1), "t": torch.zeros(size)}, {})


def batches(sizes):
    """The batches, as {index of the call: images}, in which calls of these sizes are answered, if nobody else comes."""
    calls = [call(size) for size in sizes]
    waiting, found = list(calls), []
    while waiting:
        batch = next_batch(waiting)
        found.append({calls.index(each): size for each, size in batch.items()})
        done = [each for each, size in batch.items() if each.take(torch.zeros(size, 1))]
        waiting = [each for each in waiting if each not in batch] + [each for each in batch if each not in done]
    return found


def test_small_calls_go_whole_and_in_their_turns():
    found = batches([8] * 20)
    assert found == [dict.fromkeys(range(8), 8), dict.fromkeys(range(8, 16), 8), dict.fromkeys(range(16, 20), 8)]


def test_a_large_call_alone_goes_whole():
    assert batches([128]) == [{0: 128}]


def test_a_large_call_leaves_room_for_small_ones():
    found = batches([128, *[8] * 12])
    answered_in = {i: number for number, batch in enumerate(found) for i in batch}
    assert found[0] == {0: TURN, **dict.fromkeys(range(1, 5), 8)}
    assert all(answered_in[i] <= 2 for i in range(1, 13))  # at full speed 12 of them alone take two
    assert sum(batch.get(0, 0) for batch in found) == 128


def test_large_calls_share_the_room_evenly():
    found = batches([128, 128, 128])
    given = Counter()
    for batch in found[:3]:
        given.update(batch)
    assert sum(given.values()) == 3 * MOST["cpu"]
    assert max(given.values()) - min(given.values()) <= TURN


@pytest.mark.parametrize("seed", range(5))
def test_every_image_is_answered_once_and_no_batch_is_too_large(seed):
    sizes = torch.randint(1, 129, (20,), generator=torch.Generator().manual_seed(seed)).tolist()
    found = batches(sizes)
    for i, size in enumerate(sizes):
        assert sum(batch.get(i, 0) for batch in found) == size
    assert all(sum(batch.values()) <= MOST["cpu"] for batch in found[:-1])
    assert len(found) <= -(-sum(sizes) // (MOST["cpu"] - TURN)) + 1


def test_a_batch_is_of_one_model_and_the_others_come_next():
    waiting = [call(4, "a"), call(4, "b"), call(4, "a")]
    assert list(next_batch(waiting)) == [waiting[0], waiting[2]]
    assert list(next_batch(waiting[1:])) == [waiting[1]]


def test_who_calls_keeps_to_one_core_and_the_network_has_them_all():
    """Set for each thread, so not here, nor in the thread that computes; also where a host has said how many."""
    torch.set_num_threads(torch.get_num_threads())
    seen = {}

    def network(x, t, y):
        seen["network"] = torch.get_num_threads()
        return x

    def call():
        with torch.no_grad():
            Gatherer().gathered(network, of="a model")(torch.zeros(1, 1, 2, 2), torch.zeros(1))
        seen["caller"] = torch.get_num_threads()

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    assert seen == {"caller": 1, "network": torch.get_num_threads()}
