"""Models that the Hub does not give, and why: every failure is one sentence, in bounded time."""

import errno
import pickle
import re
import shutil
import threading
import time

import huggingface_hub
import pytest
from huggingface_hub import constants

from diffusion import InputError, load_model
from diffusion.io.hub import resolve
from diffusion.io.hub_errors import PROXIES
from tests.diffusion.io.hub_refusal import CONFIG, QUICK, REPO, WEIGHTS, refusal
from tests.hub_server import Faults


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        (Faults(status=401), r"does not exist or is private \(HTTP 401\).*hf auth login"),
        (Faults(status=401, code="RepoNotFound"), r"does not exist or is private \(HTTP 401\)"),
        (Faults(status=403, code="GatedRepo"), r"access is refused \(HTTP 403\); ask its owner"),
        (Faults(status=403), r"access is refused \(HTTP 403\)"),
        (Faults(status=404), r"does not have it \(HTTP 404\); check the owner, the name and the revision"),
        (Faults(status=429), r"down or overloaded \(HTTP 429\); try again"),
        (Faults(status=503), r"http://127\.0\.0\.1:\d+ is down or overloaded \(HTTP 503\); try again"),
        (Faults(status=418), r"does not respond like a Hub \(HTTP 418\); check HF_ENDPOINT"),
        (Faults(nameless=True), "does not respond like a Hub; check HF_ENDPOINT"),
    ],
)
def test_a_refusal_has_its_reason(faults, words, server, files):
    server.commit(REPO, files)
    server.faults = faults
    started = time.monotonic()
    assert re.search(words, str(refusal(f"hub:{REPO}")))
    assert time.monotonic() - started < 10  # the client's own retries of a 503 take 23 s


def test_no_such_repository_revision_or_file(server, files):
    server.commit(REPO, files)
    server.commit("bob/notes", {"README.md": b"hello"})
    assert "does not exist or is private" in str(refusal("hub:alice/nothing"))
    assert f"{REPO}@v9 cannot be loaded: it has no such revision" in str(refusal(f"hub:{REPO}@v9"))
    assert "it lacks config.json or model.safetensors" in str(refusal("hub:bob/notes"))


def test_an_expired_token_keeps_nobody_from_a_public_model(server, files, monkeypatch, caplog):
    server.commit(REPO, files)
    server.expired.add("hf_old")
    monkeypatch.setenv("HF_TOKEN", "hf_old")
    assert load_model(f"hub:{REPO}").config.name == "tiny"
    assert "The Hub refuses your token: log in again with 'hf auth login' or HF_TOKEN." in caplog.text


def test_an_expired_token_is_named_where_it_is_needed(server, monkeypatch):
    server.expired.add("hf_old")
    monkeypatch.setenv("HF_TOKEN", "hf_old")
    server.faults = Faults(status=401)
    assert "refuses your token, which may have expired (HTTP 401); log in again with" in str(refusal(f"hub:{REPO}"))


@pytest.mark.parametrize(
    ("proxy", "words"),
    [
        ("proxy.invalid:8080", r"through the proxy proxy.invalid:8080; correct HTTPS_PROXY, or unset it"),
        ("nonsense://x", r"the proxy in HTTPS_PROXY cannot be used \(.*\); correct it, or unset it"),
        ("http://127.0.0.1:9", r"through the proxy http://127.0.0.1:9; correct HTTPS_PROXY, or unset it"),
        ("http://me:se@cret@127.0.0.1:9", r"through the proxy http://\*\*\*@127.0.0.1:9; correct HTTPS_PROXY"),
    ],
)
def test_a_proxy_that_breaks_requests_is_named(proxy, words, server, monkeypatch):
    for name in (*PROXIES, "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.example")
    huggingface_hub.close_session()
    try:
        assert re.search(words, str(refusal(f"hub:{REPO}")))
    finally:
        huggingface_hub.close_session()


def test_an_endpoint_is_named_without_its_password(monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "https://me:secret@mirror.example")
    with pytest.raises(InputError, match=r"^HF_ENDPOINT is 'https://\*\*\*@mirror.example': it has to be"):
        resolve(f"hub:{REPO}")


def test_a_model_of_diffusers_is_named(server):
    server.commit(REPO, {"model_index.json": b"{}"})
    assert f"hub:{REPO} is a model of diffusers, which this program cannot load" in str(refusal(f"hub:{REPO}"))


def test_only_a_pickle(server, files):
    server.commit(REPO, {CONFIG: files[CONFIG], "pytorch_model.bin": pickle.dumps({"weight": 1})})
    assert "offers pytorch_model.bin, a pickle, which can run code and is never opened" in str(refusal(f"hub:{REPO}"))
    assert server.count("GET") == 0


def test_unreachable(server):
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


def test_calls_for_the_same_model_share_one_thread(server, files):
    server.commit(REPO, files)
    server.faults = Faults(stall="headers")
    callers = [threading.Thread(target=refusal, args=(f"hub:{REPO}", QUICK)) for _ in range(5)]
    for thread in callers:
        thread.start()
    time.sleep(QUICK / 2)
    assert sum(thread.name == "hub head" for thread in threading.enumerate()) == 1
    for thread in callers:
        thread.join()


@pytest.mark.slow
def test_truncated_download(server, files):
    server.commit(REPO, files)
    server.faults = Faults(cut=10, only=WEIGHTS)
    why = refusal(f"hub:{REPO}")  # the client tries six times, a second apart
    assert "the connection broke off before all had arrived" in str(why)
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
    assert "this machine's disk fails" in str(why)
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
