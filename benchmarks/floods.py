"""Ways to take more than one's share of ``python app.py`` by requests and connections alone."""

import contextlib
import json
import socket
import time
from collections.abc import Callable, Iterator

from benchmarks.attacker import Attack, request

JSON = {"content-type": "application/json"}
PAGES = ("/", "/config", "/gradio_api/info", "/gradio_api/openapi.json", "/?__theme=dark")
EACH = 100  # connections of a thread


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


def empty_lists(attack: Attack) -> None:
    """Requests full of empty lists, which take thirty times their size in memory"""
    event = next(each["id"] for each in attack.config["dependencies"] if each["backend_fn"])

    def join(attack: Attack, number: int) -> None:
        body = {"data": [[[]] * 12_000], "fn_index": event, "session_hash": f"{number}-{time.monotonic_ns()}"}
        attack.post("queue/join", content=json.dumps(body, separators=(",", ":")), headers=JSON)

    attack.by(60, join)


def pages(attack: Attack) -> None:
    """The page and its descriptions, to 100 clients again and again"""
    attack.by(100, lambda attack, number: attack.client.get(f"{attack.address}{PAGES[number % len(PAGES)]}"))


def nowhere(attack: Attack) -> None:
    """HEAD and OPTIONS to anywhere, by 100 clients"""

    def ask(attack: Attack, number: int) -> None:
        method = ("HEAD", "OPTIONS", "PUT", "GET")[number % 4]
        attack.client.request(method, f"{attack.address}/{'../' * (number % 5)}%2e%2e/file=/etc/passwd")

    attack.by(100, ask)


def heartbeats(attack: Attack) -> None:
    """3,000 streams of the page that are opened and never left"""

    def hold(attack: Attack, number: int) -> None:
        keep(attack, [request("GET", f"/gradio_api/heartbeat/{number}-{i}") for i in range(EACH)])

    attack.by(30, hold)


def silent_connections(attack: Attack) -> None:
    """5,000 connections that send nothing"""
    attack.by(50, lambda attack, _: keep(attack, [b""] * EACH))


def slow_requests(attack: Attack) -> None:
    """2,000 connections that send a header every second, and never the last"""

    def hold(attack: Attack, _: int) -> None:
        keep(attack, [request("GET", "/config") + b"GET / HTTP/1.1\r\nHost: a\r\n"] * EACH, b"a: b\r\n")

    attack.by(20, hold)


def slow_bodies(attack: Attack) -> None:
    """2,000 requests whose bodies come byte by byte"""
    begun = request("POST", "/gradio_api/queue/join", ["Content-Length: 40000", "Content-Type: application/json"])
    attack.by(20, lambda attack, _: keep(attack, [begun] * EACH, b" "))


def pipelines(attack: Attack) -> None:
    """40 connections that send a thousand requests before they read"""
    many = request("GET", "/config") * 1000
    attack.by(40, lambda attack, _: keep(attack, [many]))


def keep(attack: Attack, beginnings: list[bytes], more: bytes = b"") -> None:
    """Connections that begin so, go on with ``more`` every second, and read nothing, until most have been closed."""
    with contextlib.ExitStack() as stack:
        connections: list[socket.socket] = []
        for beginning in beginnings:
            connections.append(stack.enter_context(attack.connect()))
            connections[-1].setblocking(False)
            send(connections[-1], beginning)
        for _ in range(25):
            time.sleep(1)
            if sum(send(connection, more) for connection in connections) < len(connections) / 2:
                return


def send(connection: socket.socket, data: bytes) -> bool:
    """Send as much as there is room for; False where the connection was closed."""
    try:
        connection.send(data)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return True


FLOODS: tuple[Callable[[Attack], None], ...] = (
    *(uploads, large_bodies, empty_lists, pages, nowhere, heartbeats, silent_connections, slow_requests, slow_bodies),
    pipelines,
)
