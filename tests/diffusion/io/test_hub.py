"""Models from the Hub: the real huggingface_hub client against one on 127.0.0.1."""

import json
import logging
import os
import pickle
import time
from pathlib import Path

import pytest
from huggingface_hub import constants

from diffusion import InputError, load_model
from diffusion.io import hub as hub_module
from diffusion.io.hub import VISITORS, resolve
from tests.diffusion.io.hub_refusal import CONFIG, QUICK, REPO, WEIGHTS, refusal
from tests.hub_server import Faults, HubServer


def test_found_and_loaded_without_pickles_or_anything_else(server, files):
    server.commit(REPO, files | {"pytorch_model.bin": b"pickle", "train.py": b"code"})
    directory = resolve(f"hub:{REPO}")
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == {
        name: files[name] for name in (CONFIG, WEIGHTS)
    }
    requested = {path.rsplit("/", 1)[1] for _, path in server.requests}
    assert requested == {CONFIG, WEIGHTS}
    assert load_model(f"hub:{REPO}").config.name == "tiny"


def test_cached_is_not_downloaded_again(server, files):
    server.commit(REPO, files)
    first = resolve(f"hub:{REPO}")
    assert (server.count("GET", WEIGHTS), server.count("GET", CONFIG)) == (1, 1)
    assert resolve(f"hub:{REPO}") == first
    assert (server.count("GET", WEIGHTS), server.count("GET", CONFIG)) == (1, 1)


def test_newer_commit_is_fetched_and_the_old_one_stays_pinned(server, files):
    old = server.commit(REPO, files)
    assert resolve(f"hub:{REPO}").name == old
    new = server.commit(REPO, {"config.json": files[CONFIG].replace(b'"tiny"', b'"newer"')})
    assert load_model(f"hub:{REPO}").config.name == "newer"
    assert resolve(f"hub:{REPO}@main").name == new
    assert load_model(f"hub:{REPO}@{old}").config.name == "tiny"


def test_pinned_commit_tag_and_pull_request(server, files):
    old = server.commit(REPO, files)
    server.commit(REPO, {CONFIG: b"{}"})
    server.repos[REPO].branches |= {"v1.0": old, "refs/pr/1": old}
    for revision in (old, "v1.0", "refs/pr/1"):
        assert resolve(f"hub:{REPO}@{revision}").name == old


def test_cached_commit_needs_no_network(server, files, caplog):
    digest = server.commit(REPO, files)
    directory = resolve(f"hub:{REPO}@{digest}")
    requests = len(server.requests)
    assert resolve(f"hub:{REPO}@{digest}") == directory
    server.close()
    assert resolve(f"hub:{REPO}@{digest}") == directory
    assert len(server.requests) == requests
    assert not [record for record in caplog.records if record.name == "diffusion.io.hub"]


@pytest.mark.parametrize("fault", ["down", "status", "silent", "offline"])
def test_cached_branch_stands_in_and_says_so(fault, server, files, caplog, monkeypatch):
    directory = resolve_after(server, files)
    if fault == "down":
        server.close()
    elif fault == "offline":
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    else:
        server.faults = Faults(status=503) if fault == "status" else Faults(stall="headers")
    with caplog.at_level(logging.WARNING, "diffusion.io.hub"):
        assert resolve(f"hub:{REPO}", patience=QUICK) == directory
    assert "Using the copy downloaded earlier" in caplog.text


def test_cached_branch_does_not_stand_in_for_a_closed_one(server, files):
    resolve_after(server, files)
    server.faults = Faults(status=403, code="GatedRepo")
    assert not refusal(f"hub:{REPO}").temporary


def test_broken_update_leaves_the_cached_branch_usable(server, files, caplog):
    old = resolve_after(server, files)
    server.commit(REPO, {WEIGHTS: files[WEIGHTS] + b" " * 100})
    server.faults = Faults(stall="body", only=WEIGHTS)
    assert resolve(f"hub:{REPO}", patience=QUICK) == old
    server.close()
    assert resolve(f"hub:{REPO}", patience=QUICK) == old


def resolve_after(server: HubServer, files: dict[str, bytes]) -> Path:
    server.commit(REPO, files)
    return resolve(f"hub:{REPO}")


def test_environment_counts_at_each_call(server, files, tmp_path, monkeypatch):
    server.commit(REPO, files)
    with HubServer() as other:
        other.commit(REPO, files)
        monkeypatch.setenv("HF_ENDPOINT", other.url + "/")
        monkeypatch.delenv("HF_HUB_CACHE")
        monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
        assert resolve(f"hub:{REPO}").is_relative_to(tmp_path / "home" / "hub")
        assert other.requests
    assert server.requests == []


def test_config_with_unknown_key(server, files):
    server.commit(REPO, files | {CONFIG: json.dumps(json.loads(files[CONFIG]) | {"trust_remote_code": True}).encode()})
    with pytest.raises(InputError, match="trust_remote_code"):
        load_model(f"hub:{REPO}")


def test_wrong_tensors_are_named(server, files):
    wider = json.loads(files[CONFIG])
    wider["network"]["channels"] = [16]
    server.commit(REPO, files | {CONFIG: json.dumps(wider).encode()})
    with pytest.raises(InputError, match=r"tensor '.+' has shape"):
        load_model(f"hub:{REPO}")


class Bomb:
    def __reduce__(self):
        return pytest.fail, ("a pickle was opened",)


@pytest.mark.parametrize("content", [pickle.dumps(Bomb()), b"", b"\xff" * 100])
def test_pickle_or_rubbish_under_the_name_of_safetensors(content, server, files):
    server.commit(REPO, files | {WEIGHTS: content})
    with pytest.raises(InputError, match="cannot be read as safetensors"):
        load_model(f"hub:{REPO}")


def test_a_visitor_never_gets_what_only_the_operator_may_have(server, files, monkeypatch, tmp_path):
    """Neither with the operator's token, nor from what the operator has downloaded."""
    monkeypatch.setenv("HF_TOKEN", "hf_the_operators")
    server.commit(REPO, files)
    server.private.add(REPO)
    commit = resolve(f"hub:{REPO}").name
    for ref in (f"hub:{REPO}", f"hub:{REPO}@{commit}"):
        with pytest.raises(InputError, match="does not exist or is private"):
            resolve(ref, access=VISITORS)
    server.private.clear()
    found = resolve(f"hub:{REPO}", access=VISITORS)
    assert found.is_relative_to(tmp_path / "cache-visitors")


def test_what_visitors_fetch_is_bounded_and_the_earliest_makes_room(server, files, monkeypatch, tmp_path):
    size = sum(len(files[name]) for name in (CONFIG, WEIGHTS))
    monkeypatch.setattr(hub_module, "MAX_VISITORS_BYTES", int(2.5 * size))
    for number, name in enumerate(("alice/one", "bob/two", "carol/three")):
        server.commit(name, files)
        resolve(f"hub:{name}", access=VISITORS)
        os.utime(tmp_path / "cache-visitors" / f"models--{name.replace('/', '--')}", (number, number))
    kept = {folder.name for folder in (tmp_path / "cache-visitors").glob("models--*")}
    assert kept == {"models--bob--two", "models--carol--three"}


def test_what_somebody_is_fetching_stays(server, files, monkeypatch, tmp_path):
    monkeypatch.setattr(hub_module, "MAX_VISITORS_BYTES", 1)
    cache = tmp_path / "cache-visitors"
    for name, age in (("fetched", 0), ("given-up", 1000)):
        blob = cache / f"models--bob--{name}" / "blobs" / "0.incomplete"
        blob.parent.mkdir(parents=True)
        blob.write_bytes(b"half")
        os.utime(blob, (time.time() - age, time.time() - age))
    server.commit(REPO, files)
    resolve(f"hub:{REPO}", access=VISITORS)
    there = {folder.name for folder in cache.glob("models--*")}
    assert there == {"models--bob--fetched", f"models--{REPO.replace('/', '--')}"}
