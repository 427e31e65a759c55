"""The engine of the app: from a checked request to frames, with no Gradio in it.

    engine = Engine("unet")
    for update in engine.run(Request(label="9", num_images=16)):
        show(update.frames)

Everything here may be called from many threads at once.
"""

import logging
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from diffusion.errors import InputError
from diffusion.io.images import png_bytes, sheet, to_uint8
from diffusion.model import Model
from diffusion.runtime.precision import keep_to_one_core, precision
from diffusion.settings import Request
from diffusion.trajectory import State, displayed, kept_indices, trajectory
from train.evaluation import classifier as evaluator
from ui.fast_png import quick_png
from ui.job import Plan, planned, tile_names
from ui.registry import HUB, ModelEntry, Registry

logger = logging.getLogger(__name__)

FALLBACK = "unet"  # draws while the operator's model from the Hub is not there
MOST_FRAMES = 120  # of one run: a scrubber has no more places than that
INTERVAL = 0.25  # seconds between updates, of all runs together; the frames between two come with the second
SLOWING = 8  # once a run has taken this many intervals, the next is such a share of its time
LONGEST = 0.5  # seconds between updates of one run, if it has frames: Stop takes hold between them
PULSE = 0.45  # seconds after which an update comes even without a frame: to count steps, and for Stop to take hold


@dataclass(frozen=True)
class Frame:
    """One moment: x at a noise level and the x0 predicted from it, as PNG sheets of one pixel per pixel."""

    index: int  # 0 is pure noise, the number of steps the finished images (in both pictures)
    t: float
    alpha: float
    sigma: float
    x: bytes
    x0: bytes


class Reading(NamedTuple):
    """What the evaluator takes an image for, and its probability (0 to 1)."""

    label: str
    confidence: float


class Result(NamedTuple):
    """A finished run. ``settings`` say how to draw the same again; they stand in the sheet's metadata, too."""

    images: np.ndarray  # uint8 (N, H, W, C)
    labels: list[str]  # what was asked for, one an image; "" unconditional
    readings: list[Reading] | None  # None for models that do not draw MNIST's digits
    seconds: float
    settings: dict[str, Any]
    sheet_png: bytes


class Update(NamedTuple):
    """What is new since the last update. The last of a run has the result."""

    frames: list[Frame]
    step: int  # steps done
    total: int
    seconds: float  # of computing, without the time that the receiver took
    result: Result | None = None
    small: bytes | None = None  # with the first one, where the model enlarges: what, as a PNG sheet like a frame's


class Engine:
    """Models, and runs with them."""

    def __init__(self, default_model: str = FALLBACK, runs_dir: str | Path = "runs"):
        """Returns at once. A default from the Hub is not asked for yet: until ``fetch_default``, ``FALLBACK`` draws.

        Raises InputError where a local default cannot be read, or the environment asks for an unknown precision.
        """
        precision()
        self.registry = Registry(default_model, runs_dir)
        self.default = FALLBACK if default_model.startswith(HUB) else default_model
        if default_model == self.default:
            self.registry.config(default_model)
        self._status: str | None = None
        self._lock = threading.Lock()
        self._runs = 0  # under way

    def models(self) -> list[ModelEntry]:
        """All models there are now, runs trained meanwhile among them."""
        return self.registry.entries()

    def load(self, ref: str = "") -> Model:
        """The model of a reference ("" is the default). Raises InputError."""
        return self.registry.load(self._checked(ref))

    def describe(self, ref: str = "", classifier: str = "") -> dict[str, Any]:
        """What a page must know of a model, steered by a classifier or not. Raises InputError.

        "tiles" are what may be asked for, "label_names" the model's own labels, which its guidance scale weighs;
        "classifiers" the references of those that may steer it, "freeu" and "skips" say whether FreeU and skip_scale
        apply. "max_guidance" is None but for models of a few steps, which were distilled for guidance scales up to
        that.
        """
        config = self.registry.config(self._checked(ref))
        classifiers = [entry.ref for entry in self.registry.classifiers(config)]
        steered = self.registry.config(classifier).label_names if classifier in classifiers else config.label_names
        return {
            "label_names": list(config.label_names),
            "tiles": list(tile_names(config, steered)),
            "task": config.task,
            "image_size": config.image_size,
            "sampler": config.sampler,
            "steps": config.steps,
            "guidance_scale": config.guidance_scale,
            "guidance_t_min": config.guidance_t_min,
            "guidance_t_max": config.guidance_t_max,
            "guidance_power": config.guidance_power,
            "max_guidance": config.max_guidance,
            "two_passes": config.two_passes,
            "classifiers": classifiers,
            "freeu": config.freeu,
            "skips": config.skips,
            "skip_scale": config.skip_scale,
            "title": config.title or config.name,
            "description": config.description,
        }

    def fetch_default(self) -> threading.Thread:
        """Load the operator's model in the background; it becomes the default once it is there. See ``status``."""
        if self.registry.own != self.default:
            self._status = f"Fetching {self.registry.own}; until it is here, the bundled model {FALLBACK} draws."
        thread = threading.Thread(target=self._fetch_default, name="fetch default model", daemon=True)
        thread.start()
        return thread

    def _fetch_default(self) -> None:
        own = self.registry.own
        try:
            self.registry.load(own)
        except InputError as error:
            self._status = f"{error} The bundled model {FALLBACK} draws instead." if own != self.default else str(error)
        except Exception:
            self._status = f"{own} could not be loaded, and the program's log says why; {FALLBACK} draws instead."
            raise
        else:
            self.default, self._status = own, None

    def status(self) -> str | None:
        """What a visitor should know about the default model, as a sentence; None when all is well."""
        return self._status

    def run(self, request: Request, watched: bool = True) -> Generator[Update, None, None]:
        """Draw, in updates of at most 4 a second; closing the iterator ends the computation. Unless it is ``watched``,
        it makes no frames.

        The model is loaded and everything checked before this returns. Raises InputError.
        """
        return self._updates(planned(request, self._checked(request.model), self.registry), watched)

    def _updates(self, plan: Plan, watched: bool) -> Generator[Update, None, None]:
        keep_to_one_core()  # the gatherer's thread computes; each part of a run may be asked for by another one
        total = plan.settings["steps"]
        kept = kept_indices(total, MOST_FRAMES) if watched else ()
        frames: list[Frame] = []
        started = time.perf_counter()
        due = pulse = started  # when the next update may come; the first at once
        with closing(trajectory(plan.model, plan.labels, **plan.settings)) as path, self._running():
            for state in path:
                if state.index in kept:
                    frames.append(_frame(state))
                now = time.perf_counter()
                left = (now - started) / max(state.index, 1) * (total - state.index)  # seconds, by those before
                ends = state.index > 0 and left <= INTERVAL  # what is new comes with the result
                if not ends and now >= (due if frames else max(due, pulse)):
                    yield Update(frames, state.index, total, now - started, small=None if state.index else plan.small)
                    keep_to_one_core()
                    frames = []
                    back = time.perf_counter()
                    pulse = back + PULSE
                    due = back + min(max(INTERVAL, (now - started) / SLOWING) * self._runs, LONGEST)
                    started += back - now  # the receiver's time does not count
        seconds = time.perf_counter() - started
        yield Update(frames, total, total, seconds, self._result(plan, state.x, seconds))

    @contextmanager
    def _running(self) -> Iterator[None]:
        with self._lock:
            self._runs += 1
        try:
            yield
        finally:
            with self._lock:
                self._runs -= 1

    def _result(self, plan: Plan, x: Tensor, seconds: float) -> Result:
        images = to_uint8(x)
        return Result(
            images=images,
            labels=plan.asked,
            readings=self._readings(x) if plan.readable else None,
            seconds=seconds,
            settings=plan.shown,
            sheet_png=png_bytes(sheet(images), plan.shown, compress_level=6),
        )

    def _readings(self, x: Tensor) -> list[Reading] | None:
        with self._lock:
            reader = self._evaluator
        if reader is None:
            return None
        _, probabilities = evaluator.read(reader, x.clamp(-1, 1).cpu())
        confidences, classes = probabilities.max(1)
        return [Reading(str(c), p) for c, p in zip(classes.tolist(), confidences.tolist(), strict=True)]

    @cached_property
    def _evaluator(self) -> evaluator.Evaluator | None:
        try:
            return evaluator.load_evaluator()
        except InputError as error:
            logger.warning("Digits will not be read: %s", error)
            return None

    def _checked(self, ref: str) -> str:
        return self.registry.check(ref) if ref else self.default


def _frame(state: State) -> Frame:
    x = quick_png(sheet(displayed(state)))
    x0 = x if state.x0 is state.x else quick_png(sheet(to_uint8(state.x0)))
    return Frame(state.index, state.level.t, state.level.alpha, state.level.sigma, x, x0)
