"""What the page says a run will take, beside what it takes."""

import time

import pytest

from diffusion.runtime.callers import Caller
from tests.tiny import ONE_PASS, tiny_model
from tests.ui.hosting.test_pace import Host
from ui.engine import Engine
from ui.estimate import Estimate
from ui.handlers import Handlers
from ui.hosting.pace import Pace
from ui.request import Request

LONG = {"sampler": "ddim", "steps": 100, "steps_by_hand": True, "num_images": 24, "label": "7"}


@pytest.fixture
def quick(models) -> None:
    tiny_model(5, name="quick", title="Quick", sampler="turbo", steps=2, network=ONE_PASS).save(models / "quick")


@pytest.fixture
def estimate(engine: Engine) -> Estimate:
    return Estimate(Handlers(engine))


@pytest.fixture
def host(engine: Engine) -> Host:
    """In counted time, after a run of 16 images and one of one."""
    host = Host()
    engine.pace = Pace(host.clock)
    engine.load().network.register_forward_hook(host.computes)
    for count in (16, 1):
        list(engine.run(Request(num_images=count, label="7")))
    return host


@pytest.mark.parametrize(
    "values",
    [
        LONG,
        {**LONG, "sampler": "heun", "guidance_scale": 1},
        {**LONG, "guidance_t_min": 0.3, "guidance_t_max": 0.5},
        {**LONG, "label": ""},
        {"num_images": 2},
    ],
)
def test_a_run_takes_as_long_as_was_said(engine: Engine, estimate: Estimate, host: Host, values: dict):
    said = estimate(values)["seconds"]
    began = host.now
    list(engine.run(estimate.handlers.request({"label": "5", **values})))
    assert said == pytest.approx(host.now - began, rel=0.02)


def test_a_run_takes_at_most_twice_as_long_or_half_as_long_on_a_clock(engine: Engine, estimate: Estimate):
    engine.load().network.register_forward_hook(lambda *_: time.sleep(0.01))
    for count in (16, 1):
        list(engine.run(Request(num_images=count, label="7")))
    values = {"steps": 100, "steps_by_hand": True, "sampler": "ddim", "num_images": 4, "label": "7"}
    said = estimate(values)["seconds"]
    began = time.perf_counter()
    list(engine.run(estimate.handlers.request(values)))
    assert said / 2 < time.perf_counter() - began < said * 2


def test_the_models_own_sampler_and_a_distilled_model_are_better(quick, estimate: Estimate, host: Host):
    answer = estimate(LONG)
    own, distilled = answer["better"]
    assert (own["name"], own["steps"]) == ("DDIM", 4)
    assert own["values"] == {"sampler": "ddim", "steps": 4, "steps_by_hand": False, "respacing": ""}
    assert own["seconds"] == pytest.approx(answer["seconds"] * 4 / 100)
    assert (distilled["ref"], distilled["name"], distilled["steps"]) == ("quick", "Quick", 2)
    assert distilled["values"]["model"] == "quick"
    assert distilled["seconds"] < own["seconds"]


def test_what_is_best_already_has_nothing_better(quick, estimate: Estimate, host: Host):
    assert estimate({"model": "quick", "label": "7"})["better"] == []
    assert [each["name"] for each in estimate({"label": "7"})["better"]] == ["Quick"]


def test_beside_other_visitors_a_run_takes_longer(engine: Engine, estimate: Estimate, host: Host):
    alone = estimate(LONG)["seconds"]
    work = estimate.plan(estimate.handlers.request(LONG)).operations
    one, other = Caller(3 * work, ("there", "one")), Caller(work / 2, ("there", "two"))
    with engine.places.taken(one), engine.places.taken(other):
        assert estimate(LONG)["seconds"] == pytest.approx(2.5 * alone)
    with engine.places.taken(Caller(work)):  # the visitor's own
        assert estimate(LONG)["seconds"] == pytest.approx(alone)


@pytest.mark.parametrize(
    "wrong", [{"steps": 5000}, {"model": "nobody"}, {"num_images": "many"}, {"classifier": "none"}]
)
def test_values_that_are_wrong_have_no_estimate(estimate: Estimate, host: Host, wrong: dict):
    assert estimate({**LONG, **wrong}) == {}


def test_before_anything_was_measured_there_is_none(estimate: Estimate):
    assert estimate(LONG) == {}
