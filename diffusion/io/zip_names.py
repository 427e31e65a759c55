"""The names in a .zip, in the encoding that they were written in.

Archives say only whether a name is UTF-8. Python takes all others for code page 437, that of the first PCs; on Chinese
Windows they are GBK, and some programs write UTF-8 without saying so.
"""

from collections.abc import Sequence
from zipfile import ZipInfo

UTF8_FLAG = 0x800


def member_names(members: Sequence[ZipInfo]) -> list[str]:
    """The name of each, with whatever separators it has. All that do not say what they are have the same encoding."""
    raw = [info.orig_filename.encode("cp437") for info in members if is_undeclared(info)]
    encoding = guessed_encoding(raw)
    return [
        info.orig_filename.encode("cp437").decode(encoding).partition("\0")[0] if is_undeclared(info) else info.filename
        for info in members
    ]


def is_undeclared(info: ZipInfo) -> bool:
    """Whether a name needs an encoding and its archive names none. (From Python 3.12 on, names may also come from an
    extra field; then they are already right.)"""
    if info.flag_bits & UTF8_FLAG or info.orig_filename.isascii():
        return False
    try:
        info.orig_filename.encode("cp437")
    except UnicodeEncodeError:
        return False
    return True


def guessed_encoding(names: Sequence[bytes]) -> str:
    """UTF-8 where all names are valid in it. GBK where they are, and most of their characters are among the 6,763 of
    GB 2312, which nearly all Chinese text consists of: accented letters of code page 437 look like rarer ones."""
    if valid(names, "utf-8"):
        return "utf-8"
    if valid(names, "gbk"):
        characters = [character for name in names for character in name.decode("gbk") if not character.isascii()]
        common = sum(valid([character.encode("gbk")], "gb2312") for character in characters)
        if 2 * common > len(characters):
            return "gbk"
    return "cp437"


def valid(names: Sequence[bytes], encoding: str) -> bool:
    try:
        for name in names:
            name.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
