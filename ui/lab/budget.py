"""A budget in place of steps: as many steps as a sampler can take for so many calls of the network, or so much time."""

from math import ceil
from threading import Lock
from weakref import WeakKeyDictionary

from diffusion.errors import InputError
from diffusion.model import Model
from diffusion.runtime.callers import calling, current_caller
from diffusion.samplers import SAMPLERS
from diffusion.settings_schema import Settings, field, settings_of
from ui.engine import Engine
from ui.hosting.one_by_one import OneByOne
from ui.network_calls import network_calls
from ui.request import Request

MOST_CALLS = 400
TRIALS = 3  # of a short run, of which the quickest counts: others may be sampling at the same time
TRIAL_STEPS = 4


class Budget(Settings):
    """What each run of a row or column may take; one of the two."""

    calls: int | None = field("Network calls for each image", "integer", 1, MOST_CALLS)
    milliseconds: float | None = field("Milliseconds on this server, for a run alone", "number", 1, 60_000)


BUDGETS = settings_of(Budget)


def most_steps(model: Model, request: Request, budget: float, pace: float | None = None) -> int:
    """The most steps that a request can take for a budget: so many network calls for each image; or, with the pace of
    a call, so many milliseconds. Raises InputError where there is none."""
    calls = budget if pace is None else min(budget / pace, MOST_CALLS)

    def needed(steps: int) -> int:
        settings = request.model_copy(update={"steps": steps}).resolve(model.config)
        return network_calls(model, settings, request.label != "")

    low, high = 0, int(min(calls, 1000))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if needed(middle) <= calls else (low, middle - 1)
    if low == 0:
        sampler, first = SAMPLERS[request.resolve(model.config).sampler].title, needed(1)
        if pace is not None:
            raise InputError("compare.budget_ms", sampler=sampler, needed=ceil(first * pace), given=f"{budget:g}")
        raise InputError("compare.budget", sampler=sampler, needed=first, given=f"{budget:g}")
    return low


class Stopwatch:
    """How long a call of a model's network takes on this host, with so many images: measured once."""

    def __init__(self, engine: Engine):
        self.engine = engine
        self._lock = Lock()
        self._known: WeakKeyDictionary[Model, dict[int, float]] = WeakKeyDictionary()
        self._measuring: WeakKeyDictionary[Model, OneByOne] = WeakKeyDictionary()

    def milliseconds(self, model: Model, ref: str, num_images: int) -> float:
        """Of a call for each of so many images. Raises InputError, and Stopped once the present caller is stopped."""
        with self._lock:
            known = self._known.setdefault(model, {})
            measuring = self._measuring.setdefault(model, OneByOne())
        if num_images not in known:
            with measuring.turn(current_caller()):  # once for all who want to know
                if num_images not in known:
                    request = Request(model=ref, num_images=num_images, steps=TRIAL_STEPS)
                    # the trials together take no more than one request may
                    self.engine.prepare(request.model_copy(update={"steps": TRIALS * TRIAL_STEPS}))
                    known[num_images] = 1000 * min(self._seconds(request) for _ in range(TRIALS))
        return known[num_images]

    def _seconds(self, request: Request) -> float:
        caller = current_caller()
        with calling(caller):
            before = caller.images
            *_, last = self.engine.run(request, watched=False)
        return last.seconds * request.num_images / max(caller.images - before, 1)  # without making a picture of them
