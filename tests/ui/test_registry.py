"""The models of the app: which there are, who may name them, and how they are loaded, held and loaded anew."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
import torch

from diffusion import InputError
from diffusion.io.hub import ModelUnavailable
from tests.tiny import tiny_model
from ui import registry as registry_module
from ui.engine import Engine
from ui.request import Request


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
    assert entry.problem.code == "weights.config_invalid_at"
    with pytest.raises(InputError, match="not a model's configuration"):
        engine.run(Request(model=str(directory)))


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

    def slow(ref, batching):
        loads.append(ref)
        time.sleep(0.2)
        return load_model(ref, batching=batching)

    monkeypatch.setattr(registry_module, "load_model", slow)
    with ThreadPoolExecutor(10) as pool:
        found = list(pool.map(engine.load, ["unet", "other"] * 5))
    assert sorted(loads) == ["other", "unet"]
    assert len({id(model) for model in found}) == 2


def test_a_failed_load_is_shared_and_leaves_the_others(engine, models, monkeypatch):
    held = engine.load("unet")
    loads = []

    def fail(ref, batching):
        loads.append(ref)
        time.sleep(0.2)
        raise InputError("weights.unreadable", path=ref, reason="it is broken")

    with monkeypatch.context() as patch:
        patch.setattr(registry_module, "load_model", fail)
        with ThreadPoolExecutor(5) as pool:
            errors = [future.exception() for future in [pool.submit(engine.load, "other") for _ in range(5)]]
        assert [error.code for error in errors] == ["weights.unreadable"] * 5
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


def test_reload_asks_the_hub_anew_but_for_commits(models, tmp_path, monkeypatch):
    asked, now = [], SimpleNamespace(seed=1)

    def fetch(ref, batching):
        asked.append(ref)
        if now.seed is None:
            raise ModelUnavailable("hub.overloaded", temporary=True, host=ref, status="")
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
