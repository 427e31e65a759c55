"""Runs side by side where there is no place for them."""

import pytest

from diffusion.runtime.callers import Caller, Stopped
from ui.hosting.places import Busy
from ui.lab.compare import CompareLab, CompareRequest
from ui.lab.side_by_side import patiently


def test_a_run_that_finds_no_place_tries_again_until_it_is_stopped(engine, monkeypatch):
    lab = CompareLab(engine)
    monkeypatch.setattr("ui.lab.side_by_side.PAUSE", 0.01)
    taken, refusals = lab.engine.places.taken, iter([True, True, False])

    def crowded(caller, memory):
        if next(refusals, False):
            raise Busy("host.busy")
        return taken(caller, memory)

    monkeypatch.setattr(lab.engine.places, "taken", crowded)
    outcomes = lab.outcomes(lab.plan(CompareRequest(label="5", row_values="ddim", column_values="2")))
    assert outcomes[0].problem is None
    assert outcomes[0].result.images.shape[0] > 0
    stopped = Caller()
    stopped.stop()
    with pytest.raises(Stopped):
        patiently(crowded_always, stopped)
    monkeypatch.setattr("ui.lab.side_by_side.PATIENCE", 0.0)
    with pytest.raises(Busy):
        patiently(crowded_always, Caller())


def crowded_always():
    raise Busy("host.busy")
