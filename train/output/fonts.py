"""Fonts for the names of classes, in whatever script they are: Pillow's own, else one of the system's that has the
characters."""

import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

SIZE = 14  # pixels
PLACES = {
    "linux": ("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts"),
    "darwin": ("/System/Library/Fonts", "/Library/Fonts", "~/Library/Fonts"),
    "win32": (os.path.join(os.environ.get("WINDIR", r"C:\Windows"), "Fonts"),),
}
MOST = 500  # fonts that are tried
STYLES = ("bold", "italic", "oblique", "light", "thin", "black", "condensed", "narrow", "mono", "serif")
MISSING = "\U0010ffff"  # is in no font: it looks as all do that a font lacks


def with_font(text: str, instead: str, width: int) -> tuple[str, Font]:
    """A text that fits into so many pixels, and a font that has its characters; ``instead`` where there is none on this
    machine, as boxes would say nothing."""
    font = font_for(text)
    if font is None:
        text, font = instead, default_font()
    if font.getlength(text) > width:
        while text and font.getlength(f"{text}…") > width:
            text = text[:-1]
        text += "…"
    return text, font


@cache
def font_for(text: str) -> Font | None:
    """The first font that has all characters of a text; None where no font has."""
    characters = {character for character in text if not character.isspace()}
    return next((font for font in fonts() if all(has(font, character) for character in characters)), None)


def has(font: Font, character: str) -> bool:
    try:
        shape, missing = (font.getmask(each) for each in (character, MISSING))
    except (OSError, ValueError):  # a font of bitmaps of another size
        return False
    return (shape.size, bytes(shape)) != (missing.size, bytes(missing))


@cache
def default_font() -> Font:
    return ImageFont.load_default(size=SIZE)


def fonts() -> Iterator[Font]:
    """Pillow's own font, then the system's, plain ones first."""
    yield default_font()
    for path in font_files():
        try:
            yield ImageFont.truetype(path, SIZE)
        except (OSError, ValueError):
            continue


@cache
def font_files() -> list[str]:
    places = [Path(os.path.expanduser(place)) for place in PLACES.get(sys.platform, PLACES["linux"])]
    files = [path for place in places for path in place.rglob("*") if path.suffix.lower() in (".ttf", ".otf", ".ttc")]

    def order(path: Path) -> tuple[int, str]:
        return sum(style in path.stem.lower() for style in STYLES), path.name

    return [str(path) for path in sorted(files, key=order)[:MOST]]
