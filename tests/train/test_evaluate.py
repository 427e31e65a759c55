"""The command that evaluates a model, by the model's task."""

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
from diffusion.errors import InputError
from diffusion.io import files
from diffusion.io.loading import load_model
from diffusion.model import Model
from diffusion.settings import SamplingSettings
from tests.bars import bars
from tests.tiny import ENCODER, NETWORK, tiny_classifier, tiny_enlarger, tiny_model
from train import evaluate
from train.datasets import DIGITS, Dataset, import_torchvision
from train.evaluation import generation, reference_metrics, super_resolution, two_sample_test
from train.evaluation.sample import cycled_labels, sample_images
from train.evaluation.super_resolution import bicubic, downscale, psnr

FASHION_CARD = "---\ndatasets:\n- zalando-datasets/fashion_mnist\n---\n\n# Fashion\n"
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("batch_size", [3, 7, 100])
def test_the_samples_do_not_depend_on_the_batch_size(batch_size):
    model = tiny_model()
    settings = SamplingSettings(seed=4).resolve(model.config)
    images = sample_images(model, 25, batch_size, settings, cycled_labels(25, 10))
    alone = model.generate([i % 10 for i in range(25)], seed=4)
    assert images.dtype == torch.uint8
    assert ((alone + 1) * 127.5 - images).abs().max() < 1


@pytest.fixture(scope="module")
def saved_model(tmp_path_factory):
    """A tiny model of digits with fresh weights."""
    path = tmp_path_factory.mktemp("models") / "tiny"
    sampling = {"sampler": "ddim", "steps": 2}
    Model(ModelConfig(name="tiny", label_names=tuple(DIGITS), network=NETWORK, sampling=sampling)).save(path)
    return path


def evaluated(capsys, tmp_path, *arguments):
    """What the command prints and writes."""
    path = tmp_path / "metrics.json"
    assert evaluate.main([*map(str, arguments), "--json", str(path)]) == 0
    return capsys.readouterr().out, json.loads(path.read_text())


def test_too_few_steps_are_said_to_leave_noise(saved_model, capsys):
    arguments = ["--model", str(saved_model), "--num-images", "2", "--sampler", "heun", "--steps", "1"]
    assert evaluate.main(arguments) == 0
    assert "Heun leaves noise with --steps 1: take at least 2." in capsys.readouterr().err


def test_the_command_prints_a_table_and_writes_json(saved_model, tmp_path, capsys):
    arguments = ["--model", saved_model, "--num-images", 12, "--steps", 3, "--seed", 5]
    printed, result = evaluated(capsys, tmp_path, *arguments)
    assert {key: result[key] for key in ("sampler", "steps", "guidance_scale", "seed", "num_images")} == {
        "sampler": "ddim", "steps": 3, "guidance_scale": 1.0, "seed": 5, "num_images": 12,
    }  # fmt: skip
    assert result["generated"]["n"] == 12
    assert result["generated"]["accuracy"] < 0.6  # the weights are fresh: the samples are noise
    assert result["real"]["n"] == 500  # the smallest number that is bundled
    assert result["real"]["accuracy"] > 0.98
    assert f"{result['real']['accuracy']:.2%}" in printed
    assert "3 steps" in printed
    assert "accuracy of 9" in printed
    assert "share" not in printed  # the labels were given


def test_the_guidance_is_described_completely(saved_model, tmp_path, capsys):
    own = tmp_path / "own"
    config = load_model(saved_model).config.model_copy(update={"sampling": SamplingSettings(guidance_t_min=0.25)})
    Model(config).save(own)
    asked = ["--model", own, "--num-images", 2, "--steps", 3, "--guidance-scale", 2]
    assert "guidance scale 2, seed 0, guidance t min 0.25\n" in evaluated(capsys, tmp_path, *asked)[0]
    printed, result = evaluated(capsys, tmp_path, *asked, "--guidance-t-max", 0.9, "--guidance-power", 1.5)
    assert "guidance scale 2, seed 0, guidance t min 0.25, guidance t max 0.9, guidance power 1.5\n" in printed
    assert (result["guidance_t_min"], result["guidance_t_max"], result["guidance_power"]) == (0.25, 0.9, 1.5)


def test_a_model_without_labels_is_evaluated_by_confidence_and_shares(tmp_path, capsys):
    tiny_model(image_size=28, label_names=(), dataset="mnist", guidance_scale=None).save(tmp_path)
    printed, result = evaluated(capsys, tmp_path, "--model", tmp_path, "--num-images", 7)
    assert "accuracy" not in result["generated"]
    assert sum(result["generated"]["share_per_class"].values()) == pytest.approx(1)
    assert result["real"]["share_per_class"]["1"] == pytest.approx(0.11, abs=0.04)
    assert "share of 9" in printed
    assert "accuracy" not in printed


def test_guidance_by_a_classifier_is_compared_with_none(tmp_path, capsys, monkeypatch):
    model, guide = tmp_path / "model", tmp_path / "classifier"
    linear = {"image_size": 28, "dataset": "mnist", "process": {"kind": "linear_vp"}}
    tiny_model(label_names=(), guidance_scale=None, **linear).save(model)
    tiny_classifier(network=ENCODER | {"pool_size": 14}, **linear).save(guide)
    calls = []

    def recorded(model, num_images, batch_size, settings, labels=None, **given):
        calls.append((labels, given.get("classifier")))
        return sample_images(model, num_images, batch_size, settings, labels, **given)

    monkeypatch.setattr(generation, "sample_images", recorded)
    arguments = ["--model", model, "--classifier", guide, "--classifier-scale", "3", "--num-images", 20]
    printed, result = evaluated(capsys, tmp_path, *arguments)
    (labels, classifier), unguided = calls
    assert result["classifier_scale"] == 3
    assert labels.tolist() == [i % 10 for i in range(20)]
    assert classifier.label_names == tuple(DIGITS)
    assert unguided == (None, None)
    assert result["unguided"]["confidence"] != result["generated"]["confidence"]
    assert set(result["unguided"]["accuracy_per_class"]) == set(DIGITS)  # by the same labels
    assert "unguided" in printed
    assert f"classifier scale 3, classifier {guide}" in printed


def test_super_resolution_is_compared_with_bicubic(tmp_path, capsys, monkeypatch):
    tiny_enlarger(image_size=28, low_res_size=7, dataset="mnist").save(tmp_path)
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (6, 1, 28, 28), generator=generator, dtype=torch.uint8)
    monkeypatch.setattr(super_resolution, "real_images", lambda *_: Dataset(images, torch.arange(6), DIGITS))
    printed, result = evaluated(capsys, tmp_path, "--model", tmp_path, "--num-images", 6)
    import_torchvision()  # torchmetrics imports it, too, and fails where it cannot be imported as it is
    from torchmetrics.functional.image import peak_signal_noise_ratio

    enlarged = bicubic(downscale(images, 7), 28)
    expected = torch.stack([peak_signal_noise_ratio(a, b, 255.0) for a, b in zip(enlarged, images, strict=True)])
    assert result["bicubic"]["psnr"] == pytest.approx(expected.mean().item(), rel=1e-5)
    assert result["generated"]["psnr"] < result["bicubic"]["psnr"]  # the weights are noise
    assert [result[name]["n"] for name in ("generated", "bicubic", "real")] == [6, 6, 6]
    assert f"{result['bicubic']['psnr']:.2f}" in printed


def test_more_metrics_go_into_the_table_and_the_card(saved_model, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(two_sample_test, "EPOCHS", 0.5)
    monkeypatch.setattr(two_sample_test, "SEEDS", (0,))
    monkeypatch.setattr(evaluate, "load_dataset", lambda *_: bars(220))
    monkeypatch.setattr(evaluate, "real_images", lambda *_: bars(120))
    model, sheet = tmp_path / "model", tmp_path / "sheet.png"
    load_model(saved_model).save(model, readme="---\npipeline_tag: unconditional-image-generation\n---\n# Tiny\n")
    more = ["--two-sample", "--neighbours", "--sheet", sheet, "--dire", "--dire-steps", 2, "--write-card"]
    printed, result = evaluated(capsys, tmp_path, "--model", model, "--num-images", 110, *more)
    assert 0 <= result["generated"]["two_sample"] <= 1
    assert result["real"]["two_sample_images"] == 110
    assert result["generated"]["near_copies"] == 0  # the samples are noise
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
    assert "50% is chance" in card.text


def test_bits_per_dim_come_with_what_they_mean(saved_model, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(reference_metrics, "load_dataset", lambda *_: bars(12))
    arguments = ["--model", saved_model, "--bits-per-dim", "--num-images", 5, "--respacing", "ddim20", "--seed", 3]
    printed, result = evaluated(capsys, tmp_path, *arguments)
    assert (result["n"], result["steps"], result["seed"]) == (5, 20, 3)
    assert f"{result['bits_per_dim']:.3f} ±" in printed
    assert "upper bound of the negative log-likelihood" in printed


def test_bits_per_dim_of_a_few_images_are_of_several_classes(saved_model, capsys, monkeypatch):
    """A folder's images are listed class by class."""
    labels = torch.arange(10).repeat_interleave(20)
    images = labels.byte().view(-1, 1, 1, 1).expand(-1, 1, 28, 28)
    loaded, measured = [], []
    monkeypatch.setattr(
        reference_metrics, "load_dataset", lambda *given: loaded.append(given) or Dataset(images, labels, DIGITS)
    )
    monkeypatch.setattr(evaluate, "bits_per_dim", lambda model, data, *_: measured.append(data) or {})
    monkeypatch.setattr(evaluate, "summary", str)
    arguments = ["--model", str(saved_model), "--bits-per-dim", "--dataset", "folder:x", "--num-images", "20"]
    assert evaluate.main(arguments) == 0
    assert loaded == [("folder:x", "data", "test", 28, 1)]
    (data,) = measured
    assert len(data.images) == 20
    assert len(set(data.labels.tolist())) > 5
    assert torch.equal(data.images[:, 0, 0, 0], data.labels.byte())


@pytest.fixture
def few_images(monkeypatch):
    """A data set of 100 training and 100 test images, and a two-sample test that takes no time."""
    images = torch.randint(0, 256, (100, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    data = Dataset(images, torch.arange(100) % 10, list(DIGITS))
    monkeypatch.setattr(evaluate, "load_dataset", lambda *_, **__: data)
    monkeypatch.setattr(evaluate, "real_images", lambda *_: data)


def test_an_output_that_fails_does_not_take_the_others_with_it(saved_model, few_images, tmp_path, capsys, monkeypatch):
    real = files.os.replace

    def replace(source, target):
        if Path(target).name == "metrics.json":
            raise OSError(28, "No space left on device")
        real(source, target)

    monkeypatch.setattr(files.os, "replace", replace)
    words = ["--model", saved_model, "--num-images", 12, "--json", tmp_path / "metrics.json"]
    words += ["--neighbours", "--sheet", tmp_path / "sheet.png"]
    assert evaluate.main(list(map(str, words))) == 1
    printed = capsys.readouterr()
    assert "accuracy of 9" in printed.out
    assert "All results are printed or written, except for" in printed.err
    assert "metrics.json (No space left on device)" in printed.err
    assert Image.open(tmp_path / "sheet.png").width > 100
    assert [path.name for path in tmp_path.iterdir()] == ["sheet.png"]


def test_a_metric_that_fails_does_not_take_the_others_with_it(saved_model, few_images, tmp_path, capsys, monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(evaluate, "dire_metrics", full)
    words = ["--model", saved_model, "--num-images", 12, "--neighbours", "--dire", "--json", tmp_path / "metrics.json"]
    assert evaluate.main(list(map(str, words))) == 1
    printed = capsys.readouterr()
    assert printed.err.endswith("There is not enough memory: lower --batch-size.\n")
    assert "accuracy of 9" in printed.out
    result = json.loads((tmp_path / "metrics.json").read_text())
    assert {"accuracy", "neighbour_ratio"} & set(result["generated"])


def test_psnr_by_hand():
    original = torch.zeros(3, 1, 2, 2, dtype=torch.uint8)
    image = original.clone()
    image[1, 0, 0, 0] = 10  # mean squared error 25
    image[2] = 255
    db = psnr(image, original)
    assert db[1].item() == pytest.approx(34.1514, abs=1e-4)  # 20 log10(255 / 5)
    assert db[2].item() == pytest.approx(0)
    assert db[0].item() == pytest.approx(58.9226, abs=1e-4)  # the error of rounding


def test_images_are_downscaled_by_the_mean_and_enlarged_by_bicubic():
    images = torch.zeros(1, 1, 28, 28, dtype=torch.uint8)
    images[:, :, :4, :4] = torch.arange(16, dtype=torch.uint8).view(4, 4) * 4
    assert downscale(images, 7)[0, 0, 0, 0] == 30
    assert downscale(images, 7)[0, 0].sum() == 30
    flat = torch.full((2, 3, 8, 8), 77, dtype=torch.uint8)
    assert (bicubic(flat, 32) == 77).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--num-images", "0"], "--num-images must be"),
        (["--steps", "0"], "--steps must be"),
        (["--sampler", "magic"], "magic"),
        (["--guidance-scale", "nan"], "--guidance-scale must be"),
        (["--batch-size", "0"], "--batch-size must be"),
        (["--skip-scale", "1"], "--skip-scale does not apply to tiny"),
        (["--json", "file/x.json"], "--json cannot be written into file"),
        (["--sheet", "file/x.png", "--neighbours"], "--sheet cannot be written into file"),
        (["--data-dir", "no-such-folder"], "--data-dir"),
        (["--classifier", "unet"], "no classifier"),
        (["--classifier-scale", "2"], "--classifier-scale does not apply to tiny without a classifier"),
        (["--write-card"], "README.md"),
        (["--write-card", "--bits-per-dim"], "--write-card does not apply to --bits-per-dim"),
        (["--two-sample", "--bits-per-dim"], "--two-sample does not apply to --bits-per-dim"),
        (["--steps", "5", "--bits-per-dim"], "--steps does not apply to --bits-per-dim"),
        (["--sheet", "x.png"], "--sheet applies only together with --neighbours"),
        (["--json", "."], "--json must be a file; . is a folder"),
        (["--dataset", "cifar10"], "--dataset applies only together with --bits-per-dim or --write-reference"),
        (["--dire-steps", "0"], "--dire-steps must be"),
        (["--dire-steps", "5"], "--dire-steps applies only together with --dire"),
        (["--two-sample", "--data-dir", "no-such-folder"], "--data-dir"),
    ],
)
def test_bad_values_are_refused(saved_model, arguments, message, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("urllib.request.urlopen", offline)
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    assert evaluate.main(["--model", str(saved_model), "--num-images", "2", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dataset", "fashion_mnist"], "--dataset must be one of mnist, cifar10"),
        (["--json", "x.json"], "--json does not apply to --write-reference, which evaluates no model: it takes "),
        (["--two-sample"], "--two-sample does not apply to --write-reference"),
        (["--num-images", "x"], "--num-images does not apply to --write-reference"),
        (["--bits-per-dim"], "--bits-per-dim does not apply to --write-reference"),
        (["--steps", "5", "--dataset", "mnist"], "--steps does not apply to --write-reference"),
        (["--model", "dit"], "--model does not apply to --write-reference"),
        (["--sheet", "x.png"], "it takes --dataset, --data-dir."),
    ],
)
def test_what_the_reference_takes_no_account_of_is_refused(arguments, message, capsys, monkeypatch):
    monkeypatch.setattr(evaluate, "compute_reference", lambda *_: pytest.fail("the work has begun"))
    assert evaluate.main(["--write-reference", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_the_reference_is_computed_of_the_data_set_and_from_the_place_given(capsys, monkeypatch):
    computed = []
    monkeypatch.setattr(evaluate, "compute_reference", lambda *given: computed.append(given))
    assert evaluate.main(["--write-reference"]) == 0
    assert evaluate.main(["--write-reference", "--dataset", "cifar10", "--data-dir", "here"]) == 0
    assert computed == [("mnist", "data"), ("cifar10", "here")]


def test_what_super_resolution_cannot_do_is_refused(tmp_path, capsys, monkeypatch):
    tiny_enlarger(image_size=28, low_res_size=7, dataset="mnist").save(tmp_path)
    assert evaluate.main(["--model", str(tmp_path), "--dire"]) == 2
    assert "--dire is for models that generate from noise alone" in capsys.readouterr().err
    monkeypatch.setattr(reference_metrics, "load_dataset", lambda *_: pytest.fail("the work has begun"))
    assert evaluate.main(["--model", str(tmp_path), "--bits-per-dim"]) == 2
    assert "--bits-per-dim is for models that generate from noise alone" in capsys.readouterr().err


def test_too_few_images_for_the_two_sample_test_are_refused_before_they_are_sampled(
    saved_model, few_images, tmp_path, capsys, monkeypatch
):
    tiny_enlarger(image_size=28, low_res_size=7, dataset="mnist").save(tmp_path)
    monkeypatch.setattr(evaluate, "evaluate", lambda *_: pytest.fail("images were sampled"))
    for model, count, found in ((saved_model, 50, 50), (saved_model, 100, 100), (tmp_path, 10_000, 100)):
        assert evaluate.main(["--model", str(model), "--two-sample", "--num-images", str(count)]) == 2
        assert f"twice as many training images, not {found} and 100." in capsys.readouterr().err


def test_a_model_without_an_evaluation_classifier_is_refused(tmp_path, capsys):
    Model(ModelConfig(name="pets", label_names=("cat", "dog"), network=NETWORK)).save(tmp_path)
    assert evaluate.main(["--model", str(tmp_path)]) == 2
    assert "'pets', which was trained on something that its config.json does not name" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "dataset"),
    [
        ({"dataset": "fashion_mnist"}, "fashion_mnist"),
        ({"dataset": "folder:mine"}, None),
        ({"image_size": 28}, "mnist"),  # an earlier version's, by its labels
        ({"image_size": 28, "label_names": ()}, None),
    ],
)
def test_bits_per_dim_are_of_the_data_set_that_the_model_learned(changes, dataset):
    model = tiny_model(**changes)
    if dataset is not None:
        assert evaluate.own_dataset(model) == dataset
        return
    with pytest.raises(InputError, match="Name the test images with dataset: "):
        evaluate.own_dataset(model)


def test_metrics_are_not_written_into_a_card_that_they_do_not_belong_to(tmp_path, capsys):
    arguments = ["--model", str(tmp_path), "--num-images", "2", "--write-card"]
    tiny_model(image_size=28, label_names=(), dataset="mnist").save(tmp_path)
    for card, message in (
        (b"# no front matter\n", "has no front matter"),
        ("---\ntitle: 数字\n---\n".encode("gbk"), "has no front matter"),
        (FASHION_CARD.encode(), "trained on zalando-datasets"),
    ):
        (tmp_path / "README.md").write_bytes(card)
        assert evaluate.main(arguments) == 2
        assert message in capsys.readouterr().err
        assert (tmp_path / "README.md").read_bytes() == card


def test_the_command_runs_as_a_module():
    arguments = [sys.executable, "-m", "train.evaluate", "--model", "/no/such/model"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(arguments, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert "/no/such/model" in done.stderr
    assert "Traceback" not in done.stderr


def offline(*_arguments, **_options):
    raise OSError("Network is unreachable")
