"""Many callers at once, and those who leave."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from gradio_client import Client
from PIL import Image

from tests.ui.server.calls import GOOD, last_event, sample
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

    def visit(_) -> str:
        event = httpx.post(address, json={"data": list(LONG.values())}, timeout=60).json()["event_id"]
        with httpx.stream("GET", f"{address}/{event}", timeout=60) as stream:
            return next(stream.iter_lines())

    with ThreadPoolExecutor(VISITORS) as pool:
        assert set(pool.map(visit, range(VISITORS))) == {"event: generating"}
    sample(client)
    assert time.monotonic() - started < patience


def test_a_stranger_can_neither_end_nor_hear_a_run(server):
    address = f"{server}/gradio_api"
    mine = {"data": list((GOOD | {"steps": 300, "num_images": 16}).values()), "session_hash": "a-secret-of-mine"}
    event = httpx.post(f"{address}/call/generate", json=mine, timeout=60).raise_for_status().json()["event_id"]
    for session in ("", "_", "another", "a-secret"):
        for number in range(12):
            body = {"session_hash": session, "fn_index": number, "event_id": event[:-1]}
            assert httpx.post(f"{address}/cancel", json=body, timeout=60).status_code == 200
        with (
            suppress(httpx.RemoteProtocolError),  # Gradio breaks off streams of sessions that there are not
            httpx.stream("GET", f"{address}/queue/data", params={"session_hash": session}, timeout=60) as heard,
        ):
            assert not any("process_" in line for line in heard.iter_lines())
    name, answer = last_event(httpx.get(f"{address}/call/generate/{event}", timeout=60).text)
    assert (name, answer[1]["labels"]) == ("complete", ["7"] * 16)


def question(person: int) -> dict[str, Any]:
    """What one of many asks, on another tab than the next one."""
    label, seed = str(person % 10), person
    run = {"label": label, "num_images": 1, "steps": 5, "seed": seed}
    return [
        run | {"api_name": "/generate"},
        run | {"forks": [{"step": 2, "label": "3"}], "sampler": "ddpm", "api_name": "/fork"},
        {"row_values": "heun", "column_values": "1, 3", "label": label, "seed": seed, "api_name": "/compare"},
        {"digit": label, "t": 0.3 + person / 40, "seed": seed, "api_name": "/noise"},
    ][person % 4]


def test_each_of_twenty_on_all_tabs_gets_what_it_would_get_alone(client):
    """And none of them waits for one who asks for far more."""
    alone = [client.predict(**question(person)) for person in range(20)]
    greedy = client.submit(**LONG, api_name="/generate")
    with ThreadPoolExecutor(20) as pool:
        together = list(pool.map(lambda person: client.predict(**question(person)), range(20)))
    assert not greedy.done()
    greedy.cancel()
    for (path, about), (other, expected) in zip(together, alone, strict=True):
        with Image.open(path) as opened, Image.open(other) as known:
            assert np.abs(np.asarray(opened).astype(int) - np.asarray(known)).max() <= 1
        for key in set(about) & {"settings", "labels", "rows", "columns", "problems", "level", "images"}:
            assert about[key] == expected[key]
    pictures = {Path(path).read_bytes() for path, _ in together}
    assert len(pictures) == 20  # nobody has another one's
