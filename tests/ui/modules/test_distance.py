"""Distances as the browser measures them are those that the server does."""

from base64 import b64encode

import numpy as np
import pytest
from playwright.sync_api import Page

from diffusion.io.images import png_bytes, sheet
from ui.lab.distances import distance

MEASURE = """async ([count, size, mine, theirs]) => {
    const { distance } = await import("/web/compare/distance.js");
    const [cell, reference] = [mine, theirs].map((png) => ({ message: { count, result: { png, size } } }));
    return distance(cell, reference);
}"""


@pytest.mark.parametrize(("count", "channels"), [(1, 1), (5, 1), (5, 3)])
def test_the_gutters_of_a_sheet_do_not_count(page: Page, count: int, channels: int):
    chance = np.random.default_rng(count + channels)
    images = [chance.integers(0, 256, (count, 8, 8, channels), np.uint8) for _ in range(2)]
    sent = [b64encode(png_bytes(sheet(each))).decode() for each in images]
    assert page.evaluate(MEASURE, [count, 8, *sent]) == pytest.approx(distance(*images), rel=1e-9)
