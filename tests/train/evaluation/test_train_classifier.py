"""The command that trains an evaluation classifier."""

import json

import pytest
import torch

from tests.bars import bars
from train.datasets import Dataset
from train.evaluation import train_classifier
from train.evaluation.classifier import CIFAR10, accuracy, load_evaluation_classifier


def test_what_is_saved_has_the_accuracy_that_the_card_gives(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(train_classifier, "load_dataset", lambda name, data_dir, split: bars(600))
    assert train_classifier.main(["--epochs", "0.5", "--output-dir", str(tmp_path)]) == 0
    facts = json.loads((tmp_path / "config.json").read_text())
    assert facts["images_seen"] == 512
    loaded = load_evaluation_classifier(directory=tmp_path)
    assert accuracy(loaded, bars(600)) == pytest.approx(facts["test_accuracy"])
    assert f"Test accuracy: **{facts['test_accuracy']:.2%}**" in capsys.readouterr().out


def test_out_of_memory_without_an_option_that_helps(monkeypatch, capsys, tmp_path):
    def full(*_):
        raise MemoryError

    monkeypatch.setattr(train_classifier, "load_dataset", full)
    assert train_classifier.main(["--output-dir", str(tmp_path)]) == 1
    assert capsys.readouterr().err.endswith("not enough memory: close other programs, or use a machine with more.\n")


@pytest.mark.parametrize("length", ["--epochs", "--minutes"])
def test_the_shortest_training_is_a_step(length, tmp_path, monkeypatch):
    monkeypatch.setattr(train_classifier, "load_dataset", lambda name, data_dir, split: bars(300))
    assert train_classifier.main([length, "1e-9", "--output-dir", str(tmp_path)]) == 0
    assert json.loads((tmp_path / "config.json").read_text())["images_seen"] == 256


def test_cifar10_has_its_own_classifier(tmp_path, monkeypatch):
    data = Dataset(torch.zeros(20, 3, 32, 32, dtype=torch.uint8), torch.arange(20) % 10, CIFAR10)
    loaded = []
    monkeypatch.setattr(train_classifier, "load_dataset", lambda *names: loaded.append(names) or data)
    assert train_classifier.main(["--dataset", "cifar10", "--epochs", "1", "--output-dir", str(tmp_path)]) == 0
    assert loaded == [("cifar10", "data", "train"), ("cifar10", "data", "test")]
    load_evaluation_classifier("cifar10", tmp_path)  # raises where the weights do not fit
    card = (tmp_path / "README.md").read_text()
    assert "RGB images of 32x32 pixels" in card
    assert "random flips and shifts" in card
    assert "train.evaluation.train_classifier --dataset cifar10" in card


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--epochs", "0"], "--epochs must be a number above 0"),
        (["--epochs", "nan"], "--epochs must be a number above 0"),
        (["--minutes", "-1"], "--minutes must be a number above 0"),
        (["--seed", "-1"], "--seed must be a whole number from 0"),
        (["--output-dir", "/dev/null/x"], "--output-dir cannot be written into"),
    ],
)
def test_bad_values_are_refused(arguments, message, capsys, monkeypatch):
    monkeypatch.setattr(train_classifier, "load_dataset", lambda *_: pytest.fail("the work has begun"))
    assert train_classifier.main(arguments) == 2
    assert message in capsys.readouterr().err
