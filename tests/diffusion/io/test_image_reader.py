"""Images of every kind look as in an image viewer, or are unreadable for a reason; no file ends a program."""

import io
import random
import shutil
import struct
import zipfile
import zlib

import numpy as np
import pytest
from PIL import ExifTags, Image

from diffusion.io import image_reader
from diffusion.io.image_folder import ImageFile, list_files
from diffusion.io.image_reader import FORMATS, UnreadableImage, decode, read_image, without_warnings

RAMP = np.linspace(0, 1, 16).reshape(4, 4)  # from black to white
GREY = (RAMP * 255).round().astype(np.uint8)


def saved(image: Image.Image, format: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def grey(content: bytes) -> np.ndarray:
    return decode(content, None, "L")[0][..., 0]


@pytest.mark.parametrize(
    ("values", "format"),
    [
        ((RAMP * 65535).astype(np.uint16), "PNG"),
        ((RAMP * 65535).astype(np.uint16), "TIFF"),
        ((RAMP * 4095).astype(np.uint16), "PNG"),  # 12 bits in 16
        ((RAMP * 4095).astype(np.uint16), "TIFF"),
        (GREY.astype(np.uint16), "PNG"),  # 8 bits in 16
        ((RAMP * 65535).astype(np.int32), "TIFF"),
        ((RAMP * 2e9).astype(np.int32), "TIFF"),
        ((RAMP * 2e9 - 1e9).astype(np.int32), "TIFF"),
        (RAMP.astype(np.float32), "TIFF"),
        (RAMP.astype(np.float32) * 300 - 20, "TIFF"),
        (RAMP.astype(np.float32), "PPM"),  # a PFM
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value.dtype} to {value.max():g}",
)
def test_values_of_any_depth_go_from_black_to_white(values, format):
    assert np.abs(grey(saved(Image.fromarray(values), format)).astype(int) - GREY).max() <= 1


def test_dark_images_stay_dark_within_their_depth():
    values = (RAMP * 20_000).astype(np.uint16)  # under a third of 16 bits
    assert grey(saved(Image.fromarray(values), "PNG")).max() == 78
    assert grey(saved(Image.fromarray(RAMP.astype(np.float32) / 2), "TIFF")).max() == 128


def test_what_a_tiff_says_of_its_values_counts():
    inverted = saved(Image.fromarray((RAMP * 65535).astype(np.uint16)), "TIFF", tiffinfo={262: 0})  # white is zero
    assert np.abs(grey(inverted).astype(int) - (255 - GREY)).max() <= 1
    signed = saved(Image.fromarray((RAMP * (2**32 - 1)).astype(np.uint32).view(np.int32)), "TIFF")
    sample_format = struct.pack("<HHI", 339, 3, 1)
    assert sample_format + b"\2" in signed
    unsigned = signed.replace(sample_format + b"\2", sample_format + b"\1")
    assert np.abs(grey(unsigned).astype(int) - GREY).max() <= 1


def test_values_that_cannot_be_shown_are_a_reason():
    with pytest.raises(UnreadableImage, match="not finite"):
        grey(saved(Image.fromarray(np.full((4, 4), np.nan, np.float32)), "TIFF"))
    with pytest.raises(UnreadableImage, match="12 of 16 bits"):
        decode(png_of_twelve_bit_colours(), None, "RGB")
    dark = Image.new("RGB", (16, 16), (9, 9, 9))  # with 8 bits, it may be so
    assert [grey(saved(dark, name)).max() for name in ("PNG", "BMP", "TIFF", "TGA")] == [9] * 4


def png_of_twelve_bit_colours() -> bytes:
    """4x4 pixels of RGB with 16 bits a channel, of which 12 are used."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = b"".join(b"\0" + row.astype(">u2").repeat(3).tobytes() for row in (RAMP * 4095).astype(np.uint16))
    header = struct.pack(">IIBBBBB", 4, 4, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def strokes(colour: tuple[int, int, int], format: str, mode: str) -> bytes:
    """A cross of a colour on transparency."""
    image = Image.new("RGBA", (16, 16), (*colour, 0))
    for i in range(16):
        image.putpixel((i, 8), (*colour, 255))
        image.putpixel((8, i), (*colour, 255))
    if mode == "P":
        palette = Image.new("P", image.size, 1)
        palette.putpalette([*colour, 0, 0, 0])
        palette.putdata([0 if a else 1 for *_, a in image.get_flattened_data()])
        return saved(palette, format, transparency=1)
    return saved(image.convert(mode), format, **({"lossless": True} if format == "WEBP" else {}))


KINDS = [
    ("PNG", "RGBA"),
    ("PNG", "LA"),
    ("PNG", "P"),
    ("GIF", "P"),
    ("WEBP", "RGBA"),
    ("TIFF", "RGBA"),
    ("ICO", "RGBA"),
]


@pytest.mark.parametrize(("format", "mode"), KINDS)
@pytest.mark.parametrize(("colour", "background"), [((255,) * 3, 0), ((0,) * 3, 255), ((200,) * 3, 255)])
def test_strokes_on_transparency_can_be_seen(format, mode, colour, background):
    shown = grey(strokes(colour, format, mode))
    assert np.unique(shown).tolist() == sorted({background, colour[0]})
    assert shown[8, 3] == colour[0]


def test_transparent_sixteen_bit_grey():
    values = np.full((4, 4), 65535, np.uint16)
    values[0] = 0
    content = saved(Image.fromarray(values), "PNG")
    at = content.index(b"IDAT") - 4
    body = b"tRNS" + struct.pack(">H", 65535)
    content = content[:at] + struct.pack(">I", 2) + body + struct.pack(">I", zlib.crc32(body)) + content[at:]
    assert np.array_equal(grey(content), np.where(values == 0, 0, 255))


def photograph(exif: bytes) -> bytes:
    """Its upper half is white."""
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[:8] = 255
    return saved(Image.fromarray(pixels), "JPEG", exif=exif, quality=95)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_images_are_turned_as_their_exif_says(format):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # to be turned clockwise
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[:8] = 255
    shown = grey(saved(Image.fromarray(pixels), format, exif=exif))
    assert shown[:, 9:].min() > 200
    assert shown[:, :7].max() < 50


def test_odd_exif_matters_to_nobody():
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation], exif[ExifTags.Base.Make] = 3, "someone"
    exif[ExifTags.Base.XResolution] = 72.0
    whole, chance = exif.tobytes(), random.Random(0)
    odd = [b"Exif\0\0", b"Exif\0\0MM\0*\xff\xff\xff\xff", b"Exif\0\0nonsense", whole[:30]]
    for _ in range(200):
        damaged = bytearray(whole)
        for _ in range(3):
            damaged[chance.randrange(6, len(whole))] = chance.randrange(256)
        odd.append(bytes(damaged))
    with without_warnings():
        for exif_bytes in odd:
            assert grey(photograph(exif_bytes)).shape == (16, 16)


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n"


def test_only_listed_formats_are_opened(tmp_path, monkeypatch):
    """No decoder that starts another program: an EPS would be given to Ghostscript."""
    monkeypatch.setattr(shutil, "which", lambda *_: pytest.fail("another program was looked for"))
    for content in (EPS, b"%PDF-1.4\n", b"\x80\x02}q\x00.", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b""):
        (tmp_path / "x.png").write_bytes(content)
        with pytest.raises(UnreadableImage, match="no image of a known format"):
            read_image(ImageFile.at(tmp_path / "x.png"), 8, "L")
    assert not {"EPS", "PDF", "PSD", "WMF", "FITS", "HDF5"} & set(FORMATS)


def test_size_and_pixels_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(image_reader, "MAX_PIXELS", 99)
    with pytest.raises(UnreadableImage, match="10x10 pixels, more than 99"):
        grey(saved(Image.new("L", (10, 10)), "PNG"))
    monkeypatch.setattr(image_reader, "MAX_BYTES", 1_000_000)
    with zipfile.ZipFile(tmp_path / "small.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.png", bytes(1_000_001))  # its size is known before anything is unpacked
    (file,) = list_files(tmp_path / "small.zip").files
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: pytest.fail("it was unpacked"))
    with pytest.raises(UnreadableImage, match="more than 1 MB"):
        read_image(file, 8, "L")


def test_a_large_jpeg_is_decoded_at_a_fraction_of_its_size():
    gradient = np.linspace(0, 255, 512).astype(np.uint8)
    content = saved(Image.fromarray(np.broadcast_to(gradient, (512, 512)).copy()), "JPEG", quality=95)
    small = decode(content, 32, "L")[0][..., 0]
    assert np.abs(small.mean(0) - gradient.reshape(32, 16).mean(1)).max() < 3
    assert decode(content, 32, "L")[1] == 512


def damaged(content: bytes, chance: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(chance.choice([1, 2, 5, 20])):
        at = chance.randrange(min(max(len(changed), 1), chance.choice([60, 400, 10_000])))
        kind = chance.random()
        if kind < 0.6:
            changed[at : at + 1] = bytes([chance.randrange(256)])
        elif kind < 0.8:
            changed[at : at + 4] = chance.choice([b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff"])
        elif kind < 0.9:
            del changed[at : at + 9]
        else:
            changed = changed[: max(at, 2)]
    return bytes(changed)


def test_no_damaged_file_raises_anything_else():
    """Two thousand of them, of every format: each is an image or unreadable."""
    chance, noise = random.Random(0), np.random.default_rng(0)
    colour = Image.fromarray(noise.integers(0, 256, (20, 24, 3), np.uint8))
    deep = Image.fromarray(noise.integers(0, 65536, (20, 24)).astype(np.uint16))
    images = [(colour, name) for name in FORMATS] + [(deep, "PNG"), (deep, "TIFF"), (colour.convert("P"), "PNG")]
    images += [(colour.convert("F"), "TIFF"), (colour.convert("F"), "PPM"), (colour.convert("CMYK"), "JPEG")]
    read, reasons = 0, []
    with without_warnings():
        for image, name in images:
            whole = saved(image, name)
            assert decode(whole, None, "RGB")[0].shape[-1] == 3
            for _ in range(100):
                try:
                    pixels, _ = decode(damaged(whole, chance), 8, chance.choice(["L", "RGB"]))
                    assert pixels.shape[:2] == (8, 8)
                    read += 1
                except UnreadableImage as error:
                    reasons.append(str(error))
    assert min(read, len(reasons)) > 200
    assert [why for why in reasons if not 0 < len(why) <= 100 or " at 0x" in why] == []
