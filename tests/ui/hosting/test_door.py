"""The door by itself: prefixes of proxies, sizes, how much one address may send, few lines in the log."""

import asyncio
import logging
import time
from contextlib import nullcontext
from urllib.parse import quote

import fastapi
import pytest
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from ui.hosting import allowance as allowance_module
from ui.hosting import door as door_module
from ui.hosting.allowance import Allowance, AtOnce
from ui.hosting.door import Door, quieten


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


def test_what_is_full_of_values_is_refused_before_anything_is_made_of_them(client):
    few, many = ([[]] * (door_module.MAX_VALUES // 2 - 10), [[]] * door_module.MAX_VALUES)
    assert client.post("/echo", json={"data": few}).status_code == 200
    refused = client.post("/echo", json={"data": many})
    assert (refused.status_code, refused.json()["detail"]) == (413, "A request has at most 2,000 values.")


def test_all_that_arrives_at_the_same_time_is_bounded(client, monkeypatch):
    monkeypatch.setattr(door_module, "MAX_BODIES", 100)
    assert client.post("/echo", content=b"x" * 101).status_code == 503
    assert client.post("/echo", content=b"x" * 100).json() == 100


def test_who_sends_too_many_requests_is_asked_to_wait_and_others_are_not(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(allowance_module.time, "monotonic", lambda: now[0])
    allowance = Allowance()
    assert [allowance.take("flood") for _ in range(700)].count(True) == allowance_module.BURST
    assert allowance.take("honest")
    now[0] += 1
    assert [allowance.take("flood") for _ in range(700)].count(True) == allowance_module.RATE


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


def test_who_sends_too_much_is_turned_away_after_a_while_and_others_are_not(client, monkeypatch):
    monkeypatch.setattr(allowance_module, "BURST", 3.0)
    monkeypatch.setattr(allowance_module, "RATE", 0.0)
    monkeypatch.setattr(door_module, "DELAY", 0.2)
    assert [client.post("/echo", content=b"abc").status_code for _ in range(3)] == [200] * 3
    start = time.monotonic()
    refused = client.post("/echo", content=b"abc")
    assert refused.status_code == 429
    assert "wait a second" in refused.json()["detail"]
    assert time.monotonic() - start >= 0.2
    other = TestClient(client.app, client=("10.0.0.9", 1))
    assert other.post("/echo", content=b"abc").status_code == 200


def test_one_address_has_some_requests_under_way_and_others_have_theirs():
    at_once = AtOnce(2)
    with at_once.one_of("one") as first, at_once.one_of("one") as second, at_once.one_of("one") as third:
        assert [first, second, third] == [True, True, False]
        with at_once.one_of("another") as other:
            assert other
    with at_once.one_of("one") as again:
        assert again


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_who_has_too_many_requests_under_way_is_turned_away(client, monkeypatch, method):
    monkeypatch.setattr(AtOnce, "one_of", lambda self, address: nullcontext(False))
    monkeypatch.setattr(door_module, "DELAY", 0.0)
    assert client.request(method, "/config").status_code == 429


CLOSED = ["upload", "deep_link", "run-history/connect", "proxy=http://a", "proxy=a\nb", "stream/a"]
CLOSED += ["file=http://example.org/a", "file=HTTPS://example.org", "file/https://example.org", "upload_progress/"]
CLOSED += ["dev/reload"]


@pytest.mark.parametrize("path", CLOSED)
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
def test_doors_that_lead_elsewhere_are_closed(client, path, method):
    assert client.request(method, f"/gradio_api/{quote(path)}").status_code == 404
    assert client.get("/gradio_api/file=/tmp/a.png").json() == {"detail": "Not Found"}  # so says the app behind it


def test_one_address_has_a_few_responses_made_at_a_time_and_others_have_theirs():
    making, most = [], []

    async def app(scope, receive, send):
        making.append(scope["client"][0])
        most.append(making.count("one"))
        await asyncio.sleep(0.01)
        making.remove(scope["client"][0])
        await send({"type": "http.response.start"})
        await asyncio.sleep(0.2)  # its reader is slow

    async def visit(door, address):
        await door({"type": "http", "method": "GET", "path": "/", "headers": [], "client": (address, 1)}, None, sent)
        return time.monotonic()

    async def sent(message):
        pass

    async def crowd():
        door, start = Door(app), time.monotonic()
        *of_one, other = await asyncio.gather(*(visit(door, "one") for _ in range(12)), visit(door, "another"))
        return max(of_one) - start, other - start

    crowds, others = asyncio.run(crowd())
    assert max(most) == allowance_module.READ_BY_TURNS
    assert crowds < 12 * 0.2
    assert others < crowds
