"""The settings that a picture carries, found in the browser; whatever a file is, there are settings or a sentence."""

import io
import json
import struct
import zlib
from base64 import b64encode

import numpy as np
import pytest
from PIL import Image, PngImagePlugin
from playwright.sync_api import Page

from diffusion.io.images import png_bytes
from ui.i18n import TEXTS

PIXELS = np.zeros((8, 8, 1), np.uint8)
SETTINGS = {"model": "unet", "label": "数字 7", "steps": 20, "seed": 2**32 - 1}
GOOD = png_bytes(PIXELS, SETTINGS)
SIGNATURE, END = GOOD[:8], b"\0\0\0\0IEND\xaeB`\x82"


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def with_text(key: str, text: str, **how: bool) -> bytes:
    info, buffer = PngImagePlugin.PngInfo(), io.BytesIO()
    (info.add_itxt if how.pop("international", False) else info.add_text)(key, text, **how)
    Image.fromarray(PIXELS[..., 0]).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def found(page: Page, content: bytes) -> dict | str:
    """The settings, or the key of the reason why there are none."""
    return page.evaluate(
        """async (base64) => {
            const { settingsOf } = await import("/web/share/png_settings.js");
            const { bytesOf } = await import("/web/dom.js");
            return settingsOf(new Blob([bytesOf(base64)])).catch((error) => error.message);
        }""",
        b64encode(content).decode(),
    )


def test_settings_come_back_as_they_were_written(page: Page):
    assert found(page, GOOD) == SETTINGS
    assert found(page, with_text("settings", json.dumps(SETTINGS))) == SETTINGS
    other = chunk(b"tEXt", b"Comment\0settings")
    assert found(page, GOOD[:33] + other + GOOD[33:]) == SETTINGS


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no_png"),
        (b"GIF89a", "no_png"),
        (b"\xff\xd8\xff\xe0" + bytes(100), "no_png"),
        (png_bytes(PIXELS), "no_settings"),
        (with_text("parameters", "a cat, 30 steps"), "no_settings"),
        (with_text("settings", "a cat, 30 steps"), "no_settings"),
        (with_text("settings", "[1]"), "no_settings"),
        (with_text("settings", "null"), "no_settings"),
        (with_text("settings", json.dumps(SETTINGS), international=True, zip=True), "no_settings"),
        (with_text("settings", json.dumps({"label": "x" * 200_000})), "no_settings"),
        (SIGNATURE + chunk(b"tEXt", b"no end") * 3000 + END, "no_settings"),
        (SIGNATURE + chunk(b"iTXt", b"settings\0\0\0") + END, "no_settings"),
        (GOOD[:40], "damaged_png"),
        (GOOD[:8], "damaged_png"),
        (GOOD.replace(b'"steps": 20', b'"steps": 99'), "damaged_png"),
        (SIGNATURE + struct.pack(">I", 2**31 - 1) + b"tEXt" + bytes(50), "damaged_png"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_other_files_have_a_sentence(page: Page, content: bytes, reason: str):
    assert found(page, content) == f"share.{reason}"
    assert f"share.{reason}" in TEXTS["en"]


def test_a_huge_file_is_not_read(page: Page):
    """A terabyte, in chunks of a gigabyte: only their heads are looked at."""
    read, reason = page.evaluate("""async () => {
        const { settingsOf } = await import("/web/share/png_settings.js");
        const head = Uint8Array.of(0x40, 0, 0, 0, ...new TextEncoder().encode("tEXt"));
        let read = 0;
        const slice = (start, end) => {
            read += end - start;
            return new Blob([start ? head : Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10)]);
        };
        return [() => read, await settingsOf({ size: 2 ** 40, slice }).catch((error) => error.message)].map(
            (each) => typeof each === "function" ? each() : each);
    }""")
    assert (reason, read < 20_000) == ("share.damaged_png", True)


def test_settings_written_in_the_browser_are_ours(page: Page):
    written = page.evaluate(
        """async ([base64, settings]) => {
            const { withSettings } = await import("/web/share/png_settings.js");
            const { bytesOf } = await import("/web/dom.js");
            return [...withSettings(bytesOf(base64), settings)];
        }""",
        [b64encode(png_bytes(PIXELS + 7)).decode(), SETTINGS],
    )
    with Image.open(io.BytesIO(bytes(written))) as opened:
        opened.verify()
    with Image.open(io.BytesIO(bytes(written))) as opened:
        assert json.loads(opened.text["settings"]) == SETTINGS  # type: ignore[attr-defined]
        assert np.array_equal(np.asarray(opened), PIXELS[..., 0] + 7)
