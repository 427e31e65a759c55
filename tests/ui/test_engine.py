"""The engine's runs: frames, updates, stopping, many at once, what is refused and what is read."""

import io
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from diffusion import InputError
from diffusion.io.images import sheet, to_uint8
from diffusion.settings import Request
from diffusion.trajectory import displayed, trajectory
from tests.tiny import tiny_model
from tests.ui.conftest import decoded
from train.evaluation.classifier import Evaluator
from ui import engine as engine_module
from ui.engine import Engine


def test_frames_show_every_level_and_the_result_is_what_the_model_draws(engine):
    request = Request(label="7", num_images=5, sampler="dpmpp_2m", steps=6, guidance_scale=1.5, seed=11)
    updates = list(engine.run(request))
    frames = [frame for update in updates for frame in update.frames]
    settings = {"sampler": "dpmpp_2m", "steps": 6, "guidance_scale": 1.5, "eta": None, "seed": 11}
    states = list(trajectory(engine.load(), [7] * 5, **settings))
    assert [frame.index for frame in frames] == list(range(7))
    for frame, state in zip(frames, states, strict=True):
        assert (frame.t, frame.alpha, frame.sigma) == state.level[:3]
        assert np.array_equal(decoded(frame.x), sheet(displayed(state)))
        assert np.array_equal(decoded(frame.x0), sheet(to_uint8(state.x0)))
    assert decoded(frames[0].x).shape == (2 * 8 + 2, 3 * 8 + 2 * 2, 1)
    assert frames[-1].x == frames[-1].x0

    assert [update.result is None for update in updates] == [True] * (len(updates) - 1) + [False]
    assert all(update.total == 6 for update in updates)
    assert updates[-1].step == 6
    result = updates[-1].result
    drawn = to_uint8(tiny_model(0, name="unet").generate([7] * 5, **settings))
    assert np.array_equal(result.images, drawn)
    assert result.labels == ["7"] * 5
    assert result.seconds == updates[-1].seconds > 0
    assert result.settings == {"model": "unet", "label": "7", "num_images": 5, **settings}
    assert np.array_equal(decoded(result.sheet_png), sheet(drawn))
    assert json.loads(Image.open(io.BytesIO(result.sheet_png)).text["settings"]) == result.settings


def test_without_values_the_model_decides(engine):
    *_, last = engine.run(Request())
    assert last.result.settings == {
        "model": "unet",
        "label": "",
        "num_images": 16,
        "sampler": "ddim",
        "steps": 4,
        "guidance_scale": 2.0,
        "eta": 0.0,
        "seed": 0,
    }
    assert np.array_equal(last.result.images, to_uint8(engine.load().generate([-1] * 16)))


def test_a_thousand_steps_make_at_most_120_frames(engine):
    frames = [frame for update in engine.run(Request(num_images=1, steps=1000)) for frame in update.frames]
    indices = [frame.index for frame in frames]
    assert len(indices) <= 120
    assert indices[0] == 0
    assert indices[-1] == 1000
    assert max(np.diff(indices)) <= 9


def test_a_run_that_nobody_watches_makes_no_frames(engine, monkeypatch):
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(engine_module.time, "perf_counter", lambda: clock.now)
    engine.load().network.register_forward_hook(lambda *_: setattr(clock, "now", clock.now + 1 / 64))
    request = Request(label="3", num_images=2, steps=100, seed=5)
    watched, alone = list(engine.run(request)), list(engine.run(request, watched=False))
    assert all(update.frames == [] for update in alone)
    assert [update.step for update in alone] == [0, 29, 58, 100]  # the caller may leave, twice a second
    assert np.array_equal(alone[-1].result.images, watched[-1].result.images)


def test_updates_keep_their_distance_and_the_first_comes_at_once(engine, monkeypatch):
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(engine_module.time, "perf_counter", lambda: clock.now)
    network = engine.load().network
    network.register_forward_hook(lambda *_: setattr(clock, "now", clock.now + 0.01))
    arrivals = []
    for update in engine.run(Request(num_images=1, steps=100)):
        arrivals.append((clock.now, [frame.index for frame in update.frames], update))
        clock.now += 5.0  # a slow receiver
    assert arrivals[0][1] == [0]
    assert all(len(indices) in (25, 26) for _, indices, _ in arrivals[1:-1])
    assert arrivals[-1][2].seconds == pytest.approx(1.0)  # 100 steps of 10 ms: the receiver's time does not count


def test_no_update_comes_just_before_the_end(engine, monkeypatch):
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(engine_module.time, "perf_counter", lambda: clock.now)
    engine.load().network.register_forward_hook(lambda *_: setattr(clock, "now", clock.now + 1 / 64))
    steps = [update.step for update in engine.run(Request(num_images=1, steps=50))]
    assert steps == [0, 16, 32, 50]  # what 48 would show comes with the end, 0.03 s later


def test_a_long_run_is_told_of_less_often(engine, monkeypatch):
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(engine_module.time, "perf_counter", lambda: clock.now)
    engine.load().network.register_forward_hook(lambda *_: setattr(clock, "now", clock.now + 1 / 64))
    steps = [update.step for update in engine.run(Request(num_images=1, steps=1000))]
    apart = np.diff(steps[1:-1])  # frames are 8 or 9 steps apart
    assert 16 <= apart[0] <= 24
    assert 32 <= apart[-1] <= 40


def test_many_runs_share_the_updates(engine, monkeypatch):
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(engine_module.time, "perf_counter", lambda: clock.now)
    engine.load().network.register_forward_hook(lambda *_: setattr(clock, "now", clock.now + 0.01))
    other = engine.run(Request(num_images=1))
    next(other)
    frames = [len(update.frames) for update in engine.run(Request(num_images=1, steps=100))]
    assert all(50 <= count <= 51 for count in frames[1:-1])  # two runs: twice the 25 frames that one has
    other.close()
    frames = [len(update.frames) for update in engine.run(Request(num_images=1, steps=100))]
    assert all(25 <= count <= 26 for count in frames[1:-1])


def test_slow_steps_without_a_frame_still_report_progress(engine, monkeypatch):
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(engine_module.time, "perf_counter", lambda: clock.now)
    engine.load().network.register_forward_hook(lambda *_: setattr(clock, "now", clock.now + 0.5))
    updates = list(engine.run(Request(num_images=1, steps=360)))
    assert [update.step for update in updates] == list(range(361))
    assert sum(len(update.frames) for update in updates) == 120


@pytest.mark.parametrize("after", [1, 3])
def test_closing_ends_the_computation(engine, after, monkeypatch):
    monkeypatch.setattr(engine_module, "LONGEST", 0.0)
    calls = []
    engine.load().network.register_forward_hook(lambda *_: calls.append(1))
    updates = engine.run(Request(num_images=1, steps=100))
    for _ in range(after):
        next(updates)
    updates.close()
    assert len(calls) == after
    assert len(list(engine.run(Request(num_images=1)))) > 0  # and the engine goes on


def test_a_stopped_run_leaves_the_batches_and_the_others_go_on(engine):
    seen, go_on = [], threading.Barrier(3)

    def look(_module, inputs, _output):
        seen.append(set(inputs[2].tolist()))
        time.sleep(0.01)  # longer than a thread sleeps: or one run may be over before the other goes on

    engine.load().network.register_forward_hook(look)

    def draw(label):
        updates = engine.run(Request(label=str(label), num_images=2, steps=60))
        next(updates)
        go_on.wait(30)
        if label == 1:
            updates.close()
            seen.clear()
        go_on.wait(30)
        return list(updates)

    with ThreadPoolExecutor(3) as pool:
        drawn = list(pool.map(draw, range(3)))
    assert drawn[1] == []
    assert not any(1 in labels for labels in seen)
    for label in (0, 2):
        alone = to_uint8(tiny_model(0).generate([label] * 2, steps=60))
        assert np.abs(drawn[label][-1].result.images.astype(int) - alone).max() <= 1
    assert any({0, 2} <= labels for labels in seen)


def test_twenty_threads_at_once_draw_what_each_would_draw_alone(engine):
    requests = [Request(label=str(i % 10), num_images=2, seed=i, model=("unet", "other")[i % 2]) for i in range(20)]
    with ThreadPoolExecutor(20) as pool:
        results = list(pool.map(lambda request: list(engine.run(request))[-1].result, requests))
    for i, result in enumerate(results):
        alone = to_uint8(tiny_model(i % 2).generate([i % 10] * 2, seed=i))
        assert np.abs(result.images.astype(int) - alone).max() <= 1


def test_an_unknown_precision_is_refused_at_the_start(monkeypatch):
    monkeypatch.setenv("DIGIT_DIFFUSION_PRECISION", "double")
    with pytest.raises(InputError, match="must be auto, fp32 or bf16, not 'double'"):
        Engine()


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"label": "cow"}, "label must be one of 0, 1, 2"),
        ({"model": "no-such"}, "model must be one of unet, other, or hub:owner/name, not 'no-such'"),
        ({"sampler": "heun", "eta": 1.0}, "eta belongs to"),
    ],
)
def test_what_only_the_model_can_know_is_refused_before_anything_is_drawn(engine, request_, said):
    with pytest.raises(InputError, match=said):
        engine.run(Request(**request_))
    assert list(engine.run(Request(num_images=1)))[-1].result is not None


def test_digits_are_read_and_a_missing_evaluator_is_no_failure(tmp_path, models, monkeypatch, caplog):
    tiny_model(image_size=28).save(tmp_path / "mnist")
    torch.manual_seed(0)
    reader = Evaluator().eval()
    monkeypatch.setattr(engine_module.evaluator, "load_evaluator", lambda: reader)
    engine = Engine(str(tmp_path / "mnist"), tmp_path)
    *_, last = engine.run(Request(num_images=3))
    x = engine.load().generate([-1] * 3)
    with torch.no_grad():
        probabilities = reader(x).softmax(1)
    assert [reading.label for reading in last.result.readings] == [str(i) for i in probabilities.argmax(1).tolist()]
    confidences = [reading.confidence for reading in last.result.readings]
    assert confidences == pytest.approx(probabilities.amax(1).tolist(), abs=1e-5)

    def missing():
        raise InputError("no evaluator here")

    monkeypatch.setattr(engine_module.evaluator, "load_evaluator", missing)
    engine = Engine(str(tmp_path / "mnist"), tmp_path)
    for _ in range(2):
        *_, last = engine.run(Request(num_images=3))
        assert last.result.readings is None
    assert caplog.text.count("no evaluator here") == 1


def test_other_images_are_not_read(tmp_path, models):
    tiny_model(label_names=("cat", "dog"), image_size=28).save(tmp_path / "pets")
    *_, last = Engine(str(tmp_path / "pets"), tmp_path).run(Request(label="dog", num_images=1))
    assert last.result.readings is None
    assert last.result.labels == ["dog"]
