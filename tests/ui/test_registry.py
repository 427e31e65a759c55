"""The engine's models: what there are, how they are loaded, held and loaded anew, and the operator's own."""

import asyncio
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from diffusion import InputError
from diffusion.io.hub import ModelUnavailable
from diffusion.io.images import to_uint8
from diffusion.settings import Request
from tests.tiny import DIGITS, tiny_model
from ui import registry as registry_module
from ui.engine import Engine
from ui.precompute import Backstage


def test_models_lists_bundled_ones_own_and_runs_newest_first(models, tmp_path):
    tiny_model(title="Mine").save(tmp_path / "own")
    runs = tmp_path / "runs"
    engine = Engine(str(tmp_path / "own"), runs)
    listed = [(entry.ref, entry.source) for entry in engine.models()]
    own = (str(tmp_path / "own"), "run")
    assert listed == [("unet", "bundled"), ("other", "bundled"), own]
    for age, name in enumerate(("new", "old")):
        tiny_model(title="Tiny", description="From a run.").save(runs / name / "model")
        stamp = time.time() - 100 * age
        os.utime(runs / name / "model" / "model.safetensors", (stamp, stamp))
    (runs / "broken" / "model").mkdir(parents=True)
    (runs / "unfinished").mkdir()
    entries = engine.models()
    expected = [str(tmp_path / "own"), *(str(runs / name / "model") for name in ("new", "old"))]
    assert [entry.ref for entry in entries if entry.source == "run"] == expected
    new = next(entry for entry in entries if entry.ref == str(runs / "new" / "model"))
    assert new.title == "new (Tiny)"
    assert new.description == "From a run."


def test_a_run_with_a_broken_configuration_is_listed_with_the_reason(engine, tmp_path):
    directory = tmp_path / "runs" / "bad" / "model"
    tiny_model().save(directory)
    (directory / "config.json").write_text("{}")
    entry = engine.models()[-1]
    assert entry.ref == str(directory)
    assert "not a model's configuration" in entry.description
    with pytest.raises(InputError, match="not a model's configuration"):
        engine.run(Request(model=str(directory)))


def test_describe_is_what_a_page_needs(engine):
    assert engine.describe("other") == {
        "label_names": list(DIGITS),
        "tiles": list(DIGITS),
        "task": "generation",
        "image_size": 8,
        "sampler": "ddim",
        "steps": 4,
        "guidance_scale": 2.0,
        "guidance_t_min": 0.0,
        "guidance_t_max": 1.0,
        "guidance_power": 0.0,
        "skips": False,
        "skip_scale": 0.0,
        "max_guidance": None,
        "two_passes": True,
        "classifiers": [],
        "freeu": True,
        "title": "Title of other",
        "description": "",
    }
    assert engine.describe() == engine.describe("unet")


def test_visitors_cannot_name_a_path(engine, tmp_path):
    tiny_model().save(tmp_path / "secret")
    runs = tmp_path / "runs"
    tiny_model().save(runs / "mine" / "model")
    paths = [tmp_path / "secret", runs / "mine", runs / "mine" / ".." / "mine" / "model", runs / ".." / "secret"]
    for ref in [*map(str, paths), "/etc/passwd", "../secret", "~", ".", "\0", "x" * 100_000, 3, ["unet"]]:
        for ask in (engine.load, engine.describe):
            with pytest.raises(InputError, match="model must be one of"):
                ask(ref)
    assert engine.load(str(runs / "mine" / "model")).config.name == "tiny"


@pytest.mark.parametrize("ref", ["hub:../../etc", "hub:/etc/passwd", "hub:a/../b", "hub:owner/name@../../x", "hub:"])
def test_a_hub_reference_cannot_be_bent_into_a_path(engine, ref):
    with pytest.raises(InputError):
        engine.load(ref)


def test_a_model_is_loaded_once_even_when_asked_for_at_the_same_time(engine, monkeypatch):
    loads, load_model = [], registry_module.load_model

    def slow(ref):
        loads.append(ref)
        time.sleep(0.2)
        return load_model(ref)

    monkeypatch.setattr(registry_module, "load_model", slow)
    with ThreadPoolExecutor(10) as pool:
        found = list(pool.map(engine.load, ["unet", "other"] * 5))
    assert sorted(loads) == ["other", "unet"]
    assert len({id(model) for model in found}) == 2


def test_a_failed_load_is_shared_and_leaves_the_others(engine, models, monkeypatch):
    held = engine.load("unet")
    loads = []

    def fail(ref):
        loads.append(ref)
        time.sleep(0.2)
        raise InputError(f"{ref} is broken")

    with monkeypatch.context() as patch:
        patch.setattr(registry_module, "load_model", fail)
        with ThreadPoolExecutor(5) as pool:
            errors = [future.exception() for future in [pool.submit(engine.load, "other") for _ in range(5)]]
        assert [str(error) for error in errors] == ["other is broken"] * 5
        assert loads == ["other"]
        assert engine.load("unet") is held
    assert engine.load("other").config.name == "other"  # the next try starts anew


def test_few_models_are_held_and_the_one_unused_for_longest_goes(engine, tmp_path):
    refs = [str(tmp_path / "runs" / str(i) / "model") for i in range(registry_module.HELD)]
    for ref in refs:
        tiny_model().save(ref)
    unet = engine.load("unet")
    first = engine.load(refs[0])
    assert engine.load("unet") is unet
    for ref in refs[1:]:
        engine.load(ref)
    assert engine.load("unet") is unet
    assert engine.load(refs[0]) is not first


def test_a_run_is_loaded_anew_when_its_files_have_changed(engine, tmp_path):
    directory = tmp_path / "runs" / "mine" / "model"
    ref = str(directory)
    tiny_model(1, title="before").save(directory)
    before = engine.load(ref)
    assert engine.load(ref) is before
    tiny_model(2, title="after").save(directory)
    after = engine.load(ref)
    assert after.config.title == "after"
    assert torch.equal(after.generate([1]), tiny_model(2).generate([1]))
    (directory / "model.safetensors").write_bytes(b"half a file")
    with pytest.raises(InputError, match="safetensors"):
        engine.run(Request(model=ref))
    tiny_model(3).save(directory)
    assert torch.equal(engine.load(ref).generate([1]), tiny_model(3).generate([1]))


@pytest.mark.parametrize("ref", ["no-such-model", "/no/such/path"])
def test_a_local_default_that_is_not_there_is_refused_at_once(models, ref):
    with pytest.raises(InputError, match=ref):
        Engine(ref)


def test_a_default_from_the_hub_is_fetched_in_the_background(models, tmp_path, monkeypatch):
    tiny_model(5, title="Hubbed").save(tmp_path / "hub")
    arrived, load_model = threading.Event(), registry_module.load_model

    def fetch(ref):
        if not ref.startswith("hub:"):
            return load_model(ref)
        arrived.wait(10)
        return load_model(tmp_path / "hub")

    monkeypatch.setattr(registry_module, "load_model", fetch)
    engine = Engine("hub:alice/digits", tmp_path / "runs")
    assert (engine.default, engine.status()) == ("unet", None)
    backstage = Backstage(engine)
    thread = backstage._fetching = engine.fetch_default()

    async def news():
        told = []
        async for sentence, ref in backstage.news("en"):
            told.append((sentence, ref))
            arrived.set()
        return told

    assert engine.status() == "Fetching hub:alice/digits; until it is here, the bundled model unet draws."
    *_, last = engine.run(Request(num_images=1))
    assert last.result.settings["model"] == "unet"
    assert asyncio.run(news()) == [
        ("Fetching hub:alice/digits. Until it arrives, the bundled model draws.", None),
        ("hub:alice/digits has arrived and is now chosen.", "hub:alice/digits"),
    ]
    thread.join(10)
    assert (engine.default, engine.status()) == ("hub:alice/digits", None)
    *_, last = engine.run(Request(num_images=1))
    assert np.array_equal(last.result.images, to_uint8(tiny_model(5).generate([-1])))
    entry = engine.models()[-1]
    assert (entry.ref, entry.title, entry.source) == ("hub:alice/digits", "alice/digits (Hubbed)", "hub")
    assert engine.describe("hub:alice/digits")["title"] == "Hubbed"


def test_a_hub_that_fails_leaves_the_bundled_model_and_says_why(models, tmp_path, monkeypatch):
    def down(ref):
        raise ModelUnavailable(f"{ref} cannot be loaded: the Hub is down.", temporary=True)

    engine = Engine("hub:alice/digits", tmp_path / "runs")
    with monkeypatch.context() as patch:
        patch.setattr(registry_module, "load_model", down)
        engine.fetch_default().join(10)
        with pytest.raises(InputError, match="the Hub is down"):
            engine.load("hub:bob/digits")
    expected = "hub:alice/digits cannot be loaded: the Hub is down. The bundled model unet draws instead."
    assert engine.status() == expected
    assert engine.default == "unet"
    assert [entry.source for entry in engine.models()] == ["bundled", "bundled"]
    assert list(engine.run(Request(num_images=1)))[-1].result.settings["model"] == "unet"


def test_reload_asks_the_hub_anew_but_for_commits(models, tmp_path, monkeypatch):
    asked, now = [], SimpleNamespace(seed=1)

    def fetch(ref):
        asked.append(ref)
        if now.seed is None:
            raise ModelUnavailable(f"{ref} cannot be loaded: the Hub is down.", temporary=True)
        return tiny_model(now.seed)

    monkeypatch.setattr(registry_module, "load_model", fetch)
    engine = Engine("unet", tmp_path)
    branch, commit = "hub:alice/digits", "hub:alice/digits@" + "0123456789" * 4
    first, pinned = engine.load(branch), engine.load(commit)
    assert engine.load(branch) is first
    now.seed, asked[:] = 2, []
    engine.registry.refresh()
    assert asked == [branch]
    assert torch.equal(engine.load(branch).generate([1]), tiny_model(2).generate([1]))
    assert engine.load(commit) is pinned
    now.seed, held = None, engine.load(branch)
    engine.registry.refresh()
    assert engine.load(branch) is held
