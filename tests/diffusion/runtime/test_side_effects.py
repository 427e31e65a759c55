"""Making, loading and sampling a model leaves the process as it is; a program sets itself up with ``configure``."""

import os
import platform
import threading

import pytest
import torch

from diffusion import Condition, load_model
from diffusion.runtime.batching import BatchingService
from diffusion.runtime.threads import openmp, use_one_core
from tests.programs import run_program
from tests.tiny import tiny_model


def process_settings():
    """What torch and its libraries are set to in this thread."""
    return {
        "threads": (torch.get_num_threads(), torch.get_num_interop_threads()),
        "OpenMP": [library["num_threads"] for library in openmp().info()],
        "gradients": (torch.is_grad_enabled(), torch.is_inference_mode_enabled()),
        "defaults": (torch.get_default_dtype(), torch.get_default_device(), torch.get_float32_matmul_precision()),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "autocast": torch.is_autocast_enabled("cpu"),
        "environment": dict(os.environ),
    }


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_model_leaves_the_process_as_it_is(precision, tmp_path, monkeypatch):
    monkeypatch.setenv("DIGIT_DIFFUSION_PRECISION", precision)
    tiny_model().save(tmp_path)
    before, random_state = process_settings(), torch.get_rng_state()
    model = load_model(tmp_path, device="cpu", batching=BatchingService())
    for _ in model.sample([1, 2], sampler="ddpm", steps=3, seed=1):
        assert process_settings() == before
    assert process_settings() == before
    assert torch.equal(torch.get_rng_state(), random_state)  # the noise of an image has generators of its own
    tiny_model()
    assert process_settings() == before


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are left as they are")
def test_memory_is_kept_where_a_program_asks_for_it_and_not_where_a_model_is_made():
    returning = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536"}  # else it depends on what lies above it on the heap
    first, with_model, configured = map(int, run_program("keep_memory", env=returning).split())
    assert first > 1000  # 24 MB, in pages of 4 kB
    assert with_model > 1000
    assert configured < 100


def in_a_thread(work):
    """What ``work()`` returns in a thread of its own."""
    results = []
    thread = threading.Thread(target=lambda: results.append(work()))
    thread.start()
    thread.join(60)
    return results[0]


@pytest.mark.parametrize("cores", [1, 2])
def test_a_batched_call_changes_no_setting_of_its_thread(cores):
    """A number of threads is a thread's own: neither the caller's changes, nor the one of the thread that computes."""
    computing = []

    def network(x, t, condition):
        computing.append((threading.get_ident(), torch.get_num_threads()))
        return x

    def call():
        torch.set_num_threads(cores)
        batched = BatchingService().batched(network, of="a model")
        with torch.no_grad():
            before = process_settings()
            batched(torch.zeros(1, 1, 2, 2), torch.zeros(1), Condition())
            return threading.get_ident(), before == process_settings(), torch.get_num_threads()

    here, everywhere = torch.get_num_threads(), os.cpu_count()
    caller, unchanged, threads = in_a_thread(call)
    assert unchanged
    assert threads == cores
    assert computing[0][0] != caller
    assert everywhere is None or computing[0][1] <= everywhere
    torch.set_num_threads(here)


def test_one_core_is_a_threads_own():
    def limited():
        use_one_core()
        return torch.get_num_threads()

    before = process_settings()
    use_one_core()  # not the main thread's, unless it says so
    assert process_settings() == before
    assert in_a_thread(limited) == 1
    assert process_settings() == before
