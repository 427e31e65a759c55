"""Planning runs of many steps: by one at a time, so that many who plan do not hold up those who sample."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from diffusion.process import Process
from ui.estimate import Estimate
from ui.handlers import Handlers
from ui.lab.compare import CompareLab, CompareRequest
from ui.lab.fork import ForkLab, ForkRequest

STEPS = {"label": "7", "num_images": 1, "steps": 300}
PLANS = {
    "a grid within a budget": lambda engine: CompareLab(engine).plan(
        CompareRequest(rows="seed", row_values="1, 2", columns="calls", column_values="100, 200", label="7")
    ),
    "forks": lambda engine: ForkLab(engine).job(ForkRequest.of(STEPS, [{"step": 9}, {"step": 99}])),
    "an estimate": lambda engine: Estimate(Handlers(engine))(STEPS | {"model": "unet", "steps_by_hand": True}),
}


@pytest.mark.parametrize("plan", PLANS)
def test_levels_are_computed_for_one_at_a_time(engine, monkeypatch, plan):
    under_way: list[int] = []
    most: list[int] = []
    turn, levels = engine.planning.turn, Process.levels

    @contextmanager
    def noted_turn(caller):
        with turn(caller):
            under_way.append(1)
            most.append(len(under_way))
            try:
                yield
            finally:
                under_way.pop()

    def noted_levels(*arguments, **named):
        assert under_way, "nobody has a turn"
        return levels(*arguments, **named)

    engine.load()
    monkeypatch.setattr(engine.planning, "turn", noted_turn)
    monkeypatch.setattr(Process, "levels", noted_levels)
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda _: PLANS[plan](engine) is not None, range(8)))
    assert set(most) == {1}
