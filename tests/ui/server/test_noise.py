"""The public endpoint /noise, as programs call it."""

import json

import numpy as np
import pytest
from gradio.utils import get_function_description
from gradio_client.exceptions import AppError
from PIL import Image

from diffusion.io.images import sheet, to_uint8
from ui.app import build
from ui.engine import Engine
from ui.lab.noise import NoiseLab
from ui.lab.noise_request import NOISE_SETTINGS, NoiseRequest


def test_the_answer_is_the_engines(client, home, monkeypatch):
    path, about = client.predict(digit="3", t=0.4, seed=6, api_name="/noise")
    monkeypatch.chdir(home)  # where the server looks for MNIST, too
    view = NoiseLab(Engine("own", runs_dir="runs")).view(NoiseRequest(digit="3", t=0.4, seed=6))
    with Image.open(path) as opened:
        pixels, settings = np.asarray(opened).astype(int), json.loads(opened.text["settings"])  # type: ignore[attr-defined]
    images = (view.x0, view.x, view.network.x0, view.ideal.x0, view.blur)  # on this process, x has a spread of 1
    expected = sheet(np.concatenate([to_uint8(image) for image in images]), columns=5)[..., 0]
    assert np.abs(pixels - expected).max() <= 1
    assert settings == about["settings"]
    assert settings == {"digit": "3", "index": 0, "split": "test", "t": 0.4, "seed": 6, "model": settings["model"]}
    assert about["errors"]["network"] == pytest.approx(view.network.x0_error, rel=1e-3)
    assert about["errors"]["blur"] == pytest.approx(view.blur_error, rel=1e-3)
    assert [each["digit"] for each in about["neighbours"]] == [each.digit for each in view.neighbours]
    assert sum(each["weight"] for each in about["neighbours"]) <= 1 + 1e-6
    assert about["images"] == view.images


def test_a_refusal_is_a_sentence(client):
    with pytest.raises(AppError, match=r"t must be a number from 0.001 to 1, not 7"):
        client.predict(t=7, api_name="/noise")
    with pytest.raises(AppError, match=r"model must be one that was trained to generate MNIST's digits"):
        client.predict(model="runs/mine/model", api_name="/noise")  # of 8x8 pixels
    assert client.predict(api_name="/noise")[1]["settings"]["t"] == 0.5


def test_every_parameter_is_documented(engine):
    functions = build(engine).fns.values()
    described, parameters, _ = get_function_description(next(fn.fn for fn in functions if fn.api_name == "noise"))
    assert described.startswith("Add noise to a real digit")
    assert set(parameters) - {"request"} == set(NOISE_SETTINGS)
    for name, setting in NOISE_SETTINGS.items():
        assert setting.help in parameters[name]
