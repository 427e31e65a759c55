"""Ways to take more than one's share of ``python app.py``, for ``benchmarks.abuse``."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx

PATIENCE = 120  # seconds
RETRY = 1.0  # seconds after which whoever was turned away comes back
JSON = {"content-type": "application/json"}
LONG = ["3", 64, "ddim", 1000]
SHORT = ["3", 4]


class Attack:
    """Threads that send requests until the attack is over, each over connections of its own."""

    def __init__(self, address: str):
        self.address, self.over = address, threading.Event()
        self.threads: list[threading.Thread] = []
        self.own = threading.local()

    @property
    def client(self) -> httpx.Client:
        """The calling thread's."""
        if not hasattr(self.own, "client"):
            self.own.client = httpx.Client(base_url=f"{self.address}/gradio_api/", timeout=PATIENCE, verify=False)
        return self.own.client

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

    def post(self, path: str, **content: object) -> httpx.Response:
        return self.client.post(path, **content)  # type: ignore[arg-type]

    def generate(self, values: list) -> None:
        """A call of /generate, whose stream stays open until it ends or the attack is over."""
        joined = self.post("call/generate", json={"data": values})
        if joined.status_code != 200:
            return time.sleep(RETRY)
        event = joined.json()["event_id"]
        with self.client.stream("GET", f"call/generate/{event}") as stream:
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
