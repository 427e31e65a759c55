"""Whoever takes more than a share of ``python app.py``, for ``benchmarks.abuse``: many clients, in one process.

``python -m benchmarks.attacker NAME ADDRESS`` goes on until its standard input ends.
"""

import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path

import httpx

if not __package__:  # started as a file: its imports are relative to the repository
    sys.path[0] = str(Path(__file__).resolve().parents[1])

PATIENCE = 120  # seconds
RETRY = 1.0  # seconds after which whoever was turned away comes back
API = "/gradio_api/"
FOUR = ("127.0.0.1", "127.0.0.3", "127.0.0.4", "127.0.0.5")  # addresses; the honest visitor's is another


class Attack:
    """Threads that send requests until the process ends, each over connections of its own."""

    def __init__(self, address: str):
        self.address = address
        self.own = threading.local()

    @property
    def client(self) -> httpx.Client:
        """The calling thread's."""
        if not hasattr(self.own, "client"):
            transport = httpx.HTTPTransport(local_address=self.own.address, verify=False)
            self.own.client = httpx.Client(transport=transport, base_url=f"{self.address}{API}", timeout=PATIENCE)
        return self.own.client

    @cached_property
    def config(self) -> dict:
        """What Gradio tells of the page."""
        return httpx.get(f"{self.address}/config", timeout=PATIENCE).json()

    def component(self, name: str) -> int:
        """The number of a component of the page."""
        return next(each["id"] for each in self.config["components"] if each["props"].get("elem_id") == name)

    def by(self, count: int, send: Callable[["Attack", int], object], addresses: Sequence[str] = FOUR[:1]) -> None:
        """So many senders at the same time, each again and again, from these addresses."""
        for number in range(count):
            arguments = (send, number, addresses[number % len(addresses)])
            threading.Thread(target=self.send, args=arguments, daemon=True).start()

    def send(self, send: Callable[["Attack", int], object], number: int, address: str) -> None:
        self.own.address = address
        while True:
            try:
                send(self, number)
            except (httpx.HTTPError, OSError):  # turned away
                time.sleep(RETRY)

    def post(self, path: str, **content: object) -> httpx.Response:
        return self.client.post(path, **content)  # type: ignore[arg-type]

    def event(self, component: int) -> int:
        """The number of the event whose results are a component's."""
        events = self.config["dependencies"]
        return next(each["id"] for each in events if each["backend_fn"] and each["outputs"] == [component])

    def call(self, name: str, values: list | dict) -> list:
        """A call of an endpoint, with values in their order or by name, whose stream stays open until it ends; its
        results, if there are any."""
        version, body = ("/v2", values) if isinstance(values, dict) else ("", {"data": values})
        joined = self.post(f"call{version}/{name}", json=body)
        if joined.status_code != 200:
            time.sleep(RETRY)
            return []
        event = joined.json()["event_id"]
        results: list = []
        with self.client.stream("GET", f"call/{name}/{event}") as stream:
            for line in stream.iter_lines():
                if line == "event: error":
                    time.sleep(RETRY)
                    return []
                if line.startswith("data: ["):
                    results = json.loads(line.removeprefix("data: "))
        return results

    def server_function(self, component: int, name: str, values: dict, number: int) -> None:
        """A call of a function of the page, each time as another session."""
        session = f"{number}-{time.monotonic()}"
        body = {"data": values, "component_id": component, "fn_name": name, "session_hash": session}
        self.post("component_server/", json=body)

    def connect(self) -> socket.socket:
        """A connection that has not sent anything."""
        host, port = self.address.removeprefix("http://").split(":")
        return socket.create_connection((host, int(port)), 10, (self.own.address, 0))


def request(method: str, path: str, headers: Iterable[str] = (), body: bytes = b"") -> bytes:
    """A request as bytes."""
    lines = [f"{method} {path} HTTP/1.1", "Host: a", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


if __name__ == "__main__":
    from benchmarks.attacks import ATTACKS

    ATTACKS[sys.argv[1]](Attack(sys.argv[2]))
    sys.stdin.read()
