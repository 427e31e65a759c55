"""JSON of strangers: whatever is wrong with it, it is one kind of error."""

import ast
from pathlib import Path

import pytest

from diffusion.io.json_text import DEEPEST, parse_json

ROOT = Path(__file__).parents[3]
OWN = {  # what this program has written itself
    *("diffusion/errors/__init__.py", "ui/i18n/__init__.py"),  # its words
    *("ui/sharing/forked.py", "ui/tabs/compare.py"),  # what another of its functions has just returned
}


def test_json_is_parsed():
    assert parse_json('{"a": [1]}') == parse_json(b'{"a": [1]}') == {"a": [1]}


@pytest.mark.parametrize("text", ["[" * 40_000, '{"a":' * 40_000, "[1", b"\xff", "", "9" * 5000])
def test_what_cannot_be_read_is_one_kind_of_error(text):
    with pytest.raises(ValueError, match=r"."):
        parse_json(text)


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[0,{"a":', "}]")])
def test_how_deep_it_may_be_nested_is_the_same_in_every_python(opening, closing):
    """What ``json`` itself reads is not: some read 40,000 levels, which nothing can copy or print afterwards."""

    def nested(depth):
        times = depth // len(closing)
        return opening * times + "0" + closing * times

    assert parse_json(nested(DEEPEST))
    for depth in (DEEPEST + len(closing), 2000, 40_000):
        with pytest.raises(ValueError, match="nested too deeply"):
            parse_json(nested(depth))


def test_no_other_place_parses_the_json_of_strangers():
    found = set()
    for path in (path for name in ("diffusion", "train", "ui") for path in (ROOT / name).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and ast.unparse(node) in ("json.load", "json.loads"):
                found.add(path.relative_to(ROOT).as_posix())
    assert found - OWN == {"diffusion/io/json_text.py"}
