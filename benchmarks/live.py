"""Live sampling in a headless Chromium: how many new sheets a second does a hand see that drags the guidance slider?

A sheet counts once it is on the canvas. The slider has steps of 0.1, so the hand goes to and fro.
"""

import time

from playwright.sync_api import Page

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
