"""The public endpoint ``/compare``: a grid of runs from the same noise, in which two settings differ."""

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any, Literal

import gradio as gr
import numpy as np

from diffusion.errors import InputError
from diffusion.io.images import png_bytes
from diffusion.settings_schema import Settings, field, settings_of
from ui.endpoints.generate import default_of as default_of_generate
from ui.endpoints.parameters import component, describe
from ui.endpoints.results import RESULTS, answer
from ui.hosting.zero_gpu import on_gpu
from ui.lab.compare import COMPARE_SETTINGS, OWN, CompareLab, CompareRequest, Plan
from ui.lab.distances import distances
from ui.lab.grid_picture import picture_of
from ui.lab.shares import share_of
from ui.lab.side_by_side import Outcome

DESCRIPTION = "Compare sampling settings: a grid of runs from the same noise, in which two settings differ."
RETURNS = """A PNG of the grid with its legends, and a JSON object with "rows" and "columns" (the setting and the values
of each), "cells" (row by row: the "settings" that sample the same again, the network's "calls" for each image, the
"seconds" that they took on this server, where digits are classified the "share" that shows what was asked for, "right"
of so many, with its 95 percent interval from "low" to "high", and where distances are measured the "distance", the root
mean square difference of pixels from 0 to 1; or the "problem" of a cell that there is not), and "problems", the
sentences about values that were left out."""


class Measures(Settings):
    """What is measured of a grid besides."""

    distances: Literal["no", "yes"] = field(
        "Whether to measure how far each cell is from the result of 1000 DDIM steps from the same noise: that takes as "
        "long as many cells. A distilled network has no such result",
        *("choice",),
        choices=("no", "yes"),
        unset="no",
    )


MEASURES = settings_of(Measures)
NAMES = (*OWN, *(name for name in COMPARE_SETTINGS if name not in (*OWN, "classifier", "classifier_scale")))


def default_of(name: str) -> Any:
    """What a call may leave out."""
    if name in MEASURES:
        return Measures.model_fields[name].default
    return CompareRequest.model_fields[name].default if name in (*OWN, "num_images") else default_of_generate(name)


def add(lab: CompareLab) -> None:
    """Put the endpoint into the open ``gr.Blocks``."""

    def grid(*values: Any) -> Iterator[tuple[Any, Any]]:
        try:
            given = dict(zip(settings, values, strict=True))
            measures = Measures(**{name: given.pop(name) for name in MEASURES})
            plan = lab.plan(CompareRequest(**given))
            references = lab.references(plan) if measures.distances == "yes" else {}
            outcomes = lab.outcomes(plan)
            measured = distances(lab, references, outcomes)
        except InputError as error:
            raise gr.Error(str(error), print_exception=False) from None
        png = png_bytes(np.asarray(picture_of(plan, outcomes)))
        yield RESULTS.add("grid.png", png), about(plan, outcomes, measured)

    answering = on_gpu(grid)

    async def compare(request: gr.Request, *values: Any) -> AsyncIterator[tuple[Any, Any]]:
        async with aclosing(answer(answering, request, values)) as pairs:
            async for pair in pairs:
                yield pair

    settings = {name: COMPARE_SETTINGS[name] for name in NAMES} | MEASURES
    describe(compare, DESCRIPTION, RETURNS, settings, {name: default_of(name) for name in settings})
    with gr.Group(visible=False):
        inputs = [component(name, setting, default_of(name)) for name, setting in settings.items()]
        picture = gr.Image(label="grid", type="filepath", format="png")
        details = gr.JSON(label="about")
        gr.Button().click(compare, inputs, [picture, details], api_name="compare", preprocess=False, postprocess=False)


def about(plan: Plan, outcomes: dict[int, Outcome], measured: dict[int, float]) -> dict[str, Any]:
    """What is known of the grid; ``measured`` are distances."""
    cells: list[dict[str, Any]] = []
    for index, cell in enumerate(plan.cells):
        outcome = outcomes.get(index)
        problem = cell.problem if outcome is None else outcome.problem
        if problem is not None or outcome is None:
            cells.append({"problem": str(problem)})
            continue
        assert outcome.result is not None, "a run has images or a problem"
        result = outcome.result
        share = share_of(result)
        costs = {"calls": outcome.calls, "seconds": outcome.seconds, "share": share and share._asdict()}
        worth = {"distance": measured[index]} if index in measured else {}
        cells.append({"settings": result.record, **costs, **worth})
    sides = {
        side: {"setting": axis.setting, "values": axis.values}
        for side, axis in (("rows", plan.rows), ("columns", plan.columns))
    }
    return {**sides, "cells": cells, "problems": [str(problem) for problem in plan.problems]}
