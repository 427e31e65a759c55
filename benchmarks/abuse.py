"""An honest visitor beside those who would bring the app down: four digits within five seconds, every time, and the
server within 3 GB of memory.

Each row is one way to take more than one's share of ``python app.py``, and how long the honest visitor, who comes from
another address, waits beside it. The Hub is one on this machine, which holds models that are hostile or silent.
"""

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import psutil
import torch
from safetensors.torch import save

from benchmarks.app import serving
from benchmarks.timing import summary
from diffusion.config import ModelConfig
from diffusion.io.model_directory import CONFIG, WEIGHTS
from diffusion.model import fresh_network
from tests.hub_server import HubServer

HONEST = "127.0.0.2"  # the honest visitor's address; all others come from 127.0.0.1
SECONDS, GIGABYTES = 5.0, 3.0  # what has to hold
PATIENCE = 120
WARM_UP = 3.0  # seconds from the beginning of an attack to the honest visitor
RETRY = 1.0  # seconds after which whoever was turned away comes back
JSON = {"content-type": "application/json"}
LONG = ["3", 64, "ddim", 1000]
SHORT = ["3", 4]
VISITS = 3


class Attack:
    """Threads that send requests until the attack is over."""

    def __init__(self, address: str):
        self.address, self.over = address, threading.Event()
        self.threads: list[threading.Thread] = []

    def by(self, count: int, send: Callable[["Attack", int], object]) -> None:
        """So many senders at the same time, each again and again."""
        for number in range(count):
            self.threads.append(threading.Thread(target=self.send, args=(send, number), daemon=True))
            self.threads[-1].start()

    def send(self, send: Callable[["Attack", int], object], number: int) -> None:
        while not self.over.is_set():
            try:
                send(self, number)
            except (httpx.HTTPError, OSError):  # turned away
                time.sleep(RETRY)

    def post(self, path: str, timeout: float = PATIENCE, **content: object) -> httpx.Response:
        return httpx.post(f"{self.address}/gradio_api/{path}", timeout=timeout, **content)  # type: ignore[arg-type]

    def generate(self, values: list) -> None:
        """A call of /generate, whose stream stays open until it ends or the attack is over."""
        joined = self.post("call/generate", json={"data": values})
        if joined.status_code != 200:
            return time.sleep(RETRY)
        event = joined.json()["event_id"]
        with httpx.stream("GET", f"{self.address}/gradio_api/call/generate/{event}", timeout=PATIENCE) as stream:
            for line in stream.iter_lines():
                if self.over.is_set():
                    return
                if line == "event: error":
                    time.sleep(RETRY)


def nobody(attack: Attack) -> None:
    """Nobody else"""


def long_runs(attack: Attack) -> None:
    """60 clients of 64 images in 1000 steps"""
    attack.by(60, lambda attack, _: attack.generate(LONG))


def short_runs(attack: Attack) -> None:
    """100 clients of four digits, again and again"""
    attack.by(100, lambda attack, _: attack.generate(SHORT))


def unheard_runs(attack: Attack) -> None:
    """Long runs whose caller never fetches the result"""
    attack.by(8, lambda attack, _: attack.post("call/generate", json={"data": LONG}))


def around_the_queue(attack: Attack) -> None:
    """Plain POSTs to /run/generate"""
    attack.by(40, lambda attack, _: attack.post("run/generate", json={"data": LONG}))


def live(attack: Attack) -> None:
    """Live's server function, called by 50 in a row of sessions"""
    config = httpx.get(f"{attack.address}/config", timeout=PATIENCE).json()
    player = next(each["id"] for each in config["components"] if each["props"].get("elem_id") == "player")
    values = {"label": "7", "num_images": 64, "model": "turbo", "sampler": "turbo", "steps": 2, "steps_by_hand": True}

    def call(attack: Attack, number: int) -> None:
        session = f"{number}-{time.monotonic()}"
        body = {"data": values, "component_id": player, "fn_name": "live", "session_hash": session}
        attack.post("component_server/", json=body)

    attack.by(50, call)


def silent_hub(attack: Attack) -> None:
    """Every event of the page, about models of a Hub that says nothing"""
    config = httpx.get(f"{attack.address}/config", timeout=PATIENCE).json()
    events = [each["id"] for each in config["dependencies"] if each["backend_fn"]]

    def join(attack: Attack, number: int) -> None:
        values = {"model": f"hub:silent/{number}-{time.monotonic_ns()}", "hub": "silent/model"}
        body = {"data": [values], "fn_index": events[number % len(events)], "session_hash": f"s{number}"}
        attack.post("queue/join", json=body)
        time.sleep(0.1)

    attack.by(80, join)


def hostile_models(attack: Attack) -> None:
    """Models of the Hub that are too slow, too large or too much"""
    refs = ["hub:hostile/slow", "hub:hostile/large", "hub:hostile/wide", "hub:hostile/pictures"]
    attack.by(12, lambda attack, number: attack.generate(["", 64, "ddim", 20, None, 0, refs[number % len(refs)]]))


def uploads(attack: Attack) -> None:
    """Files, a thousand at a time"""
    many = [("files", (f"{i}.txt", b"x")) for i in range(1000)]
    attack.by(8, lambda attack, _: attack.post("upload", files=many))


def large_bodies(attack: Attack) -> None:
    """Requests of 200 MB"""

    def body() -> Iterator[bytes]:
        for _ in range(200):
            yield b" " * 1_000_000

    attack.by(8, lambda attack, _: attack.post("queue/join", content=body(), headers=JSON))


def silent_connections(attack: Attack) -> None:
    """2,000 connections that send nothing"""
    host, port = attack.address.removeprefix("http://").split(":")

    def hold(attack: Attack, _: int) -> None:
        with ExitStack() as stack:
            for _ in range(100):
                stack.enter_context(socket.create_connection((host, int(port)), 10))
            attack.over.wait()

    attack.by(20, hold)


ATTACKS: tuple[Callable[[Attack], None], ...] = (
    nobody,
    long_runs,
    short_runs,
    unheard_runs,
    around_the_queue,
    live,
    silent_hub,
    hostile_models,
)
ATTACKS += (uploads, large_bodies, silent_connections)


def model_files(half: bool = False, **config: object) -> dict[str, bytes]:
    """The files of a model, with weights of int8 or half precision, which take little room there."""
    checked = ModelConfig(**{"name": "hostile", "sampling": {"steps": 20}, **config})  # type: ignore[arg-type]
    with torch.device("meta"):
        shapes = fresh_network(checked).state_dict()
    kind = torch.float16 if half else torch.int8
    tensors = {name: torch.zeros(tensor.shape, dtype=kind) for name, tensor in shapes.items()}
    return {CONFIG: checked.model_dump_json().encode(), WEIGHTS: save(tensors)}


def publish(hub: HubServer) -> None:
    """Put the hostile models on the Hub."""
    unet = {"kind": "unet", "channels": (8,), "attention": (True,), "blocks": 1, "head_channels": 8}
    plain = {"kind": "unet", "channels": (16,), "attention": (False,), "blocks": 1}
    wide = {"kind": "dit", "patch": 8, "width": 512, "heads": 8, "mlp_ratio": 8, "depth": 32}
    hub.commit("hostile/slow", model_files(image_size=256, network=unet))
    hub.commit("hostile/large", model_files(image_size=512, channels=3, network=plain))
    hub.commit("hostile/wide", model_files(image_size=32, network=wide))
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


def beside(address: str, begin: Callable[[Attack], None], visits: int) -> dict:
    """The honest visitor's seconds beside an attack."""
    attack = Attack(address)
    begin(attack)
    time.sleep(WARM_UP)
    try:
        seconds = [visit(address) for _ in range(visits)]
    finally:
        attack.over.set()
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
            for begin in ATTACKS:
                title = (begin.__doc__ or "").strip()
                before, peak[0] = peak[0], 0.0
                rows[title] = beside(address, begin, repetitions) | {"gigabytes": peak[0]}
                peak[0] = max(before, peak[0])
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
