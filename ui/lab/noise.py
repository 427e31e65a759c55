"""What a network is asked, and what it answers: one real digit at one noise level, without Gradio.

    lab = NoiseLab(engine)
    view = lab.view(NoiseRequest(digit="7", t=0.5))
    view.network.x0, view.ideal.x0, view.blur       # three guesses of view.x0, from view.x

Beside the network's guess there are the best one that the training set allows (``diffusion.ideal_denoiser``) and that
of a blur. Everything here may be called from many threads at once.
"""

from threading import Lock
from typing import Any, NamedTuple

import torch
from torch import Tensor

from diffusion.condition import Condition
from diffusion.config import ModelConfig
from diffusion.denoiser import clipped
from diffusion.errors import InputError
from diffusion.ideal_denoiser import IdealDenoiser
from diffusion.io.images import to_input
from diffusion.model import Model
from diffusion.noise import ImageNoise
from diffusion.process import Level
from diffusion.runtime.callers import current_caller
from diffusion.runtime.threads import use_one_core
from train.datasets import DIGITS
from train.evaluation.classifier import matching_dataset
from ui.engine import FALLBACK, Engine
from ui.hosting.limits import out_of_memory_explained
from ui.hosting.one_by_one import OneByOne
from ui.lab.gaussian_blur import best_blur
from ui.lab.noise_request import NoiseRequest, picture_of
from ui.lab.real_digits import Digits, bundled, training_set
from ui.model_names import ModelEntry

CURVE = 25  # noise levels on the curve of errors
AT_ONCE = 5  # of them, for the ideal denoiser: each takes a few megabytes
NEIGHBOURS = 8  # of the training digits, those with the most weight
FLOAT = 4  # bytes
MEMORY = 100_000_000  # bytes that one call takes at most


class Question(NamedTuple):
    """What the network gets. Images are (1, 1, 28, 28) float32, as the model's process has them."""

    model: Model
    labels: Tensor  # (1,): the digit, or -1 where the model knows no labels
    x0: Tensor
    eps: Tensor

    def x(self, level: Level) -> Tensor:
        """x_t, of a level's shape."""
        alpha, sigma = (torch.as_tensor(part, dtype=torch.float64) for part in (level.alpha, level.sigma))
        return (alpha * self.x0 + sigma * self.eps).float()

    def errors(self, prediction: Any) -> tuple[Tensor, Tensor]:
        """Root mean squares of what is wrong with a prediction's x0 and eps, one an image."""
        pairs = ((prediction.x0, self.x0), (prediction.eps, self.eps))
        x0, eps = ((guess.cpu() - truth).square().mean(dim=(1, 2, 3)).sqrt() for guess, truth in pairs)
        return x0, eps


class Guess(NamedTuple):
    """Two images like x, and their root mean square errors."""

    x0: Tensor
    eps: Tensor
    x0_error: float
    eps_error: float


class Neighbour(NamedTuple):
    """A training digit, uint8 (28, 28), and its weight in the ideal denoiser's guess."""

    image: Tensor
    digit: str
    weight: float


class View(NamedTuple):
    """One digit at one noise level."""

    model: str  # its reference
    level: Level
    x0: Tensor
    eps: Tensor
    x: Tensor
    network: Guess
    ideal: Guess
    blur: Tensor
    blur_width: float
    blur_error: float
    neighbours: list[Neighbour]
    effective: float  # so many images with equal weights would be as spread
    images: int  # of the training set, that the ideal denoiser knows


class Curve(NamedTuple):
    """Root mean square errors at ``times``, of the same digit with the same noise."""

    times: list[float]
    network_x0: list[float]
    network_eps: list[float]
    ideal_x0: list[float]


class NoiseLab:
    """The engine of the *Noise* tab."""

    def __init__(self, engine: Engine):
        self.engine = engine
        self.one_by_one = OneByOne()
        self._lock = Lock()

    def models(self) -> list[ModelEntry]:
        """Those that denoise MNIST's digits."""
        config = self.engine.registry.config
        return [entry for entry in self.engine.models() if not entry.problem and fits(config(entry.ref))]

    def default(self) -> str:
        """The model that a request without one means: the page's own, if it denoises digits."""
        default = self.engine.default
        return default if fits(self.engine.registry.config(default)) else FALLBACK

    def config(self, ref: str) -> ModelConfig:
        """The configuration of a model, "" being the default. Raises InputError where it does not denoise digits."""
        config = self.engine.describe(ref or self.default()).config
        if not fits(config):
            raise InputError("page.no_digits_to_denoise", setting="model", model=config.name)
        return config

    def question(self, request: NoiseRequest) -> Question:
        """Raises InputError as ``config`` does, and for pixels that are none. What somebody has drawn has no label."""
        self.config(request.model)
        model = self.engine.load(request.model or self.default())
        names, known = model.config.label_names, request.digit if not request.pixels else None
        labels = torch.tensor([names.index(known) if known in names else -1])
        x0 = model.encode(to_input(picture_of(request)))
        return Question(model, labels, x0, ImageNoise(request.seed, 1, model.config.image_shape)())

    @torch.no_grad()
    def view(self, request: NoiseRequest) -> View:
        """What the network answers at time t, what the best answer is, and a blur. Raises InputError."""
        question = self.question(request)
        model, low = question.model, question.model.config.darkest
        level = model.process.level(request.t)
        x = question.x(level)
        network = self._network(question, x, level)
        ideal = self.ideal(model)
        with self.one_by_one.turn(current_caller()):
            weights = ideal.weights(x, level, question.labels)
            best = ideal.prediction(x, level, weights)
            blur, width = best_blur(x / level.alpha, question.x0, low)
        training = self.training()
        top = weights[0].topk(NEIGHBOURS)
        neighbours = [
            Neighbour(training.images[i, 0], DIGITS[training.labels[i]], weight)
            for weight, i in zip(top.values.tolist(), top.indices.tolist(), strict=True)
        ]
        return View(
            model=request.model or self.default(),
            level=level,
            x0=question.x0,
            eps=question.eps,
            x=x,
            network=guess(question, network),
            ideal=guess(question, best),
            blur=blur,
            blur_width=width,
            blur_error=(blur - question.x0).square().mean().sqrt().item(),
            neighbours=neighbours,
            effective=1 / weights[0].square().sum().item(),
            images=int(len(training.labels) if question.labels < 0 else (training.labels == int(request.digit)).sum()),
        )

    @torch.no_grad()
    def curve(self, request: NoiseRequest) -> Curve:
        """The errors at every noise level, whatever the request's t. Raises InputError."""
        question = self.question(request)
        times = torch.linspace(0.02, 1, CURVE, dtype=torch.float64).view(-1, 1, 1, 1)
        level = question.model.process.level(times)  # type: ignore[arg-type]
        x = question.x(level)
        network_x0, network_eps = question.errors(self._network(question, x, level))
        ideal, best = self.ideal(question.model), []
        for part in times.split(AT_ONCE):
            level = question.model.process.level(part)  # type: ignore[arg-type]
            labels = question.labels.expand(len(part))
            with self.one_by_one.turn(current_caller()):
                best.append(question.errors(ideal(question.x(level), level, labels))[0])
        columns = (times.flatten(), network_x0, network_eps, torch.cat(best))
        return Curve(*(column.tolist() for column in columns))

    def training(self) -> Digits:
        """All of MNIST's training set, where it is there and leaves half of the memory to models."""
        known = training_set()
        return known if known.images.numel() * FLOAT <= self.engine.limits.weights / 2 else bundled("train")

    def ideal(self, model: Model) -> IdealDenoiser:
        """The ideal denoiser of the training set, as the model's process has its images. Raises Busy."""
        darkest, training = model.config.darkest, self.training()
        size = training.images.numel() * FLOAT
        with self._lock:
            return self.engine.registry.images(
                f"mnist {darkest} {len(training.images)}",
                size,
                lambda: IdealDenoiser(model.encode(to_input(training.images)), training.labels),
            )

    def _network(self, question: Question, x: Tensor, level: Level) -> Any:
        """The network's prediction for x (N, 1, 28, 28), once there is a place on this host."""
        model = question.model
        use_one_core()  # the batching service's thread computes
        caller = current_caller()
        caller.work = len(x) * self.engine.registry.cost(model).operations
        with self.engine.places.taken(caller, MEMORY), out_of_memory_explained():
            condition: Condition = model.condition(question.labels.expand(len(x)).to(model.device), None, 1.0)
            prediction = clipped(model.denoiser(), darkest=model.config.darkest)(x.to(model.device), level, condition)
        return prediction._replace(x0=prediction.x0.cpu(), eps=prediction.eps.cpu())


def fits(config: ModelConfig) -> bool:
    """Whether a model denoises MNIST's digits."""
    return config.task == "generation" and matching_dataset(config) == "mnist"


def guess(question: Question, prediction: Any) -> Guess:
    """A prediction for one image, with its errors."""
    x0_error, eps_error = question.errors(prediction)
    return Guess(prediction.x0, prediction.eps, x0_error.item(), eps_error.item())
