"""The public endpoint /fork, as programs call it."""

import json

import numpy as np
import pytest
from gradio.utils import get_function_description
from gradio_client.exceptions import AppError
from PIL import Image

from tests.ui.server.calls import GOOD, sample
from ui.app import build
from ui.request import REQUEST_SETTINGS


def fork(client, forks, **changes):
    return client.predict(forks=forks, **GOOD | changes, api_name="/fork")


def test_without_a_change_the_picture_is_that_of_the_run(client):
    path, about = sample(client, sampler="ddpm")
    for forks in ([{"step": 2}], json.dumps([{"step": 1}, {"step": 3}])):
        forked, told = fork(client, forks, sampler="ddpm")
        with Image.open(path) as whole, Image.open(forked) as rest:
            assert np.array_equal(np.asarray(whole), np.asarray(rest))
            assert json.loads(rest.text["settings"]) == told["settings"]  # type: ignore[attr-defined]
    assert told["settings"] == about["settings"] | {"forks": [{"step": 1}, {"step": 3}]}


def test_other_settings_and_refusals(client):
    assert fork(client, [{"step": 2, "label": 3}])[1]["labels"] == ["3"] * 3
    with pytest.raises(AppError, match="A fork goes on from a step from 0 to 4"):
        fork(client, [{"step": 5}])
    with pytest.raises(AppError, match="its images have 8×8 pixels"):
        fork(client, [{"step": 2, "model": "runs/mine/model"}])


def test_every_parameter_is_documented(engine):
    functions = build(engine).fns.values()
    described, parameters, _ = get_function_description(next(fn.fn for fn in functions if fn.api_name == "fork"))
    assert described.startswith("Sample images, but from one step on")
    assert set(parameters) - {"request"} == {"forks", *REQUEST_SETTINGS}
    assert "JSON list" in parameters["forks"]
