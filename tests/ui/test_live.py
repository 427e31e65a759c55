"""Live sampling on the server: what a sheet is, what is refused, and for how many at once."""

import json
from unittest.mock import ANY

import gradio as gr
import pytest

from tests.tiny import ONE_PASS, tiny_model
from ui.app import build
from ui.choices import Choices
from ui.engine import Engine
from ui.handlers import Handlers
from ui.precompute import Precomputed

FEW_STEPS = {"sampler": "turbo", "steps": 2, "network": ONE_PASS}
VALUES = {"label": "7", "num_images": 3, "guidance_scale": 1.5, "sampler": "turbo", "steps": 2, "steps_by_hand": False}
VALUES |= {"seed": 11, "model": "turbo", "language": "en", "number": 5}


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """The folder of bundled models: "unet", which takes its time, and "turbo"."""
    tiny_model(0, name="unet").save(tmp_path / "weights" / "unet")
    tiny_model(1, name="turbo", **FEW_STEPS).save(tmp_path / "weights" / "turbo")
    monkeypatch.setattr("diffusion.io.hub.BUNDLED", tmp_path / "weights")
    return tmp_path / "weights"


@pytest.fixture
def handlers(weights, tmp_path):
    return Handlers(Engine("unet", tmp_path / "runs"))


def live(handlers, **changes):
    return json.loads(handlers.live(VALUES | changes))


def test_a_sheet_is_what_generate_ends_with(handlers):
    messages = [json.loads(result["player"]) for result in handlers.generate(VALUES | {"run": "a run"})]
    sent = live(handlers)
    assert (sent["run"], sent["live"], sent["seed"], sent["step"]) == ("live 5", True, 11, 2)
    assert sent["frames"] == [frame for message in messages for frame in message["frames"]]
    assert sent["result"] == messages[-1]["result"]
    assert {(message["run"], message["live"]) for message in messages} == {("a run", False)}


def test_the_noise_stays_while_guidance_changes(handlers):
    sheets = [live(handlers, guidance_scale=i) for i in range(3)]
    assert len({sheet["frames"][0][4] for sheet in sheets}) == 1
    assert len({sheet["result"]["png"] for sheet in sheets}) == 3


def test_what_the_model_has_no_use_for_is_left_out(handlers):
    late = {"guidance_t_min": 0.4, "guidance_t_max": 0.8, "guidance_power": 2.0, "skip_scale": 1, "eta": 0.5}
    assert live(handlers, **late) == live(handlers) | {"seconds": ANY}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"label": "cow"}, "Label must be one of 0, 1, 2"),
        ({"num_images": 65}, "Images must be a whole number from 1 to 64, not 65."),
        ({"seed": -1}, "Seed must be a whole number from 0"),
        ({"guidance_scale": 5}, "Guidance scale must be a number from 0 to 4 for turbo, not 5.0."),
        ({"steps": 1000, "steps_by_hand": True}, "Live sampling takes at most 8 steps, not 1000"),
        ({"sampler": "heun"}, "Live sampling takes at most 8 steps, not 10"),
        ({"model": "unet"}, "Live sampling needs a model distilled to a few steps, which unet is not."),
        ({"model": "../secret"}, "Model must be one of"),
    ],
)
def test_what_is_wrong_is_said(handlers, changes, sentence):
    message = live(handlers, **changes)
    assert message == {"run": "live 5", "error": ANY}
    assert message["error"].startswith(sentence)


@pytest.mark.parametrize("number", ["1" * 10_000, None, {"a": []}])
def test_a_strange_number_does_no_harm(handlers, number):
    assert len(live(handlers, number=number)["run"]) <= len("live ") + 20


@pytest.fixture
def choices(handlers):
    return Choices(Precomputed(handlers.engine), handlers)


def test_the_switch_chooses_a_model_that_can_do_it(choices, tmp_path):
    shown = choices.switch_live({"live": True, "model": "unet", "label": "3"})
    assert (shown["model"]["value"], shown["steps"]["value"], shown["label"]["value"]) == ("turbo", 2, "3")
    for on, ref in ((True, "turbo"), (False, "unet"), (False, "turbo")):
        assert choices.switch_live({"live": on, "model": ref}) == {}
    mine = tmp_path / "runs" / "mine" / "model"
    tiny_model(2, **FEW_STEPS).save(mine)
    assert choices.handlers.few_step_models() == ["turbo", str(mine)]
    assert choices.switch_live({"live": True, "model": str(mine)}) == {}


def test_a_slow_model_switches_it_off(choices):
    for ref, value, most in (("unet", False, 10), ("turbo", gr.skip(), 4)):
        shown = choices.choose_model({"model": ref, "label": "7"})
        assert shown["live"] == gr.update(visible=True) | ({"value": False} if value is False else {})
        assert shown["guidance_scale"]["maximum"] == most


def test_without_a_quick_model_there_is_no_switch(choices, weights):
    for file in (weights / "turbo").iterdir():
        file.unlink()
    (weights / "turbo").rmdir()
    assert choices.choose_model({"model": "unet", "label": "7"})["live"]["visible"] is False
    assert choices.reload({"model": "unet", "label": "7"})["live"]["visible"] is False
    assert choices.switch_live({"live": True, "model": "unet"}) == {}
    blocks = build(choices.engine)
    assert [block.visible for block in blocks.blocks.values() if block.elem_id == "live"] == [False]


def test_where_too_many_wait_there_is_no_sheet_and_no_error(handlers, monkeypatch):
    monkeypatch.setattr("ui.hosting.places.RUNNING", 0)
    monkeypatch.setattr("ui.hosting.places.WAITING", 0)
    assert handlers.live(VALUES) is None
