"""The engine's runs: what they return, many at once, what is refused, and what is classified."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from diffusion import InputError, SamplingSettings, __version__
from diffusion.io.images import sheet, to_uint8
from diffusion.trajectory import displayed, trajectory
from tests.tiny import tiny_model
from tests.ui.images import decoded, recorded_settings
from train.evaluation.classifier import EvaluationClassifier
from ui import engine as engine_module
from ui.engine import Engine
from ui.request import Request


def result(engine, **request):
    *_, last = engine.run(Request(**request))
    return last.result


def test_frames_show_every_level_and_the_result_is_the_models(engine):
    given = {"sampler": "dpmpp_2m", "steps": 6, "guidance_scale": 1.5, "seed": 11}
    updates = list(engine.run(Request(label="7", num_images=5, **given)))
    frames = [frame for update in updates for frame in update.frames]
    model = engine.load()
    states = list(trajectory(model, [7] * 5, SamplingSettings(**given).resolve(model.config)))
    assert [frame.index for frame in frames] == list(range(7))
    for frame, state in zip(frames, states, strict=True):
        assert (frame.t, frame.alpha, frame.sigma) == state.level[:3]
        assert np.array_equal(decoded(frame.x), sheet(displayed(state)))
        assert np.array_equal(decoded(frame.x0), sheet(to_uint8(state.x0)))
    assert frames[-1].x == frames[-1].x0

    assert [update.result is None for update in updates] == [True] * (len(updates) - 1) + [False]
    assert [(update.total, updates[-1].step) for update in updates] == [(6, 6)] * len(updates)
    last = updates[-1].result
    images = to_uint8(tiny_model(0, name="unet").generate([7] * 5, **given))
    assert np.array_equal(last.images, images)
    assert np.array_equal(decoded(last.sheet_png), sheet(images))
    assert last.labels == ["7"] * 5
    assert last.seconds == updates[-1].seconds > 0


def test_a_record_has_all_that_had_an_effect(engine):
    last = result(engine, label="7", num_images=2, steps=6, eta=0.5)
    own = {"sampler": "ddim", "steps": 6, "guidance_scale": 2.0, "seed": 0, "eta": 0.5, "guidance_power": 0.0}
    own |= {"guidance_t_min": 0.0, "guidance_t_max": 1.0, "freeu_b": 1.0, "freeu_s": 1.0}
    about = {"model": "unet", "label": "7", "num_images": 2, "precision": "fp32", "version": __version__}
    assert last.record == own | about
    assert recorded_settings(last.sheet_png) == last.record


def test_without_values_the_model_decides(engine):
    last = result(engine)
    assert (last.record["num_images"], last.record["label"]) == (16, "")
    assert np.array_equal(last.images, to_uint8(engine.load().generate([-1] * 16)))


def test_a_stopped_run_leaves_the_batches_and_the_others_go_on(engine):
    seen, go_on = [], threading.Barrier(3)

    def look(_module, inputs, _output):
        seen.append(set(inputs[2].labels.tolist()))
        time.sleep(0.01)  # longer than a thread sleeps: or one run may be over before the other goes on

    engine.load().network.register_forward_hook(look)

    def sample(label):
        updates = engine.run(Request(label=str(label), num_images=2, steps=60))
        next(updates)
        go_on.wait(60)
        if label == 1:
            updates.close()
            seen.clear()
        go_on.wait(60)
        return list(updates)

    with ThreadPoolExecutor(3) as pool:
        runs = list(pool.map(sample, range(3)))
    assert runs[1] == []
    assert not any(1 in labels for labels in seen)
    for label in (0, 2):
        alone = to_uint8(tiny_model(0).generate([label] * 2, steps=60))
        assert np.abs(runs[label][-1].result.images.astype(int) - alone).max() <= 1
    assert any({0, 2} <= labels for labels in seen)


def test_each_of_twenty_threads_gets_what_it_would_get_alone(engine):
    requests = [
        {"label": str(i % 10), "num_images": 2, "seed": i, "model": ("unet", "other")[i % 2]} for i in range(20)
    ]
    with ThreadPoolExecutor(20) as pool:
        results = list(pool.map(lambda request: result(engine, **request), requests))
    for i, each in enumerate(results):
        alone = to_uint8(tiny_model(i % 2).generate([i % 10] * 2, seed=i))
        assert np.abs(each.images.astype(int) - alone).max() <= 1


def test_an_unknown_precision_is_refused_at_the_start(monkeypatch):
    monkeypatch.setenv("DIGIT_DIFFUSION_PRECISION", "double")
    with pytest.raises(InputError, match="must be auto, fp32 or bf16, not 'double'"):
        Engine()


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        ({"label": "cow"}, "label must be one of 0, 1, 2"),
        ({"model": "no-such"}, "model must be one of unet, other, or hub:owner/name, not 'no-such'"),
        ({"sampler": "heun", "eta": 1.0}, "eta does not apply to the sampler heun"),
        ({"respacing": "5000"}, "respacing"),
    ],
)
def test_what_only_the_model_can_know_is_refused_before_anything_is_sampled(engine, request_, sentence):
    with pytest.raises(InputError, match=sentence):
        engine.run(Request(**request_))
    assert result(engine, num_images=1) is not None


def test_digits_are_classified(tmp_path, models, monkeypatch):
    tiny_model(image_size=28).save(tmp_path / "mnist")
    torch.manual_seed(0)
    classifier = EvaluationClassifier().eval()
    monkeypatch.setattr(engine_module, "load_evaluation_classifier", lambda: classifier)
    engine = Engine(str(tmp_path / "mnist"), tmp_path)
    found = result(engine, num_images=3).classifications
    with torch.no_grad():
        probabilities = classifier(engine.load().generate([-1] * 3)).softmax(1)
    assert [each.label for each in found] == [str(label) for label in probabilities.argmax(1).tolist()]
    assert [each.confidence for each in found] == pytest.approx(probabilities.amax(1).tolist(), abs=1e-5)


def test_a_classifier_that_is_missing_is_no_failure(tmp_path, models, monkeypatch, caplog):
    def missing():
        raise InputError("evaluation.classifier_unreadable", path="x", reason="it is not there")

    tiny_model(image_size=28).save(tmp_path / "mnist")
    monkeypatch.setattr(engine_module, "load_evaluation_classifier", missing)
    engine = Engine(str(tmp_path / "mnist"), tmp_path)
    assert [result(engine, num_images=3).classifications for _ in range(2)] == [None, None]
    assert caplog.text.count("it is not there") == 1


def test_other_images_are_not_classified(tmp_path, models):
    tiny_model(label_names=("cat", "dog"), image_size=28).save(tmp_path / "pets")
    last = result(Engine(str(tmp_path / "pets"), tmp_path), label="dog", num_images=1)
    assert (last.classifications, last.labels) == (None, ["dog"])
    tiny_model(image_size=28, dataset="folder:digits of mine").save(tmp_path / "own")
    assert result(Engine(str(tmp_path / "own"), tmp_path), label="3", num_images=1).classifications is None
