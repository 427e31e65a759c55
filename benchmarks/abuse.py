"""An honest visitor beside those who would bring the app down: four digits within five seconds, every time, and the
server within 3 GB of memory.

Each row is one way to take more than one's share of ``python app.py``, and how long the honest visitor, who comes from
another address, waits beside it. The Hub is one on this machine, which holds models that are hostile or silent. So are
all visitors, whose own work takes from the server's cores, as it would not elsewhere.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import psutil
import torch
from safetensors.torch import save

from benchmarks.app import ROOT, serving
from benchmarks.attacker import PATIENCE
from benchmarks.attacks import ATTACKS, SHORT
from benchmarks.timing import summary
from diffusion.config import ModelConfig
from diffusion.io.model_directory import CONFIG, WEIGHTS
from diffusion.model import fresh_network
from tests.hub_server import HubServer

HONEST = "127.0.0.2"  # the honest visitor's address; all others come from 127.0.0.1
SECONDS, GIGABYTES = 5.0, 3.0  # what has to hold
WARM_UP = 3.0  # seconds from the beginning of an attack to the honest visitor
VISITS = 3


def model_files(half: bool = False, **config: object) -> dict[str, bytes]:
    """The files of a model, with weights of int8 or half precision, which take little room there."""
    checked = ModelConfig(**{"name": "hostile", "sampling": {"steps": 20}, **config})  # type: ignore[arg-type]
    with torch.device("meta"):
        shapes = fresh_network(checked).state_dict()
    kind = torch.float16 if half else torch.int8
    tensors = {name: torch.zeros(tensor.shape, dtype=kind) for name, tensor in shapes.items()}
    return {CONFIG: checked.model_dump_json().encode(), WEIGHTS: save(tensors)}


def long_list(count: int = 1_450_000) -> bytes:
    """The weights of a model that is a list of tensors, of 84 MB, and nothing else."""
    tensors = ",".join(f'"{i:07}":{{"dtype":"F32","shape":[],"data_offsets":[0,0]}}' for i in range(count))
    return (len(tensors) + 2).to_bytes(8, "little") + f"{{{tensors}}}".encode()


def publish(hub: HubServer) -> None:
    """Put the hostile models on the Hub."""
    unet = {"kind": "unet", "channels": (8,), "attention": (True,), "blocks": 1, "head_channels": 8}
    plain = {"kind": "unet", "channels": (16,), "attention": (False,), "blocks": 1}
    wide = {"kind": "dit", "patch": 8, "width": 512, "heads": 8, "mlp_ratio": 8, "depth": 32}
    hub.commit("hostile/slow", model_files(image_size=256, network=unet))
    hub.commit("hostile/large", model_files(image_size=512, channels=3, network=plain))
    hub.commit("hostile/wide", model_files(image_size=32, network=wide))
    hub.commit("hostile/listed", model_files(image_size=32, network=plain) | {WEIGHTS: long_list()})
    hub.commit("hostile/pictures", model_files(True, image_size=128, channels=3, network=plain))


@contextmanager
def hub_at_hand() -> Iterator[dict[str, str]]:
    """A Hub on this machine; yields the variables by which the app finds it."""
    with HubServer() as hub, TemporaryDirectory() as folder:
        publish(hub)
        hub.silent = "/silent/"
        yield {"HF_ENDPOINT": hub.url, "HF_HUB_CACHE": str(Path(folder) / "hub")}


def visit(address: str) -> float:
    """Seconds until the honest visitor has four digits. Raises RuntimeError where there are none."""
    transport = httpx.HTTPTransport(local_address=HONEST)
    start = time.perf_counter()
    with httpx.Client(transport=transport, base_url=f"{address}/gradio_api/", timeout=PATIENCE) as http:
        joined = http.post("call/generate", json={"data": SHORT}).raise_for_status()
        lines = http.get(f"call/generate/{joined.json()['event_id']}").text.strip().splitlines()
    if "event: complete" not in lines or json.loads(lines[-1].removeprefix("data: "))[0] is None:
        raise RuntimeError(" ".join(lines[-2:]))
    return time.perf_counter() - start


@contextmanager
def attacked(address: str, name: str) -> Iterator[None]:
    """An attack goes on, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.attacker", name, address]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE)
    time.sleep(WARM_UP)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def beside(address: str, name: str, visits: int) -> dict:
    """The honest visitor's seconds beside an attack."""
    with attacked(address, name):
        seconds = [visit(address) for _ in range(visits)]
    time.sleep(WARM_UP)
    return summary(seconds)


def watch(process: psutil.Process, peak: list[float], over: threading.Event) -> None:
    """Note the most memory that the server has, in GB."""
    while not over.wait(0.1) and process.is_running():
        peak[0] = max(peak[0], process.memory_info().rss / 1e9)


def measure(repetitions: int = VISITS) -> dict:
    """The results, as a dictionary that can be written as JSON."""
    rows, peak, over = {}, [0.0], threading.Event()
    with hub_at_hand() as variables:
        os.environ |= variables
        with serving("app.py", "--port") as (address, process, _):
            threading.Thread(target=watch, args=(process, peak, over), daemon=True).start()
            visit(address)
            for name, begin in ATTACKS.items():
                title, peak[0] = (begin.__doc__ or "").strip(), 0.0
                rows[title] = beside(address, name, repetitions) | {"gigabytes": peak[0]}
                print(f"{title}: at most {rows[title]['max']:.1f} s, {rows[title]['gigabytes']:.2f} GB", flush=True)
            over.set()
    held = all(row["max"] <= SECONDS and row["gigabytes"] <= GIGABYTES for row in rows.values())
    return {"beside": rows, "held": held}


def report(results: dict) -> str:
    """The results as a Markdown table."""
    lines = [
        f"| {title} | {row['median']:.1f} s | {row['max']:.1f} s | {row['gigabytes']:.1f} GB |"
        for title, row in results["beside"].items()
    ]
    kept = "It held" if results["held"] else "It did not hold"
    table = ["| beside | four digits take | at most | server's memory |", "|---|---|---|---|", *lines]
    return "\n".join([*table, "", f"{kept}: {SECONDS:g} seconds and {GIGABYTES:g} GB."])
