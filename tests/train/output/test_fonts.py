"""Names of classes on sample sheets: in a font that has them, as long as there is room."""

import numpy as np
import pytest
from PIL import ImageFont

from tests.bars import bars
from tests.tiny import tiny_model
from train.output import fonts
from train.output.fonts import default_font, font_for, has, with_font
from train.output.sample_sheets import LONGEST, sample_sheet


@pytest.fixture
def system_fonts(monkeypatch):
    """Two fonts in place of the system's: a file that is none, and Pillow's own under another name, with Cyrillic."""
    monkeypatch.setattr(fonts, "font_files", lambda: ["broken.ttf", "cyrillic.ttf"])
    font_for.cache_clear()

    def truetype(path, size):
        if path == "broken.ttf":
            raise OSError("unknown file format")
        return Cyrillic()

    monkeypatch.setattr(ImageFont, "truetype", truetype)
    yield
    font_for.cache_clear()


class Cyrillic:
    """Has the letters from А to я, and boxes for the rest."""

    def getmask(self, text):
        return bytes_of_size([text.encode()] if "А" <= text <= "я" else [b"box"])

    def getlength(self, text):
        return 9.0 * len(text)


class bytes_of_size(bytes):
    def __new__(cls, parts):
        return super().__new__(cls, b"".join(parts))

    @property
    def size(self):
        return (9, 9)


def test_pillows_own_font_is_taken_where_it_has_the_characters():
    assert with_font("cat 7", "#0", 100) == ("cat 7", default_font())
    assert not has(default_font(), "猫")


def test_otherwise_one_of_the_systems_and_never_boxes(system_fonts):
    text, font = with_font("Кот", "#3", 100)
    assert (text, type(font)) == ("Кот", Cyrillic)
    assert with_font("猫", "#3", 100) == ("#3", default_font())


def test_long_names_are_cut():
    text, font = with_font("a very long name of a class that nobody can read beside a picture", "#0", LONGEST)
    assert text.endswith("…")
    assert LONGEST - 20 < font.getlength(text) <= LONGEST


def test_a_sheet_of_classes_in_any_script(system_fonts, monkeypatch):
    monkeypatch.setattr(ImageFont, "truetype", lambda *_: default_font())
    names = ("x" * 120, "猫", "b")
    sheet = sample_sheet(tiny_model(label_names=names), bars(3), "tiny")
    assert sheet.width < LONGEST + 5 * 60 + 60
    assert np.asarray(sheet).max() == 255
