"""What is turned away at the door, and that there is no other door: sizes, uploads, calls around the queue; and that
nobody learns where the host keeps its files."""

import json

import httpx
import pytest

from tests.ui.server.calls import GOOD, JSON, call, sample
from ui.hosting.door import MAX_BODY

pytestmark = pytest.mark.slow

LARGE = b"{" + b" " * MAX_BODY + b"}"


@pytest.mark.parametrize("route", ["run/generate", "run/generate/", "api/generate", "run/predict"])
def test_there_is_no_way_around_the_queue(server, route):
    response = httpx.post(f"{server}/gradio_api/{route}", json={"data": list(GOOD.values())}, timeout=60)
    assert response.status_code in (404, 500)
    assert "digits.png" not in response.text


def test_all_events_of_the_page_are_queued(server):
    for event in httpx.get(f"{server}/config").json()["dependencies"]:
        assert event["queue"] or not event["backend_fn"], event["id"]


@pytest.mark.parametrize("path", ["upload", "upload/", "upload?upload_id=1", "process_recording", "stream/x/close"])
def test_nothing_can_be_uploaded(server, path):
    sent = {"files": ("many.txt", b"x" * 100)}
    assert httpx.post(f"{server}/gradio_api/{path}", files=sent, timeout=60).status_code == 404


def test_server_functions_take_no_files(server):
    response = httpx.post(f"{server}/gradio_api/component_server", files={"a": ("a", b"x")}, timeout=60)
    assert response.status_code == 415


def chunks():
    for _ in range(40):
        yield LARGE[: len(LARGE) // 20]


@pytest.mark.parametrize("path", ["queue/join", "call/generate", "component_server/", "cancel", "nothing"])
@pytest.mark.parametrize("content", [LARGE, chunks], ids=["whole", "chunks"])
def test_a_request_of_many_bytes_is_refused(server, path, content):
    body = content() if callable(content) else content
    try:
        response = httpx.post(f"{server}/gradio_api/{path}", content=body, headers=JSON, timeout=60)
    except httpx.WriteError:  # the connection was closed while more was being sent
        return
    assert response.status_code == 413
    assert response.json()["detail"] == "A request has at most 50,000 bytes."


def test_no_path_of_the_host_is_told(server, home, client):
    _, about = sample(client)
    assert about["settings"]["model"] == "own"
    private = str(home.parent)
    event, refused = call(server, GOOD | {"model": "nobody"}, "/v2")
    assert event == "error"
    assert "own" in refused["error"]
    for text in (httpx.get(f"{server}/config").text, httpx.get(server).text, refused["error"], json.dumps(about)):
        assert private not in text
        assert "site-packages" not in text


def test_too_much_work_is_refused_before_it_is_queued(server):
    event, answer = call(server, GOOD | {"num_images": 10**9}, "/v2")
    assert (event, "num_images" in answer["error"]) == ("error", True)


def test_a_label_may_be_a_number(server):
    event, answer = call(server, [7, 1])
    assert event == "complete"
    assert answer[1]["labels"] == ["7"]


def test_steps_that_leave_noise_are_said_to(server):
    event, answer = call(server, GOOD | {"sampler": "euler_maruyama", "steps": 2, "num_images": 1}, "/v2")
    assert event == "complete"
    assert answer[1]["warning"] == "Euler–Maruyama leaves noise with steps 2: take at least 4."


def test_who_waits_is_told_how_many_wait(server):
    assert httpx.get(f"{server}/gradio_api/queue/status").json()["queue_size"] == 0
