"""Model references, and the real huggingface_hub client against a Hub on 127.0.0.1."""

import errno
import json
import logging
import pickle
import re
import shutil
import threading
import time
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub import constants

from diffusion import InputError, Model, ModelConfig, load_model
from diffusion.io import hub
from diffusion.io.hub import ModelUnavailable, push, resolve
from tests.hub_server import Faults, HubServer

REPO = "alice/digits"
CONFIG, WEIGHTS = "config.json", "model.safetensors"
QUICK = 0.5  # seconds of patience with a Hub that will not answer


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory) -> Path:
    """A model so small that it is saved and loaded at once."""
    directory = tmp_path_factory.mktemp("model") / "tiny"
    network = {"kind": "unet", "channels": [8], "blocks": 1, "attention": [False]}
    config = ModelConfig.model_validate(
        {"name": "tiny", "image_size": 8, "label_names": ["0", "1"], "network": network}
    )
    Model(config).save(directory, readme="---\nlicense: mit\n---\n# tiny\n")
    return directory


@pytest.fixture
def files(model_dir) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in model_dir.iterdir()}


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A running Hub that the client is led to, with a cache of its own and nobody logged in."""
    for variable in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_OIDC_RESOURCE", "HF_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    with HubServer() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        yield running


def refusal(ref: str, patience: float = hub.PATIENCE) -> ModelUnavailable:
    """What ``resolve`` says about a model that cannot be had: one sentence."""
    with pytest.raises(ModelUnavailable) as caught:
        resolve(ref, patience=patience)
    sentence = str(caught.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert "{" not in sentence
    assert ref.split("@")[0] in sentence
    return caught.value


# --- local references


def test_bundled_name_and_path(model_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(hub, "BUNDLED", model_dir.parent)
    monkeypatch.chdir(tmp_path)
    assert hub.bundled() == ["tiny"]
    assert resolve("tiny") == model_dir
    assert resolve(str(model_dir)) == model_dir


def test_whatever_is_listed_as_bundled_is_found_by_its_name_and_nothing_beside_it_is(model_dir, tmp_path, monkeypatch):
    beside = tmp_path / "bundled" / "my_model.v2"
    shutil.copytree(model_dir, beside)
    shutil.copytree(model_dir, tmp_path / "outside")
    monkeypatch.setattr(hub, "BUNDLED", beside.parent)
    assert hub.bundled() == [beside.name]
    assert hub.is_bundled(beside.name)
    assert resolve(beside.name) == beside
    for ref in ("", ".", "..", "../outside", str(model_dir), f"{beside.name}/", "a\0b", "x" * 5000):
        assert not hub.is_bundled(ref)


@pytest.mark.parametrize("ref", ["", "nonesuch", "../x", "x" * 5000, "a\0b", "~nobody-of-that-name/x", "hub"])
def test_unknown_reference_lists_what_there_is(ref, model_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(hub, "BUNDLED", model_dir.parent)
    monkeypatch.chdir(tmp_path)  # whatever lies beside the folder that the tests are started in
    with pytest.raises(
        InputError, match=r"give a bundled name \(tiny\), the path .* or hub:owner/name\[@revision\]\.$"
    ) as caught:
        resolve(ref)
    assert len(str(caught.value)) < 400


def test_directory_that_is_no_model_says_what_it_lacks(tmp_path):
    (tmp_path / CONFIG).write_text("{}")
    (tmp_path / "weights.pt").write_bytes(b"")
    with pytest.raises(InputError, match=r"has no model\.safetensors; weights\.pt may be a pickle"):
        resolve(str(tmp_path))


@pytest.mark.parametrize(
    "ref",
    [
        "hub:",
        "hub:a",
        "hub:a/b/c",
        "hub:../x",
        "hub:a/..",
        "hub:a b/c",
        "hub:a/b c",
        "hub:/a",
        "hub:@main",
        "hub:a/b--c",
    ],
)
def test_bad_repository_names_never_reach_the_network(ref, server):
    with pytest.raises(InputError, match="does not name a model on the Hub"):
        resolve(ref)
    assert server.requests == []


@pytest.mark.parametrize("revision", ["", "../main", "a/../../b", "/etc", "-x", "a b", "a//b", "x" * 300, "main\n"])
def test_bad_revisions_never_reach_the_network(revision, server):
    with pytest.raises(InputError, match="no good revision"):
        resolve(f"hub:{REPO}@{revision}")
    assert server.requests == []


# --- what the Hub gives


def test_found_and_loaded_without_pickles_or_anything_else(server, files):
    server.commit(REPO, files | {"pytorch_model.bin": b"pickle", "train.py": b"code"})
    directory = resolve(f"hub:{REPO}")
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == {
        name: files[name] for name in (CONFIG, WEIGHTS)
    }
    asked = {path.rsplit("/", 1)[1] for _, path in server.requests}
    assert asked == {CONFIG, WEIGHTS}
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
    asked = len(server.requests)
    assert resolve(f"hub:{REPO}@{digest}") == directory
    server.close()
    assert resolve(f"hub:{REPO}@{digest}") == directory
    assert len(server.requests) == asked
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


# --- what it does not give, and why


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        (Faults(status=401), r"is not there or private \(HTTP 401\).*hf auth login"),
        (Faults(status=401, code="RepoNotFound"), r"is not there or private \(HTTP 401\)"),
        (Faults(status=403, code="GatedRepo"), r"access is refused \(HTTP 403\); ask its owner"),
        (Faults(status=403), r"access is refused \(HTTP 403\)"),
        (Faults(status=404), r"does not have it \(HTTP 404\); check the owner, the name and the revision"),
        (Faults(status=429), r"down or overloaded \(HTTP 429\); try again"),
        (Faults(status=503), r"http://127\.0\.0\.1:\d+ is down or overloaded \(HTTP 503\); try again"),
        (Faults(status=418), r"does not answer like a Hub \(HTTP 418\); check HF_ENDPOINT"),
        (Faults(nameless=True), "does not answer like a Hub; check HF_ENDPOINT"),
    ],
)
def test_the_hub_says_no(faults, words, server, files):
    server.commit(REPO, files)
    server.faults = faults
    started = time.monotonic()
    assert re.search(words, str(refusal(f"hub:{REPO}")))
    assert time.monotonic() - started < 10  # the client's own retries of a 503 take 23 s


def test_no_such_repository_revision_or_file(server, files):
    server.commit(REPO, files)
    server.commit("bob/notes", {"README.md": b"hello"})
    assert "is not there or private" in str(refusal("hub:alice/nothing"))
    assert f"{REPO}@v9 cannot be loaded: it has no such revision" in str(refusal(f"hub:{REPO}@v9"))
    assert "it lacks config.json or model.safetensors" in str(refusal("hub:bob/notes"))


def test_only_a_pickle(server, files):
    server.commit(REPO, {CONFIG: files[CONFIG], "pytorch_model.bin": pickle.dumps({"weight": 1})})
    assert "offers pytorch_model.bin, a pickle, which can run code and is never opened" in str(refusal(f"hub:{REPO}"))
    assert server.count("GET") == 0


def test_nobody_there(server):
    server.close()
    why = refusal(f"hub:{REPO}")
    assert "cannot be reached; check your network" in str(why)
    assert why.temporary


@pytest.mark.parametrize(
    "address", ["foo", "localhost:1", "ftp://x", "http://a:b", "http://[", "http://a b", "http://"]
)
def test_bad_endpoint(address, server, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", address)
    with pytest.raises(InputError, match="has to be an address like https"):
        resolve(f"hub:{REPO}")


def test_offline_mode(server, files, monkeypatch):
    server.commit(REPO, files)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE forbids the network" in str(refusal(f"hub:{REPO}"))


@pytest.mark.parametrize("stall", ["headers", "body"])
def test_a_stalling_hub_costs_bounded_time(stall, server, files):
    server.commit(REPO, files)
    server.faults = Faults(stall=stall)
    started = time.monotonic()
    why = refusal(f"hub:{REPO}", patience=QUICK)
    assert "is silent or slow, given up after" in str(why)
    assert why.temporary
    assert time.monotonic() - started < (5 if stall == "headers" else 10)  # the client alone: 60 s and more


def test_those_who_ask_for_the_same_share_one_thread(server, files):
    server.commit(REPO, files)
    server.faults = Faults(stall="headers")
    asking = [threading.Thread(target=refusal, args=(f"hub:{REPO}", QUICK)) for _ in range(5)]
    for thread in asking:
        thread.start()
    time.sleep(QUICK / 2)
    assert sum(thread.name == "hub ask" for thread in threading.enumerate()) == 1
    for thread in asking:
        thread.join()


def test_truncated_download(server, files):
    server.commit(REPO, files)
    server.faults = Faults(cut=10, only=WEIGHTS)
    why = refusal(f"hub:{REPO}")  # the client tries six times, a second apart
    assert "the connection broke before all had arrived" in str(why)
    assert why.temporary
    server.faults = Faults()
    assert load_model(f"hub:{REPO}").config.name == "tiny"


@pytest.mark.parametrize(("name", "size"), [(CONFIG, 2_000_000), (WEIGHTS, 600_000_000_000)])
def test_size_is_bounded_before_the_download(name, size, server, files):
    server.commit(REPO, files)
    server.faults = Faults(declared=size, only=name)
    assert f"is too large: its {name} has {size:,} bytes" in str(refusal(f"hub:{REPO}"))
    assert server.count("GET") == 0


def test_full_disk(server, files, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    server.commit(REPO, files)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", full)
    why = refusal(f"hub:{REPO}")
    assert "disk does not play along" in str(why)
    assert "No space left on device" in str(why)


def test_a_disk_is_not_filled_up(server, files, monkeypatch, caplog):
    size = len(files[CONFIG]) + len(files[WEIGHTS])
    usage = type(shutil.disk_usage("."))
    free = {"bytes": 1_000_000_000 + size - 1}
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**12, 10**12 - free["bytes"], free["bytes"]))
    server.commit(REPO, files)
    assert f"with its {size:,} bytes, less than 1,000,000,000 would be left free" in str(refusal(f"hub:{REPO}"))
    assert server.count("GET") == 0
    free["bytes"] += 1
    directory = resolve(f"hub:{REPO}")
    free["bytes"] = 0
    assert resolve(f"hub:{REPO}") == directory  # it takes no more room
    server.commit(REPO, {WEIGHTS: files[WEIGHTS] + b" " * 100})
    assert resolve(f"hub:{REPO}") == directory
    assert "Using the copy downloaded earlier" in caplog.text


# --- what it gives is not what it should be: the model refuses it


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


# --- push


def test_push_uploads_the_three_files_in_one_commit(server, files, model_dir):
    (model_dir / "notes.txt").write_text("private")
    try:
        assert push(model_dir, REPO, token="hf_x") == f"{server.url}/{REPO}"
    finally:
        (model_dir / "notes.txt").unlink()
    [content] = server.repos[REPO].commits.values()
    assert content == files
    assert load_model(f"hub:{REPO}").config.name == "tiny"
    (changed := dict(files))[CONFIG] = files[CONFIG].replace(b'"tiny"', b'"newer"')
    model_dir.joinpath(CONFIG).write_bytes(changed[CONFIG])
    try:
        push(model_dir, REPO, token="hf_x")
    finally:
        model_dir.joinpath(CONFIG).write_bytes(files[CONFIG])
    assert load_model(f"hub:{REPO}").config.name == "newer"


def test_push_refuses_before_anything_is_sent(server, model_dir, tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"no token with write access; use 'hf auth login' or HF_TOKEN"):
        push(model_dir, REPO)
    with pytest.raises(InputError, match="does not name a model on the Hub"):
        push(model_dir, "digits", token="hf_x")
    with pytest.raises(InputError, match=r"has no config\.json and no model\.safetensors"):
        push(tmp_path, REPO, token="hf_x")
    (tmp_path / CONFIG).write_bytes((model_dir / CONFIG).read_bytes())
    (tmp_path / WEIGHTS).write_bytes(b"rubbish")
    with pytest.raises(InputError, match="cannot be read as safetensors"):
        push(tmp_path, REPO, token="hf_x")
    assert server.requests == []


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        (Faults(status=401), r"you may not write there \(HTTP 401\)"),
        (Faults(status=403), r"you may not write there \(HTTP 403\)"),
        (Faults(status=413, only="/commit/main"), "refuses the files"),
        (Faults(status=503, only="/commit/main"), "is down or overloaded"),
        (Faults(stall="headers"), "is silent or slow"),
    ],
)
def test_push_says_why_not(faults, words, server, model_dir):
    server.faults = faults
    with pytest.raises(ModelUnavailable, match=words) as caught:
        push(model_dir, REPO, token="hf_x", patience=QUICK if faults.stall else hub.PATIENCE)
    assert str(caught.value).startswith(f"{REPO} cannot be uploaded to: ")
    assert "\n" not in str(caught.value)


def test_push_to_what_is_no_hub(server, model_dir):
    server.faults = Faults(status=200)
    with pytest.raises(ModelUnavailable, match="does not answer like a Hub; check HF_ENDPOINT"):
        push(model_dir, REPO, token="hf_x")


def test_push_while_the_hub_is_down(server, model_dir):
    server.close()
    with pytest.raises(ModelUnavailable, match="cannot be reached"):
        push(model_dir, REPO, token="hf_x")
