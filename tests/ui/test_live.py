"""Live drawing, as the engine answers it: what is checked, what a sheet is, and for how many at once."""

import json
from threading import Lock
from types import SimpleNamespace
from unittest.mock import ANY

import anyio
import gradio as gr
import pytest

from diffusion.settings import Request
from tests.tiny import NETWORK, tiny_model
from ui.engine import Engine
from ui.handlers import LIVE_VALUES, OF_MODEL, PEOPLE, WAITING_PEOPLE, Answers
from ui.precompute import Backstage
from ui.tabs.live import asking

QUICK = {"sampler": "turbo", "steps": 2, "network": NETWORK | {"max_guidance": 4.0}}
NAMES = ("label", "num_images", "guidance_scale", "sampler", "steps", "by_hand", "eta", "seed", "model")
GOOD = dict(zip(NAMES, ("7", 3, 1.5, "turbo", 2, False, 0, 11, "turbo"), strict=True))


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """The folder of bundled models: "unet", which takes its time, and "turbo"."""
    tiny_model(0, name="unet").save(tmp_path / "weights" / "unet")
    tiny_model(1, name="turbo", **QUICK).save(tmp_path / "weights" / "turbo")
    monkeypatch.setattr("diffusion.io.hub.BUNDLED", tmp_path / "weights")
    return tmp_path / "weights"


@pytest.fixture
def answers(weights, tmp_path):
    return Answers(Backstage(Engine("unet", tmp_path / "runs")))


def values(language="en", **changes):
    """What the browser sends after the number."""
    return [*(GOOD | changes).values(), 1.0, 0.0, 0.0, "", 3.0, 0.0, 1.0, 1.0, language]


def test_a_sheet_is_what_generate_ends_with(answers):
    drawn = [json.loads(message) for message in answers.draw("a run", *values())]
    frames = [frame for message in drawn for frame in message["frames"]]
    sheet = json.loads(answers.draw_live([5, *values()]))
    assert (sheet["run"], sheet["live"], sheet["seed"], sheet["step"]) == ("live 5", True, 11, 2)
    assert sheet["frames"] == frames
    assert sheet["result"] == drawn[-1]["result"]
    assert {(message["run"], message["live"]) for message in drawn} == {("a run", False)}
    assert len(values()) == LIVE_VALUES
    assert answers.engine._runs == 0


def test_the_noise_stays_while_guidance_changes(answers):
    sheets = [json.loads(answers.draw_live([i, *values(guidance_scale=i)])) for i in range(3)]
    assert len({sheet["frames"][0][4] for sheet in sheets}) == 1
    assert len({sheet["result"]["png"] for sheet in sheets}) == 3


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"label": "cow"}, "Label must be one of 0, 1, 2"),
        ({"label": {"a": 1}}, "Label must be the name of a class"),
        ({"num_images": 65}, "Images must be a whole number from 1 to 64, not 65."),
        ({"guidance_scale": [1]}, "Guidance scale must be a number from 0 to 20"),
        ({"seed": -1}, "Seed must be a whole number from 0"),
        ({"steps": 1000, "by_hand": True}, "Live drawing takes at most 8 steps, not 1000"),
        ({"sampler": "heun"}, "Live drawing takes at most 8 steps, not 10"),
        ({"sampler": ["turbo"]}, "Sampler must be one of"),
        (
            {"model": "unet", "sampler": "ddim"},
            "Live drawing wants a model distilled to a few steps, which unet is not",
        ),
        ({"model": "../secret"}, "Model must be one of"),
        ({"model": 3}, "Model must be"),
        ({"language": "zh", "steps": 9, "by_hand": True}, "实时绘制最多 8 步，而不是 9"),
    ],
)
def test_values_are_checked_in_words(answers, changes, said):
    message = json.loads(answers.draw_live([1, *values(**changes)]))
    assert set(message) == {"run", "error"}
    assert message["error"].startswith(said)


@pytest.mark.parametrize("sent", [None, "", 7, {}, [], [1], [1, *values(), 2], [[], {}], {"data": values()}])
def test_what_no_page_sends_is_refused(answers, sent):
    assert json.loads(answers.draw_live(sent))["error"] == f"Live drawing takes a number and {LIVE_VALUES} values."


def test_a_strange_number_does_no_harm(answers):
    for number in ("1" * 10_000, None, {"a": []}):
        assert len(json.loads(answers.draw_live([number, *values()]))["run"]) <= len("live ") + 20


def test_the_switch_chooses_a_model_that_can_do_it(answers, tmp_path, weights):
    assert answers.switch_live(True, "unet") == "turbo"
    for on, ref in ((True, "turbo"), (False, "unet"), (False, "turbo")):
        assert answers.switch_live(on, ref) == gr.skip()
    tiny_model(2, **QUICK).save(tmp_path / "runs" / "mine" / "model")
    mine = str(tmp_path / "runs" / "mine" / "model")
    assert answers.quick_models() == ["turbo", mine]
    assert answers.switch_live(True, mine) == gr.skip()


def test_a_slow_model_switches_it_off(answers):
    for ref, switch in (("unet", {"visible": True, "value": False}), ("turbo", {"visible": True})):
        update = answers.choose_model(ref, "7", "en")
        assert len(update) == OF_MODEL
        assert {name: update[2].get(name) for name in switch} == switch
        assert ("value" in update[2]) == ("value" in switch)
    assert [answers.choose_model(ref, "7", "en")[1]["maximum"] for ref in ("unet", "turbo")] == [10, 4]


def test_what_the_model_has_no_use_for_is_left_out(answers):
    late = values()  # of the sliders of another model
    late[9:12] = [0.8, 0.4, 2.0]
    assert json.loads(answers.draw_live([1, *late])) == json.loads(answers.draw_live([1, *values()])) | {"seconds": ANY}


def test_without_a_quick_model_there_is_no_switch(answers, weights):
    for file in (weights / "turbo").iterdir():
        file.unlink()
    (weights / "turbo").rmdir()
    assert answers.choose_model("unet", "7", "en")[2]["visible"] is False
    assert answers.find_models("unet", "", "7", "en")[2]["visible"] is False
    assert answers.switch_live(True, "unet") == gr.skip()


def test_so_many_are_drawn_for_at_once_and_no_more_wait_than_may():
    lock, gate, now = Lock(), anyio.Event(), SimpleNamespace(drawing=0, most=0)

    def draw_live(sent):
        with lock:
            now.drawing += 1
            now.most = max(now.most, now.drawing)
        anyio.from_thread.run(gate.wait)
        with lock:
            now.drawing -= 1
        return sent

    async def crowd():
        draw, answered = asking(SimpleNamespace(draw_live=draw_live)), []

        async def ask(i):
            answered.append((i, await draw(i)))

        async with anyio.create_task_group() as group:
            for i in range(PEOPLE + WAITING_PEOPLE + 5):
                group.start_soon(ask, i)
                await anyio.lowlevel.checkpoint()
            while len(answered) < 5 or now.drawing < PEOPLE:
                await anyio.sleep(0.01)
            gate.set()
        return answered

    answered = anyio.run(crowd)
    assert now.most == PEOPLE
    refused = [i for i, answer in answered if answer is None]
    assert refused == list(range(PEOPLE + WAITING_PEOPLE, PEOPLE + WAITING_PEOPLE + 5))
    assert all(answer == i for i, answer in answered if answer is not None)
    assert len(answered) == PEOPLE + WAITING_PEOPLE + 5


def test_live_and_generate_share_the_checks(answers):
    said = json.loads(next(answers.draw("a run", *values(label="cow"))))["error"]
    assert json.loads(answers.draw_live([1, *values(label="cow")]))["error"] == said
    assert answers.check_live(Request(model="turbo")).name == "turbo"
