"""What each setting does: a grid of runs from the same noise, in which two settings differ, without Gradio.

    lab = CompareLab(engine)
    plan = lab.plan(CompareRequest(rows="sampler", columns="steps", column_values="1, 2, 4..8"))
    for outcomes in lab.run(plan.jobs()):
        outcomes[0].place, outcomes[0].updates       # cells, as soon as they are there

Each cell is a run of the engine, the same as alone; those under way at the same time share the network's batches.
Everything here may be called from many threads at once.
"""

import math
from contextlib import closing
from typing import Any, NamedTuple

from pydantic import field_validator

from diffusion.condition import label_index
from diffusion.config import ModelConfig
from diffusion.errors import InputError
from diffusion.runtime.callers import current_caller
from diffusion.settings_schema import Use, field, settings_of
from ui.engine import Engine
from ui.frames import FrameShape
from ui.hosting.limits import Cost
from ui.job import Job
from ui.lab.axes import AXES, Axis, applies, parse_axis, sensible
from ui.lab.budget import BUDGETS, Stopwatch, most_steps
from ui.lab.side_by_side import Outcome, Outcomes, side_by_side
from ui.model_names import ModelEntry
from ui.request import MAX_IMAGES, Request

QUICK_STEPS = 100
REFERENCE = {"sampler": "ddim", "steps": 1000, "eta": 0.0, "respacing": None}  # what all samplers approach


class CompareRequest(Request):
    """A request for each cell of a grid, but for the two settings of its axes. Everything may come from anyone."""

    rows: str = field("The setting that differs from row to row", "choice", choices=AXES, unset="sampler")
    row_values: str = field(
        'Its values, at most 8: a list such as "1, 2, 4", or a range, "1..8" or "0..4 step 0.5"; "" for a few that '
        "make sense",
        *("text", 0, 400),
        unset="",
    )
    columns: str = field("The setting that differs from column to column", "choice", choices=AXES, unset="steps")
    column_values: str = field("Its values, in the same way", "text", 0, 400, unset="")
    num_images: int = field("Images in each cell", "integer", 1, MAX_IMAGES, unset=1)

    @field_validator("rows", "columns")
    @classmethod
    def _axis_is_known(cls, value: str) -> str:
        if value not in AXES:
            raise ValueError("unknown")
        return value

    def axis(self, side: str) -> tuple[str, str]:
        """The setting of the rows, or of the columns, and its values as text."""
        return getattr(self, side), getattr(self, f"{side.removesuffix('s')}_values")


COMPARE_SETTINGS = settings_of(CompareRequest)
OWN = tuple(name for name in COMPARE_SETTINGS if name not in Request.model_fields)


class Cell(NamedTuple):
    """A place of the grid: its run, or why there is none."""

    row: int
    column: int
    job: Job | None
    problem: InputError | None


class Plan(NamedTuple):
    """A grid that can be computed. ``problems``: of values that were left out."""

    rows: Axis
    columns: Axis
    cells: list[Cell]  # row by row
    problems: list[InputError]
    cost: Cost  # of all cells

    def jobs(self) -> dict[int, Job]:
        """The cells that can be computed, by their indices."""
        return {index: cell.job for index, cell in enumerate(self.cells) if cell.job is not None}


class CompareLab:
    """The engine of the *Compare* tab."""

    def __init__(self, engine: Engine):
        self.engine = engine
        self.stopwatch = Stopwatch(engine)

    def models(self) -> list[ModelEntry]:
        """Those that can be compared."""
        entries = self.engine.models()
        return [entry for entry in entries if entry.task != "classification" and not entry.problem]

    def sensible(self, setting: str, ref: str) -> str:
        """Values of a setting to begin with; of models, those that generate the same in a moderate number of steps."""
        info = self.engine.describe(ref)
        configs = {entry.ref: self.engine.registry.config(entry.ref) for entry in self.models()}
        models = [ref for ref, config in configs.items() if subject(config) == subject(info.config) and quick(config)]
        return sensible(setting, info, models)

    def plan(self, request: CompareRequest) -> Plan:
        """The cells of a grid, made ready. Raises InputError where there is nothing to compute, or where all of it
        would cost more than a request's share of the host."""
        axes = (request.rows, request.columns)
        if request.rows == request.columns:
            raise InputError("compare.same_axis", setting=request.rows)
        if sum(axis in ("steps", *BUDGETS) for axis in axes) > 1:
            raise InputError("compare.steps_twice", settings=axes)
        self.engine.describe(request.model)
        rows, columns = (
            parse_axis(setting, values.strip() or self.sensible(setting, request.model))
            for setting, values in map(request.axis, ("rows", "columns"))
        )
        cells = [
            self.cell(request, (rows, i), (columns, j))
            for i in range(len(rows.values))
            for j in range(len(columns.values))
        ]
        return self.checked(*without_empty_lines(rows, columns, cells))

    def cell(self, request: CompareRequest, row: tuple[Axis, int], column: tuple[Axis, int]) -> Cell:
        """The run at a place of the grid. Settings that the axes do not have are left out where they would have no
        effect: nobody has chosen them for this cell."""
        chosen = {axis.setting: axis.values[index] for axis, index in (row, column)}
        given = {name: value for name, value in request.model_dump().items() if name not in OWN} | chosen
        job, problem = None, None
        try:
            job = self.job(given, chosen)
        except InputError as error:
            problem = error
        return Cell(row[1], column[1], job, problem)

    def job(self, given: dict[str, Any], chosen: dict[str, Any]) -> Job:
        """The run of settings, in which those that do not apply are left out unless they were ``chosen``; with as many
        steps as a budget allows, if that was. Raises InputError."""
        info = self.engine.describe(given["model"])
        first = Request(sampler=given.get("sampler")).resolve(info.config)
        use = Use(info.config, first.sampler or "", classifier=False)
        kept = {name: value for name, value in given.items() if name in chosen or applies(name, use)}
        budgets = {name: kept.pop(name) for name in BUDGETS if name in kept}
        if "label" in kept and "label" not in chosen and kept["label"] not in info.tiles:
            if "model" not in chosen:
                label_index(kept["label"], info.config.label_names)
            del kept["label"]
        request = Request(**kept | {"classifier": ""})
        if budgets:
            kept |= {"steps": self.steps(request, **budgets), "respacing": None}
        return self.engine.prepare(Request(**kept | {"classifier": ""}))

    def steps(self, request: Request, calls: int | None = None, milliseconds: float = 0) -> int:
        """How many steps a budget allows. Raises InputError where there is none."""
        model, pace = self.engine.load(request.model), None
        if calls is None:
            pace = self.stopwatch.milliseconds(model, request.model, request.num_images)
        with self.engine.planning.turn(current_caller()):
            return most_steps(model, request, milliseconds if calls is None else calls, pace)

    def checked(self, rows: Axis, columns: Axis, cells: list[Cell], problems: list[InputError]) -> Plan:
        """The plan, if this host may be asked for all of it. Raises InputError."""
        jobs = [cell.job for cell in cells if cell.job is not None]
        cost = total(jobs)
        self.engine.limits.check_grid(cost, len(jobs), len(cells) * largest(jobs))
        return Plan(rows, columns, [framed(cell, len(jobs)) for cell in cells], problems, cost)

    def references(self, plan: Plan) -> dict[int, Job]:
        """For the cells, by index, the runs in very many steps that theirs approach: one job for all that share it.
        A distilled model approaches none. Raises InputError where they would cost too much."""
        found: dict[str, Job] = {}
        of_cells: dict[int, Job] = {}
        for index, job in plan.jobs().items():
            if job.model.config.max_guidance is None:
                given = {name: value for name, value in job.record.items() if name in Request.model_fields}
                reference = self.job(given | REFERENCE, {})
                of_cells[index] = found.setdefault(str(reference.record), reference)
        jobs = list(found.values())
        self.engine.limits.check_grid(total(jobs), len(jobs), len(jobs) * largest(jobs))
        return of_cells

    def run(self, jobs: dict[int, Job], watched: bool = True) -> Outcomes:
        """The runs, side by side, as soon as they are there. Closing the generator stops them all."""
        return side_by_side(self.engine, jobs, watched)

    def outcomes(self, plan: Plan) -> dict[int, Outcome]:
        """What has come of all cells, by their indices. Raises InputError where nothing has."""
        with closing(self.run(plan.jobs(), watched=False)) as runs:
            found = {outcome.place: outcome for together in runs for outcome in together}
        if not any(outcome.result for outcome in found.values()):
            raise next(outcome.problem for outcome in found.values() if outcome.problem)
        return found


def subject(config: ModelConfig) -> tuple[Any, ...]:
    """What models have in common that may be compared."""
    return config.task, config.dataset, config.image_shape, config.label_names


def quick(config: ModelConfig) -> bool:
    """Whether a model samples in a moderate number of steps by itself."""
    return (Request().resolve(config).steps or 0) <= QUICK_STEPS


def without_empty_lines(
    rows: Axis, columns: Axis, cells: list[Cell]
) -> tuple[Axis, Axis, list[Cell], list[InputError]]:
    """The grid without rows and columns in which there is nothing, and what was wrong with them. Raises InputError
    where there is nothing at all."""
    problems = [*rows.problems, *columns.problems]
    full = [cell for cell in cells if cell.job is not None]
    if not full:
        assert cells[0].problem is not None, "a cell has a run or a problem"
        raise cells[0].problem
    kept_rows, kept_columns = sorted({cell.row for cell in full}), sorted({cell.column for cell in full})
    for axis, kept, place in ((rows, kept_rows, 0), (columns, kept_columns, 1)):
        for index in range(len(axis.values)):
            if index not in kept:
                problem = next(cell.problem for cell in cells if cell[place] == index)
                assert problem is not None, "its cells are empty"
                problems.append(InputError("compare.left_out", title=axis.titles[index], reason=problem))
    cells = [
        cell._replace(row=kept_rows.index(cell.row), column=kept_columns.index(cell.column))
        for cell in cells
        if cell.row in kept_rows and cell.column in kept_columns
    ]
    return rows.kept(kept_rows), columns.kept(kept_columns), cells, problems


def total(jobs: list[Job]) -> Cost:
    """The cost of jobs together."""
    return Cost(sum(job.cost.operations for job in jobs), sum(job.cost.memory for job in jobs))


def largest(jobs: list[Job]) -> int:
    """Bytes of the finished images of that job which has most; 0 without jobs."""
    return max((len(job.labels) * math.prod(job.model.config.image_shape) for job in jobs), default=0)


def framed(cell: Cell, runs: int) -> Cell:
    """The cell, with as many frames as leaves room for those of the others."""
    if cell.job is None:
        return cell
    frames = FrameShape.of(cell.job.model.config, len(cell.job.labels), runs)
    return cell._replace(job=cell.job._replace(frames=frames))
