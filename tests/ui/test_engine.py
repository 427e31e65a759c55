import io
import json
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from diffusion import FreeU, InputError, load_classifier
from diffusion.hub import ModelUnavailable
from diffusion.images import sheet, to_uint8
from diffusion.request import Request
from diffusion.trajectory import displayed, trajectory
from tests.tiny import DIGITS, tiny_classifier, tiny_enlarger, tiny_model
from train.evaluator import Evaluator
from ui import engine as engine_module
from ui import registry as registry_module
from ui.engine import Engine
from ui.media import quick_png

ROOT = Path(__file__).parents[2]


@pytest.fixture
def models(tmp_path, monkeypatch):
    """A folder of bundled models, "unet" and "other", in the place of the real one."""
    for seed, name in enumerate(("unet", "other")):
        tiny_model(seed, name=name, title=f"Title of {name}").save(tmp_path / "weights" / name)
    monkeypatch.setattr("diffusion.hub.BUNDLED", tmp_path / "weights")
    return tmp_path / "weights"


@pytest.fixture
def engine(models, tmp_path):
    return Engine("unet", runs_dir=tmp_path / "runs")


def decoded(png):
    return np.atleast_3d(np.asarray(Image.open(io.BytesIO(png))))


# -------------------------------------------------------------------------------------------------------- a run


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
    assert all(len(indices) in (10, 11) for _, indices, _ in arrivals[1:-1])
    assert arrivals[-1][2].seconds == pytest.approx(1.0)  # 100 steps of 10 ms: the receiver's time does not count


def test_many_runs_share_the_updates(engine, monkeypatch):
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(engine_module.time, "perf_counter", lambda: clock.now)
    engine.load().network.register_forward_hook(lambda *_: setattr(clock, "now", clock.now + 0.01))
    others = [engine.run(Request(num_images=1)) for _ in range(2)]
    for other in others:
        next(other)
    frames = [len(update.frames) for update in engine.run(Request(num_images=1, steps=100))]
    assert all(30 <= count <= 31 for count in frames[1:-1])  # three runs: thrice the 10 frames that one has
    for other in others:
        other.close()
    frames = [len(update.frames) for update in engine.run(Request(num_images=1, steps=100))]
    assert all(10 <= count <= 11 for count in frames[1:-1])


def test_slow_steps_without_a_frame_still_report_progress(engine, monkeypatch):
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(engine_module.time, "perf_counter", lambda: clock.now)
    engine.load().network.register_forward_hook(lambda *_: setattr(clock, "now", clock.now + 0.4))
    updates = list(engine.run(Request(num_images=1, steps=360)))
    assert [update.step for update in updates] == list(range(361))
    assert sum(len(update.frames) for update in updates) == 120


@pytest.mark.parametrize("after", [1, 3])
def test_closing_ends_the_computation(engine, after, monkeypatch):
    monkeypatch.setattr(engine_module, "INTERVAL", 0.0)
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


# ------------------------------------------------------------------------------------------------------ readings


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


# -------------------------------------------------------------------------------------------------------- models


def test_models_lists_bundled_ones_own_and_runs_newest_first(models, tmp_path):
    tiny_model(title="Mine").save(tmp_path / "own")
    runs = tmp_path / "runs"
    engine = Engine(str(tmp_path / "own"), runs)
    listed = [(entry.ref, entry.source) for entry in engine.models()]
    own = (str(tmp_path / "own"), "run")
    assert listed == [("unet", "bundled"), ("other", "bundled"), own]
    for age, name in enumerate(("new", "old")):
        tiny_model(title="Tiny", description="From a run.").save(runs / name / "model")
        stamp = time.time() - 100 * age
        os.utime(runs / name / "model" / "model.safetensors", (stamp, stamp))
    (runs / "broken" / "model").mkdir(parents=True)
    (runs / "unfinished").mkdir()
    entries = engine.models()
    expected = [str(tmp_path / "own"), *(str(runs / name / "model") for name in ("new", "old"))]
    assert [entry.ref for entry in entries if entry.source == "run"] == expected
    new = next(entry for entry in entries if entry.ref == str(runs / "new" / "model"))
    assert new.title == "new (Tiny)"
    assert new.description == "From a run."


def test_a_run_with_a_broken_configuration_is_listed_with_the_reason(engine, tmp_path):
    directory = tmp_path / "runs" / "bad" / "model"
    tiny_model().save(directory)
    (directory / "config.json").write_text("{}")
    entry = engine.models()[-1]
    assert entry.ref == str(directory)
    assert "not a model's configuration" in entry.description
    with pytest.raises(InputError, match="not a model's configuration"):
        engine.run(Request(model=str(directory)))


def test_describe_is_what_a_page_needs(engine):
    assert engine.describe("other") == {
        "label_names": list(DIGITS),
        "tiles": list(DIGITS),
        "task": "generation",
        "channels": 1,
        "image_size": 8,
        "sampler": "ddim",
        "steps": 4,
        "guidance_scale": 2.0,
        "guidance_t_min": 0.0,
        "guidance_t_max": 1.0,
        "skips": False,
        "skip_scale": 0.0,
        "max_guidance": None,
        "classifiers": [],
        "freeu": True,
        "title": "Title of other",
        "description": "",
    }
    assert engine.describe() == engine.describe("unet")


def test_visitors_cannot_name_a_path(engine, tmp_path):
    tiny_model().save(tmp_path / "secret")
    runs = tmp_path / "runs"
    tiny_model().save(runs / "mine" / "model")
    paths = [tmp_path / "secret", runs / "mine", runs / "mine" / ".." / "mine" / "model", runs / ".." / "secret"]
    for ref in [*map(str, paths), "/etc/passwd", "../secret", "~", ".", "\0", "x" * 100_000, 3, ["unet"]]:
        for ask in (engine.load, engine.describe):
            with pytest.raises(InputError, match="model must be one of"):
                ask(ref)
    assert engine.load(str(runs / "mine" / "model")).config.name == "tiny"


@pytest.mark.parametrize("ref", ["hub:../../etc", "hub:/etc/passwd", "hub:a/../b", "hub:owner/name@../../x", "hub:"])
def test_a_hub_reference_cannot_be_bent_into_a_path(engine, ref):
    with pytest.raises(InputError):
        engine.load(ref)


def test_a_model_is_loaded_once_even_when_asked_for_at_the_same_time(engine, monkeypatch):
    loads, load_model = [], registry_module.load_model

    def slow(ref):
        loads.append(ref)
        time.sleep(0.2)
        return load_model(ref)

    monkeypatch.setattr(registry_module, "load_model", slow)
    with ThreadPoolExecutor(10) as pool:
        found = list(pool.map(engine.load, ["unet", "other"] * 5))
    assert sorted(loads) == ["other", "unet"]
    assert len({id(model) for model in found}) == 2


def test_a_failed_load_is_shared_and_leaves_the_others(engine, models, monkeypatch):
    held = engine.load("unet")
    loads = []

    def fail(ref):
        loads.append(ref)
        time.sleep(0.2)
        raise InputError(f"{ref} is broken")

    with monkeypatch.context() as patch:
        patch.setattr(registry_module, "load_model", fail)
        with ThreadPoolExecutor(5) as pool:
            errors = [future.exception() for future in [pool.submit(engine.load, "other") for _ in range(5)]]
        assert [str(error) for error in errors] == ["other is broken"] * 5
        assert loads == ["other"]
        assert engine.load("unet") is held
    assert engine.load("other").config.name == "other"  # the next try starts anew


def test_few_models_are_held_and_the_one_unused_for_longest_goes(engine, tmp_path):
    refs = [str(tmp_path / "runs" / str(i) / "model") for i in range(registry_module.HELD)]
    for ref in refs:
        tiny_model().save(ref)
    unet = engine.load("unet")
    first = engine.load(refs[0])
    assert engine.load("unet") is unet
    for ref in refs[1:]:
        engine.load(ref)
    assert engine.load("unet") is unet
    assert engine.load(refs[0]) is not first


def test_a_run_is_loaded_anew_when_its_files_have_changed(engine, tmp_path):
    directory = tmp_path / "runs" / "mine" / "model"
    ref = str(directory)
    tiny_model(1, title="before").save(directory)
    before = engine.load(ref)
    assert engine.load(ref) is before
    tiny_model(2, title="after").save(directory)
    after = engine.load(ref)
    assert after.config.title == "after"
    assert torch.equal(after.generate([1]), tiny_model(2).generate([1]))
    (directory / "model.safetensors").write_bytes(b"half a file")
    with pytest.raises(InputError, match="safetensors"):
        engine.run(Request(model=ref))
    tiny_model(3).save(directory)
    assert torch.equal(engine.load(ref).generate([1]), tiny_model(3).generate([1]))


# ------------------------------------------------------------------------------------- the operator's own default


@pytest.mark.parametrize("ref", ["no-such-model", "/no/such/path"])
def test_a_local_default_that_is_not_there_is_refused_at_once(models, ref):
    with pytest.raises(InputError, match=ref):
        Engine(ref)


def test_a_default_from_the_hub_is_fetched_in_the_background(models, tmp_path, monkeypatch):
    tiny_model(5, title="Hubbed").save(tmp_path / "hub")
    arrived, load_model = threading.Event(), registry_module.load_model

    def fetch(ref):
        if not ref.startswith("hub:"):
            return load_model(ref)
        arrived.wait(10)
        return load_model(tmp_path / "hub")

    monkeypatch.setattr(registry_module, "load_model", fetch)
    engine = Engine("hub:alice/digits", tmp_path / "runs")
    assert (engine.default, engine.status()) == ("unet", None)
    thread = engine.fetch_default()
    assert engine.status() == "Fetching hub:alice/digits; until it is here, the bundled model unet draws."
    *_, last = engine.run(Request(num_images=1))
    assert last.result.settings["model"] == "unet"
    arrived.set()
    thread.join(10)
    assert (engine.default, engine.status()) == ("hub:alice/digits", None)
    *_, last = engine.run(Request(num_images=1))
    assert np.array_equal(last.result.images, to_uint8(tiny_model(5).generate([-1])))
    entry = engine.models()[-1]
    assert (entry.ref, entry.title, entry.source) == ("hub:alice/digits", "alice/digits (Hubbed)", "hub")
    assert engine.describe("hub:alice/digits")["title"] == "Hubbed"


def test_a_hub_that_fails_leaves_the_bundled_model_and_says_why(models, tmp_path, monkeypatch):
    def down(ref):
        raise ModelUnavailable(f"{ref} cannot be loaded: the Hub is down.", temporary=True)

    engine = Engine("hub:alice/digits", tmp_path / "runs")
    with monkeypatch.context() as patch:
        patch.setattr(registry_module, "load_model", down)
        engine.fetch_default().join(10)
        with pytest.raises(InputError, match="the Hub is down"):
            engine.load("hub:bob/digits")
    expected = "hub:alice/digits cannot be loaded: the Hub is down. The bundled model unet draws instead."
    assert engine.status() == expected
    assert engine.default == "unet"
    assert [entry.source for entry in engine.models()] == ["bundled", "bundled"]
    assert list(engine.run(Request(num_images=1)))[-1].result.settings["model"] == "unet"


# ---------------------------------------------------------------------------------------------------------- media


@pytest.mark.parametrize("channels", [1, 3])
def test_quick_png_is_a_png(channels):
    picture = np.random.default_rng(0).integers(0, 256, (13, 29, channels), np.uint8)
    image = Image.open(io.BytesIO(quick_png(picture)))
    assert image.mode == {1: "L", 3: "RGB"}[channels]
    assert np.array_equal(np.atleast_3d(np.asarray(image)), picture)


# --------------------------------------------------------------------- classifier guidance, FreeU, super-resolution


@pytest.fixture
def steered(models, tmp_path):
    """An engine with "blind", which knows no labels, "reader", a classifier that fits it, and "other-noise", that does
    not."""
    tiny_model(2, name="blind", label_names=(), process={"kind": "linear_vp"}).save(models / "blind")
    tiny_classifier(seed=3, name="reader", process={"kind": "linear_vp"}).save(models / "reader")
    tiny_classifier(seed=4, name="other-noise").save(models / "other-noise")
    return Engine("blind", runs_dir=tmp_path / "runs")


def test_a_classifier_steers_a_model_without_labels(steered, models):
    request = Request(label="7", num_images=3, classifier="reader", classifier_scale=50, seed=1)
    *_, last = steered.run(request)
    reader = load_classifier(models / "reader")
    blind = tiny_model(2, label_names=(), process={"kind": "linear_vp"})
    drawn = blind.generate([7] * 3, classifier=reader, classifier_scale=50.0, seed=1)
    assert np.abs(last.result.images.astype(int) - to_uint8(drawn)).max() <= 1
    assert np.abs(last.result.images.astype(int) - to_uint8(blind.generate([-1] * 3, seed=1))).max() > 1
    assert last.result.labels == ["7"] * 3
    assert (last.result.settings["classifier"], last.result.settings["classifier_scale"]) == ("reader", 50)
    assert json.loads(Image.open(io.BytesIO(last.result.sheet_png)).text["settings"]) == last.result.settings


def test_what_may_steer_a_model_and_what_it_can_then_be_asked_for(steered):
    alone, with_reader = steered.describe("blind"), steered.describe("blind", "reader")
    assert alone["classifiers"] == ["reader"]
    assert (alone["label_names"], alone["tiles"]) == ([], [])
    assert (with_reader["label_names"], with_reader["tiles"]) == ([], list(DIGITS))
    assert steered.describe("unet")["classifiers"] == ["other-noise"]
    tasks = {entry.ref: entry.task for entry in steered.models()}
    assert tasks["reader"] == tasks["other-noise"] == "classification"
    assert tasks["blind"] == tasks["unet"] == "generation"


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"label": "7"}, "draws without labels"),
        ({"classifier": "other-noise"}, "another process"),
        ({"classifier": "unet"}, "no classifier"),
        ({"classifier": "nobody"}, "classifier must be one of other-noise, reader, or hub:owner/name, not 'nobody'"),
        ({"classifier": "../reader"}, "classifier must be one of"),
        ({"classifier": "reader", "label": "cow"}, "label must be one of 0"),
        ({"classifier_scale": 2}, "classifier_scale belongs to a classifier"),
        ({"model": "reader"}, "is a classifier"),
    ],
)
def test_guidance_that_cannot_be_is_refused(steered, request_, said):
    with pytest.raises(InputError, match=said):
        steered.run(Request(**request_))


def test_freeu_is_the_models_and_on_record(engine):
    *_, last = engine.run(Request(label="3", num_images=2, freeu_b=1.4, freeu_s=0.5))
    drawn = tiny_model(0).generate([3] * 2, freeu=FreeU(1.4, 0.5))
    assert np.array_equal(last.result.images, to_uint8(drawn))
    assert (last.result.settings["freeu_b"], last.result.settings["freeu_s"]) == (1.4, 0.5)


@pytest.fixture
def enlarger(models, tmp_path):
    """An engine whose model makes 28x28 of 7x7."""
    tiny_enlarger(seed=5, image_size=28, low_res_size=7).save(models / "large")
    return Engine("large", runs_dir=tmp_path / "runs")


@pytest.mark.parametrize("label", ["7", ""])
def test_super_resolution_enlarges_real_digits(enlarger, label):
    updates = list(enlarger.run(Request(label=label, num_images=12, seed=3)))
    with Image.open(ROOT / "assets" / "digits.png") as opened:
        real = np.asarray(opened).reshape(10, 28, 16, 28).transpose(0, 2, 1, 3)  # digit, example, height, width
    places = [(7, i) for i in range(12)] if label else [(i % 10, i // 10) for i in range(12)]
    means = np.stack([real[place].reshape(7, 4, 7, 4).mean((1, 3)) for place in places])
    low_res = torch.from_numpy(means).float()[:, None] / 127.5 - 1
    drawn = tiny_enlarger(seed=5, image_size=28, low_res_size=7)
    result = updates[-1].result
    assert np.abs(result.images.astype(int) - to_uint8(drawn.generate(low_res=low_res, seed=3))).max() <= 1
    assert result.labels == [str(digit) for digit, _ in places]
    assert result.readings is None or len(result.readings) == 12

    small = sheet(to_uint8(low_res).repeat(4, 1).repeat(4, 2))
    assert np.abs(decoded(updates[0].small).astype(int) - small).max() <= 1
    assert [update.small for update in updates[1:]] == [None] * (len(updates) - 1)
    assert enlarger.describe()["tiles"] == list(DIGITS)
    assert enlarger.describe()["label_names"] == []


def test_another_seed_enlarges_the_same_digits_and_there_are_64(enlarger):
    first, *_ = enlarger.run(Request(num_images=64, seed=1))
    second, *_ = enlarger.run(Request(num_images=64, seed=2))
    assert first.small == second.small


def test_an_enlarger_of_something_else_is_explained(models, tmp_path):
    tiny_enlarger(seed=6, channels=3, image_size=16).save(models / "photos")
    with pytest.raises(InputError, match="colour images of 16x16 pixels, and there are only grey digits of 28x28"):
        Engine("photos", runs_dir=tmp_path).run(Request())
    tiny_enlarger(seed=7, image_size=28, low_res_size=7).save(models / "large")
    with pytest.raises(InputError, match="label must be one of 0"):
        Engine("large", runs_dir=tmp_path).run(Request(label="cow"))


# --------------------------------------------------------------------------------------------------- the Hub anew


def test_reload_asks_the_hub_anew_but_for_commits(models, tmp_path, monkeypatch):
    asked, now = [], SimpleNamespace(seed=1)

    def fetch(ref):
        asked.append(ref)
        if now.seed is None:
            raise ModelUnavailable(f"{ref} cannot be loaded: the Hub is down.", temporary=True)
        return tiny_model(now.seed)

    monkeypatch.setattr(registry_module, "load_model", fetch)
    engine = Engine("unet", tmp_path)
    branch, commit = "hub:alice/digits", "hub:alice/digits@" + "0123456789" * 4
    first, pinned = engine.load(branch), engine.load(commit)
    assert engine.load(branch) is first
    now.seed, asked[:] = 2, []
    engine.registry.refresh()
    assert asked == [branch]
    assert torch.equal(engine.load(branch).generate([1]), tiny_model(2).generate([1]))
    assert engine.load(commit) is pinned
    now.seed, held = None, engine.load(branch)
    engine.registry.refresh()
    assert engine.load(branch) is held
