"""The *Compare* tab: a grid of runs from the same noise, in which two settings differ.

All of it is made in the browser (``web/compare/``) when the tab is first opened. It calls server functions for what
there is to choose from and for the plan of a grid, and an event of its component for the runs themselves: they come as
values of the component, one message a run, as soon as each is there.
"""

import json
from collections.abc import Iterator
from typing import Any
from weakref import WeakKeyDictionary

from diffusion.errors import InputError
from diffusion.io.json_text import parse_json
from diffusion.model import Model
from diffusion.samplers import SAMPLERS
from diffusion.settings import SETTINGS
from diffusion.settings_schema import Use
from ui import i18n, player
from ui.calls import Values, call, checked, in_browser
from ui.endpoints import compare as endpoint
from ui.hosting.zero_gpu import on_gpu
from ui.job import Job
from ui.lab.axes import AXES, KNOWN, Axis, applies
from ui.lab.compare import COMPARE_SETTINGS, CompareLab, CompareRequest
from ui.lab.shares import share_of
from ui.lab.side_by_side import Outcome, key_of
from ui.request import REQUEST_SETTINGS, Request
from ui.tabs.run_buttons import Stops, stopping
from ui.tabs.server_functions import server_function

REMEMBERED = 8_000_000  # bytes, about, of a model's
FIELDS = ("label", "num_images", *(name for name in AXES if name in SETTINGS))


class CompareTab:
    """Builds the tab inside an open ``gr.Blocks``, and its endpoint."""

    def __init__(self, lab: CompareLab):
        self.lab = lab
        self.stops = Stops()
        self.approached: WeakKeyDictionary[Model, dict[str, Values]] = WeakKeyDictionary()  # cells, by their keys
        functions = [server_function("scene", self.scene), server_function("plan", self.plan), stopping(self.stops)]
        self.component = player.compare(functions)
        values = {"request": self.component}, {"compare": self.component}
        runs = call(self.component.input, self.begin, *values, trigger_mode="multiple")
        runs.failure(fn=None, js=in_browser("lab.compare.breakOff()"))
        endpoint.add(self.lab)

    def scene(self, values: Values) -> Values:
        """What there is to choose from, for a model."""
        ref = CompareRequest(model=values.get("model")).model
        info = self.lab.engine.describe(ref)
        own = Request().resolve(info.config)
        use = Use(info.config, "ddim", classifier=False)  # of which all samplers' settings apply
        fields = []
        for name in FIELDS:
            setting = REQUEST_SETTINGS[name]
            fields.append(
                {
                    "name": name,
                    "kind": setting.kind,
                    "low": setting.low,
                    "high": setting.high,
                    "step": setting.slider[1] if setting.slider else 1,
                    "own": getattr(own, name) if name in SETTINGS else None,
                    "advanced": setting.advanced,
                    "applies": applies(name, use),
                }
            )
        return {
            "model": ref or self.lab.engine.default,
            "models": [
                [entry.ref, {code: i18n.model_words(entry.ref, entry.title, "", code)[0] for code in i18n.LANGUAGES}]
                for entry in self.lab.models()
            ],
            "fields": fields,
            "samplers": {name: row.title for name, row in SAMPLERS.items()},
            "labels": info.tiles,
            "channels": info.config.channels,
            "axes": {name: self.lab.sensible(name, ref) for name in AXES if applies(name, use)},
        }

    def plan(self, values: Values) -> Values:
        """A grid that can be computed: its axes, its cells with their keys, what was left out, what it costs."""
        plan, language = self.lab.plan(requested(values)), values.get("language")
        problems = [i18n.error_text(problem, language) for problem in plan.problems]
        references: dict[int, Job] = {}
        reference_problem = ""
        try:
            references = self.lab.references(plan)
        except InputError as error:
            reference_problem = i18n.error_text(error, language)
        cells: list[Values] = []
        for index, cell in enumerate(plan.cells):
            if cell.job is None:
                assert cell.problem is not None, "a cell has a run or a problem"
                cells.append({"problem": i18n.error_text(cell.problem, language)})
                continue
            reference = key_of(references[index]) if index in references else None
            cells.append({"key": key_of(cell.job), "settings": cell.job.record, "reference": reference})
        sides = {"rows": self.axis(plan.rows, language), "columns": self.axis(plan.columns, language)}
        return {**sides, "cells": cells, "problems": problems, "reference_problem": reference_problem}

    def axis(self, axis: Axis, language: Any) -> Values:
        """An axis, as the browser gets it."""
        titles = axis.titles
        if axis.setting == "model":
            known = {
                entry.ref: i18n.model_words(entry.ref, entry.title, "", language)[0] for entry in self.lab.models()
            }
            titles = [known.get(ref, ref) for ref in axis.values]
        numeric = KNOWN[axis.setting].kind in ("integer", "number")
        return {"setting": axis.setting, "values": axis.values, "titles": titles, "numeric": numeric}

    def begin(self, values: Values) -> Iterator[Values]:
        """A run that the browser has named, until it is stopped."""
        try:
            sent = checked(parse_json(str(values.get("request"))))
        except ValueError as error:  # of JSON, or InputError
            refusal = error if isinstance(error, InputError) else InputError("page.values_by_name")
            yield {"compare": player.failure("", i18n.error_text(refusal, values.get("language")))}
        else:
            yield from self.stops.heeded(on_gpu(self.run))({**sent, "language": values.get("language")})

    def run(self, values: Values) -> Iterator[Values]:
        """The runs of a grid, or those in very many steps that its own approach, message by message; "skip" are the
        keys of those that the browser has. Closing the generator stops them."""
        name, language = str(values.get("run")), values.get("language")
        approached = values.get("what") == "references"
        try:
            plan = self.lab.plan(requested(values))
            jobs = self.lab.references(plan) if approached else plan.jobs()
            skip = values["skip"] if isinstance(values.get("skip"), list) else []
            wanted = {key: job for job in jobs.values() if (key := key_of(job)) not in skip}
            known = {key: self.approached.get(job.model, {}).get(key) for key, job in wanted.items()}
            if any(known.values()):
                yield {"compare": json.dumps({"run": name, "cells": [found for found in known.values() if found]})}
            named = [(key, job) for key, job in wanted.items() if known[key] is None]
            for outcomes in self.lab.run(dict(enumerate(job for _, job in named)), watched=not approached):
                found = [cell(*named[outcome.place], outcome, language) for outcome in outcomes]
                if approached:
                    self.remember([named[outcome.place][1] for outcome in outcomes], found)
                yield {"compare": json.dumps({"run": name, "cells": found}, ensure_ascii=False)}
            yield {"compare": json.dumps({"run": name, "over": True})}
        except InputError as error:
            yield {"compare": player.failure(name, i18n.error_text(error, language))}

    def remember(self, jobs: list[Job], cells: list[Values]) -> None:
        """Keep runs in very many steps for whoever is next to compare with them: they cost more than a whole grid."""
        for job, found in zip(jobs, cells, strict=True):
            known = self.approached.setdefault(job.model, {})
            size = sum(len(cell["message"]["result"]["png"]) for cell in [found, *known.values()] if "message" in cell)
            if "message" in found and size < REMEMBERED:
                known[found["key"]] = found


def requested(values: Values) -> CompareRequest:
    """The request among values by name. Raises InputError."""
    return CompareRequest(**{name: value for name, value in values.items() if name in COMPARE_SETTINGS})


def cell(key: str, job: Job, outcome: Outcome, language: Any) -> Values:
    """What has come of one run: its message for a player, and what it took; or why there is none."""
    if outcome.problem is not None:
        return {"key": key, "problem": i18n.error_text(outcome.problem, language)}
    request = Request(**{name: value for name, value in job.record.items() if name in Request.model_fields})
    share = outcome.result and share_of(outcome.result)
    return {
        "key": key,
        "calls": outcome.calls,
        "seconds": outcome.seconds,
        "share": share and share._asdict(),
        "message": json.loads(player.message(key, request, player.merged(outcome.updates))),
    }
