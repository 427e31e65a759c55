"""The colours of lines and branches: seen on the cards of both themes, and apart for people who see fewer colours."""

import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

STYLE = (Path(__file__).parents[2] / "ui" / "web" / "style.css").read_text()
LEAST_CONTRAST = 3.0  # of what is no text, WCAG 2.2, 1.4.11
LEAST_DISTANCE = 0.1  # in OKLab: five times what is just seen
SIGHT = {  # of linear RGB: Machado, Oliveira & Fernandes (2009), severity 1
    "all colours": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "no red": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "no green": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "no blue": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
LMS = [  # Ottosson's OKLab (2020)
    [0.4122214708, 0.5363325363, 0.0514459929],
    [0.2119034982, 0.6806995451, 0.1073969566],
    [0.0883024619, 0.2817188376, 0.6299787005],
]
LAB = [
    [0.2104542553, 0.7936177850, -0.0040720468],
    [1.9779984951, -2.4285922050, 0.4505937099],
    [0.0259040371, 0.7827717662, -0.8086757660],
]


def colours(theme: str) -> dict[str, np.ndarray]:
    """The colours of a theme, by name, as linear RGB."""
    block = STYLE.split(".dark, ")[theme == "dark"]
    return {name: linear(value) for name, value in re.findall(r"--lab-([\w-]+): #(\w{6});", block)}


def linear(value: str) -> np.ndarray:
    rgb = np.array([int(value[i : i + 2], 16) for i in (0, 2, 4)]) / 255
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def luminance(colour: np.ndarray) -> float:
    return float(colour @ [0.2126, 0.7152, 0.0722])


def oklab(colour: np.ndarray) -> np.ndarray:
    return np.array(LAB) @ np.cbrt(np.array(LMS) @ colour.clip(0, 1))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_lines_are_seen_and_told_apart(theme: str):
    known = colours(theme)
    series = [known[f"series-{i}"] for i in range(8)]
    for colour in series:
        low, high = sorted([luminance(colour), luminance(known["card"])])
        assert (high + 0.05) / (low + 0.05) >= LEAST_CONTRAST
    for matrix in SIGHT.values():
        seen = [oklab(np.array(matrix) @ colour) for colour in series]
        assert min(np.linalg.norm(a - b) for a, b in combinations(seen, 2)) >= LEAST_DISTANCE
