"""The drawing pad: strokes by mouse, finger and keys, and what is made of them."""

import io
from base64 import b64decode

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.ui.modules.conftest import empty_page

ASSETS = "assets/digits-test.png"
SIDE = 280
NEXT_FRAME = "new Promise((resume) => requestAnimationFrame(() => requestAnimationFrame(resume)))"


@pytest.fixture
def pad(browser: Browser, address: str):
    """A page with a pad, on a device with a touch screen."""
    page = empty_page(browser, address, has_touch=True, viewport={"width": 390, "height": 700})
    page.evaluate("""async () => {
        const { Pad } = await import("/web/pad/pad.js");
        window.images = [];
        window.lifted = 0;
        addEventListener("pointerup", () => lifted++);
        const random = async () => Uint8Array.from({ length: 784 }, (_, i) => (i % 28 > 10 && i % 28 < 17 ? 200 : 0));
        const onChange = (bytes) => images.push(bytes && btoa(String.fromCharCode(...bytes)));
        document.body.style.height = "3000px";
        for (const name of ["a", "b"]) document.getElementById(name).style.width = "auto"; // as wide as the phone
        for (const name of ["pad", "player"]) {
            const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: `/web/${name}.css` });
            const loaded = new Promise((resume) => link.addEventListener("load", resume));
            document.head.append(link);
            await loaded;
        }
        window.pad = new Pad(document.getElementById("a"), words, { onChange, random });
    }""")
    yield page
    page.close()


def image(page: Page) -> np.ndarray | None:
    """What the pad gives now, (28, 28)."""
    page.evaluate(NEXT_FRAME)
    given = page.evaluate("images.at(-1) ?? null")
    return None if given is None else np.frombuffer(b64decode(given), np.uint8).reshape(28, 28).astype(int)


def touch(page: Page, *points: tuple[float, float]) -> None:
    """A stroke by a finger, through these points of the paper (0 to 1)."""
    page.evaluate(NEXT_FRAME)  # a finger meets what is on the screen
    box, lifted = page.locator("[part=paper]").bounding_box(), page.evaluate("lifted")
    assert box is not None
    places = [{"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]} for x, y in points]
    session = page.context.new_cdp_session(page)
    for kind, place in zip(["touchStart", *["touchMove"] * (len(places) - 1)], places, strict=True):
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [place]})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.wait_for_function("(before) => lifted > before", arg=lifted)


def test_a_finger_draws_and_the_page_stays(pad: Page):
    pad.get_by_role("button", name="Centre").click()  # off: it lies where it was drawn
    touch(pad, (0.25, 0.2), (0.25, 0.5), (0.25, 0.9))
    drawn = image(pad)
    assert drawn is not None
    assert pad.evaluate("[scrollX, scrollY]") == [0, 0]
    assert drawn[8:24, 7].min() > 200
    assert drawn[:, 14:].max() == 0
    rows = drawn[14]
    assert 1.5 < rows.sum() / 255 < 3.5  # as wide as MNIST's strokes
    assert sum(0 < value < 250 for value in rows) >= 2  # and as soft
    touch(pad, (0.8, 0.2), (0.8, 0.9))
    assert image(pad)[8:24, 22].min() > 200
    pad.get_by_role("radio", name="Eraser").click()
    touch(pad, (0.25, 0.0), (0.25, 1.0))
    erased = image(pad)
    assert erased[:, :12].max() == 0
    assert erased[8:24, 22].min() > 200
    undo = pad.get_by_role("button", name="Undo")
    undo.click()
    assert image(pad)[8:24, 7].min() > 200
    pad.get_by_role("button", name="Clear").click()
    assert image(pad) is None
    undo.click()
    assert image(pad)[8:24, 22].min() > 200
    undo.click()
    undo.click()
    assert image(pad) is None
    expect(undo).to_be_disabled()
    expect(undo).to_be_focused()


def test_by_keys_and_by_mouse(pad: Page):
    paper = pad.locator("[part=paper]")
    paper.focus()
    for key in [*["ArrowLeft"] * 5, " ", *["ArrowDown"] * 6, " ", *["ArrowRight"] * 8]:
        pad.keyboard.press(key)
    line = image(pad)
    assert line.sum() > 0
    assert np.ptp(np.nonzero(line)[0]) + 1 == 20  # centred: it fills the box
    pad.keyboard.press("Control+z")
    assert image(pad) is None
    box = paper.bounding_box()
    pad.mouse.move(box["x"] + 60, box["y"] + 60)
    pad.mouse.down()
    pad.mouse.move(box["x"] + 200, box["y"] + 200, steps=5)
    pad.mouse.up()
    pad.mouse.move(box["x"] + 60, box["y"] + 200)  # lifted: nothing is drawn
    slanted = image(pad)
    assert slanted.trace() > 5 * np.fliplr(slanted).trace()


def published(drawn: np.ndarray) -> np.ndarray:
    """MNIST's procedure, by cumulative sums: a box of 20x20 for what is drawn, then 28x28 around its centre of mass."""
    ys, xs = np.nonzero(drawn)
    ink = drawn[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1].astype(float)
    scale = 20 / max(ink.shape)
    for axis in (0, 1):
        length = ink.shape[axis]
        count = max(1, round(length * scale))
        total = np.concatenate([np.zeros_like(np.take(ink, [0], axis)), ink.cumsum(axis)], axis)
        edges = np.arange(count + 1) * length / count
        places = np.arange(length + 1)
        lines = [np.interp(edges, places, line) for line in np.moveaxis(total, axis, -1)]
        ink = np.moveaxis(np.diff(lines, axis=-1), -1, axis) * count / length
    ys, xs = np.indices(ink.shape)
    top = int(np.floor(14 - (ys * ink).sum() / ink.sum() + 0.5))
    left = int(np.floor(14 - (xs * ink).sum() / ink.sum() + 0.5))
    field = np.zeros((28 + 40, 28 + 40))
    field[20 + top : 20 + top + ink.shape[0], 20 + left : 20 + left + ink.shape[1]] = ink
    return field[20:48, 20:48]


@pytest.mark.parametrize("shape", [(280, 280), (90, 40), (30, 200), (10, 10), (28, 28)], ids=str)
def test_centring_is_the_published_procedure(pad: Page, shape):
    random = np.random.default_rng(shape[0])
    drawn = np.zeros((shape[0] + 30, shape[1] + 17), np.uint8)
    drawn[20 : 20 + shape[0], 5 : 5 + shape[1]] = random.integers(1, 256, shape) * (random.random(shape) < 0.3)
    height, width = drawn.shape
    found = pad.evaluate(
        """async ([bytes, width, height]) => {
            const { centred } = await import("/web/pad/centring.js");
            return [...centred(Uint8Array.from(bytes), width, height)];
        }""",
        [drawn.ravel().tolist(), width, height],
    )
    assert np.abs(np.reshape(found, (28, 28)) - published(drawn)).max() <= 0.51


def test_real_digits_are_left_nearly_as_they_are(pad: Page):
    with Image.open(ASSETS) as opened:
        digit = np.array(opened)[:28, 28 * 3 : 28 * 4]
    found = pad.evaluate(
        """async (bytes) => {
            const { centred } = await import("/web/pad/centring.js");
            return [...centred(Uint8Array.from(bytes), 28, 28)];
        }""",
        digit.ravel().tolist(),
    )
    assert np.corrcoef(found, digit.ravel())[0, 1] > 0.95


def test_pictures_from_files_and_real_digits(pad: Page):
    paper = np.full((60, 90, 3), 250, np.uint8)  # black on white
    paper[20:40, 40:48] = 10
    buffer = io.BytesIO()
    Image.fromarray(paper).save(buffer, "PNG")
    file = pad.locator("[part=file]")
    file.set_input_files({"name": "one.png", "mimeType": "image/png", "buffer": buffer.getvalue()})
    pad.wait_for_function("images.length > 0")
    one = image(pad)
    ys, xs = np.nonzero(one > 100)
    assert (np.ptp(ys) + 1, np.ptp(xs) + 1) in [(20, 8), (20, 9)]  # its edges are smooth
    problem = pad.get_by_role("alert")
    expect(problem).to_be_hidden()
    file.set_input_files({"name": "one.png", "mimeType": "image/png", "buffer": b"no picture"})
    expect(problem).to_contain_text("This file cannot be read")
    assert np.array_equal(image(pad), one)  # nothing is lost
    pad.get_by_role("button", name="A real digit").click()
    pad.wait_for_function("(count) => images.length > count", arg=pad.evaluate("images.length - 1"))
    pad.get_by_role("button", name="Centre").click()
    assert image(pad)[14, 12:16].min() > 190
