"""The public endpoint, /generate, as programs call it: by gradio_client and by plain HTTP, in both versions."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from gradio.utils import get_function_description
from PIL import Image

from diffusion import load_classifier
from diffusion.io.images import sheet, to_uint8
from tests.tiny import DEEP, tiny_model
from tests.ui.server.calls import call, sample
from tests.ui.server.conftest import LINEAR
from ui.app import build
from ui.request import REQUEST_SETTINGS

pytestmark = pytest.mark.slow

NAMES = ["label", "num_images", "sampler", "steps", "guidance_scale", "seed", "model", "classifier"]
NAMES += ["classifier_scale", "freeu_b", "freeu_s", "guidance_t_min", "guidance_t_max", "skip_scale", "guidance_power"]
LATER = ["eta", "respacing"]
ALL = ["7", 2, "ddim", 5, 3, 11, "", "", None, None, None, 0.1, 0.9, None, 1.5, 0.25, "5"]
RUNS = {name: os.path.join("runs", name, "model") for name in ("mine", "blind", "reader", "lens", "dit")}


def pixels(path: str) -> np.ndarray:
    return np.asarray(Image.open(path)).astype(int)


def test_the_images_are_the_models(client):
    path, about = sample(client)
    expected = tiny_model(image_size=28).generate([7] * 3, sampler="ddim", steps=5, guidance_scale=2.0, seed=3)
    assert np.array_equal(pixels(path), sheet(to_uint8(expected))[..., 0])
    assert json.loads(Image.open(path).text["settings"]) == about["settings"]
    assert about["labels"] == ["7"] * 3
    assert about["seconds"] > 0
    assert len(about["readings"]) == 3
    assert all(0 <= reading["confidence"] <= 1 for reading in about["readings"])


def test_names_and_their_order_stay(client):
    endpoints = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert sorted(endpoints) == ["/compare", "/fork", "/generate", "/noise"]
    parameters = endpoints["/generate"]["parameters"]
    assert [parameter["parameter_name"] for parameter in parameters] == NAMES + LATER
    assert all(parameter["parameter_has_default"] for parameter in parameters)


def test_every_setting_is_documented(engine):
    functions = build(engine).fns.values()
    described, parameters, _ = get_function_description(next(fn.fn for fn in functions if fn.api_name == "generate"))
    assert described == "Sample images from a diffusion model."
    assert set(parameters) - {"request"} == set(REQUEST_SETTINGS)  # Gradio gives who calls, too
    for name, setting in REQUEST_SETTINGS.items():
        assert setting.help in parameters[name]
        if setting.kind in ("integer", "number"):
            assert f"from {setting.low:g} to {int(setting.high)}" in parameters[name]
        for choice in setting.choices:
            assert choice in parameters[name]


def test_everything_has_a_default(client):
    path, about = client.predict(api_name="/generate")
    expected = {"label": "", "num_images": 16, "sampler": "ddim", "steps": 4, "guidance_scale": 2.0, "seed": 0}
    assert about["settings"] == about["settings"] | expected
    assert np.array_equal(pixels(path), sheet(to_uint8(tiny_model(image_size=28).generate([-1] * 16)))[..., 0])


@pytest.mark.parametrize("count", range(len(NAMES + LATER) + 1))
def test_a_list_of_values_may_end_anywhere(server, count):
    event, answer = call(server, ALL[:count])
    assert event == "complete"
    given = {name: value for name, value in zip(NAMES + LATER, ALL[:count], strict=False) if value not in (None, "")}
    assert answer[1]["settings"] == answer[1]["settings"] | given


@pytest.mark.parametrize("left_out", [[], ["num_images"], ["label", "steps", "seed"], NAMES + LATER])
def test_values_by_name_may_be_left_out(server, client, left_out):
    values = dict(zip(NAMES + LATER, ALL, strict=True))
    values = {name: value for name, value in values.items() if name not in left_out}
    event, answer = call(server, values, "/v2")
    assert event == "complete"
    _, by_client = client.predict(**values, api_name="/generate")
    assert answer[1]["settings"] == by_client["settings"]


REPEATED = [
    {},
    {"label": "7", "num_images": 2, "seed": 5, "sampler": "heun", "steps": 3},
    {"guidance_t_min": 0.2, "guidance_t_max": 0.8, "guidance_power": 1.5, "eta": 0.5},
    {"respacing": "3", "label": "1"},
    {"model": RUNS["blind"], "classifier": RUNS["reader"], "classifier_scale": 20, "label": "4", "freeu_b": 1.2},
    {"model": RUNS["dit"], "skip_scale": 1.5},
    {"model": RUNS["lens"], "num_images": 12},
]


@pytest.mark.parametrize("values", REPEATED, ids=lambda values: ", ".join(values))
def test_the_settings_of_an_answer_give_the_same_file(client, values):
    path, about = client.predict(**values, api_name="/generate")
    settings = {name: value for name, value in about["settings"].items() if name not in ("precision", "version")}
    assert settings == settings | values
    again, _ = client.predict(**settings, api_name="/generate")
    assert Path(again).read_bytes() == Path(path).read_bytes()


def test_a_run_by_its_reference(client):
    path, about = sample(client, model=RUNS["mine"], sampler="heun", steps=3)
    assert about["settings"]["model"] == RUNS["mine"]
    expected = tiny_model(1).generate([7] * 3, sampler="heun", steps=3, guidance_scale=2.0, seed=3)
    assert np.array_equal(pixels(path), sheet(to_uint8(expected))[..., 0])


def test_a_classifier_and_freeu_by_their_names(client, home):
    given = {"classifier": RUNS["reader"], "classifier_scale": 20, "freeu_b": 1.2}
    path, about = sample(client, model=RUNS["blind"], guidance_scale=None, **given)
    assert about["settings"] == about["settings"] | given
    expected = tiny_model(4, label_names=(), network=DEEP, **LINEAR).generate(
        [7] * 3,
        sampler="ddim",
        steps=5,
        seed=3,
        classifier_scale=20.0,
        freeu_b=1.2,
        classifier=load_classifier(home / "runs" / "reader" / "model"),
    )
    assert np.abs(pixels(path) - sheet(to_uint8(expected))[..., 0]).max() <= 1


def test_super_resolution_names_the_digits_it_enlarged(client):
    path, about = sample(client, model=RUNS["lens"], label="", num_images=4, guidance_scale=None)
    assert about["labels"] == ["0", "1", "2", "3"]
    assert Image.open(path).size == (58, 58)
