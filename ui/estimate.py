"""What a run will take, said before it begins, and what the model's own settings, or a distilled model, would take."""

from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import gradio as gr
from torch import nn

from diffusion.errors import InputError
from diffusion.model import Model
from diffusion.runtime.callers import current_caller
from diffusion.runtime.cost import network_cost
from diffusion.samplers import SAMPLERS
from diffusion.settings import SamplingSettings
from ui.calls import Values, checked
from ui.controls import default_label
from ui.handlers import Handlers
from ui.hosting.limits import evaluation_operations
from ui.hosting.streams import STREAMS
from ui.hosting.zero_gpu import LENDS
from ui.lab.compare import subject
from ui.network_calls import called_levels
from ui.request import Request

GAIN = 0.5  # of a run's time, which another has to take at most to be better
CHOSEN = ("sampler", "steps", "respacing", "eta")  # what a model's own sampler and steps are in place of


class Plan(NamedTuple):
    """A run that may be: ``seconds`` as far as they are known."""

    settings: SamplingSettings  # resolved
    seconds: float | None
    operations: float


class Estimate:
    """Handler of the page: values of its controls by name to ``{"seconds": ..., "better": [...]}``."""

    def __init__(self, handlers: Handlers):
        self.handlers, self.engine = handlers, handlers.engine

    def __call__(self, values: Values) -> Values:
        """How many seconds a run with the page's values takes (None where that is not known), and runs that take
        ``GAIN`` of it at most, each with its "steps", its "seconds", what it is called, and the values that it needs.
        Nothing where the values are wrong, which is said once somebody samples with them."""
        try:
            request = self.handlers.request(values)
            if "label" not in values:  # the page begins with one
                names = self.engine.config(request.model).label_names
                request = request.model_copy(update={"label": default_label([*names])})
            plan = self.plan(request)
            if plan.seconds is None:
                return {}
            better = [self.by_its_own_sampler(request), self.by_a_distilled_model(request)]
        except InputError:
            return {}
        quicker = [each for each in better if each and (each["seconds"] or 0) <= GAIN * plan.seconds]
        return {"seconds": plan.seconds * self.crowd(plan.operations), "better": quicker}

    def plan(self, request: Request) -> Plan:
        """The run of a request, alone on this host. Raises InputError."""
        config, guide = self.engine.config(request.model), request.classifier
        settings = request.resolve(config, bool(guide))
        cost = self.engine.registry.network_cost(request.model or self.engine.default)
        guide_config = self.engine.config(guide) if guide else None
        counted: Counter[float] = Counter()
        with self.engine.planning.turn(current_caller()):
            costs = (cost, network_cost(guide_config) if guide_config else None)
            for level in called_levels(Model(config, nn.Identity()), settings):
                one = evaluation_operations(config, settings, level, request.label != "", *costs)
                counted[request.num_images * one] += 1
        times = {operations: self.engine.pace.seconds(config, operations) for operations in counted}
        known = [seconds * counted[operations] for operations, seconds in times.items() if seconds is not None]
        total = sum(operations * count for operations, count in counted.items())
        return Plan(settings, sum(known) if len(known) == len(times) else None, total)

    def crowd(self, operations: float) -> float:
        """How many times as long a run takes beside those of other visitors: each has an equal share of the host while
        both compute."""
        others = self.engine.places.works(but=current_caller().visitor)
        return 1 + sum(min(1.0, other / operations) for other in others)

    def by_its_own_sampler(self, request: Request) -> Values | None:
        """The request with its model's own sampler and steps."""
        plan = self.plan(request.model_copy(update=dict.fromkeys(CHOSEN)))
        sampler, steps = plan.settings.sampler, plan.settings.steps
        values = {"sampler": sampler, "steps": steps, "steps_by_hand": False, "respacing": ""}
        return {"name": SAMPLERS[sampler].title, "steps": steps, "seconds": plan.seconds, "values": values}

    def by_a_distilled_model(self, request: Request) -> Values | None:
        """The same images by a model of the same data that was distilled to a few steps, if the request's is none."""
        config = self.engine.config(request.model)
        if config.max_guidance is not None:
            return None
        for ref in self.handlers.few_step_models():
            other = self.engine.config(ref)
            if subject(other) == subject(config):
                plan = self.plan(Request(model=ref, label=request.label, num_images=request.num_images))
                about = {"ref": ref, "name": other.title or other.name, "values": {"model": ref, "classifier": ""}}
                return {**about, "steps": plan.settings.steps, "seconds": plan.seconds}
        return None


def estimating(estimate: Estimate) -> Callable[..., Any]:
    """The server function ``estimate``. (Where a GPU is lent for each run, that run's process knows its pace, and this
    one does not.)"""

    async def server_function(values: Any, request: gr.Request) -> Values | None:
        if LENDS:
            return {}
        try:
            return await STREAMS.answer(estimate, checked(values), request=request)
        except InputError:  # nobody comes here by the page
            return {}

    server_function.__name__ = "estimate"
    return server_function
