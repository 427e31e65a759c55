"""Many callers of /generate at once, and those who leave."""

import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pytest
from gradio_client import Client
from PIL import Image

from diffusion.io.images import to_uint8
from tests.tiny import tiny_model
from tests.ui.server.calls import GOOD, sample
from ui.hosting.places import RUNNING as VISITORS

pytestmark = pytest.mark.slow

LONG = GOOD | {"num_images": 64, "sampler": "heun", "steps": 1000}


@pytest.fixture(scope="module")
def patience(client) -> float:
    """Half of what all places, taken by long requests, would take, in seconds."""
    _, about = sample(client, **LONG | {"steps": 20})
    return VISITORS * about["seconds"] * 1000 / 20 / 2


def test_cancelled_requests_free_their_places(server, client, patience):
    started = time.monotonic()
    leaving = Client(server, verbose=False, analytics_enabled=False)  # whose stream ends with its jobs
    jobs = [leaving.submit(**LONG, api_name="/generate") for _ in range(VISITORS)]
    time.sleep(0.5)
    for job in jobs:
        job.cancel()
    sample(client)
    assert time.monotonic() - started < patience


def test_abandoned_requests_free_their_places(server, client, patience):
    started = time.monotonic()
    address = f"{server}/gradio_api/call/generate"
    for _ in range(VISITORS):
        event = httpx.post(address, json={"data": list(LONG.values())}, timeout=60).json()["event_id"]
        with httpx.stream("GET", f"{address}/{event}", timeout=60) as stream:
            next(stream.iter_lines())
    sample(client)
    assert time.monotonic() - started < patience


def test_each_of_twenty_gets_what_it_would_get_alone(client):
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda i: sample(client, label=str(i % 10), num_images=1, seed=i), range(20)))
    for i, (path, _) in enumerate(answers):
        alone = to_uint8(tiny_model(image_size=28).generate([i % 10], steps=5, seed=i))
        assert np.abs(np.asarray(Image.open(path)).astype(int) - alone[0, ..., 0]).max() <= 1
