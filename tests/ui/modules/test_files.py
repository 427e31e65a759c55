"""Files written in the browser, decoded by Pillow."""

import io
import json
from base64 import b64decode

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.ui.modules.actions import begin, expect_step, receive, show_finished
from tests.ui.modules.messages import GUTTER, SIZE, message, png


def encoded(page: Page, frames: np.ndarray, grey: bool, hundredths: list[int]) -> Image.Image:
    """Frames (N, H, W, 3) uint8 as the browser's GIF."""
    alpha = np.full((*frames.shape[:3], 1), 255, np.uint8)
    data = [frame.ravel().tolist() for frame in np.concatenate([frames, alpha], axis=3)]
    content = page.evaluate(
        """async ([frames, width, height, grey, hundredths]) => {
            const { GifWriter } = await import("/web/player/gif.js");
            const writer = new GifWriter(width, height, grey);
            frames.forEach((pixels, i) => writer.add(Uint8ClampedArray.from(pixels), hundredths[i]));
            const bytes = await new Blob(writer.finish()).bytes();
            let text = "";
            for (const byte of bytes) text += String.fromCharCode(byte);
            return btoa(text);
        }""",
        [data, frames.shape[2], frames.shape[1], grey, hundredths],
    )
    return Image.open(io.BytesIO(b64decode(content)))


def decoded(animation: Image.Image) -> np.ndarray:
    frames = []
    for i in range(animation.n_frames):
        animation.seek(i)
        frames.append(np.asarray(animation.convert("RGB")))
    return np.stack(frames)


@pytest.mark.parametrize("size", [(1, 1), (7, 3), (150, 130)], ids=str)
def test_greys_are_exact_noise_or_not(page: Page, size):
    """Noise of 150 x 130 pixels fills the table of codes several times, a plain frame makes the longest codes."""
    noise = np.random.default_rng(0).integers(0, 256, (1, *size, 1), dtype=np.uint8)
    frames = np.repeat(np.concatenate([noise, np.full_like(noise, 77), noise // 64 * 64]), 3, axis=3)
    animation = encoded(page, frames, True, [4, 10, 150])
    assert animation.info["loop"] == 0
    assert np.array_equal(decoded(animation), frames)
    durations = []
    for i in range(3):
        animation.seek(i)
        durations.append(animation.info["duration"])
    assert durations == [40, 100, 1500]


def test_colours_are_the_nearest_of_252(page: Page):
    frames = np.random.default_rng(1).integers(0, 256, (2, 40, 30, 3), dtype=np.uint8)
    shown = decoded(encoded(page, frames, False, [4, 4])).astype(int)
    for channel, step in ((0, 51), (1, 42.5), (2, 51)):
        assert np.abs(shown[..., channel] - frames[..., channel]).max() <= step / 2 + 0.5


@pytest.mark.parametrize("colour", [False, True])
def test_a_run_as_an_animation(page: Page, colour: bool):
    run = message("one", [0, 1, 2], 2, done=True)
    for i, frame in enumerate(run["frames"]):
        frame[4:] = [png(40 * i, colour), png(200, colour)]
    content = page.evaluate(
        """async (message) => {
            const { Run } = await import("/web/player/run.js");
            const { encodeGif } = await import("/web/player/downloads.js");
            const bytes = await new Blob(await encodeGif(new Run(message), ["x", "x0"])).bytes();
            return btoa(String.fromCharCode(...bytes));
        }""",
        run,
    )
    animation = Image.open(io.BytesIO(b64decode(content)))
    sheet = np.asarray(Image.open(io.BytesIO(b64decode(png(80, colour)))).convert("RGB")).astype(int)
    scale = round(240 / len(sheet))
    assert animation.size == (2 * scale * len(sheet) + 8, scale * len(sheet))
    last = decoded(animation)[2].astype(int)
    shown = last[scale // 2 : scale * len(sheet) : scale, scale // 2 : scale * len(sheet) : scale]
    assert np.abs(shown - sheet).max() <= (26 if colour else 0)


SHEET = 2 * SIZE + GUTTER


def saved(page: Page, tmp_path, button: str, settings: dict) -> tuple[str, Image.Image]:
    with page.expect_download() as download:
        page.locator(f"#a [part={button}]").click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    image = Image.open(path)
    written = json.loads(image.text["settings"])  # type: ignore[attr-defined]
    assert {name: written[name] for name in settings} == settings
    return path.name, image


def test_pictures_for_a_slide_say_what_they_are(players: Page, tmp_path):
    settings = {"model": "runs/mine/model", "label": "猫 2", "seed": 5, "steps": 4}
    about = {"label": "猫 2", "seed": 5, "settings": settings, "names": {"model": "Mine", "sampler": "UniPC"}}
    begin(players, "one")
    receive(players, message("one", [0, 1, 2, 3, 4], 4, done=True, **about))
    expect_step(players, 4)
    expect(players.locator("#a .dp-caption")).to_contain_text("猫 2 · Mine · UniPC, 4 steps · seed 5")
    name, large = saved(players, tmp_path, "large", settings)
    assert (name, large.size) == ("猫_2-mine-seed5-8x.png", (8 * SHEET, 8 * SHEET))
    small = np.asarray(Image.open(io.BytesIO(b64decode(png()))).convert("L"))
    assert np.array_equal(np.asarray(large.convert("L"))[3::8, 3::8], small)
    players.evaluate("a.state.enlarge(2); a.state.goToStep(1)")
    name, one = saved(players, tmp_path, "png", settings | {"step": 1})
    assert (name, one.size) == ("猫_2-mine-seed5-step1-noisy-image3.png", (SIZE, SIZE))
    x = np.asarray(Image.open(io.BytesIO(b64decode(png(64)))).convert("L"))
    assert np.array_equal(np.asarray(one.convert("L")), x[SIZE + GUTTER :, :SIZE])
    players.evaluate("a.state.setSmooth(true)")
    _, smooth = saved(players, tmp_path, "large", settings | {"step": 1})
    assert len(np.unique(np.asarray(smooth.convert("L")))) > len(np.unique(x))


def test_while_a_run_waits_the_picture_is_not_called_finished(players: Page):
    show_finished(players)
    expect(players.locator("#a [part=phase]")).to_contain_text("Finished")
    begin(players, "next")
    expect(players.locator("#a [part=phase]")).to_have_text("The picture of the run before.")
