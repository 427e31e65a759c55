"""The public endpoint ``/compare``: a grid of runs from the same noise, in which two settings differ."""

import io
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, closing
from typing import Any

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache

from diffusion.errors import InputError
from ui.endpoints.generate import default_of as default_of_generate
from ui.endpoints.parameters import component, describe
from ui.endpoints.results import Results
from ui.hosting.streams import STREAMS, visitor_of
from ui.hosting.zero_gpu import on_gpu
from ui.lab.compare import COMPARE_SETTINGS, OWN, CompareLab, CompareRequest, Plan
from ui.lab.grid_picture import grid_picture
from ui.lab.shares import share_of
from ui.lab.side_by_side import Outcome

DESCRIPTION = """Compare sampling settings: a grid of runs from the same noise, in which two settings differ.

Args:
{parameters}

Returns:
    A PNG of the grid with its legends, and a JSON object with "rows" and "columns" (the setting and the values of
    each), "cells" (row by row: the "settings" that sample the same again, the network's "calls" for each image, the
    "seconds" that they took on this server, and where digits are classified the "share" that shows what was asked for,
    "right" of so many, with its 95 percent interval from "low" to "high"; or the "problem" of a cell that there is
    not), and "problems", the sentences about values that were left out.
"""
NAMES = (*OWN, *(name for name in COMPARE_SETTINGS if name not in (*OWN, "classifier", "classifier_scale")))


def default_of(name: str) -> Any:
    """What a call may leave out."""
    return CompareRequest.model_fields[name].default if name in (*OWN, "num_images") else default_of_generate(name)


def add(lab: CompareLab) -> None:
    """Put the endpoint into the open ``gr.Blocks``."""

    def answer(*values: Any) -> Iterator[tuple[Any, Any]]:
        try:
            plan = lab.plan(CompareRequest(**dict(zip(NAMES, values, strict=True))))
            with closing(lab.run(plan.jobs(), watched=False)) as runs:  # type: ignore[type-var]  # it is a generator
                outcomes = {outcome.place: outcome for together in runs for outcome in together}
            if not any(outcome.updates for outcome in outcomes.values()):
                raise next(outcome.problem for outcome in outcomes.values() if outcome.problem)
        except InputError as error:
            raise gr.Error(str(error), print_exception=False) from None
        png = save_bytes_to_cache(png_of(plan, outcomes), "grid.png", picture.GRADIO_CACHE)
        yield results.add(png), about(plan, outcomes)

    answering = on_gpu(answer)

    async def compare(request: gr.Request, *values: Any) -> AsyncIterator[tuple[Any, Any]]:
        answers = STREAMS.results(answering, *values, visitor=visitor_of(request), pulse=(None, None))
        async with aclosing(answers):
            async for found in answers:
                yield found
                if found[0] is not None:
                    return

    results = Results()
    settings = {name: COMPARE_SETTINGS[name] for name in NAMES}
    describe(compare, DESCRIPTION, settings, {name: default_of(name) for name in NAMES})
    with gr.Group(visible=False):
        inputs = [component(name, setting, default_of(name)) for name, setting in settings.items()]
        picture = gr.Image(label="grid", type="filepath", format="png")
        details = gr.JSON(label="about")
        gr.Button().click(compare, inputs, [picture, details], api_name="compare", preprocess=False)


def png_of(plan: Plan, outcomes: dict[int, Outcome]) -> bytes:
    """The grid as a picture."""
    results = (
        outcomes[i].updates[-1].result if i in outcomes and outcomes[i].updates else None
        for i in range(len(plan.cells))
    )
    cells = [None if result is None else result.images for result in results]
    corner = f"{plan.rows.setting} \\ {plan.columns.setting}"
    buffer = io.BytesIO()
    grid_picture(cells, plan.rows.titles, plan.columns.titles, corner).save(buffer, "PNG")
    return buffer.getvalue()


def about(plan: Plan, outcomes: dict[int, Outcome]) -> dict[str, Any]:
    """What is known of the grid."""
    cells: list[dict[str, Any]] = []
    for index, cell in enumerate(plan.cells):
        outcome = outcomes.get(index)
        problem = cell.problem if outcome is None else outcome.problem
        if problem is not None or outcome is None:
            cells.append({"problem": str(problem)})
            continue
        result = outcome.updates[-1].result
        assert result is not None, "the last update of a run has it"
        share = share_of(result)
        measured = {"calls": outcome.calls, "seconds": outcome.seconds, "share": share and share._asdict()}
        cells.append({"settings": result.record, **measured})
    sides = {
        side: {"setting": axis.setting, "values": axis.values}
        for side, axis in (("rows", plan.rows), ("columns", plan.columns))
    }
    return {**sides, "cells": cells, "problems": [str(problem) for problem in plan.problems]}
