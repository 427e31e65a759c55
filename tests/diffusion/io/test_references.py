"""Model references: bundled names, paths, and names that never reach the network."""

import os
import shutil
from pathlib import Path

import pytest

from diffusion import InputError, load_model
from diffusion.io import hub
from diffusion.io.guesses import hub_reference
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


PAGE = "https://huggingface.co/alice/digits"


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("hub:alice/digits", "hub:alice/digits"),
        (" hub:alice/digits@v1\n", "hub:alice/digits@v1"),
        ("Hub: alice/digits/", "hub:alice/digits"),
        (PAGE, "hub:alice/digits"),
        (f"hub:{PAGE}", "hub:alice/digits"),
        (f"{PAGE}/", "hub:alice/digits"),
        (f"{PAGE}/tree/main", "hub:alice/digits"),
        (f"{PAGE}/tree/v1", "hub:alice/digits@v1"),
        (f"{PAGE}/blob/refs%2Fpr%2F1/config.json", "hub:alice/digits@refs/pr/1"),
        (f"{PAGE}/resolve/main/model.safetensors?download=true", "hub:alice/digits"),
        (f"{PAGE}#metrics", "hub:alice/digits"),
        ("huggingface.co/alice/digits", "hub:alice/digits"),
        ("http://www.huggingface.co/alice/digits", "hub:alice/digits"),
        ("https://hf.co/alice/digits", "hub:alice/digits"),
        ("https://mirror.example:8443/alice/digits", "hub:alice/digits"),
        ("hf://alice/digits", "hub:alice/digits"),
        ("unet", None),
        ("/runs/mine", None),
        ("alice/digits", None),
        ("", None),
    ],
)
def test_a_pasted_address_is_what_it_shows(given, meant, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example:8443")
    assert hub_reference(given) == meant


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("https://huggingface.co/datasets/ylecun/mnist", "not the address of a model's page"),
        ("https://huggingface.co/spaces/alice/lab", "not the address of a model's page"),
        ("https://huggingface.co/alice", "not the address of a model's page"),
        ("https://example.com/model.zip", "the address of something else"),
        ("alice/digits", "If a model on the Hub is meant, write hub:alice/digits"),
    ],
)
def test_what_is_no_models_address_is_named(given, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message):
        resolve(given)


def test_a_run_and_its_files_stand_for_its_model(model_dir, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(model_dir, run / "model")
    (run / "checkpoints").mkdir()
    (run / CONFIG).write_text('{"training": {}, "model": {}}')
    for meant in (run, run / "model", run / "checkpoints", run / "model" / CONFIG, run / "model/model.safetensors"):
        assert resolve(str(meant)) == run / "model"
    assert load_model(run).config.name == "tiny"


@pytest.mark.parametrize(
    ("files", "given", "message"),
    [
        ({"model_index.json": "{}"}, "", "is a model of diffusers, which this program cannot load"),
        ({CONFIG: '{"_class_name": "UNet2DModel"}', "x.safetensors": ""}, "", "is a model of diffusers"),
        ({CONFIG: '{"architectures": ["Bert"]}', "model.safetensors": ""}, "", "is a model of transformers"),
        (
            {"256x256_diffusion.pt": ""},
            "256x256_diffusion.pt",
            "may be a pickle, which can run code and is never opened",
        ),
        ({"unet.safetensors": ""}, "unet.safetensors", "is a file, and a model is a folder with"),
        (
            {CONFIG: "{", "256x256_diffusion.pt": ""},
            "",
            "lacks model.safetensors; 256x256_diffusion.pt may be a pickle",
        ),
    ],
)
def test_models_of_other_programs_are_named(files, given, message, tmp_path):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message):
        resolve(str(tmp_path / given))


@pytest.mark.parametrize(
    ("closed", "given"),
    [("model", "model"), ("run/model", "run"), (".", "model"), (".", "nothing"), ("model", "model/config.json")],
)
def test_a_folder_that_may_not_be_searched_is_named(closed, given, model_dir, tmp_path, monkeypatch):
    place = tmp_path / "place"
    for name in ("model", "run/model"):
        shutil.copytree(model_dir, place / name)
    real = os.stat

    def stat(path, *more, **options):  # a test may run as root, to whom nothing is closed
        if isinstance(path, str | os.PathLike) and Path(path).parent == place / closed:
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *more, **options)

    monkeypatch.setattr(os, "stat", stat)
    with pytest.raises(InputError) as caught:
        load_model(place / given)
    assert str(caught.value) == f"{place / closed} cannot be read: Permission denied."


def test_brackets_without_end_are_no_configuration(tmp_path):
    (tmp_path / CONFIG).write_text("[" * 40_000)
    with pytest.raises(InputError, match=r"it lacks model\.safetensors"):
        resolve(str(tmp_path))
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(InputError, match="is not a model's configuration"):
        load_model(tmp_path)


@pytest.mark.parametrize("name", [CONFIG, "model.safetensors"])
def test_a_pointer_of_git_lfs_says_how_to_fetch_the_file(name, model_dir, tmp_path):
    shutil.copytree(model_dir, tmp_path / "model")
    (tmp_path / "model" / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    with pytest.raises(InputError, match="is a Git LFS pointer, and not the file itself: fetch it with 'git lfs pull'"):
        load_model(tmp_path / "model")


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


@pytest.mark.parametrize("revision", ["", "../main", "a/../../b", "/etc", "-x", "a b", "a//b", "x" * 300, "ma\nin"])
def test_bad_revisions_never_reach_the_network(revision, server):
    with pytest.raises(InputError, match="has no valid revision"):
        resolve(f"hub:{REPO}@{revision}")
    assert server.requests == []
