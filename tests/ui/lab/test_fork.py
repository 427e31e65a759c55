"""Going on from any step of a run: as it was, with other settings, and what is refused."""

import json

import numpy as np
import pytest

from diffusion.errors import InputError
from diffusion.samplers import SAMPLERS
from diffusion.trajectory import trajectory
from tests.tiny import DIT, tiny_enlarger, tiny_model
from ui.engine import Engine
from ui.hosting.limits import Limits
from ui.lab.fork import MOST, ForkLab, ForkRequest
from ui.request import Request

RUN = {"label": "7", "num_images": 3, "steps": 6, "seed": 5}


@pytest.fixture
def lab(models, tmp_path) -> ForkLab:
    tiny_model(2, name="blind", label_names=(), network=DIT).save(models / "blind")
    tiny_model(3, name="flow", process={"kind": "flow"}).save(models / "flow")
    tiny_model(4, name="large", image_size=12).save(models / "large")
    tiny_enlarger(name="lens").save(models / "lens")
    return ForkLab(Engine("unet", runs_dir=tmp_path / "runs"))


def run(lab: ForkLab, settings: dict, forks: list) -> list:
    return list(lab.run(ForkRequest.of(settings, forks)))


def frames(updates: list) -> list:
    return [frame for update in updates for frame in update.frames]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_without_a_change_it_ends_as_the_run_from_every_step(lab, sampler):
    settings = RUN | {"sampler": sampler} | ({"eta": 0.5} if sampler == "ddim" else {})
    whole = list(lab.engine.run(Request(**settings)))
    result = whole[-1].result
    for step in range(6):
        fork = run(lab, result.record, [{"step": step}])
        assert [(update.total, fork[-1].step) for update in fork] == [(6, 6)] * len(fork)
        assert [frame.index for frame in frames(fork)] == list(range(step, 7))
        assert fork[-1].result.record == result.record | {"forks": [{"step": step}]}
        if not SAMPLERS[sampler].multistep or step == 0:
            assert frames(fork) == frames(whole)[step:]
            assert np.array_equal(fork[-1].result.images, result.images)
        else:  # from the same images; their first step is another one
            assert frames(fork)[0] == frames(whole)[step]
    again = run(lab, result.record, [{"step": 1}, {"step": 3}])
    assert (frames(again)[-1].x == frames(whole)[-1].x) == (not SAMPLERS[sampler].multistep)


@pytest.mark.parametrize(
    ("change", "settings"),
    [
        ({"label": "3"}, {"steps": 6}),
        ({"label": ""}, {"steps": 6}),
        ({"guidance_scale": 6}, {"steps": 6, "guidance_scale": 6}),
        ({"steps": 12}, {"steps": 12}),
        ({"sampler": "heun"}, {"sampler": "heun"}),  # with the steps of that sampler
        ({"model": "other"}, {}),
    ],
    ids=str,
)
def test_what_changes_holds_from_the_step_on(lab, change, settings):
    whole = list(lab.engine.run(Request(**RUN)))
    request = ForkRequest.of(RUN, [{"step": 2} | change])
    fork = list(lab.run(request))
    assert frames(fork)[0].x == frames(whole)[2].x
    assert not np.array_equal(fork[-1].result.images, whole[-1].result.images)
    own, model = lab.engine.load(), lab.engine.load(change.get("model", ""))
    states = list(trajectory(own, [7] * 3, Request(steps=6, seed=5).resolve(own.config)))
    labels = [{"3": 3, "": -1}.get(change.get("label"), 7)] * 3
    rest = trajectory(model, labels, Request(seed=5, **settings).resolve(model.config), fork=states[2])
    shape = lab.job(request).frames
    assert frames(fork) == [shape.frame(state) for state in rest]
    assert frames(fork)[-1].t == 0


def test_only_the_noise_to_come_is_of_another_seed(lab):
    settings = RUN | {"sampler": "ddpm"}
    whole, other = (run(lab, settings, [{"step": 3, "seed": seed}]) for seed in (5, 6))
    assert frames(whole)[0] == frames(other)[0]
    assert frames(whole)[-1].x != frames(other)[-1].x


def test_a_fork_of_a_fork(lab):
    forks = [{"step": 2, "label": "3"}, {"step": 4, "label": "1"}]
    first, second = run(lab, RUN, forks[:1]), run(lab, json.loads(json.dumps(RUN)), forks)
    assert frames(second)[0].x == frames(first)[2].x  # of step 4
    assert [frame.index for frame in frames(second)] == [4, 5, 6]
    assert second[-1].result.labels == ["1"] * 3
    assert second[-1].result.record["forks"] == forks


def test_another_model_brings_its_own_settings(lab):
    given = RUN | {"guidance_scale": 5, "sampler": "ddim", "eta": 0.5}
    job = lab.job(ForkRequest.of(given, [{"step": 2, "model": "blind"}]))
    assert (job.wanted, job.settings.eta, job.settings.steps) == ([""] * 3, 0.5, 4)
    heun = lab.job(ForkRequest.of(given, [{"step": 2, "sampler": "heun"}]))
    assert (heun.settings.guidance_scale, heun.settings.eta, heun.settings.steps) == (5, 0, 10)


@pytest.mark.parametrize(
    ("forks", "sentence"),
    [
        ([{"step": 2, "model": "flow"}], "flow cannot go on from a step of unet: it removes another kind of noise"),
        ([{"step": 2, "model": "large"}], "large cannot go on from a step of unet: its images have 12×12 pixels"),
        ([{"step": 2, "model": "lens"}], "lens cannot go on from a step of unet: only one of the two enlarges images"),
        ([{"step": 2, "model": "nothing"}], "model must be one of"),
        ([{"step": 6}], "from a step from 0 to 5, a whole number, not from 6"),
        ([{"step": -1}], "not from -1"),
        ([{"step": "2"}], "not from '2'"),
        ([{"step": float("nan")}], "not from nan"),
        ([{"step": 2}, {"step": 1}], "from a step from 2 to 5"),
        ([{"step": 2, "num_images": 5}], "num_images cannot change on the way"),
        ([{"step": 2, "label": "x"}], "'x'"),
        ([{"step": 2, "colour": 1}], "colour"),
        ([{"step": 2, "sampler": "heun", "eta": 0.5}], "eta"),
        ([], "forks must be a list of 1 to 6 objects"),
        ([{}], "forks must be a list"),
        ([{"step": 0}] * (MOST + 1), "forks must be a list"),
        ("[", "forks must be a list"),
        (None, "forks must be a list"),
    ],
)
def test_what_is_refused(lab, forks, sentence):
    with pytest.raises(InputError) as refused:
        run(lab, RUN, forks)
    assert sentence in str(refused.value)


def test_all_that_is_computed_counts(lab, monkeypatch):
    whole = lab.engine.prepare(Request(**RUN)).cost.operations
    half = lab.job(ForkRequest.of(RUN, [{"step": 3}])).cost.operations
    longer = lab.job(ForkRequest.of(RUN, [{"step": 3, "steps": 600}])).cost.operations
    assert half == pytest.approx(whole)
    assert longer == pytest.approx(whole * (0.5 + 50), rel=0.01)
    limits = Limits(work=20 * whole, memory=1e9)
    monkeypatch.setattr(lab.engine, "limits", limits)
    monkeypatch.setattr(lab.engine.registry, "limits", limits)
    assert run(lab, RUN, [{"step": 3, "label": "1"}])
    with pytest.raises(InputError, match="trillion operations"):
        run(lab, RUN, [{"step": 3, "steps": 600}])
