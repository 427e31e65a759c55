"""The operator's own model: a local one is there at the start, one from the Hub comes in the background."""

import asyncio
import threading

import numpy as np
import pytest

from diffusion import InputError, Model
from diffusion.io.hub import ModelUnavailable
from diffusion.io.images import to_uint8
from tests.tiny import tiny_model
from ui import registry as registry_module
from ui.engine import Engine
from ui.hosting.places import Busy
from ui.i18n import text
from ui.precompute import Precomputed
from ui.request import Request


async def news(precomputed, then=lambda: None):
    """What a visitor is told of the operator's model; after the first of it, ``then`` is called."""
    sentences = []
    async for sentence, ref in precomputed.news("en"):
        sentences.append((sentence, ref))
        then()
    return sentences


@pytest.mark.parametrize("ref", ["no-such-model", "/no/such/path"])
def test_a_local_default_that_is_not_there_is_refused_at_once(models, ref):
    with pytest.raises(InputError, match=ref):
        Engine(ref)


def test_a_default_from_the_hub_is_fetched_in_the_background(models, tmp_path, monkeypatch):
    tiny_model(5, title="Hubbed").save(tmp_path / "hub")
    arrived, resolve = threading.Event(), registry_module.resolve

    def fetch(ref):
        if not ref.startswith("hub:"):
            return resolve(ref)
        arrived.wait(60)
        return tmp_path / "hub"

    monkeypatch.setattr(registry_module, "resolve", fetch)
    engine = Engine("hub:alice/digits", tmp_path / "runs")
    assert (engine.default, engine.status()) == ("unet", None)
    precomputed = Precomputed(engine)
    precomputed.start("7")
    assert engine.status().text() == "Fetching hub:alice/digits; until it is here, the bundled model unet is used."
    *_, last = engine.run(Request(num_images=1))
    assert last.result.record["model"] == "unet"
    assert asyncio.run(news(precomputed, arrived.set)) == [
        (text("hub.loading", ref="hub:alice/digits"), None),
        (text("hub.arrived", ref="hub:alice/digits"), "hub:alice/digits"),
    ]
    assert (engine.default, engine.status()) == ("hub:alice/digits", None)
    *_, last = engine.run(Request(num_images=1))
    assert np.array_equal(last.result.images, to_uint8(tiny_model(5).generate([-1])))
    entry = engine.models()[-1]
    assert (entry.ref, entry.title, entry.source) == ("hub:alice/digits", "alice/digits (Hubbed)", "hub")
    assert engine.describe("hub:alice/digits").config.title == "Hubbed"


def test_a_hub_that_fails_leaves_the_bundled_model_and_says_why(models, tmp_path, monkeypatch):
    resolve = registry_module.resolve

    def down(ref, **access):
        if ref.startswith("hub:"):
            raise ModelUnavailable("hub.cannot_load", temporary=True, name=ref, reason="the Hub is down")
        return resolve(ref)

    engine = Engine("hub:alice/digits", tmp_path / "runs")
    precomputed = Precomputed(engine)
    monkeypatch.setattr(registry_module, "resolve", down)
    precomputed.start("7")
    expected = "hub:alice/digits cannot be loaded: the Hub is down. The bundled model unet is used instead."
    assert asyncio.run(news(precomputed))[-1] == (expected, None)
    assert engine.status().text() == expected
    with pytest.raises(InputError, match="the Hub is down"):
        engine.load("hub:bob/digits")
    assert engine.default == "unet"
    assert [entry.source for entry in engine.models()] == ["bundled", "bundled"]
    assert list(engine.run(Request(num_images=1)))[-1].result.record["model"] == "unet"


def test_a_program_is_told_once_all_is_prepared(models, tmp_path, monkeypatch):
    """Its thumbnails are there by then, and the engine is chosen."""
    chosen, prepared = [], threading.Event()
    monkeypatch.setattr(Model, "choose_engine", lambda model, run: chosen.append((model.config.name, len(run()))))
    precomputed = Precomputed(Engine("unet", tmp_path / "runs"))
    precomputed.start("7", prepared.set)
    assert prepared.wait(60)
    assert [name for name, _ in chosen] == ["unet"]
    assert chosen[0][1] > 0  # a run of the model itself
    assert precomputed._thumbnails


def test_a_default_may_be_given_by_its_address(models, tmp_path):
    engine = Engine("https://huggingface.co/alice/digits/tree/main", tmp_path / "runs")
    assert (engine.default, engine.registry.own) == ("unet", "hub:alice/digits")


def test_an_example_stays_where_thumbnails_cannot_be_had(engine, monkeypatch):
    precomputed = Precomputed(engine)

    def busy():
        raise Busy("host.busy")

    monkeypatch.setattr(precomputed, "thumbnails", busy)
    precomputed.start("7")
    assert '"png"' in asyncio.run(precomputed.example(60))
