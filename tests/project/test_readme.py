"""README as the Hub and a newcomer read it."""

import re
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

import gradio
import pytest
from huggingface_hub import SpaceCard, SpaceCardData
from huggingface_hub.utils import yaml_dump
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_front_matter_is_a_valid_gradio_space():
    card = SpaceCard.load(ROOT / "README.md")
    data = card.data
    assert isinstance(data, SpaceCardData)
    assert (data.sdk, data.license) == ("gradio", "mit")
    assert (ROOT / data.app_file).is_file()
    assert len(data.short_description) <= 60  # the Hub's own limit
    for name in ("colorFrom", "colorTo"):
        assert getattr(data, name) in ["red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"]
    assert yaml_dump(data.to_dict())


def test_the_pinned_gradio_is_the_one_tested():
    assert SpaceCard.load(ROOT / "README.md").data.sdk_version == gradio.__version__
    assert f"gradio=={gradio.__version__}" in (ROOT / "constraints.txt").read_text()


@pytest.mark.parametrize("target", re.findall(r"\]\((?!http)([^)#]+)\)", README))
def test_every_link_leads_somewhere(target):
    assert (ROOT / target).exists()


def test_requirements_admit_the_versions_tested():
    names = set(re.findall(r"^([a-z_]+)[>=]", (ROOT / "requirements.txt").read_text(), re.M))
    pinned = set(re.findall(r"^([a-z_]+)==", (ROOT / "constraints.txt").read_text(), re.M))
    assert names <= pinned


def test_the_pythons_promised_are_the_same_everywhere():
    project = (ROOT / "pyproject.toml").read_text()
    minors = [int(minor) for minor in re.findall(r"Python :: 3\.(\d+)", project)]
    oldest, newest = minors[0], minors[-1]
    assert minors == list(range(oldest, newest + 1))
    assert f'requires-python = ">=3.{oldest}"' in project
    assert f"Python 3.{oldest} to 3.{newest} and make" in README
    assert f"not (3, {oldest}) <= sys.version_info < (3, {newest + 1})" in (ROOT / "Makefile").read_text()


def test_what_is_pinned_exists_for_the_oldest_python():
    """One release that has left Python 3.10 behind, and nothing can be installed there."""
    checked = 0
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        pin = Requirement(line)
        try:
            needed = metadata(pin.name)["Requires-Python"]
        except PackageNotFoundError:
            continue
        holds_there = pin.marker is None or pin.marker.evaluate({"python_version": "3.10"})
        assert not (holds_there and needed) or SpecifierSet(needed).contains("3.10.13"), line
        checked += 1
    assert checked > 15
