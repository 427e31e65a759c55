"""The evaluator, its training, and what is computed from its readings."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFont

from diffusion.config import ModelConfig
from diffusion.errors import InputError
from diffusion.model import Model
from train import evaluate, evaluator
from train.data import DIGITS, Dataset, load_dataset
from train.evaluate import bundled_reference, draw, figures, frechet_distance, moments, real_figures, write_reference
from train.evaluator import ASSETS, Evaluator, augment, can_read, load_evaluator, read, train

ROOT = Path(__file__).resolve().parents[2]
TINY = {"kind": "unet", "channels": [8], "blocks": 1, "attention": [False]}


@pytest.fixture(scope="module")
def data_dir():
    """Where the real MNIST is on this machine."""
    places = [os.environ.get("DIGIT_DIFFUSION_DATA"), ROOT / "data"]
    for place in places:
        if place and (Path(place) / "MNIST" / "raw" / "t10k-images-idx3-ubyte").is_file():
            return Path(place)
    pytest.skip("the real MNIST is neither in $DIGIT_DIFFUSION_DATA nor in ./data")


@pytest.fixture(scope="module")
def bundled():
    return load_evaluator()


def bars(count: int) -> Dataset:
    """Made-up digits that anything can learn: digit d is a vertical bar at column 2d + 4."""
    labels = torch.arange(count) % 10
    images = torch.zeros(count, 1, 28, 28, dtype=torch.uint8)
    for i, label in enumerate(labels):
        images[i, 0, 4:24, 2 * label + 4 : 2 * label + 6] = 255
    return Dataset(images, labels, DIGITS)


# ------------------------------------------------------------------------------------------------------ the network


def test_the_logits_are_the_head_on_the_features():
    torch.manual_seed(0)
    network = Evaluator().eval()
    x = torch.rand(3, 1, 28, 28) * 2 - 1
    with torch.inference_mode():
        features, logits = network.features(x), network(x)
        torch.testing.assert_close(logits, network.head(features))
    assert features.shape == (3, network.num_features)
    assert logits.shape == (3, 10)


@pytest.mark.parametrize("shape", [(2, 1, 32, 32), (2, 3, 28, 28), (28, 28), (1, 28, 28)])
def test_other_sizes_are_refused(shape):
    with pytest.raises(InputError, match="28x28"):
        Evaluator()(torch.zeros(shape))


def test_an_image_is_read_alike_alone_and_among_others(bundled):
    images = bars(30).images
    features, probabilities = read(bundled, images, batch_size=7)
    alone = [read(bundled, images[i : i + 1]) for i in range(30)]
    torch.testing.assert_close(features, torch.cat([part[0] for part in alone]), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(probabilities.sum(1), torch.ones(30))
    as_floats = read(bundled, images.float() / 127.5 - 1)[0]
    torch.testing.assert_close(features, as_floats, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [({}, True), ({"channels": 3}, False), ({"image_size": 32}, False), ({"label_names": ("cat", "dog")}, False)],
)
def test_can_read(changes, expected):
    values = {"name": "x", "label_names": tuple(DIGITS), "network": TINY} | changes
    assert can_read(ModelConfig(**values)) is expected


# --------------------------------------------------------------------------------------------- the bundled evaluator


def test_the_bundled_evaluator_is_small_and_claims_what_is_asked():
    assert (ASSETS / "model.safetensors").stat().st_size <= 1_000_000
    facts = json.loads((ASSETS / "config.json").read_text())
    assert facts["test_accuracy"] >= 0.996
    assert facts["test_images"] == 10_000
    assert f"{facts['test_accuracy']:.2%}" in (ASSETS / "README.md").read_text()


def test_the_bundled_evaluator_reads_printed_digits(bundled):
    """Digits that are in no data set: set in Pillow's own font.  At least nine of ten are read."""
    font = ImageFont.load_default(size=24)
    images = []
    for name in DIGITS:
        picture = Image.new("L", (28, 28))
        ImageDraw.Draw(picture).text((14, 14), name, fill=255, font=font, anchor="mm")
        images.append(torch.from_numpy(np.array(picture))[None])
    readings = read(bundled, torch.stack(images))[1].argmax(1)
    assert (readings == torch.arange(10)).sum() >= 9


def test_the_bundled_evaluator_reads_the_real_test_digits(bundled, data_dir):
    test = load_dataset("mnist", data_dir, "test")
    assert len(test.images) == 10_000
    share = evaluator.accuracy(bundled, test)
    assert share >= 0.996
    assert share == pytest.approx(json.loads((ASSETS / "config.json").read_text())["test_accuracy"], abs=2e-4)


def test_missing_and_damaged_weights_are_named(tmp_path):
    with pytest.raises(InputError, match=r"model\.safetensors"):
        load_evaluator(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"no safetensors")
    with pytest.raises(InputError, match=r"model\.safetensors"):
        load_evaluator(tmp_path)
    with pytest.raises(InputError, match=r"reference\.safetensors"):
        bundled_reference(tmp_path)


# ------------------------------------------------------------------------------------------------------ its training


def test_augmentation_moves_little_and_repeats_by_its_generator():
    x = bars(200).images.float() / 127.5 - 1
    a, b = (augment(x, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(a, b)
    assert a.min() >= -1
    assert a.max() <= 1
    changed = (a - x).abs().flatten(1).mean(1)
    assert (changed > 0).all()
    assert not torch.equal(changed[0], changed[10])  # the same digit twice, moved differently
    ink, ink_before = (a + 1).sum(), (x + 1).sum()
    assert ink / ink_before == pytest.approx(1, abs=0.1)
    black = torch.full((4, 1, 28, 28), -1.0)
    assert torch.equal(augment(black, torch.Generator().manual_seed(0)), black)


def test_training_learns_and_repeats_by_its_seed(monkeypatch):
    monkeypatch.setattr(evaluator, "augment", lambda x, generator: x)  # bars that move are other bars
    monkeypatch.setattr(evaluator, "BATCH", 50)
    data = bars(100)
    first, seen = train(data, epochs=10, minutes=None, seed=1)
    again, _ = train(data, epochs=10, minutes=None, seed=1)
    assert seen == 1000
    assert evaluator.accuracy(first, data) > 0.95
    torch.testing.assert_close(first.head.weight, again.head.weight, rtol=1e-3, atol=1e-4)


def test_training_command_saves_what_load_evaluator_reads(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(evaluator, "load_dataset", lambda name, data_dir, split: bars(600))
    assert evaluator.main(["--epochs", "0.5", "--output-dir", str(tmp_path)]) == 0
    facts = json.loads((tmp_path / "config.json").read_text())
    assert facts["images_seen"] == 512
    assert evaluator.accuracy(load_evaluator(tmp_path), bars(600)) == pytest.approx(facts["test_accuracy"])
    assert "Test accuracy" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--epochs", "0"], "epochs"),
        (["--epochs", "nan"], "epochs"),
        (["--minutes", "-1"], "minutes"),
        (["--seed", "-1"], "seed"),
    ],
)
def test_training_command_refuses_bad_values(arguments, words, capsys):
    assert evaluator.main(arguments) == 2
    assert words in capsys.readouterr().err


# ------------------------------------------------------------------------------------------------------ the figures


def test_frechet_distance_of_known_gaussians():
    deviations_a, deviations_b = torch.tensor([1.0, 2.0, 0.0]), torch.tensor([3.0, 0.5, 0.0])
    a = torch.zeros(3).double(), torch.diag(deviations_a**2).double()
    b = torch.tensor([1.0, -2.0, 0.5]).double(), torch.diag(deviations_b**2).double()
    assert frechet_distance(a, b) == pytest.approx(5.25 + 4 + 2.25)  # |means|^2 + the deviations' differences squared
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)


def test_frechet_distance_against_symmetric_square_roots():
    """An independent computation: tr (A^1/2 B A^1/2)^1/2, every root by a symmetric eigendecomposition."""
    rng = np.random.default_rng(0)
    samples = [rng.normal(size=(400, 12)) @ rng.normal(size=(12, 12)) + rng.normal(size=12) for _ in range(2)]
    (mean_a, a), (mean_b, b) = ((part.mean(0), np.cov(part, rowvar=False)) for part in samples)
    values, vectors = np.linalg.eigh(a)
    root = vectors * np.sqrt(values) @ vectors.T
    root_trace = np.sqrt(np.linalg.eigvalsh(root @ b @ root)).sum()
    expected = ((mean_a - mean_b) ** 2).sum() + np.trace(a) + np.trace(b) - 2 * root_trace
    got = frechet_distance(*(moments(torch.from_numpy(part)) for part in samples))
    assert got == pytest.approx(expected, rel=1e-9)


def test_frechet_distance_against_torchmetrics(bundled):
    from torchmetrics.image.fid import FrechetInceptionDistance

    class Features(torch.nn.Module):
        num_features = bundled.num_features

        def forward(self, x):
            return bundled.features(x)

    generator = torch.Generator().manual_seed(0)
    x = bars(300).images.float() / 127.5 - 1
    real, fake = (augment(x, generator) for _ in range(2))
    fake = fake * 0.8
    metric = FrechetInceptionDistance(feature=Features())
    with torch.inference_mode():
        metric.update(real, real=True)
        metric.update(fake, real=False)
    ours = frechet_distance(*(moments(read(bundled, part)[0]) for part in (real, fake)))
    assert ours == pytest.approx(metric.compute().item(), rel=1e-3)
    assert ours > 0


def test_figures_count_right_readings(monkeypatch, bundled):
    probabilities = torch.full((4, 10), 0.01)
    for row, digit in enumerate([3, 3, 5, 5]):
        probabilities[row, digit] = 0.9
    monkeypatch.setattr(evaluate, "read", lambda *_: (torch.zeros(4, 96), probabilities))
    training = torch.zeros(96).double(), torch.eye(96).double()
    result = figures(bundled, torch.zeros(4, 1, 28, 28), torch.tensor([3, 3, 3, 5]), training)
    assert result["accuracy"] == 0.75
    assert result["accuracy_per_digit"] == {"3": pytest.approx(2 / 3), "5": 1.0}
    assert result["confidence"] == pytest.approx(0.9)
    assert result["frechet_distance"] is None  # 4 images say nothing of 96 features' covariance


def test_the_reference_survives_the_disk(tmp_path):
    mean, covariance = torch.randn(96).double(), torch.randn(96, 96).double()
    write_reference((mean, covariance), [{"n": 5}], tmp_path)
    (mean_read, covariance_read), rows = bundled_reference(tmp_path)
    assert torch.equal(mean, mean_read)
    assert torch.equal(covariance, covariance_read)
    assert rows == [{"n": 5}]


def test_the_bundled_reference_is_of_good_real_digits():
    (mean, covariance), rows = bundled_reference()
    assert mean.shape == (96,)
    assert torch.equal(covariance, covariance.T)
    by_size = {row["n"]: row for row in rows}
    assert by_size[10_000]["accuracy"] >= 0.996
    distances = [by_size[n]["frechet_distance"] for n in (500, 1000, 2000, 5000, 10_000)]
    assert distances == sorted(distances, reverse=True)  # fewer digits, more distance


def test_the_bundled_reference_is_the_bundled_evaluators(bundled, data_dir):
    """The figures of real test digits, computed again, are those kept."""
    training, rows = bundled_reference()
    (row,) = real_figures(bundled, data_dir, training, [1000])
    kept = next(kept for kept in rows if kept["n"] == 1000)
    assert row["accuracy"] == pytest.approx(kept["accuracy"], abs=1e-3)
    assert row["confidence"] == pytest.approx(kept["confidence"], abs=1e-3)
    assert row["frechet_distance"] == pytest.approx(kept["frechet_distance"], rel=1e-2)


# ------------------------------------------------------------------------------------------------------ the command


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
    drawn = draw(model, 25, batch_size, {"seed": 4})
    assert drawn.images[:, 0, 0, 0].tolist() == list(range(25))
    assert drawn.labels.tolist() == [i % 10 for i in range(25)]
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
    assert "steps 3" in printed
    assert "digit 9" in printed


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
    ],
)
def test_command_refuses_bad_values(saved_model, arguments, words, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("urllib.request.urlopen", offline)
    monkeypatch.chdir(tmp_path)
    assert evaluate.main(["--model", str(saved_model), "--num-images", "2", *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert len(error.splitlines()) == 1


def test_command_refuses_a_model_that_the_evaluator_cannot_read(tmp_path, capsys):
    Model(ModelConfig(name="pets", label_names=("cat", "dog"), network=TINY)).save(tmp_path)
    assert evaluate.main(["--model", str(tmp_path)]) == 2
    assert "'pets' draws 2 classes" in capsys.readouterr().err


def test_command_runs_as_a_module():
    arguments = [sys.executable, "-m", "train.evaluate", "--model", "/no/such/model"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(arguments, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    assert "/no/such/model" in done.stderr
    assert "Traceback" not in done.stderr


def offline(*_arguments, **_options):
    raise OSError("Network is unreachable")
