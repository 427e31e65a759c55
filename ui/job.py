"""A request made ready: everything is checked and loaded here, before sampling begins."""

from collections.abc import Generator
from contextlib import closing
from typing import Any, NamedTuple

from torch import nn

from diffusion import __version__
from diffusion.advice import warning
from diffusion.condition import label_index
from diffusion.config import ModelConfig
from diffusion.errors import Message
from diffusion.fork import levels_from
from diffusion.io.images import sheet, to_uint8
from diffusion.model import Model
from diffusion.process import Level
from diffusion.runtime.cost import NetworkCost
from diffusion.runtime.precision import precision_on
from diffusion.settings import SamplingSettings
from diffusion.trajectory import State, trajectory
from train.datasets import DIGITS
from train.evaluation.classifier import generates_digits
from ui.example_digits import low_res_digits
from ui.fast_png import fast_png
from ui.frames import FrameShape
from ui.hosting.limits import Cost, evaluation_operations, request_cost
from ui.labels import columns_for, labels_in_turn, repeated
from ui.registry import Registry
from ui.request import Request


class Job(NamedTuple):
    """A run that cannot fail for its input any more."""

    model: Model
    labels: list[int]  # as ``trajectory`` takes them, one an image
    settings: SamplingSettings  # resolved
    arguments: dict[str, Any]  # of ``Model.sample`` besides
    wanted: list[str]  # what each image should show; "" for any
    record: dict[str, Any]  # all that is needed to sample the same again
    classifiable: bool  # whether the images are digits that the evaluation classifier knows
    low_res_png: bytes | None  # what is enlarged, as a PNG sheet of the frames' size
    cost: Cost
    networks: tuple[NetworkCost, NetworkCost | None]  # what its network costs, and its classifier
    frames: FrameShape
    warning: Message | None  # why there will be no picture, where that is known beforehand
    origin: "Fork | None" = None  # what it goes on from

    @property
    def first(self) -> int:
        """The index of the first of its states."""
        return self.origin.step if self.origin else 0

    @property
    def last(self) -> int:
        """The index of the last one."""
        return self.first + len(self.levels) - 1

    @property
    def levels(self) -> list[Level]:
        """The levels of its states."""
        levels = self.model.levels(self.settings)
        return levels if self.origin is None else levels_from(self.model.process, levels, self.origin.level.t)

    def operations(self, level: Level) -> float:
        """Of evaluating the denoiser once at a level."""
        config, labelled = self.model.config, max(self.labels) >= 0
        return len(self.labels) * evaluation_operations(config, self.settings, level, labelled, *self.networks)

    def states(self) -> Generator[State, None, None]:
        """Its states. Those of a fork come once it has been computed anew what it goes on from."""
        fork = self.origin and self.origin.state()
        return trajectory(self.model, self.labels, self.settings, fork=fork, **self.arguments)


class Fork(NamedTuple):
    """The state with the index ``step`` of a job, which another goes on from."""

    job: Job
    step: int

    @property
    def level(self) -> Level:
        """Its level."""
        return self.job.levels[self.step - self.job.first]

    def state(self) -> State:
        """Itself, computed."""
        with closing(self.job.states()) as states:
            return next(state for state in states if state.index == self.step)


def prepare(request: Request, ref: str, registry: Registry) -> Job:
    """The job of a request for the model of a checked reference. Raises InputError, also where it would cost more than
    its share of the host."""
    model = registry.load(ref)
    config, guided = model.config, bool(request.classifier)
    settings = request.resolve(config, classifier=guided)
    arguments: dict[str, Any] = {}
    names = config.label_names
    if guided:
        guide = registry.load_classifier(registry.check(request.classifier, "classifier"))
        guide.check_fits(config)
        names, arguments["classifier"] = guide.label_names, guide
    turns = labels_in_turn(request.label, tile_names(config, names))
    low_res_png = None
    if config.task == "super-resolution":
        low_res, wanted = low_res_digits(config, turns, request.num_images)
        arguments["low_res"] = low_res
        labels = [names.index(digit) if digit in names else -1 for digit in wanted]
    else:
        wanted = repeated(turns, request.num_images)
        labels = [label_index(label, names) for label in wanted]
    networks = (registry.cost(model), registry.cost(arguments["classifier"]) if guided else None)
    cost = request_cost(config, settings, labels, *networks)
    registry.limits.check_request(config, request.num_images, cost)
    frames = FrameShape.of(config, request.num_images)._replace(columns=columns_for(turns))
    if "low_res" in arguments:
        large = nn.functional.interpolate(arguments["low_res"], (frames.size, frames.size))  # in squares of one grey
        low_res_png = fast_png(sheet(to_uint8(large), frames.columns))
    record: dict[str, Any] = {"model": ref, "label": request.label, "num_images": request.num_images}
    record |= settings.record(config, guided) | ({"classifier": request.classifier} if guided else {})
    record |= {"precision": precision_on(model.device), "version": __version__}
    classifiable = generates_digits(config, tile_names(config, names))
    about = (classifiable, low_res_png, cost, networks, frames, warning(config, settings))
    return Job(model, labels, settings, arguments, wanted, record, *about)


def tile_names(config: ModelConfig, names: tuple[str, ...]) -> tuple[str, ...]:
    """What a person may choose to see: the labels, the model's own or its classifier's; or the digits to enlarge."""
    return tuple(DIGITS) if config.task == "super-resolution" else names
