"""Going on from any step of a run with other settings, without Gradio.

    lab = ForkLab(engine)
    for update in lab.run(ForkRequest.of({"label": "7", "seed": 3}, [{"step": 8, "label": "3"}])):
        show(update.frames)      # of the steps from 8 on; those before are the run's

Nothing is kept between requests: the noisy images at a step are computed anew, from the settings of the run, which have
one result. Without a change a fork ends as the run does, to the last bit, but for multistep samplers: they begin anew.
"""

from collections.abc import Generator
from typing import Any, NamedTuple

from diffusion.config import ModelConfig
from diffusion.errors import InputError
from diffusion.io.json_text import parse_json
from diffusion.runtime.callers import current_caller
from diffusion.settings import SETTINGS, Use, applicable
from ui.engine import Engine, Update
from ui.hosting.limits import Cost
from ui.job import Fork, Job
from ui.request import REQUEST_SETTINGS, Request

MOST = 6  # forks of forks
EXAMPLE = '[{"step": 5, "label": "3"}]'
UNFIT = {  # why a model cannot go on from a step of another, and what has to be the same
    "task": lambda config: config.task,
    "size": lambda config: config.image_shape,
    "process": lambda config: config.process,
}


class Change(NamedTuple):
    """From which step on which settings are others."""

    step: Any
    settings: dict[str, Any]


class ForkRequest(NamedTuple):
    """A run, and the forks that lead from it, each from the one before. Everything may come from anyone."""

    origin: Request
    forks: list[Change]

    @classmethod
    def of(cls, settings: dict[str, Any], forks: Any) -> "ForkRequest":
        """settings: of the run, by name; a record of a result will do. forks: a list, or the same as JSON, of what each
        fork changes and its "step". Raises InputError."""
        about = ("precision", "version")  # of a record: what no request has
        origin = Request(**{str(name): value for name, value in settings.items() if name not in about})
        changes = []
        for fork in fork_list(forks):
            given = {str(name): value for name, value in fork.items() if name != "step"}
            checked = Request(**given)
            if "num_images" in given:
                raise InputError("fork.fixed", setting="num_images")
            changes.append(Change(fork["step"], {name: getattr(checked, name) for name in given}))
        return cls(origin, changes)

    @property
    def record(self) -> list[dict[str, Any]]:
        """The forks as a picture tells of them. Their steps have been checked."""
        return [{"step": int(change.step)} | change.settings for change in self.forks]


class ForkLab:
    """Forks of an engine's runs."""

    def __init__(self, engine: Engine):
        self.engine = engine

    def run(self, request: ForkRequest, watched: bool = True) -> Generator[Update, None, None]:
        """The last of the forks, as ``Engine.run``: its steps are counted on from those of the run. Raises
        InputError."""
        return self.engine.updates(self.job(request), watched)

    def job(self, request: ForkRequest) -> Job:
        """The job of a request: everything is checked, nothing computed. Raises InputError."""
        record = self.engine.prepare(request.origin).record
        job = self.last(request)
        self.engine.limits.check_request(job.model.config, len(job.labels), job.cost)
        return job._replace(record=record | {"forks": request.record})

    def last(self, request: ForkRequest) -> Job:
        """The job of the last fork, as if it were a run of its own. Raises InputError."""
        job = self.engine.prepare(request.origin)
        before = 0.0  # operations
        for change in request.forks:
            step = self.checked_step(change.step, job)
            before += job.cost.operations * (step - job.first) / job.settings.steps
            after = self.engine.prepare(self.changed(job, change.settings))._replace(origin=Fork(job, step))
            memory = max(job.cost.memory, after.cost.memory)
            job = after._replace(cost=Cost(after.cost.operations, memory))
        with self.engine.planning.turn(current_caller()):
            operations = job.cost.operations * (job.last - job.first) / job.settings.steps
        return job._replace(cost=Cost(before + operations, job.cost.memory))

    def checked_step(self, given: Any, job: Job) -> int:
        """A step of a job that something follows. Raises InputError."""
        with self.engine.planning.turn(current_caller()):
            low, high = job.first, job.last - 1
        whole = isinstance(given, int | float) and not isinstance(given, bool) and given == given // 1
        if not whole or not low <= given <= high:
            raise InputError("fork.step", low=low, high=high, given=given)
        return int(given)

    def changed(self, job: Job, changes: dict[str, Any]) -> Request:
        """The request of a job with some settings changed: another sampler or model has its own steps, another model
        its own guidance, and what does not apply any more is left out. Raises InputError."""
        kept = {name: value for name, value in job.record.items() if name in REQUEST_SETTINGS and name not in changes}
        first = Request(**{"model": kept.get("model"), "classifier": kept.get("classifier")} | changes)
        config = self.engine.describe(first.model).config
        check_fits(config, job.model.config)
        gone: set[str] = set()
        if "sampler" in changes or "steps" in changes:
            gone |= {"steps", "respacing"}
        if config != job.model.config:
            gone |= {"respacing"} | {name for name, setting in SETTINGS.items() if setting.own}
            if not config.label_names and not first.classifier:
                gone |= {"label"}
        sampler = Request(sampler=changes.get("sampler") or (None if "sampler" in gone else kept.get("sampler")))
        use = Use(config, sampler.resolve(config).sampler, bool(first.classifier))
        gone |= set(SETTINGS) - set(applicable(use))
        return Request(**{name: value for name, value in kept.items() if name not in gone} | changes)


def fork_list(given: Any) -> list[dict[str, Any]]:
    """Forks as a list, which may be given as JSON. Raises InputError where it is none, or too long."""
    forks = given
    if isinstance(given, str):
        try:
            forks = parse_json(given)
        except ValueError:
            forks = None
    fit = isinstance(forks, list) and 1 <= len(forks) <= MOST
    if not fit or not all(isinstance(each, dict) and "step" in each for each in forks):
        raise InputError("fork.list", setting="forks", most=MOST, example=EXAMPLE, given=given)
    return forks


def unfit(config: ModelConfig, origin: ModelConfig) -> str | None:
    """Why a model cannot go on from a step of another: a key of ``UNFIT``, or None where it can."""
    return next((reason for reason, about in UNFIT.items() if about(config) != about(origin)), None)


def check_fits(config: ModelConfig, origin: ModelConfig) -> None:
    """Raises InputError where a model cannot go on from a step of another."""
    if (reason := unfit(config, origin)) is not None:
        shapes = ("×".join(map(str, each.image_shape[1:])) for each in (config, origin))
        kinds = {"kind": config.process.kind, "origin_kind": origin.process.kind}
        sizes = dict(zip(("size", "origin_size"), shapes, strict=True))
        raise InputError(f"fork.{reason}", model=config.name, origin=origin.name, **kinds, **sizes)
