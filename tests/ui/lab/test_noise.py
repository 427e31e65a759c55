"""The engine of the Noise tab: one digit at one noise level, and the real digits that come with the app."""

import asyncio
import json
import struct
from base64 import b64encode

import numpy as np
import pytest
import torch

from diffusion.denoiser import clipped
from diffusion.errors import InputError
from diffusion.io.images import to_input
from diffusion.noise import ImageNoise
from train.evaluation.classifier import classify, load_evaluation_classifier
from ui.engine import Engine
from ui.lab import real_digits
from ui.lab.gaussian_blur import WIDTHS, best_blur, kernels
from ui.lab.noise import NEIGHBOURS, NoiseLab, NoiseRequest
from ui.lab.real_digits import bundled, training_set
from ui.tabs.noise import served, table

pytestmark = pytest.mark.usefixtures("no_data")

# ---------------------------------------------------------------------------------------------------------- the digits


@pytest.mark.parametrize("split", ["train", "test"])
def test_the_digits_that_come_with_the_app_are_what_they_are_called(split):
    images, labels, whole = bundled(split)
    assert images.shape == (500, 1, 28, 28)
    assert not whole
    assert labels[:12].tolist() == [*range(10), 0, 1]
    _, probabilities = classify(load_evaluation_classifier(), images)
    assert (probabilities.argmax(1) == labels).float().mean() > 0.98
    assert len(images.flatten(1).unique(dim=0)) == 500


def write_idx(folder, images, labels):
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    (raw / "train-images-idx3-ubyte").write_bytes(struct.pack(">4I", 2051, len(images), 28, 28) + images.tobytes())
    (raw / "train-labels-idx1-ubyte").write_bytes(struct.pack(">2I", 2049, len(labels)) + labels.tobytes())
    return raw


def test_the_whole_training_set_is_used_where_it_lies(tmp_path, monkeypatch):
    assert not training_set().whole
    monkeypatch.setattr(real_digits, "WHOLE", 3)
    images = np.random.default_rng(0).integers(0, 256, (3, 28, 28), np.uint8)
    raw = write_idx(tmp_path / "data", images, np.array([4, 0, 9], np.uint8))
    training_set.cache_clear()
    found = training_set()
    assert found.whole
    assert np.array_equal(found.images[:, 0], images)
    assert found.labels.tolist() == [4, 0, 9]
    with (raw / "train-images-idx3-ubyte").open("ab") as file:  # damaged: then not
        file.write(b"x")
    training_set.cache_clear()
    assert len(training_set().labels) == 500


# ------------------------------------------------------------------------------------------------------------ one view


def test_a_view_is_what_the_library_computes(noise_lab):
    view = noise_lab.view(NoiseRequest(digit=3, index=2, t=0.4, seed=5))
    model = noise_lab.engine.load("unet")
    level, labels = model.process.level(0.4), torch.tensor([3])
    x0 = model.encode(to_input(bundled("test").images[23:24]))
    eps = ImageNoise(5, 1, (1, 28, 28))()
    x = level.alpha * x0 + level.sigma * eps
    torch.testing.assert_close((view.x0, view.eps, view.x), (x0, eps, x))
    assert x0.min() == pytest.approx(-1.1)  # the model's black
    with torch.no_grad():
        expected = clipped(model.denoiser(), darkest=-1.1)(x, level, model.condition(labels, None, 1.0))
    torch.testing.assert_close(view.network.x0, expected.x0, rtol=0, atol=1e-5)
    torch.testing.assert_close(view.network.eps, expected.eps, rtol=0, atol=1e-5)
    assert view.network.x0_error == pytest.approx((expected.x0 - x0).square().mean().sqrt().item(), rel=1e-4)
    assert view.network.eps_error == pytest.approx((expected.eps - eps).square().mean().sqrt().item(), rel=1e-4)


def by_definition(x, level, images):
    """The weights of images (M, 1, 28, 28), in float64."""
    distances = (x.double() - level.alpha * images.double()).flatten(1).square().sum(1)
    return (-distances / (2 * level.sigma**2)).softmax(0)


@pytest.mark.parametrize(("model", "count"), [("unet", 50), ("blind", 500)])
def test_the_ideal_guess_is_of_the_digit_where_the_network_knows_it(noise_lab, model, count):
    view = noise_lab.view(NoiseRequest(digit="8", t=0.9, model=model))
    images, labels, _ = bundled("train")
    kept = images[labels == 8] if model == "unet" else images
    x0s = noise_lab.engine.load(model).encode(to_input(kept))
    weights = by_definition(view.x, view.level, x0s)
    expected = (weights[:, None, None, None] * x0s).sum(0, keepdim=True).float()
    torch.testing.assert_close(view.ideal.x0, expected, rtol=0, atol=1e-4)
    assert view.images == count
    assert view.effective == pytest.approx(1 / weights.square().sum().item(), rel=1e-3)
    best = weights.topk(NEIGHBOURS)
    assert [each.weight for each in view.neighbours] == pytest.approx(best.values.tolist(), rel=1e-3)
    assert all(torch.equal(each.image, kept[i, 0]) for each, i in zip(view.neighbours, best.indices, strict=True))
    assert model == "blind" or {each.digit for each in view.neighbours} == {"8"}


def test_close_to_clean_the_ideal_guess_of_a_training_digit_is_that_digit(noise_lab):
    view = noise_lab.view(NoiseRequest(digit="2", index=7, split="train", t=0.001))
    assert view.neighbours[0].weight == pytest.approx(1)
    assert torch.equal(view.neighbours[0].image, bundled("train").images[72, 0])
    assert view.ideal.x0_error < 1e-4


def test_the_curve_has_the_errors_of_views(noise_lab):
    curve = noise_lab.curve(NoiseRequest(digit="5", t=0.3))
    assert len(curve.times) == len(curve.ideal_x0) == 25
    for i in (0, 7, 24):
        view = noise_lab.view(NoiseRequest(digit="5", t=curve.times[i]))
        errors = (curve.network_x0[i], curve.network_eps[i], curve.ideal_x0[i])
        alone = (view.network.x0_error, view.network.eps_error, view.ideal.x0_error)
        assert errors == pytest.approx(alone, rel=1e-3, abs=1e-4)


def test_a_blur_is_the_best_of_its_widths():
    x0 = to_input(bundled("test").images[4:5])
    x = x0 + 0.7 * torch.randn(x0.shape, generator=torch.Generator().manual_seed(0))
    blurred, width = best_blur(x, x0, -1)
    errors = [((k @ x[0, 0].double() @ k.mT).clamp(-1, 1) - x0[0, 0]).square().mean().item() for k in kernels(28)]
    assert width == WIDTHS[errors.index(min(errors))]
    assert (blurred - x0).square().mean().item() == pytest.approx(min(errors), rel=1e-4)
    assert 0.5 < width < 2
    flat = torch.full_like(x0, 0.3)
    torch.testing.assert_close(best_blur(flat, flat, -1)[0], flat)


# ------------------------------------------------------------------------------------------------ what may be asked for


@pytest.mark.parametrize(
    ("values", "code", "part"),
    [
        ({"t": 0}, "settings.number", "0.001 to 1"),
        ({"t": "nan"}, "settings.number", "nan"),
        ({"digit": "x"}, "settings.choice", "0, 1, 2"),
        ({"digit": True}, "settings.choice", "True"),
        ({"digit": 11}, "settings.choice", "11"),
        ({"index": 50}, "settings.integer", "0 to 49"),
        ({"split": "all"}, "settings.choice", "test, train"),
        ({"seed": -1}, "settings.integer", "-1"),
        ({"colour": "red"}, "settings.unknown", "colour"),
        ({"model": "none"}, "page.model", "none"),
        ({"model": "small"}, "page.no_digits_to_denoise", "small"),
        ({"model": "lens"}, "page.no_digits_to_denoise", "lens"),
    ],
)
def test_refusals(noise_lab, values, code, part):
    with pytest.raises(InputError) as refused:
        noise_lab.view(NoiseRequest(**values))
    assert refused.value.code == code
    assert part in str(refused.value)


def test_models_that_denoise_digits_and_the_one_to_begin_with(noise_lab, tmp_path):
    assert {entry.ref for entry in noise_lab.models()} == {"unet", "blind"}
    assert noise_lab.default() == "unet"
    assert NoiseLab(Engine("blind", runs_dir=tmp_path / "runs")).default() == "blind"
    assert NoiseLab(Engine("small", runs_dir=tmp_path / "runs")).default() == "unet"


def test_blank_values_are_defaults():
    assert NoiseRequest(digit="", t=None, model=" ") == NoiseRequest()
    assert NoiseRequest(t="0.25", digit=4.0) == NoiseRequest(t=0.25, digit="4")


def test_the_tables_are_the_processes(noise_lab):
    process = noise_lab.engine.load("unet").process
    levels = table(process)
    assert len(levels["alpha"]) == 101
    for place in (0, 50, 100):
        level = process.level(place / 100)
        assert (levels["alpha"][place], levels["sigma"][place]) == pytest.approx((level.alpha, level.sigma), rel=1e-5)


@pytest.mark.parametrize("values", [{"digit": "x", "language": "zh"}, [1], None, {"seed": {}}])
def test_whatever_is_sent_is_answered_with_a_sentence(values):
    answer = asyncio.run(served("view", lambda request: {})(values, None))
    assert json.loads(answer)["error"]


# ------------------------------------------------------------------------------------------------- where sampling ends


def test_the_training_digits_count_as_a_model_does(noise_lab):
    noise_lab.view(NoiseRequest())
    held = noise_lab.engine.registry._held
    before = held._bytes
    noise_lab.view(NoiseRequest(t=0.2))
    assert held._bytes == before >= 500 * 784 * 4
    assert ("images", "mnist -1.1 500") in held.held_keys()


# ------------------------------------------------------------------------------------------------------- drawn digits


def test_what_somebody_has_drawn_has_no_label(noise_lab):
    real = bundled("test").images[3]
    drawn = NoiseRequest(digit="7", pixels=b64encode(real.numpy().tobytes()).decode())
    question, known = noise_lab.question(drawn), noise_lab.question(NoiseRequest(digit="3"))
    assert torch.equal(question.x0, known.x0)
    assert (question.labels.tolist(), known.labels.tolist()) == ([-1], [3])
    assert noise_lab.view(drawn).images == 500  # any of them
    assert noise_lab.curve(drawn).network_x0 != noise_lab.curve(NoiseRequest(digit="3")).network_x0


@pytest.mark.parametrize("pixels", ["no base64!", "AAAA", "A" * 1999, b64encode(bytes(783)).decode()])
def test_pixels_that_are_none_are_refused(noise_lab, pixels):
    with pytest.raises(InputError, match="pixels must be 28x28 bytes in base64, 784 in all, not"):
        noise_lab.view(NoiseRequest(pixels=pixels))
