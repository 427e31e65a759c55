"""Model references: bundled names, paths, and names that never reach the network."""

import shutil

import pytest

from diffusion import InputError
from diffusion.io import hub
from diffusion.io.hub import resolve
from tests.diffusion.io.hub_refusal import CONFIG, REPO


def test_bundled_name_and_path(model_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(hub, "BUNDLED", model_dir.parent)
    monkeypatch.chdir(tmp_path)
    assert hub.bundled() == ["tiny"]
    assert resolve("tiny") == model_dir
    assert resolve(str(model_dir)) == model_dir


def test_a_folder_beside_the_bundled_model_of_its_name_is_not_passed_over_in_silence(
    model_dir, tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(hub, "BUNDLED", model_dir.parent)
    monkeypatch.chdir(tmp_path)
    shutil.copytree(model_dir, "tiny")
    hub.warn_of_folder.cache_clear()
    for _ in range(2):
        assert resolve("tiny") == model_dir
    assert caplog.text.count("tiny is the bundled model; for the folder of that name, give ./tiny") == 1
    assert resolve("./tiny").resolve() == (tmp_path / "tiny").resolve()


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
    with pytest.raises(InputError, match=r"lacks model\.safetensors; weights\.pt may be a pickle"):
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
    with pytest.raises(InputError, match="has no valid revision"):
        resolve(f"hub:{REPO}@{revision}")
    assert server.requests == []
