"""Model directories: what is saved is loaded the same, and what does not fit is refused by name."""

import json
import os

import pytest
import torch
from safetensors.torch import load_file, save_file

from diffusion import InputError, load_classifier, load_model
from diffusion.io import files
from diffusion.io.model_directory import MAX_HEADER_BYTES
from tests.tiny import DIT, ONE_PASS, tiny_classifier, tiny_enlarger, tiny_model

MODELS = {
    "two passes": {"guidance_scale": 3.0, "guidance_t_max": 0.8},
    "one pass": {"network": ONE_PASS},
    "dit": {"network": DIT, "label_names": (), "skip_scale": 2.0},
    "learned range": {"variance": "learned_range", "sampler": "ddpm"},
    "colour": {"channels": 3, "label_names": (), "black_margin": 0.1},
}


@pytest.fixture
def saved(tmp_path):
    tiny_model().save(tmp_path, readme="# card\n")
    return tmp_path


@pytest.mark.parametrize("kind", MODELS)
def test_saved_and_loaded_it_samples_the_same(kind, tmp_path):
    model = tiny_model(**MODELS[kind])
    model.save(tmp_path, readme="# card\n")
    loaded = load_model(tmp_path, device="cpu")
    labels = [0, 1, -1] if model.config.label_names else None
    assert loaded.config == model.config
    assert torch.equal(loaded.generate(labels, seed=5), model.generate(labels, seed=5))
    assert {file.name for file in tmp_path.iterdir()} == {"config.json", "model.safetensors", "README.md"}


def test_super_resolution_saved_and_loaded(tmp_path):
    model, small = tiny_enlarger(), torch.linspace(-1, 1, 4).view(1, 1, 2, 2)
    model.save(tmp_path)
    assert torch.equal(load_model(tmp_path, device="cpu").generate(low_res=small), model.generate(low_res=small))


def test_a_classifier_saved_and_loaded_guides_as_before(tmp_path):
    tiny_classifier().save(tmp_path)
    guide, model = load_classifier(tmp_path, "cpu"), tiny_model(label_names=())
    assert guide.label_names == tiny_classifier().config.label_names
    assert guide.num_classes == 10
    guided = model.generate([3, 7, -1], classifier=guide, classifier_scale=30.0)
    again = model.generate([3, 7, -1], classifier=tiny_classifier().classifier(), classifier_scale=30.0)
    plain = model.generate(num_images=3)
    assert torch.equal(guided, again)
    assert (guided - plain)[:2].abs().amax((1, 2, 3)).min() > 1e-3
    assert torch.equal(guided[2], plain[2])
    level, x = model.process.level(0.5), torch.randn(3, 1, 8, 8)
    expected = tiny_classifier().network(x, torch.full((3,), 499.0))
    torch.testing.assert_close(guide.logits(x, level), expected, rtol=1e-4, atol=1e-5)


def test_generators_and_classifiers_are_not_confused(tmp_path):
    tiny_classifier().save(tmp_path / "guide")
    tiny_model().save(tmp_path / "generator")
    with pytest.raises(InputError, match="guide is a classifier of noisy images"):
        load_model(tmp_path / "guide")
    with pytest.raises(InputError, match="generator generates images: it is no classifier"):
        load_classifier(tmp_path / "generator")


def test_a_config_of_an_earlier_version_loads(saved):
    """With its settings of sampling at the top level, and without what has been added since."""
    before = load_model(saved).generate([3], seed=1)
    config = json.loads((saved / "config.json").read_text())
    config |= config.pop("sampling")
    del config["typical_gap"], config["black_margin"]
    (saved / "config.json").write_text(json.dumps(config))
    assert torch.equal(load_model(saved).generate([3], seed=1), before)


def test_a_loaded_model_does_not_live_in_its_file(saved):
    model = load_model(saved)
    before = model.generate([0, 1], seed=5)
    (saved / "model.safetensors").write_bytes(b"")  # into the same file, as cp does
    assert torch.equal(model.generate([0, 1], seed=5), before)


def test_a_list_of_tensors_too_long_is_refused_unread(saved):
    """The library would take 100 MB of it: a gigabyte of memory, and seconds in which no other thread goes on."""
    weights = saved / "model.safetensors"
    tensor = b'"%06d":{"dtype":"F16","shape":[0],"data_offsets":[0,0]}'
    header = b"{%b}" % b",".join(tensor % i for i in range(MAX_HEADER_BYTES // 50))
    weights.write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(InputError, match=r"list of tensors of 1,\d+,\d+ bytes; a model's has at most 1,000,000"):
        load_model(saved)
    weights.write_bytes((2**63).to_bytes(8, "little"))  # not even a file of that kind
    with pytest.raises(InputError, match="cannot be read"):
        load_model(saved)


def test_half_precision_halves_the_file_and_hardly_changes_the_images(saved, tmp_path):
    model = tiny_model()
    model.save(tmp_path / "half", half=True)
    assert (tmp_path / "half/model.safetensors").stat().st_size < 0.6 * (saved / "model.safetensors").stat().st_size
    difference = load_model(tmp_path / "half").generate([0, 1], seed=1) - model.generate([0, 1], seed=1)
    assert 0 < difference.abs().max() < 0.02


def test_a_save_that_fails_leaves_the_old_files_whole(saved, monkeypatch):
    before = {file.name: file.read_bytes() for file in saved.iterdir()}

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        tiny_model(steps=9).save(saved)
    assert {file.name: file.read_bytes() for file in saved.iterdir()} == before


def refusal(directory):
    """The error of loading it: one sentence."""
    with pytest.raises(InputError) as raised:
        load_model(directory)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_a_config_that_is_endless_wrong_or_missing(saved):
    (saved / "config.json").write_text(" " * 2_000_000)
    assert "larger than" in refusal(saved)
    (saved / "config.json").write_text('{"colour": "red"}')
    assert "config.json is not a model's configuration, at 'name': Field required." in refusal(saved)
    (saved / "config.json").unlink()
    assert "lacks config.json" in refusal(saved)


def change_tensors(directory, change):
    tensors = load_file(directory / "model.safetensors")
    change(tensors)
    save_file(tensors, directory / "model.safetensors")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda tensors: tensors.pop("input.weight"), "tensor 'input.weight' is missing"),
        (lambda tensors: tensors.update(extra=torch.zeros(1)), "tensor 'extra' is not part of the network"),
        (lambda tensors: tensors.update({"input.weight": torch.zeros(1, 2)}), "'input.weight' has shape (1, 2), not"),
        (lambda tensors: tensors["input.bias"].fill_(float("nan")), "not finite, in tensor 'input.bias'"),
    ],
    ids=["missing", "extra", "shape", "nan"],
)
def test_tensors_must_fit_exactly(saved, change, sentence):
    change_tensors(saved, change)
    assert sentence in refusal(saved)


@pytest.mark.parametrize("content", [b"", b"\x80\x04pickle", b"\xff" * 100])
def test_what_is_no_safetensors_is_refused(saved, content):
    (saved / "model.safetensors").write_bytes(content)
    assert "cannot be read as safetensors" in refusal(saved)


def test_a_truncated_file_is_refused(saved):
    content = (saved / "model.safetensors").read_bytes()
    (saved / "model.safetensors").write_bytes(content[: len(content) // 2])
    assert "cannot be read as safetensors" in refusal(saved)


def test_a_file_that_a_reader_has_open_is_replaced_once_that_has_closed_it(saved, monkeypatch):
    """On Windows it cannot be before."""
    refusals, replace = [PermissionError(13, "in use")] * 3, os.replace

    def busy(*paths):
        if refusals:
            raise refusals.pop()
        replace(*paths)

    monkeypatch.setattr(os, "replace", busy)
    monkeypatch.setattr(files, "MOMENTS", (0, 0, 0))
    tiny_model(7).save(saved)
    assert torch.equal(load_model(saved).generate([1]), tiny_model(7).generate([1]))
    refusals += [PermissionError(13, "in use")] * 4
    with pytest.raises(PermissionError):
        files.write_atomically(saved / "README.md", b"new")
    assert sorted(os.listdir(saved)) == ["README.md", "config.json", "model.safetensors"]
