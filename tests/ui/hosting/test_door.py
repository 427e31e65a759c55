"""The door by itself: prefixes of proxies, few lines in the log, connections that say nothing."""

import logging
import socket
import time

import fastapi
import pytest
import uvicorn
from gradio import http_server
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from ui import gradio_workarounds
from ui.hosting import door as door_module
from ui.hosting.door import Allowance, Door, connections, quieten


@pytest.fixture
def client():
    app = fastapi.FastAPI(middleware=[Middleware(Door)])

    @app.get("/")
    @app.get("/config")
    def where(request: fastapi.Request) -> dict[str, str]:
        return {"root": request.scope["root_path"], "url": request.url.path}

    @app.post("/echo")
    async def echo(request: fastapi.Request) -> int:
        return len(await request.body())

    return TestClient(app, follow_redirects=False)


PREFIX = {"X-Forwarded-Prefix": "/demos/digits"}


@pytest.mark.parametrize("path", ["/config", "/demos/digits/config"], ids=["stripped", "kept"])
@pytest.mark.parametrize("named", ["header", "variable", "address"])
def test_a_proxys_prefix_may_be_kept_or_stripped(client, monkeypatch, path, named):
    if named != "header":
        host = "https://example.org" if named == "address" else ""
        monkeypatch.setenv("GRADIO_ROOT_PATH", f"{host}/demos/digits/")
    response = client.get(path, headers=PREFIX if named == "header" else {})
    assert response.json() == {"root": "/demos/digits", "url": "/demos/digits/config"}


def test_without_its_last_slash_the_page_is_found_with_it(client):
    response = client.get("/demos/digits", headers=PREFIX)
    assert (response.status_code, response.headers["location"]) == (307, "/demos/digits/")
    assert client.get("/demos/digits/", headers=PREFIX).json()["url"] == "/demos/digits/"


@pytest.mark.parametrize("prefix", ["", "/", "//evil.org", "/a b", "x", "/a/../b?c", "é"])
def test_what_is_no_prefix_is_left_aside(client, prefix):
    assert client.get("/config", headers={"X-Forwarded-Prefix": prefix.encode()}).json()["root"] == ""


def test_requests_of_the_usual_size_pass(client):
    assert client.post("/echo", content=b"x" * 1000).json() == 1000
    assert client.post("/echo", content=b"x" * door_module.MAX_BODY).json() == door_module.MAX_BODY
    assert client.post("/echo", content=b"x" * (door_module.MAX_BODY + 1)).status_code == 413


def test_all_that_arrives_at_the_same_time_is_bounded(client, monkeypatch):
    monkeypatch.setattr(door_module, "MAX_BODIES", 100)
    assert client.post("/echo", content=b"x" * 101).status_code == 503
    assert client.post("/echo", content=b"x" * 100).json() == 100


def test_who_sends_too_many_requests_is_asked_to_wait_and_others_are_not(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(door_module.time, "monotonic", lambda: now[0])
    allowance = Allowance()
    assert [allowance.take("flood") for _ in range(700)].count(True) == door_module.BURST
    assert allowance.take("honest")
    now[0] += 1
    assert [allowance.take("flood") for _ in range(700)].count(True) == door_module.RATE


def test_a_flood_of_log_lines_dries_up(monkeypatch, caplog):
    now = [1000.0]
    monkeypatch.setattr(door_module.time, "monotonic", lambda: now[0])
    quieten("a noisy logger")
    noisy = logging.getLogger("a noisy logger")
    for _ in range(1000):
        noisy.warning("Invalid HTTP request received.")
    assert len(caplog.records) == door_module.LOG_LINES
    assert caplog.records[-1].getMessage() == "More lines like the last are left out for a minute."
    now[0] += 61
    noisy.warning("again")
    assert caplog.records[-1].getMessage() == "again"


@pytest.mark.parametrize(("files", "most"), [(None, 4000), (1024, 824), (100, 50), (65_536, 4000)])
def test_connections_leave_files_for_other_things(files, most):
    assert connections(files) == most


def test_a_connection_that_sends_nothing_is_closed(monkeypatch):
    monkeypatch.setattr(gradio_workarounds, "FIRST_REQUEST", 0.3)
    monkeypatch.setattr(http_server, "Server", http_server.Server)  # as it was, afterwards
    gradio_workarounds.bound_connections(3)
    config = uvicorn.Config(fastapi.FastAPI(), port=0, log_level="critical")
    server = http_server.Server(config=config)
    server.run_in_thread()
    try:
        address = server.servers[0].sockets[0].getsockname()
        silent = socket.create_connection(address)
        silent.settimeout(30)
        start = time.monotonic()
        assert silent.recv(1) == b""
        assert time.monotonic() - start < 20
        assert config.limit_concurrency == 3
    finally:
        server.close()


def test_who_sends_too_much_is_turned_away_after_a_while_and_others_are_not(client, monkeypatch):
    monkeypatch.setattr(door_module, "BURST", 3.0)
    monkeypatch.setattr(door_module, "RATE", 0.0)
    monkeypatch.setattr(door_module, "DELAY", 0.2)
    assert [client.post("/echo", content=b"abc").status_code for _ in range(3)] == [200] * 3
    start = time.monotonic()
    refused = client.post("/echo", content=b"abc")
    assert refused.status_code == 429
    assert "wait a second" in refused.json()["detail"]
    assert time.monotonic() - start >= 0.2
    other = TestClient(client.app, client=("10.0.0.9", 1))
    assert other.post("/echo", content=b"abc").status_code == 200
