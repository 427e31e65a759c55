"""A run as a video, which the browser itself plays again, and as a table."""

import csv
import io

import pytest
from playwright.sync_api import Page

from tests.ui.modules.messages import message, png

PLAY = """async ([message, kinds, codecs, x = 4]) => {
    const { Run } = await import("/web/player/run.js");
    const { encodeMp4 } = await import("/web/share/video.js");
    const supported = VideoEncoder.isConfigSupported;
    if (codecs) VideoEncoder.isConfigSupported = async (config) =>
        config.codec.startsWith(codecs) ? supported.call(VideoEncoder, config) : { supported: false };
    const parts = await encodeMp4(new Run(message), kinds);
    VideoEncoder.isConfigSupported = supported;
    if (!parts) return null;
    const video = document.createElement("video");
    video.muted = true;
    video.src = URL.createObjectURL(new Blob(parts, { type: "video/mp4" }));
    await new Promise((resolve, reject) => {
        video.oncanplaythrough = resolve;
        video.onerror = () => reject(new Error(video.error.message));
    });
    const canvas = document.createElement("canvas");
    const shades = [];
    for (const time of [0.01, video.duration - 0.2]) {
        video.currentTime = time;
        await new Promise((resolve) => (video.onseeked = resolve));
        // the frame is there a moment after the browser says so
        for (let i = 0; i < 5; i++) await new Promise((resolve) => requestAnimationFrame(resolve));
        canvas.width = video.videoWidth;
        canvas.height = video.videoHeight;
        const pen = canvas.getContext("2d");
        pen.drawImage(video, 0, 0);
        shades.push([...pen.getImageData(x, 4, 1, 1).data].slice(0, 3));
    }
    return { width: video.videoWidth, height: video.videoHeight, duration: video.duration, shades };
}"""


@pytest.mark.parametrize("codecs", ["", "vp09"], ids=["first", "vp9"])
@pytest.mark.parametrize("frames", [2, 30])
def test_a_run_as_a_video(page: Page, codecs: str, frames: int):
    """The first frame's upper left pixel is black, the last one's white."""
    run = message("one", list(range(frames + 1)), frames, done=True)
    played = page.evaluate(PLAY, [run, ["x", "x0"], codecs])
    assert (played["width"], played["height"]) == (2 * 27 * 18 + 8, 27 * 18)
    assert played["duration"] == pytest.approx(1.5 + max(0.04, 2 / (frames + 1)) * frames, abs=0.01)
    first, last = played["shades"]
    assert max(first) < 40
    assert min(last) > 215


def test_odd_sides_become_even_and_colours_stay(page: Page):
    run = message("one", [0, 1], 1, done=True)
    for frame in run["frames"]:
        frame[4:] = [png(200, colour=True)] * 2
    played = page.evaluate(PLAY, [run, ["x", "x0", "x"], "", 40])
    assert played["width"] % 2 == played["height"] % 2 == 0
    red, green, _ = played["shades"][-1]
    assert red > 150 > 100 > green


def test_a_browser_without_an_encoder_says_so(page: Page):
    assert page.evaluate(PLAY, [message("one", [0, 1], 1, done=True), ["x"], "none"]) is None


def test_a_run_as_a_table(page: Page):
    run = message("one", [0, 2, 4], 4, done=True)
    run["result"]["classifications"][2] = ['=a "b", c', 0.5]
    text = page.evaluate(
        """async (message) => {
            const { Run } = await import("/web/player/run.js");
            return (await import("/web/share/table.js")).csvOf(new Run(message));
        }""",
        run,
    )
    assert text.startswith("\ufeff")  # a spreadsheet knows by it that this is UTF-8
    rows = list(csv.DictReader(io.StringIO(text[1:], newline="")))
    assert [row["step"] for row in rows] == ["0", "2", "4"]
    assert float(rows[1]["alpha"]) == pytest.approx(0.5**0.5, abs=1e-4)
    assert rows[0]["predicted_1"] == ""
    assert (rows[2]["predicted_1"], rows[2]["confidence_1"]) == ("7", "0.998")
    assert rows[2]["predicted_3"] == '\'=a "b", c'
    assert text.endswith("\r\n")


def test_a_run_on_its_way_is_a_table_without_an_end(page: Page):
    text = page.evaluate(
        """async (message) => {
            const { Run } = await import("/web/player/run.js");
            return (await import("/web/share/table.js")).csvOf(new Run(message));
        }""",
        message("one", [0, 1], 4),
    )
    assert text.splitlines()[0] == "\ufeffstep,steps,t,alpha,sigma,seconds"


def test_a_grid_as_a_table_has_texts_and_numbers_but_no_formulas(page: Page):
    text = page.evaluate("""async () => {
        const { Costs } = await import("/web/compare/costs.js");
        const plot = document.createElementNS("http://www.w3.org/2000/svg", "svg");
        const costs = new Costs({ plot }, words, () => {});
        const rows = { setting: "label", values: ["=1+1", "-猫, 2"] };
        costs.plan = { rows, columns: { setting: "eta", values: ["-0.5"] } };
        const cell = { steps: 4, calls: 8, ms: 1.5, images: 1, share: null, distance: null };
        costs.measured = [0, 1].map((rows) => ({ ...cell, place: { rows, columns: 0 } }));
        return costs.csv();
    }""")
    assert text.startswith("\ufeff")
    rows = list(csv.DictReader(io.StringIO(text[1:], newline="")))
    assert [(row["label"], row["eta"], row["distance"]) for row in rows] == [
        ("'=1+1", "-0.5", ""),
        ("'-猫, 2", "-0.5", ""),
    ]
    assert text.endswith("\r\n")
