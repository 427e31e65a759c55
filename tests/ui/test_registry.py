"""The models of the app: which there are, who may name them, and how they are loaded, held and loaded anew."""

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
import torch

from diffusion import InputError
from diffusion.io.hub import ModelUnavailable
from diffusion.runtime.cost import network_cost
from tests.tiny import tiny_model
from ui import registry as registry_module
from ui.engine import Engine
from ui.hosting.limits import MEMORY
from ui.hosting.places import Busy
from ui.request import Request


def test_models_lists_bundled_ones_own_and_runs_newest_first(models, tmp_path):
    tiny_model(title="Mine").save(tmp_path / "own")
    runs = tmp_path / "runs"
    engine = Engine(str(tmp_path / "own"), runs)
    listed = [(entry.ref, entry.source) for entry in engine.models()]
    own = ("own", "run")
    assert listed == [("unet", "bundled"), ("other", "bundled"), own]
    for age, name in enumerate(("new", "old")):
        tiny_model(title="Tiny", description="From a run.").save(runs / name / "model")
        stamp = time.time() - 100 * age
        os.utime(runs / name / "model" / "model.safetensors", (stamp, stamp))
    (runs / "broken" / "model").mkdir(parents=True)
    (runs / "unfinished").mkdir()
    entries = engine.models()
    expected = ["own", *(str(runs / name / "model") for name in ("new", "old"))]
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

    def slow(directory, batching):
        loads.append(directory.name)
        time.sleep(0.2)
        return load_model(directory, batching=batching)

    monkeypatch.setattr(registry_module, "load_model", slow)
    with ThreadPoolExecutor(10) as pool:
        found = list(pool.map(engine.load, ["unet", "other"] * 5))
    assert sorted(loads) == ["other", "unet"]
    assert len({id(model) for model in found}) == 2


def test_a_failed_load_is_shared_and_leaves_the_others(engine, models, monkeypatch):
    held = engine.load("unet")
    loads = []

    def fail(directory, batching):
        loads.append(directory.name)
        time.sleep(0.2)
        raise InputError("weights.unreadable", path=directory, reason="it is broken")

    with monkeypatch.context() as patch:
        patch.setattr(registry_module, "load_model", fail)
        with ThreadPoolExecutor(5) as pool:
            errors = [future.exception() for future in [pool.submit(engine.load, "other") for _ in range(5)]]
        assert {str(error) for error in errors} == {"other cannot be read as safetensors: it is broken."}
        assert loads == ["other"]
        assert engine.load("unet") is held
    assert engine.load("other").config.name == "other"  # the next try starts anew


@pytest.fixture
def small_host(models, tmp_path, monkeypatch):
    """An engine that may hold the bytes of three tiny models, and their references: the operator's and four runs."""
    refs = [str(tmp_path / "runs" / str(i) / "model") for i in range(4)]
    for ref in refs:
        tiny_model().save(ref)
    size = network_cost(tiny_model().config).weight_bytes
    monkeypatch.setenv(MEMORY, str(2 * 3.5 * size / 1e9))
    return Engine("unet", tmp_path / "runs"), refs


def test_held_models_are_bounded_by_their_bytes_and_the_one_unused_for_longest_goes(small_host):
    engine, refs = small_host
    held = engine.registry._held
    for ref in ("unet", *refs[:2], refs[0], refs[2], refs[3]):
        engine.load(ref)
    assert [ref for _, ref in held.held_keys()] == ["unet", refs[2], refs[3]]  # the operator's stays


def test_models_in_use_count_and_another_is_refused_while_they_are(small_host):
    engine, refs = small_host
    used = [engine.load("unet"), *map(engine.load, refs[:2])]
    with pytest.raises(Busy, match="try again in a minute"):
        engine.load(refs[3])
    used.clear()
    assert engine.load(refs[3]).config.name == "tiny"


def test_the_operators_model_is_replaced_also_where_there_is_room_for_one(models, tmp_path, monkeypatch):
    size = network_cost(tiny_model().config).weight_bytes
    monkeypatch.setenv(MEMORY, str(2 * 1.5 * size / 1e9))
    tiny_model(1).save(tmp_path / "own")
    tiny_model().save(tmp_path / "runs" / "other" / "model")
    engine = Engine(str(tmp_path / "own"), tmp_path / "runs")
    engine.load()
    with pytest.raises(InputError) as refused:
        engine.load(str(tmp_path / "runs" / "other" / "model"))
    assert refused.value.code == "host.weights"  # no advice to wait for what never comes
    tiny_model(2).save(tmp_path / "own")
    assert torch.equal(engine.load().generate([1]), tiny_model(2).generate([1]))


def test_a_model_that_is_too_large_is_refused_before_its_weights_are_read(small_host, tmp_path, monkeypatch):
    engine, _ = small_host
    large = {"kind": "dit", "patch": 1, "width": 1024, "depth": 32, "heads": 4, "mlp_ratio": 8}
    directory = tmp_path / "runs" / "large" / "model"
    directory.mkdir(parents=True)
    config = tiny_model().config.model_dump() | {"network": large}
    (directory / "config.json").write_text(json.dumps(config))
    (directory / "model.safetensors").write_bytes(b"")
    with pytest.raises(InputError) as refused:
        engine.load(str(directory))
    assert refused.value.code == "host.weights"
    assert "its weights take 3.5 GB" in str(refused.value)


def test_visitors_know_the_operators_model_by_its_name_only(models, tmp_path):
    tiny_model().save(tmp_path / "secret place" / "own")
    engine = Engine(str(tmp_path / "secret place" / "own"), tmp_path / "runs")
    assert engine.default == "own"
    *_, last = engine.run(Request(num_images=1))
    assert last.result.record["model"] == "own"
    (tmp_path / "secret place" / "own" / "model.safetensors").write_bytes(b"broken")
    with pytest.raises(InputError) as broken:
        engine.load()
    assert str(broken.value).startswith("own/model.safetensors cannot be read")
    (tmp_path / "secret place" / "own" / "config.json").write_text("{")
    assert "secret place" not in str(engine.models()[-1].problem)
    for gone in ("own/config.json", "own/model.safetensors"):
        (tmp_path / "secret place" / gone).unlink()
        assert "own" in str(engine.models()[-1].problem)
        assert "secret place" not in str(engine.models()[-1].problem)
    (tmp_path / "secret place" / "own").rmdir()
    for refuse in (engine.load, engine.describe):
        with pytest.raises(InputError) as gone:
            refuse()
        assert "secret place" not in str(gone.value)


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

    def fetch(ref, access):
        assert access.token is False  # the operator's is not lent
        asked.append(ref)
        if now.seed is None:
            raise ModelUnavailable("hub.overloaded", temporary=True, host=ref, status="")
        tiny_model(now.seed).save(tmp_path / "cache" / f"{now.seed}")
        return tmp_path / "cache" / f"{now.seed}"

    engine = Engine("unet", tmp_path / "runs")
    monkeypatch.setattr(registry_module, "resolve", fetch)
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
    now.seed = 2
    engine.registry.refresh()
    assert engine.load(branch) is held  # nothing has changed, and all that is known of it stays
