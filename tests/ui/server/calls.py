"""What a program sends to the app, by gradio_client and over plain HTTP, and what it gets."""

import json
from typing import Any

import httpx
from gradio_client import Client

TIMEOUT = 120  # seconds
JSON = {"content-type": "application/json"}
GOOD = {"label": "7", "num_images": 3, "sampler": "ddim", "steps": 5, "guidance_scale": 2, "seed": 3, "model": ""}


def sample(client: Client, **changes: Any) -> tuple[str, dict[str, Any]]:
    """The file of the images, and what the app says about them."""
    return client.predict(**GOOD | changes, api_name="/generate")


def call(server: str, values: Any, version: str = "") -> tuple[str, Any]:
    """Calls /generate: the last event's name and its data. ``values`` are a list, or with "/v2" by name."""
    address = f"{server}/gradio_api/call{version}/generate"
    body = values if version else {"data": values}
    joined = httpx.post(address, json=body, timeout=TIMEOUT)
    if joined.status_code != 200:
        return f"HTTP {joined.status_code}", joined.text
    return last_event(httpx.get(f"{address}/{joined.json()['event_id']}", timeout=TIMEOUT).text)


def last_event(stream: str) -> tuple[str, Any]:
    """The name and the data of a stream's last server-sent event."""
    event, data = stream.strip().split("\n\n")[-1].split("\n")
    return event.removeprefix("event: "), json.loads(data.removeprefix("data: "))


def trigger(server: str, events: list[int], values: list[Any], session: str) -> dict[int, dict[str, Any]]:
    """Events of the page, all with these values, as the browser sends them: for each the message with which it ends."""
    pending, ended = {}, {}
    for event in events:
        body = json.dumps({"data": values, "fn_index": event, "session_hash": session})
        joined = httpx.post(f"{server}/gradio_api/queue/join", content=body, headers=JSON, timeout=TIMEOUT)
        assert joined.status_code == 200, joined.text
        pending[joined.json()["event_id"]] = event
    address = f"{server}/gradio_api/queue/data"
    with httpx.stream("GET", address, params={"session_hash": session}, timeout=TIMEOUT) as stream:
        for line in stream.iter_lines():
            if "process_completed" in line:
                message = json.loads(line.removeprefix("data: "))
                ended[pending.pop(message["event_id"])] = message
            if not pending:
                break
    assert not pending
    return ended
