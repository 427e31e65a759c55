"""The public endpoint /compare, as programs call it."""

import pytest
from gradio.utils import get_function_description
from gradio_client.exceptions import AppError
from PIL import Image

from ui.app import build
from ui.endpoints.compare import MEASURES, NAMES
from ui.lab.compare import COMPARE_SETTINGS

GRID = {"row_values": "ddim, unipc", "column_values": "1, 3, x", "label": "3", "seed": 2, "num_images": 2}


def test_a_grid_with_its_numbers(client):
    path, about = client.predict(**GRID, api_name="/compare")
    with Image.open(path) as opened:
        assert opened.width > opened.height > 100
    assert about["rows"] == {"setting": "sampler", "values": ["ddim", "unipc"]}
    assert about["columns"] == {"setting": "steps", "values": [1, 3]}
    assert about["problems"] == ["steps must be a whole number from 1 to 1000, not 'x'."]
    assert [cell["settings"]["steps"] for cell in about["cells"]] == [1, 3, 1, 3]
    assert "distance" not in about["cells"][0]
    for cell in about["cells"]:
        assert cell["calls"] >= cell["settings"]["steps"]
        assert cell["seconds"] > 0
        assert cell["share"]["of"] == 2
        assert 0 <= cell["share"]["low"] <= cell["share"]["right"] / 2 <= cell["share"]["high"] <= 1


def test_distances_are_measured_on_request(client):
    rows = {"row_values": "ddim, ddpm", "column_values": "2, 1000", "label": "3", "num_images": 2}
    _, about = client.predict(**rows, distances="yes", api_name="/compare")
    short, same, _, other = [cell["distance"] for cell in about["cells"]]
    assert same == 0 < short
    assert other > 0  # with fresh noise it ends elsewhere
    with pytest.raises(AppError, match="distances must be one of no, yes, not 'maybe'"):
        client.predict(**rows, distances="maybe", api_name="/compare")


def test_a_refusal_is_a_sentence(client):
    with pytest.raises(AppError, match="Rows and columns are both steps: choose two different settings"):
        client.predict(rows="steps", api_name="/compare")
    with pytest.raises(AppError, match="model must be one of"):
        client.predict(model="none", api_name="/compare")


def test_every_parameter_is_documented(engine):
    functions = build(engine).fns.values()
    described, parameters, _ = get_function_description(next(fn.fn for fn in functions if fn.api_name == "compare"))
    assert described.startswith("Compare sampling settings")
    assert set(parameters) - {"request"} == {*NAMES, *MEASURES}
    assert "1000 DDIM steps" in parameters["distances"]
    for name in NAMES:
        assert COMPARE_SETTINGS[name].help in parameters[name]
