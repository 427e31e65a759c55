"""What a request costs, and what is refused before anything is loaded or computed."""

import pytest
import torch

from diffusion import InputError, SamplingSettings, load_model
from diffusion.config import ModelConfig
from diffusion.runtime.cost import NetworkCost, measured, network_cost
from tests.tiny import DIT, ENLARGER, tiny_classifier, tiny_enlarger, tiny_model
from ui.engine import Engine
from ui.frames import FEWEST_FRAMES, MAX_BYTES, FrameShape
from ui.hosting.limits import GIGA, MEMORY, TERA, WORK, Cost, Limits, request_cost
from ui.request import Request

CPU = torch.device("cpu")
LIMITS = Limits(work=40 * TERA, memory=1 * GIGA)


def counted(model):
    """The operations of one call, by torch's own counter."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        model.generate([1], sampler="ddim", steps=1, guidance_scale=1)
    return counter.get_total_flops()


@pytest.mark.parametrize("changes", [{}, {"network": DIT}, {"image_size": 16, "channels": 3}], ids=str)
def test_the_operations_are_those_that_torch_counts(changes):
    model = tiny_model(**changes)
    cost = network_cost(model.config)
    assert cost == measured(model.network, model.config)
    assert cost.operations == pytest.approx(counted(model), rel=0.02)
    assert cost.weight_bytes == 4 * sum(p.numel() for p in model.network.state_dict().values())


def test_a_bundled_models_cost_is_as_counted():
    model = load_model("unet")
    assert network_cost(model.config).operations == pytest.approx(counted(model), rel=0.02)


@pytest.mark.parametrize("model", [tiny_classifier(), tiny_enlarger()], ids=["classifier", "enlarger"])
def test_every_kind_of_network_can_be_measured(model):
    cost = network_cost(model.config)
    assert min(cost.operations, cost.activation_bytes, cost.weight_bytes) > 0


def test_activations_grow_with_the_pixels():
    small, large = (network_cost(tiny_model(image_size=size).config) for size in (32, 128))
    assert large.activation_bytes == pytest.approx(16 * small.activation_bytes, rel=0.2)


ONE = NetworkCost(operations=1.0, activation_bytes=1, weight_bytes=1)


@pytest.mark.parametrize(
    ("given", "calls", "passes"),
    [
        ({"steps": 10, "guidance_scale": 1}, 10, 1),
        ({"steps": 10, "guidance_scale": 2}, 20, 2),
        ({"steps": 10, "guidance_scale": 2, "sampler": "heun"}, 38, 2),
    ],
)
def test_work_is_images_times_calls(given, calls, passes):
    config = tiny_model().config
    settings = SamplingSettings(**given).resolve(config)
    assert request_cost(config, settings, [7] * 3, ONE).operations == 3 * calls
    without_label = request_cost(config, settings, [-1] * 3, ONE)
    assert without_label.operations == 3 * calls / passes


def test_a_classifiers_gradients_count():
    config = tiny_model().config
    settings = SamplingSettings(steps=10, guidance_scale=1).resolve(config, classifier=True)
    assert request_cost(config, settings, [7], ONE, ONE).operations == 40


@pytest.fixture
def config():
    return tiny_model(image_size=128, channels=3).config


def test_too_much_work_is_refused_with_both_numbers(monkeypatch, models, tmp_path):
    monkeypatch.setenv(WORK, "0.0001")
    engine = Engine("unet", tmp_path / "runs")
    assert list(engine.run(Request(num_images=1, steps=2)))
    with pytest.raises(InputError) as refused:
        engine.run(Request(num_images=64, steps=1000))
    assert refused.value.code == "host.work"
    assert "one request to this host may take 0.0001" in str(refused.value)


def test_more_images_than_memory_are_refused_with_the_number_that_is_not(config):
    cost = request_cost(config, SamplingSettings(steps=1).resolve(config), [1] * 64, ONE)
    with pytest.raises(InputError, match="num_images must be at most 63 at 128x128 pixels, not 64") as refused:
        Limits(40 * TERA, 0.8 * GIGA).check_request(config, 64, cost)
    assert refused.value.code == "host.images"
    Limits(40 * TERA, 0.8 * GIGA).check_request(config, 63, Cost(1, 63 * cost.memory // 64))


@pytest.mark.parametrize(
    ("cost", "code"),
    [
        (NetworkCost(1, 1, 600_000_000), "host.weights"),
        (NetworkCost(2e11, 1, 1), "host.call"),
        (NetworkCost(1, 200_000_000, 1), "host.activations"),
    ],
)
def test_a_model_that_is_too_much_for_the_host_is_refused(config, cost, code):
    with pytest.raises(InputError) as refused:
        LIMITS.check_model(config, cost, bytes_per_weight=4)
    assert refused.value.code == code


def test_the_defaults_leave_room_for_what_the_page_offers():
    limits, model = Limits.of_host(CPU), load_model("unet")
    cost = network_cost(model.config)
    limits.check_model(model.config, cost, 10)
    for sampler, steps in (("ddim", 1000), ("heun", 500)):
        settings = SamplingSettings(sampler=sampler, steps=steps).resolve(model.config)
        limits.check_request(model.config, 64, request_cost(model.config, settings, [7] * 64, cost))
    assert limits.images_of_a_batch(cost) >= 128  # 64 images with and without their label, as one call


def test_limits_come_from_the_environment(monkeypatch):
    monkeypatch.setenv(WORK, "7")
    monkeypatch.setenv(MEMORY, "0.5")
    assert Limits.of_host(CPU) == Limits(7e12, 5e8)
    for wrong in ("much", "-1", "0", "nan", "inf"):
        monkeypatch.setenv(WORK, wrong)
        with pytest.raises(InputError, match=f"{WORK} must be a number above 0"):
            Limits.of_host(CPU)


@pytest.mark.parametrize("size", [8, 28, 64, 128, 256, 512])
@pytest.mark.parametrize("count", [1, 16, 64])
def test_frames_of_a_run_are_a_few_megabytes(size, count):
    config = ModelConfig(name="any", image_size=size, channels=3, network=ENLARGER | {"low_res": None})
    shape = FrameShape.of(config, count)
    assert shape.most >= FEWEST_FRAMES
    assert shape.most * 2 * count * 3 * shape.size**2 <= MAX_BYTES


def test_the_usual_runs_have_all_their_frames_at_full_size():
    assert FrameShape.of(load_model("unet").config, 16) == (120, 28, 1, None)


def test_large_images_are_shown_smaller_and_downloaded_whole(models, tmp_path):
    tiny_model(image_size=128).save(models / "large")
    updates = list(Engine("unet", tmp_path / "runs").run(Request(model="large", num_images=64, steps=2)))
    frames = [frame for update in updates for frame in update.frames]
    assert {update.frame_size for update in updates} == {43}
    assert sum(len(frame.x) + len(frame.x0) for frame in frames) < MAX_BYTES
    assert updates[-1].result.images.shape == (64, 128, 128, 1)
