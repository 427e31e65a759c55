"""Whoever takes more than a share of ``python app.py``, for ``benchmarks.abuse``: many clients, in one process.

``python -m benchmarks.attacker NAME ADDRESS`` goes on until its standard input ends.
"""

import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path

import httpx

if not __package__:  # started as a file: its imports are relative to the repository
    sys.path[0] = str(Path(__file__).resolve().parents[1])

PATIENCE = 120  # seconds
RETRY = 1.0  # seconds after which whoever was turned away comes back
API = "/gradio_api/"


class Attack:
    """Threads that send requests until the process ends, each over connections of its own."""

    def __init__(self, address: str):
        self.address = address
        self.own = threading.local()

    @property
    def client(self) -> httpx.Client:
        """The calling thread's."""
        if not hasattr(self.own, "client"):
            self.own.client = httpx.Client(base_url=f"{self.address}{API}", timeout=PATIENCE, verify=False)
        return self.own.client

    @cached_property
    def config(self) -> dict:
        """What Gradio tells of the page."""
        return httpx.get(f"{self.address}/config", timeout=PATIENCE).json()

    def component(self, name: str) -> int:
        """The number of a component of the page."""
        return next(each["id"] for each in self.config["components"] if each["props"].get("elem_id") == name)

    def by(self, count: int, send: Callable[["Attack", int], object]) -> None:
        """So many senders at the same time, each again and again."""
        for number in range(count):
            threading.Thread(target=self.send, args=(send, number), daemon=True).start()

    def send(self, send: Callable[["Attack", int], object], number: int) -> None:
        while True:
            try:
                send(self, number)
            except (httpx.HTTPError, OSError):  # turned away
                time.sleep(RETRY)

    def post(self, path: str, **content: object) -> httpx.Response:
        return self.client.post(path, **content)  # type: ignore[arg-type]

    def call(self, name: str, values: list | dict) -> None:
        """A call of an endpoint, with values in their order or by name, whose stream stays open until it ends."""
        version, body = ("/v2", values) if isinstance(values, dict) else ("", {"data": values})
        joined = self.post(f"call{version}/{name}", json=body)
        if joined.status_code != 200:
            return time.sleep(RETRY)
        event = joined.json()["event_id"]
        with self.client.stream("GET", f"call/{name}/{event}") as stream:
            for line in stream.iter_lines():
                if line == "event: error":
                    time.sleep(RETRY)

    def server_function(self, component: int, name: str, values: dict, number: int) -> None:
        """A call of a function of the page, each time as another session."""
        session = f"{number}-{time.monotonic()}"
        body = {"data": values, "component_id": component, "fn_name": name, "session_hash": session}
        self.post("component_server/", json=body)

    def connect(self) -> socket.socket:
        """A connection that has not sent anything."""
        host, port = self.address.removeprefix("http://").split(":")
        return socket.create_connection((host, int(port)), 10)


def request(method: str, path: str, headers: Iterable[str] = (), body: bytes = b"") -> bytes:
    """A request as bytes."""
    lines = [f"{method} {path} HTTP/1.1", "Host: a", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


if __name__ == "__main__":
    from benchmarks.attacks import ATTACKS

    ATTACKS[sys.argv[1]](Attack(sys.argv[2]))
    sys.stdin.read()
