"""The server's connections: how many there may be, and that those that say nothing make room."""

import resource
import socket
import time
from contextlib import suppress

import fastapi
import pytest
import uvicorn
from gradio import http_server

from ui.hosting import connections as connections_module
from ui.hosting.connections import bound_connections, connections, raise_file_limit

HEAD = b"GET / HTTP/1.1\r\nHost: a\r\n"
LARGE = 20_000_000  # bytes: more than a system keeps for a client that does not read


@pytest.mark.parametrize(("files", "most"), [(None, 4000), (1024, 824), (100, 50), (65_536, 4000)])
def test_connections_leave_files_for_other_things(files, most):
    assert connections(files) == most


def test_the_limit_of_open_files_is_raised_to_what_the_system_allows():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    expected = min(before[1], 65_536) if before[1] != resource.RLIM_INFINITY else 65_536
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (expected - 1, before[1]))
        assert raise_file_limit() == expected
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (expected, before[1])
        assert raise_file_limit() == expected
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.fixture
def server(monkeypatch):
    """A server of ten connections at most: its address, and its configuration."""
    monkeypatch.setattr(connections_module, "REQUEST", 1.0)
    monkeypatch.setattr(http_server, "Server", http_server.Server)  # as it was, afterwards
    bound_connections(10)
    app = fastapi.FastAPI()
    app.get("/")(lambda: "here")
    app.get("/large")(lambda: fastapi.Response(b"x" * LARGE))
    config = uvicorn.Config(app, port=0, log_level="critical", timeout_keep_alive=30)
    started = http_server.Server(config=config)
    started.run_in_thread()
    yield started.servers[0].sockets[0].getsockname(), config
    started.close()


@pytest.fixture
def connect(server):
    """Opens connections, which are closed with the test."""
    opened = []

    def connection() -> socket.socket:
        opened.append(socket.create_connection(server[0]))
        opened[-1].settimeout(20)
        return opened[-1]

    yield connection
    for each in opened:
        each.close()


def answer(connection: socket.socket, last_part: bytes) -> None:
    """Send the last part of a request, and read what the app says."""
    connection.sendall(last_part)
    received = b""
    while b"here" not in received:
        received += (part := connection.recv(10_000))
        assert part, received


def test_the_server_has_a_limit(server):
    assert server[1].limit_concurrency == 10


def test_a_connection_that_sends_nothing_is_closed(connect):
    start = time.monotonic()
    assert connect().recv(1) == b""
    assert time.monotonic() - start < 15


@pytest.mark.parametrize("requests", [0, 1], ids=["the first", "the second"])
def test_a_request_that_never_ends_is_closed(connect, requests):
    connection, start = connect(), time.monotonic()
    for _ in range(requests):
        answer(connection, HEAD + b"\r\n")
    connection.sendall(HEAD)
    with suppress(ConnectionError):
        while time.monotonic() - start < 15:
            connection.sendall(b"a: b\r\n")
            time.sleep(0.05)
    assert time.monotonic() - start < 15


def test_a_request_in_parts_is_served(connect):
    connection = connect()
    for _ in range(2):
        connection.sendall(HEAD)
        time.sleep(0.1)
        answer(connection, b"\r\n")
        time.sleep(1.2)  # a connection may rest between two requests


def test_silent_connections_make_room(connect, monkeypatch):
    monkeypatch.setattr(connections_module, "REQUEST", 60)
    silent = [connect() for _ in range(40)]
    answer(connect(), HEAD + b"\r\n")
    assert silent[0].recv(1) == b""  # the oldest


def test_responses_that_nobody_reads_do_not_fill_the_memory(server, connect, monkeypatch):
    """The address that leaves most unread loses its connections; who reads, from another one, gets everything."""
    monkeypatch.setattr(connections_module, "UNREAD", 2.5 * LARGE)

    def ask(connection: socket.socket) -> socket.socket:
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        return connection

    reader = ask(socket.create_connection(server[0], source_address=("127.0.0.2", 0)))
    unread = [ask(connect()) for _ in range(6)]
    with reader:
        assert sum(len(part) for part in iter(lambda: reader.recv(1_000_000), b"")) > LARGE
    received = []
    for connection in unread:
        received.append(0)
        with suppress(ConnectionResetError):
            while part := connection.recv(1_000_000):
                received[-1] += len(part)
    assert 1 <= sum(size > LARGE for size in received) <= 3
