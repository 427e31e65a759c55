"""The command that judges a model, by what the model is for."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from huggingface_hub import ModelCard
from PIL import Image

from diffusion.config import ModelConfig
from diffusion.io.loading import load_model
from diffusion.model import Model
from tests.bars import bars
from tests.tiny import ENCODER, ENLARGER, tiny_classifier, tiny_enlarger, tiny_model
from train import evaluate
from train.datasets import DIGITS, Dataset, import_torchvision
from train.evaluation import generation as generating
from train.evaluation import super_resolution as enlarging
from train.evaluation import two_sample_test as two_sample
from train.evaluation.sample import draw, labels_in_turn
from train.evaluation.super_resolution import bicubic, psnr, small

CLOTHES = "---\ndatasets:\n- zalando-datasets/fashion_mnist\n---\n\n# Clothes\n"
ROOT = Path(__file__).resolve().parents[2]
TINY = {"kind": "unet", "channels": [8], "blocks": 1, "attention": [False]}


class Stamps:
    """A stand-in for a model: image i is filled with the value i; it remembers what it was asked for."""

    def __init__(self):
        self.calls = []

    def generate(self, labels, first_index, **settings):
        self.calls.append((labels, first_index, settings))
        values = torch.arange(first_index, first_index + len(labels)) / 127.5 - 1
        return values.view(-1, 1, 1, 1).expand(-1, 1, 28, 28)


@pytest.mark.parametrize("batch_size", [3, 7, 25, 100])
def test_drawing_in_batches_draws_the_same_images(batch_size):
    model = Stamps()
    drawn = draw(model, 25, batch_size, {"seed": 4}, labels_in_turn(25, 10))
    assert drawn[:, 0, 0, 0].tolist() == list(range(25))
    assert len(model.calls) == -(-25 // batch_size)
    assert model.calls[0][0] == [i % 10 for i in range(min(batch_size, 25))]
    assert all(settings == {"seed": 4} for _, _, settings in model.calls)


@pytest.fixture(scope="module")
def saved_model(tmp_path_factory):
    """A fresh, tiny model of digits."""
    path = tmp_path_factory.mktemp("models") / "tiny"
    config = ModelConfig(name="tiny", label_names=tuple(DIGITS), network=TINY, sampler="ddim", steps=2)
    Model(config).save(path)
    return path


def test_command_prints_a_table_and_writes_json(saved_model, tmp_path, capsys):
    path = tmp_path / "figures.json"
    arguments = ["--model", str(saved_model), "--num-images", "12", "--steps", "3", "--seed", "5", "--json", str(path)]
    assert evaluate.main(arguments) == 0
    printed = capsys.readouterr().out
    result = json.loads(path.read_text())
    assert {key: result[key] for key in ("sampler", "steps", "guidance_scale", "seed", "num_images")} == {
        "sampler": "ddim", "steps": 3, "guidance_scale": 1.0, "seed": 5, "num_images": 12,
    }  # fmt: skip
    assert result["generated"]["n"] == 12
    assert result["generated"]["accuracy"] < 0.6  # the model is fresh: it draws noise
    assert result["real"]["n"] == 500  # the fewest that are bundled
    assert result["real"]["accuracy"] > 0.98
    assert f"{result['real']['accuracy']:.2%}" in printed
    assert "3 steps" in printed
    assert "accuracy of 9" in printed
    assert "share" not in printed  # the labels were asked for


def judged(capsys, tmp_path, *arguments):
    """What the command prints and writes."""
    path = tmp_path / "figures.json"
    assert evaluate.main([*map(str, arguments), "--json", str(path)]) == 0
    return capsys.readouterr().out, json.loads(path.read_text())


def test_what_guidance_was_is_said_in_full(saved_model, tmp_path, capsys):
    copy = tmp_path / "limited"
    config = load_model(saved_model).config.model_copy(update={"guidance_t_min": 0.25, "guidance_t_max": 0.75})
    Model(config).save(copy)
    asked = ["--model", copy, "--num-images", 2, "--guidance-scale", 2]
    assert "from t =" not in judged(capsys, tmp_path, *asked)[0]  # the model's own
    printed, _ = judged(capsys, tmp_path, *asked, "--guidance-t-max", 0.9, "--guidance-power", 1.5)
    assert "guidance scale 2, from t = 0.9 to 0.25, guidance power 1.5, seed 0" in printed


def test_a_model_without_labels_is_judged_by_confidence_and_shares(tmp_path, capsys):
    tiny_model(image_size=28, label_names=()).save(tmp_path)
    printed, result = judged(capsys, tmp_path, "--model", tmp_path, "--num-images", 7)
    assert "accuracy" not in result["generated"]
    assert sum(result["generated"]["share_per_class"].values()) == pytest.approx(1)
    assert result["real"]["share_per_class"]["1"] == pytest.approx(0.11, abs=0.04)
    assert "share of 9" in printed
    assert "accuracy" not in printed


def test_a_classifier_is_judged_beside_chance(tmp_path, capsys, monkeypatch):
    model, steers = tmp_path / "model", tmp_path / "classifier"
    tiny_model(image_size=28, label_names=(), process={"kind": "linear_vp"}).save(model)
    tiny_classifier(image_size=28, network=ENCODER | {"pool_size": 14}, process={"kind": "linear_vp"}).save(steers)
    calls = []

    def watched(model, num_images, batch_size, settings, labels=None, **beside):
        calls.append((settings, labels, beside.get("classifier")))
        return draw(model, num_images, batch_size, settings, labels, **beside)

    monkeypatch.setattr(generating, "draw", watched)
    arguments = ["--model", model, "--classifier", steers, "--classifier-scale", "3", "--num-images", 20]
    printed, result = judged(capsys, tmp_path, *arguments)
    (settings, labels, classifier), (freely, no_labels, no_classifier) = calls
    assert settings["classifier_scale"] == 3
    assert labels.tolist() == [i % 10 for i in range(20)]
    assert classifier.label_names == tuple(DIGITS)
    assert freely == {name: value for name, value in settings.items() if name != "classifier_scale"}
    assert (no_labels, no_classifier) == (None, None)
    assert set(result["unguided"]["accuracy_per_class"]) == set(DIGITS)  # read beside the same labels
    assert "unguided" in printed
    assert f"classifier {steers}, scale 3" in printed


def test_super_resolution_is_judged_beside_bicubic(tmp_path, capsys, monkeypatch):
    config = {"image_size": 28, "low_res_size": 7, "network": ENLARGER}
    tiny_enlarger(**config).save(tmp_path)
    rng = torch.Generator().manual_seed(0)
    images = torch.randint(256, (6, 1, 28, 28), generator=rng, dtype=torch.uint8)
    monkeypatch.setattr(enlarging, "real_images", lambda *_: Dataset(images, torch.arange(6), DIGITS))
    printed, result = judged(capsys, tmp_path, "--model", tmp_path, "--num-images", 6)
    import_torchvision()  # torchmetrics imports it, too, and fails where it cannot be imported as it is
    from torchmetrics.functional.image import peak_signal_noise_ratio

    enlarged = bicubic(small(images, 7), 28)
    expected = torch.stack([peak_signal_noise_ratio(a, b, 255.0) for a, b in zip(enlarged, images, strict=True)])
    assert result["bicubic"]["psnr"] == pytest.approx(expected.mean().item(), rel=1e-5)
    assert result["generated"]["psnr"] < result["bicubic"]["psnr"]  # the weights are noise
    assert {name: result[name]["n"] for name in ("generated", "bicubic", "real")} == dict.fromkeys(
        ("generated", "bicubic", "real"), 6
    )
    assert f"{result['bicubic']['psnr']:.2f}" in printed


def test_more_figures_go_into_the_table_and_the_card(saved_model, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(two_sample, "EPOCHS", 0.5)
    monkeypatch.setattr(two_sample, "SEEDS", (0,))
    monkeypatch.setattr(evaluate, "load_dataset", lambda *_: bars(220))
    monkeypatch.setattr(evaluate, "real_images", lambda *_: bars(120))
    model, sheet = tmp_path / "model", tmp_path / "sheet.png"
    load_model(saved_model).save(model, readme="---\npipeline_tag: unconditional-image-generation\n---\n# Tiny\n")
    more = ["--two-sample", "--neighbours", "--sheet", sheet, "--dire", "--dire-steps", 2, "--write-card"]
    printed, result = judged(capsys, tmp_path, "--model", model, "--num-images", 110, *more)
    assert 0 <= result["generated"]["two_sample"] <= 1
    assert result["real"]["two_sample_images"] == 110
    assert result["generated"]["near_copies"] == 0  # it draws noise
    assert result["real"]["nearest_distance"] == 0  # every test bar is one of the training bars
    assert 0 <= result["generated"]["dire_auc"] <= 1
    assert "two-sample accuracy" in printed
    assert Image.open(sheet).size == (10 * 58 - 2, 10 * 30 - 2)
    assert Image.open(model / "neighbours.png").size == Image.open(sheet).size
    card = ModelCard((model / "README.md").read_text())
    found = {each.metric_type: each.metric_value for each in card.data.eval_results}
    for name in ("accuracy", "two_sample", "near_copies", "dire_auc", "dire_error"):
        assert found[name] == result["generated"][name]
    assert "![](neighbours.png)" in card.text
    assert "50% is guessing" in card.text


def test_psnr_by_hand():
    original = torch.zeros(3, 1, 2, 2, dtype=torch.uint8)
    image = original.clone()
    image[1, 0, 0, 0] = 10  # mean squared error 25
    image[2] = 255
    db = psnr(image, original)
    assert db[1].item() == pytest.approx(34.1514, abs=1e-4)  # 20 log10(255 / 5)
    assert db[2].item() == pytest.approx(0)
    assert db[0].item() == pytest.approx(58.9226, abs=1e-4)  # the error of rounding


def test_images_are_made_small_by_the_mean_and_enlarged_by_bicubic():
    images = torch.zeros(1, 1, 28, 28, dtype=torch.uint8)
    images[:, :, :4, :4] = torch.arange(16, dtype=torch.uint8).view(4, 4) * 4
    assert small(images, 7)[0, 0, 0, 0] == 30
    assert small(images, 7)[0, 0].sum() == 30
    flat = torch.full((2, 3, 8, 8), 77, dtype=torch.uint8)
    assert (bicubic(flat, 32) == 77).all()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--num-images", "0"], "num_images"),
        (["--steps", "0"], "steps"),
        (["--sampler", "magic"], "magic"),
        (["--guidance-scale", "nan"], "guidance_scale"),
        (["--batch-size", "0"], "batch_size"),
        (["--json", "no-such-folder/x.json"], "no-such-folder"),
        (["--data-dir", "no-such-folder"], "--data-dir"),
        (["--classifier", "unet"], "no classifier"),
        (["--classifier-scale", "2"], "classifier_scale"),
        (["--write-reference", "--dataset", "fashion_mnist"], "mnist and of cifar10"),
        (["--write-card"], "README.md"),
        (["--write-card", "--bits-per-dim"], "bits-per-dim"),
        (["--two-sample", "--bits-per-dim"], "two-sample"),
        (["--sheet", "x.png"], "neighbours"),
        (["--json", "."], "json must be a file; . is a folder"),
        (["--respacing", "100"], "respacing belongs to bits-per-dim"),
        (["--dataset", "cifar10"], "dataset belongs to bits-per-dim and write-reference"),
        (["--dire-steps", "0"], "dire-steps"),
        (["--two-sample", "--data-dir", "no-such-folder"], "--data-dir"),
    ],
)
def test_command_refuses_bad_values(saved_model, arguments, words, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("urllib.request.urlopen", offline)
    monkeypatch.chdir(tmp_path)
    assert evaluate.main(["--model", str(saved_model), "--num-images", "2", *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert len(error.splitlines()) == 1


def test_command_refuses_what_super_resolution_cannot_do(tmp_path, capsys):
    tiny_enlarger(image_size=28, low_res_size=7).save(tmp_path)
    assert evaluate.main(["--model", str(tmp_path), "--dire"]) == 2
    assert "dire is for a model that draws from noise alone" in capsys.readouterr().err


def test_command_refuses_a_model_that_the_evaluator_cannot_read(tmp_path, capsys):
    Model(ModelConfig(name="pets", label_names=("cat", "dog"), network=TINY)).save(tmp_path)
    assert evaluate.main(["--model", str(tmp_path)]) == 2
    assert "'pets' draws 2 classes" in capsys.readouterr().err


def test_figures_are_not_written_into_a_card_that_they_do_not_belong_to(tmp_path, capsys):
    arguments = ["--model", str(tmp_path), "--num-images", "2", "--write-card"]
    for card, said in (("# no front matter\n", "has no front matter"), (CLOTHES, "trained on zalando-datasets")):
        tiny_model(image_size=28, label_names=()).save(tmp_path, readme=card)
        assert evaluate.main(arguments) == 2
        assert said in capsys.readouterr().err
        assert (tmp_path / "README.md").read_text() == card


def test_command_runs_as_a_module():
    arguments = [sys.executable, "-m", "train.evaluate", "--model", "/no/such/model"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(arguments, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    assert "/no/such/model" in done.stderr
    assert "Traceback" not in done.stderr


def offline(*_arguments, **_options):
    raise OSError("Network is unreachable")
