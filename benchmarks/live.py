"""Live sampling: how many new sheets a second does a hand see that drags the guidance slider?

In a headless Chromium, where a sheet counts once it is on the canvas; and over HTTP alone, where one client requests
them one after another, as the page does. The slider has steps of 0.1, so the hand goes to and fro.
"""

import json
import time

import httpx
from playwright.sync_api import Page

from diffusion import load_model

SECONDS, SWEEP = 8.0, 1.2  # of dragging; of one way along the slider
SHOWN = "window.lab.live.shown"


def sheets_a_second(page: Page) -> float:
    """Of a page on which the example is shown: switches Live on and drags."""
    page.get_by_role("checkbox", name="Live").check()
    page.wait_for_function(f"{SHOWN} >= 1")
    page.wait_for_timeout(1500)  # the controls of the few-step model have settled
    box = page.get_by_role("slider", name="Guidance").first.bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 5, y)
    page.mouse.down()
    before, start = page.evaluate(SHOWN), time.perf_counter()
    while (passed := time.perf_counter() - start) < SECONDS:
        place = passed / SWEEP % 2
        page.mouse.move(box["x"] + 5 + min(place, 2 - place) * (box["width"] - 10), y)
        time.sleep(0.015)
    rate = (page.evaluate(SHOWN) - before) / passed
    page.mouse.up()
    return rate


def answers_a_second(address: str) -> float:
    """Sheets of 16 digits that one client gets from the server, without a browser."""
    with httpx.Client(base_url=address, timeout=60) as http:
        components = http.get("/config").json()["components"]
        player = next(each["id"] for each in components if each["props"].get("elem_id") == "player")
        settings = load_model("turbo", device="cpu").config.sampling
        values = {
            "model": "turbo",
            "label": "7",
            "num_images": 16,
            "sampler": settings.sampler,
            "steps": settings.steps,
        }
        count, start = 0, time.perf_counter()
        while (passed := time.perf_counter() - start) < SECONDS:
            asked = values | {"number": count, "seed": 1, "guidance_scale": round(count % 40 / 10, 1)}
            body = {"component_id": player, "fn_name": "live", "session_hash": "benchmark", "data": asked}
            answer = json.loads(http.post("/gradio_api/component_server/", json=body).raise_for_status().json())
            if answer.get("error"):
                raise RuntimeError(answer["error"])
            count += 1
    return count / passed
