"""The engine of the app: from a checked request to frames, with no Gradio in it.

    engine = Engine("unet")
    for update in engine.run(Request(label="9", num_images=16)):
        show(update.frames)

Everything here may be called from many threads at once.
"""

import logging
import threading
import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from diffusion.config import ModelConfig
from diffusion.errors import InputError, Message
from diffusion.io.guesses import hub_reference
from diffusion.io.hub import resolve
from diffusion.io.images import png_bytes, sheet, to_uint8
from diffusion.model import Model
from diffusion.runtime.callers import current_caller
from diffusion.runtime.device import default_device
from diffusion.runtime.precision import requested_precision
from diffusion.runtime.threads import use_one_core
from diffusion.samplers import SAMPLERS
from diffusion.trajectory import kept_indices
from train.evaluation.classifier import EvaluationClassifier, classify, load_evaluation_classifier
from ui.frames import Frame
from ui.hosting.limits import Limits, out_of_memory_explained
from ui.hosting.one_by_one import OneByOne
from ui.hosting.pace import Pace
from ui.hosting.places import Places
from ui.job import Job, prepare, tile_names
from ui.model_names import HUB, ModelEntry
from ui.registry import Registry
from ui.request import Request

logger = logging.getLogger(__name__)

FALLBACK = "unet"  # samples while the operator's model from the Hub is not there
INTERVAL = 0.25  # seconds between updates, of all runs together; the frames between two come with the second
SLOWING = 8  # once a run has taken this many intervals, the next is such a share of its time
MAX_INTERVAL = 0.5  # seconds between updates of one run, if it has frames: Stop takes effect between them
PULSE = 0.45  # seconds after which an update comes even without a frame: to count steps, and for Stop to take effect


class Classification(NamedTuple):
    """The label that the evaluation classifier predicts for an image, and its probability (0 to 1)."""

    label: str
    confidence: float


class Result(NamedTuple):
    """A finished run. The ``record`` says how to sample the same again; it is in the sheet's metadata, too."""

    images: np.ndarray  # uint8 (N, H, W, C)
    labels: list[str]  # what each image should show; "" unconditional
    classifications: list[Classification] | None  # None for models that do not generate MNIST's digits
    seconds: float
    record: dict[str, Any]
    sheet_png: bytes
    warning: Message | None = None  # why these are no pictures


class Update(NamedTuple):
    """What is new since the last update. The last of a run has the result."""

    frames: list[Frame]
    step: int  # steps done
    total: int
    seconds: float  # of computing, without the time that the receiver took
    result: Result | None = None
    low_res_png: bytes | None = None  # with the first one, where the model enlarges: a PNG sheet like a frame's
    frame_size: int = 0  # of an image in the frames, in pixels
    columns: int | None = None  # of the sheets; None for as square as may be
    record: dict[str, Any] | None = None  # as the result's
    names: dict[str, str] | None = None  # what the model and the sampler are called


@dataclass
class ModelInfo:
    """What the page needs to know of a model, guided by a classifier or not."""

    config: ModelConfig
    tiles: list[str]  # what may be chosen
    registry: Registry

    @cached_property
    def classifiers(self) -> list[str]:
        """References of those that can guide it. To find them, all models there are have to be looked at."""
        return [entry.ref for entry in self.registry.classifiers(self.config)]


class Engine:
    """Models, and runs with them."""

    def __init__(self, default_model: str = FALLBACK, runs_dir: str | Path = "runs"):
        """Returns at once. A default from the Hub is not requested yet: until ``fetch_default``, ``FALLBACK`` samples.

        Raises InputError where a local default cannot be read, or the environment asks for what is impossible.
        """
        requested_precision()
        default_model = hub_reference(default_model) or default_model
        self.limits = Limits.of_host(default_device())
        self.registry = Registry(default_model, runs_dir, self.limits)
        self.places, self.pace = Places(self.limits.runs), Pace()
        self.planning = OneByOne()  # of runs with many steps: many threads of pure Python would hold everybody up
        self.default = FALLBACK if default_model.startswith(HUB) else self.registry.own
        if not default_model.startswith(HUB):
            resolve(default_model)  # its errors are for the operator, those of the registry for visitors
            self.registry.config(self.default)
        self._status: Message | None = None
        self._lock = threading.Lock()

    def models(self) -> list[ModelEntry]:
        """All models there are now, runs trained meanwhile among them."""
        return self.registry.entries()

    def load(self, ref: str = "") -> Model:
        """The model of a reference ("" is the default). Raises InputError."""
        return self.registry.load(self._checked(ref))

    def config(self, ref: str = "") -> ModelConfig:
        """The configuration of a model, or of a classifier. Raises InputError."""
        return self.registry.config(self._checked(ref))

    def describe(self, ref: str = "", classifier: str = "") -> ModelInfo:
        """A model, guided by a classifier or not. Raises InputError."""
        config = self.registry.config(self._checked(ref))
        info = ModelInfo(config, list(tile_names(config, config.label_names)), self.registry)
        if classifier and classifier in info.classifiers:
            info.tiles = list(tile_names(config, self.registry.config(classifier).label_names))
        return info

    def fetch_default(self) -> threading.Thread:
        """Load the operator's model in the background; it becomes the default once it is there. See ``status``."""
        if self.registry.own != self.default:
            self._status = Message("page.fetching_default", model=self.registry.own, fallback=FALLBACK)
        thread = threading.Thread(target=self._fetch_default, name="fetch default model", daemon=True)
        thread.start()
        return thread

    def _fetch_default(self) -> None:
        own = self.registry.own
        try:
            self.registry.load(own)
        except InputError as error:
            self._status = error.message
            if own != self.default:
                self._status = Message("page.fallback", reason=error.message, fallback=FALLBACK)
        except Exception:
            self._status = Message("page.default_failed", model=own, fallback=FALLBACK)
            raise
        else:
            self.default, self._status = own, None

    def status(self) -> Message | None:
        """What a visitor should know about the default model; None when all is well."""
        return self._status

    def run(self, request: Request, watched: bool = True) -> Generator[Update, None, None]:
        """Sample, in updates of at most 4 a second; closing the iterator ends the computation. Unless it is
        ``watched``, it makes no frames.

        The model is loaded and everything checked before this returns; the first update waits for a place. Raises
        InputError, and ``Stopped`` once the caller (``diffusion.runtime.callers``) is stopped.
        """
        return self.updates(self.prepare(request), watched)

    def prepare(self, request: Request) -> Job:
        """The job of a request, its model loaded and everything checked. Raises InputError."""
        return prepare(request, self._checked(request.model), self.registry)

    def updates(self, job: Job, watched: bool = True) -> Generator[Update, None, None]:
        """``run`` of a job. The caller may be at work on more than this one."""
        use_one_core()  # the batching service's thread computes; each part of a run may be in another thread
        caller = current_caller()
        caller.work = max(caller.work, job.cost.operations)
        with self.places.taken(caller, job.cost.memory), out_of_memory_explained():
            yield from self._sampling(job, watched)

    def _sampling(self, job: Job, watched: bool) -> Generator[Update, None, None]:
        first, total = job.first, job.last
        kept = {first + i for i in kept_indices(total - first, job.frames.most)} if watched else ()
        names = {
            "model": job.model.config.title or job.model.config.name,
            "sampler": SAMPLERS[job.settings.sampler].title,
        }
        about = (job.frames.size, job.frames.columns, job.record, names)
        frames: list[Frame] = []
        started = time.perf_counter()
        due = pulse = started  # when the next update may come; the first at once
        with closing(self.pace.timed(job, alone=lambda: self.places.running == 1)) as states:
            for state in states:
                if state.index in kept:
                    frames.append(job.frames.frame(state))
                now = time.perf_counter()
                left = (now - started) / max(state.index, 1) * (total - state.index)  # seconds, by those before
                ends = state.index > first and left <= INTERVAL  # what is new comes with the result
                if not ends and now >= (due if frames else max(due, pulse)):
                    small = None if state.index > first else job.low_res_png
                    yield Update(frames, state.index, total, now - started, None, small, *about)
                    use_one_core()
                    frames = []
                    back = time.perf_counter()
                    pulse = back + PULSE
                    due = back + min(max(INTERVAL, (now - started) / SLOWING) * self.places.running, MAX_INTERVAL)
                    started += back - now  # the receiver's time does not count
            seconds = time.perf_counter() - started
            result = self._result(job, state.x, seconds)
        yield Update(frames, total, total, seconds, result, None, *about)

    def _result(self, job: Job, x: Tensor, seconds: float) -> Result:
        images = to_uint8(x)
        return Result(
            images=images,
            labels=job.wanted,
            classifications=self._classifications(x) if job.classifiable else None,
            seconds=seconds,
            record=job.record,
            sheet_png=png_bytes(sheet(images, job.frames.columns), job.record, compress_level=6),
            warning=job.warning,
        )

    def _classifications(self, x: Tensor) -> list[Classification] | None:
        with self._lock:
            classifier = self._classifier
        if classifier is None:
            return None
        _, probabilities = classify(classifier, x.clamp(-1, 1).cpu())
        confidences, labels = probabilities.max(1)
        return [Classification(str(c), p) for c, p in zip(labels.tolist(), confidences.tolist(), strict=True)]

    @cached_property
    def _classifier(self) -> EvaluationClassifier | None:
        try:
            return load_evaluation_classifier()
        except InputError as error:
            logger.warning("Digits will not be classified: %s", error)
            return None

    def _checked(self, ref: str) -> str:
        return self.registry.check(ref) if ref else self.default
