"""What the server does with the values of the page when somebody samples."""

import json
from base64 import b64decode
from typing import Any

import numpy as np
import pytest

from diffusion.io.images import sheet, to_uint8
from diffusion.settings import SETTINGS
from tests.tiny import DEEP, DIT, tiny_model
from tests.ui.images import decoded, recorded_settings
from ui import i18n
from ui.engine import Engine
from ui.handlers import Handlers

# What the controls of a page hold, those that are hidden among them
VALUES = {"run": "a run", "language": "en", "label": "7", "num_images": 3, "steps": 10, "steps_by_hand": False}
VALUES |= {"sampler": "ddim", "seed": 11, "model": "", "guidance_scale": 6, "classifier": "", "classifier_scale": 3.0}
VALUES |= {"freeu_b": 1.0, "freeu_s": 1.0, "guidance_t_min": 0.1, "guidance_t_max": 0.9, "guidance_power": 2.0}
VALUES |= {"skip_scale": 2.0, "eta": 0.0, "respacing": ""}


@pytest.fixture
def handlers(models, tmp_path) -> Handlers:
    """Of an engine with models to which different settings apply."""
    tiny_model(1, name="deep", network=DEEP).save(models / "deep")
    tiny_model(2, name="dit", network=DIT, label_names=()).save(models / "dit")
    tiny_model(3, name="heun", sampler="heun").save(models / "heun")
    return Handlers(Engine("unet", tmp_path / "runs"))


def messages(handlers: Handlers, **changes: Any) -> list[dict[str, Any]]:
    return [json.loads(result["player"]) for result in handlers.generate(VALUES | changes)]


def png(handlers: Handlers, **changes: Any) -> bytes:
    """The finished images of a run."""
    return b64decode(messages(handlers, **changes)[-1]["result"]["png"])


def test_a_run_comes_as_messages_that_stand_alone(handlers):
    sent = messages(handlers)
    for message in sent:
        about = {"run": "a run", "label": "7", "seed": 11, "count": 3, "size": 8, "total": 4, "live": False}
        assert message == message | about
    assert [frame[0] for message in sent for frame in message["frames"]] == [0, 1, 2, 3, 4]
    assert ["result" in message for message in sent] == [False] * (len(sent) - 1) + [True]


def test_the_images_are_those_of_the_controls_and_carry_their_settings(handlers):
    image = png(handlers, steps=6, steps_by_hand=True)
    given = {"steps": 6, "guidance_scale": 6.0, "guidance_t_min": 0.1, "guidance_t_max": 0.9, "guidance_power": 2.0}
    given |= {"sampler": "ddim", "seed": 11, "eta": 0.0}
    assert np.array_equal(decoded(image), sheet(to_uint8(tiny_model(0).generate([7] * 3, **given))))
    recorded = recorded_settings(image)
    assert recorded == recorded | given | {"model": "unet", "label": "7", "num_images": 3}
    assert "skip_scale" not in recorded
    assert "classifier_scale" not in recorded


def test_what_a_hidden_control_holds_never_reaches_the_model(handlers):
    # guidance was set to 6 for the model before; the DiT has no labels to be guided to
    image = png(handlers, model="dit", label="")
    expected = tiny_model(2, network=DIT, label_names=()).generate(
        [-1] * 3, seed=11, skip_scale=2.0, guidance_t_min=0.1, guidance_t_max=0.9
    )
    assert np.array_equal(decoded(image), sheet(to_uint8(expected)))
    assert not {"guidance_scale", "guidance_power", "freeu_b"} & set(recorded_settings(image))


def test_every_value_of_a_control_that_is_seen_reaches_the_model(handlers):
    other = {"sampler": "heun", "seed": 12, "guidance_scale": 3.0, "freeu_b": 1.2, "freeu_s": 0.8, "eta": 0.5}
    other |= {"guidance_t_min": 0.2, "guidance_t_max": 0.7, "guidance_power": 1.0, "respacing": "3", "skip_scale": 1.5}
    for name, value in other.items():
        changes = {name: value, "model": "dit" if name == "skip_scale" else "deep"}
        changes["label"] = "" if name == "skip_scale" else "7"
        assert recorded_settings(png(handlers, **changes))[name] == value
    assert set(other) == set(SETTINGS) - {"steps", "classifier_scale"}  # which other tests are about


@pytest.mark.parametrize(
    ("changes", "steps"),
    [({}, 4), ({"steps_by_hand": True}, 10), ({"sampler": "heun"}, 10), ({"sampler": "heun", "model": "heun"}, 4)],
    ids=["the model's own", "typed", "the sampler's", "the model's own, of its sampler"],
)
def test_steps_count_if_they_were_typed(handlers, changes, steps):
    assert messages(handlers, **changes)[-1]["total"] == steps


def test_names_that_are_missing_stand_for_the_models_own(handlers):
    results = list(handlers.generate({}))
    message = json.loads(results[-1]["player"])
    assert (message["run"], message["count"], message["total"], message["seed"]) == ("None", 16, 4, 0)
    assert recorded_settings(b64decode(message["result"]["png"]))["guidance_scale"] == 2.0


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"steps": 5000, "steps_by_hand": True}, "Steps must be a whole number from 1 to 1000, not 5000."),
        ({"num_images": 65}, "Images must be a whole number from 1 to 64, not 65."),
        ({"guidance_scale": [1]}, "Guidance scale must be a number from 0 to 20, not [1]."),
        ({"guidance_t_min": 1, "guidance_t_max": 0.5}, "Guidance end (t) must not be above Guidance start (t): "),
        ({"label": "cow"}, "Label must be one of 0, 1, 2"),
        ({"model": "../secret"}, "Model must be one of unet, "),
        ({"classifier": "nobody"}, "Classifier guidance must be one of "),
    ],
)
def test_what_is_wrong_is_said_with_the_pages_names(handlers, changes, sentence):
    (message,) = messages(handlers, **changes)
    assert set(message) == {"run", "error"}
    assert message["error"].startswith(sentence)


def test_errors_are_in_the_language_of_the_page(handlers, monkeypatch):
    words = {"settings.integer": "{setting:name} muss {low} bis {high} sein, nicht {given!r}."}
    monkeypatch.setitem(i18n.MESSAGES, "xx", words)
    monkeypatch.setitem(i18n.TEXTS, "xx", {"settings.num_images.label": "Bilder"})
    english = "Images must be a whole number from 1 to 64, not 65."
    sentences = {"xx": "Bilder muss 1 bis 64 sein, nicht 65.", "en": english, "unknown": english, None: english}
    for language, sentence in sentences.items():
        (message,) = messages(handlers, num_images=65, language=language)
        assert message["error"] == sentence
        assert json.loads(handlers.live(VALUES | {"num_images": 65, "language": language}))["error"] == sentence


def test_closing_a_run_ends_its_computation(handlers):
    calls = []
    handlers.engine.load().network.register_forward_hook(lambda *_: calls.append(1))
    run = handlers.generate(VALUES | {"steps": 1000, "steps_by_hand": True})
    next(run)
    run.close()
    assert len(calls) < 100
