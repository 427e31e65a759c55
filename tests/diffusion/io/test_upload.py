"""Uploading a model directory, with the real client against a Hub on 127.0.0.1."""

import pytest

from diffusion import InputError, load_model
from diffusion.io import hub
from diffusion.io.hub import ModelUnavailable
from diffusion.io.upload import check_upload, push
from tests.diffusion.io.hub_refusal import CONFIG, QUICK, REPO, WEIGHTS
from tests.hub_server import Faults


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
    with pytest.raises(InputError, match=r"lacks config\.json, model\.safetensors"):
        push(tmp_path, REPO, token="hf_x")
    (tmp_path / CONFIG).write_bytes((model_dir / CONFIG).read_bytes())
    (tmp_path / WEIGHTS).write_bytes(b"rubbish")
    with pytest.raises(InputError, match="cannot be read as safetensors"):
        push(tmp_path, REPO, token="hf_x")
    assert server.requests == []


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        (Faults(status=401), r"refuses your token, which may have expired \(HTTP 401\); log in again"),
        (Faults(status=403), r"you may not write there \(HTTP 403\)"),
        (Faults(status=413, only="/commit/main"), "refuses the files"),
        (Faults(status=503, only="/commit/main"), "is down or overloaded"),
        (Faults(stall="headers"), "is silent or slow"),
    ],
)
def test_push_has_its_reason(faults, words, server, model_dir):
    server.faults = faults
    with pytest.raises(ModelUnavailable, match=words) as caught:
        push(model_dir, REPO, token="hf_x", patience=QUICK if faults.stall else hub.PATIENCE)
    assert str(caught.value).startswith(f"{REPO} cannot be uploaded to: ")
    assert "\n" not in str(caught.value)


def test_push_to_what_is_no_hub(server, model_dir):
    server.faults = Faults(status=200)
    with pytest.raises(ModelUnavailable, match="does not respond like a Hub; check HF_ENDPOINT"):
        push(model_dir, REPO, token="hf_x")


def test_push_while_the_hub_is_down(server, model_dir):
    server.close()
    with pytest.raises(ModelUnavailable, match="cannot be reached"):
        push(model_dir, REPO, token="hf_x")


def token(role: str, **more) -> dict:
    return {"auth": {"accessToken": {"role": role, **more}}}


ORG = {"name": "alice", "roleInOrg": "write"}
SCOPED = {"scoped": [{"permissions": ["repo.content.read", "repo.write"]}]}


@pytest.mark.parametrize(
    "user",
    [
        {"name": "alice"},
        {"name": "bob", "orgs": [ORG]},
        {"name": "alice"} | token("fineGrained", fineGrained=SCOPED),
    ],
)
def test_whoever_may_write_is_let_through_without_writing(user, server, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_x")
    server.user |= user
    check_upload(REPO)
    assert server.requests == [("GET", "/api/whoami-v2")]


@pytest.mark.parametrize(
    ("user", "words"),
    [
        ({"name": "bob"}, "you may not write there; check the owner, or use .* with write access"),
        ({"name": "bob", "orgs": [ORG | {"roleInOrg": "read"}]}, "you may not write there"),
        ({"name": "alice"} | token("read"), "you may not write there"),
        ({"name": "alice"} | token("fineGrained", fineGrained={"scoped": []}), "you may not write there"),
        (None, "refuses your token, which may have expired"),
    ],
)
def test_what_would_fail_at_the_end_is_found_before(user, words, server, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_x")
    if user is None:
        server.expired.add("hf_x")
    else:
        server.user |= user
    with pytest.raises(ModelUnavailable, match=words) as caught:
        check_upload(REPO)
    assert not caught.value.temporary
    assert str(caught.value).startswith(f"{REPO} cannot be uploaded to: ")
