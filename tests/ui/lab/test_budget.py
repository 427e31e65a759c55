"""A budget in place of steps."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event

import pytest

from diffusion.errors import InputError
from diffusion.runtime.callers import Caller, Stopped, calling
from tests.tiny import DIT, tiny_model
from ui.lab.budget import MOST_CALLS, TRIAL_STEPS, Budget, most_steps
from ui.lab.compare import CompareLab, CompareRequest
from ui.network_calls import network_calls
from ui.request import Request

GUIDED = {"guidance_scale": 3, "guidance_t_min": 0.3, "guidance_t_max": 0.7}


@pytest.fixture
def lab(engine, models) -> CompareLab:
    tiny_model(3, name="dit", network=DIT, label_names=()).save(models / "dit")
    return CompareLab(engine)


@pytest.mark.parametrize("sampler", ["ddim", "heun", "dpmpp_2m", "unipc", "ddpm", "euler_maruyama"])
@pytest.mark.parametrize(
    "values",
    [
        {"label": "3", **GUIDED},
        {"label": "3", **GUIDED, "guidance_scale": 0.5},
        {"label": "3", "guidance_scale": 0},
        {"label": "", "guidance_scale": 2},
        {"model": "dit", "skip_scale": 1.5, "guidance_t_min": 0.4},
    ],
)
def test_calls_are_known_beforehand(lab, sampler, values):
    request = CompareRequest(
        rows="sampler", row_values=sampler, columns="calls", column_values="5, 12, 31", num_images=2, **values
    )
    plan = lab.plan(request)
    for place, outcome in lab.outcomes(plan).items():
        job, budget = plan.cells[place].job, plan.columns.values[plan.cells[place].column]
        labelled = bool(values.get("label"))
        assert outcome.calls == network_calls(job.model, job.settings, labelled) <= budget
        alone = Request(sampler=sampler, steps=job.settings.steps + 1, **values).resolve(job.model.config)
        assert network_calls(job.model, alone, labelled) > budget


def test_a_budget_that_is_too_small_is_refused(lab):
    with pytest.raises(InputError, match="DDIM needs 2 network calls for one step, and the budget is 1"):
        most_steps(lab.engine.load(), Request(label="3", sampler="ddim", guidance_scale=2), 1)
    with pytest.raises(InputError, match="calls must be a whole number from 1 to 400, not '401'"):
        Budget(calls="401")
    with pytest.raises(InputError, match="steps, calls both decide the number of steps"):
        lab.plan(CompareRequest(rows="steps", columns="calls"))


def test_a_budget_of_time_is_one_of_calls_at_this_hosts_pace(lab, monkeypatch):
    monkeypatch.setattr(lab.stopwatch, "milliseconds", lambda model, ref, count: 2.0)
    plan = lab.plan(
        CompareRequest(rows="sampler", row_values="ddim, heun", columns="milliseconds", column_values="10, 21")
    )
    assert [cell.job.settings.steps for cell in plan.cells] == [5, 10, 3, 5]
    with pytest.raises(InputError, match="DDIM needs 2 ms for one step on this server, and the budget is 1: allow"):
        most_steps(lab.engine.load(), Request(sampler="ddim"), 1, pace=2)


def test_a_race_against_the_clock_ends_in_time(lab):
    """At the pace that is measured on this very host; within a factor, as others compute here, too."""
    lab.engine.load().network.register_forward_hook(lambda *_: time.sleep(0.02))  # which no neighbour changes much
    budget = 300  # ms
    plan = lab.plan(
        CompareRequest(rows="sampler", row_values="ddim, heun, ddpm", columns="milliseconds", column_values=str(budget))
    )
    for job in (cell.job for cell in plan.cells):
        taken = [list(lab.engine.updates(job, watched=False))[-1].seconds for _ in range(3)]
        calls = network_calls(job.model, job.settings, False)
        expected = calls * lab.stopwatch.milliseconds(job.model, "", 1)
        assert expected <= budget
        assert calls == MOST_CALLS or expected > budget / 4  # a step more would be too much
        assert expected / 4 < 1000 * min(taken) < expected * 4


def test_a_call_is_timed_once(lab):
    model = lab.engine.load()
    calls = []
    model.network.register_forward_hook(lambda *_: calls.append(1))
    first = lab.stopwatch.milliseconds(model, "", 2)
    count = len(calls)
    assert first > 0
    assert lab.stopwatch.milliseconds(model, "", 2) == first
    assert len(calls) == count > 0


def test_all_that_a_measurement_takes_is_within_a_requests_share(lab):
    model, engine, calls = lab.engine.load(), lab.engine, []
    model.network.register_forward_hook(lambda *_: calls.append(1))
    one = engine.prepare(Request(num_images=2, steps=TRIAL_STEPS)).cost.operations
    engine.registry.limits = replace(engine.limits, work=2 * one)  # one trial is within it
    engine.prepare(Request(num_images=2, steps=TRIAL_STEPS))
    with pytest.raises(InputError, match="one request to this host may take"):
        lab.stopwatch.milliseconds(model, "", 2)
    assert not calls


def test_who_waits_for_a_measurement_can_leave(lab):
    model, entered, go_on = lab.engine.load(), Event(), Event()

    def slowly(*_):
        entered.set()
        go_on.wait(30)

    model.network.register_forward_hook(slowly)
    with ThreadPoolExecutor(2) as pool:
        measuring = pool.submit(lab.stopwatch.milliseconds, model, "", 2)
        assert entered.wait(30)
        leaver = Caller()

        def wait() -> None:
            with calling(leaver):
                lab.stopwatch.milliseconds(model, "", 3)

        waiting = pool.submit(wait)
        leaver.stop()
        with pytest.raises(Stopped):
            waiting.result(30)
        go_on.set()
        assert measuring.result(30) > 0


def test_a_measurement_ends_with_whoever_wanted_it(lab):
    model, leaver = lab.engine.load(), Caller()
    model.network.register_forward_hook(lambda *_: leaver.stop())
    with calling(leaver), pytest.raises(Stopped):
        lab.stopwatch.milliseconds(model, "", 2)
