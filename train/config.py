"""The settings of a training run: ``runs/NAME/config.json``, and all that is needed to repeat the run."""

from collections.abc import Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator, model_validator

from diffusion.config import ModelConfig
from diffusion.errors import InputError
from diffusion.networks import NetworkConfig, UNetEncoderConfig
from train.datasets.layout import label_names as visible_names
from train.presets import PRESETS

UPSCALING = 4  # of the presets for super-resolution
BUDGETS = ("steps", "epochs", "minutes")
TIMES = 'times that rise to 1, each with the share of the images up to it, which add up to 1, as in "0.4:0.25,1:0.75"'


class TrainConfig(BaseModel):
    """How to train. The description of a field is what its error message gives as allowed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    preset: str
    dataset: str = Field("mnist", min_length=1, description="mnist, fashion_mnist, cifar10 or folder:PATH")
    data_dir: str = "data"
    image_size: int | None = Field(None, ge=4, le=512, description="a number of pixels from 4 to 512")  # None: its own
    conditional: bool = True  # whether the network is conditioned on the labels
    init_from: str | None = None  # a model reference to start from, instead of fresh weights
    teacher: str | None = None  # a model reference to distil
    away_from: str | None = None  # a reference of a weaker model than init_from: autoguidance away from it is learned
    away_scale: float = Field(1.0, gt=0, le=20, description="a number above 0, at most 20")
    # from which share of the run's length on a student's samples are judged beside the teacher's; 1: never
    adversarial_from: float = Field(1.0, ge=0, le=1, description="a number from 0 to 1")

    # how long: exactly one of the three
    steps: int | None = Field(None, ge=1, description="a whole number from 1")
    epochs: float | None = Field(None, gt=0, le=1e6, description="a number above 0, at most 1000000")
    minutes: float | None = Field(None, ge=0.01, allow_inf_nan=False, description="a number of at least 0.01")

    batch_size: int = Field(128, ge=1, le=65536, description="a whole number from 1 to 65536")  # over all processes
    optimizer: Literal["muon", "adamw"] = "muon"
    learning_rate: float = Field(2e-3, gt=0, le=1, description="a number above 0, at most 1")
    warmup_steps: int = Field(100, ge=0, description="a whole number from 0")
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = Field(0.0, ge=0)
    max_grad_norm: float = Field(1.0, gt=0)
    ema_width: float = Field(0.1, gt=0, lt=0.28)  # of the averaged part of the run, as a share of the steps so far
    times: str = Field("1:1", description=TIMES)  # the distribution of a batch's times, uniform between those given
    label_dropout: float = Field(0.1, ge=0, lt=1)  # share of the labels dropped, for classifier-free guidance
    loss: Literal["mse", "rescaled_mse", "kl", "rescaled_kl", "cross_entropy", "distillation"] = "mse"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    seed: int = Field(0, ge=0, lt=2**32, description="a whole number from 0 to 4294967295")

    log_every: int = Field(10, ge=1)  # steps for each row of metrics.jsonl
    save_seconds: float = Field(60, ge=0)  # between checkpoints, hence the most that a crash can lose
    sheet_seconds: float = Field(60, ge=0)  # between sample sheets

    @model_validator(mode="before")
    @classmethod
    def _without_decay(cls, values: Any) -> Any:
        """Runs of earlier versions name the decay of the learning rate, of which only the cosine is left."""
        if isinstance(values, dict) and values.get("decay") == "cosine":
            return {name: value for name, value in values.items() if name != "decay"}
        return values

    @field_validator("times")
    @classmethod
    def _times_are_a_distribution(cls, times: str) -> str:
        time_knots(times)
        return times

    @classmethod
    def checked(cls, **values: Any) -> "TrainConfig":
        """A config from values of any kind. Raises an ``InputError`` that names the setting and what is allowed."""
        if sum(values.get(name) is not None for name in BUDGETS) != 1:
            raise InputError("training.budget", budgets=BUDGETS)
        if (values.get("loss") == "distillation") != (values.get("teacher") is not None):
            raise InputError("training.teacher_needed", teacher="teacher")
        if values.get("away_from") is not None and values.get("init_from") is None:
            raise InputError("training.away_from_alone", away_from="away_from", init_from="init_from")
        if values.get("away_from") is not None and values.get("loss", "mse") != "mse":
            raise InputError("training.away_from_loss", away_from="away_from")
        if values.get("away_scale", 1.0) != 1.0 and values.get("away_from") is None:
            raise InputError("training.away_scale_alone", away_scale="away_scale", away_from="away_from")
        if values.get("adversarial_from", 1.0) != 1.0 and values.get("teacher") is None:
            raise InputError("training.adversarial_alone", adversarial_from="adversarial_from", teacher="teacher")
        try:
            return cls(**values)
        except ValidationError as error:
            first = error.errors()[0]
            name = str(first["loc"][0])
            field = cls.model_fields.get(name)
            if field is None or field.description is None:
                raise InputError("training.invalid", setting=name, reason=first["msg"], given=first["input"]) from None
            allowed = field.description
            raise InputError("training.setting", setting=name, allowed=allowed, given=first["input"]) from None

    @property
    def budget(self) -> dict[str, float]:
        """The length of the run as given, e.g. {"minutes": 2.0}."""
        return {name: value for name in BUDGETS if (value := getattr(self, name)) is not None}

    def total_steps(self, num_images: int) -> int | None:
        """The length of the run in steps; None where it is given in minutes."""
        if self.epochs is not None:
            return max(1, round(self.epochs * num_images / self.batch_size))
        return self.steps


def time_knots(times: str) -> tuple[list[float], list[float]]:
    """``TrainConfig.times`` as times from 0 to 1 and, for each, the share of a batch's times up to it. Raises
    ``ValueError``."""
    pairs = [(float(end), float(share)) for end, share in (part.split(":") for part in times.split(","))]
    knots = [0.0, *(end for end, _ in pairs)]
    passed = [0.0, *accumulate(share for _, share in pairs)]
    rising = all(a < b for values in (knots, passed) for a, b in pairwise(values))
    if not rising or knots[-1] != 1 or abs(passed[-1] - 1) > 1e-9:
        raise ValueError(TIMES)
    return knots, passed


class RunConfig(BaseModel):
    """``config.json`` of a run directory: the settings of the training and of the model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    training: TrainConfig
    model: ModelConfig
    fingerprint: str | None = None  # of the data set, to notice when it changes; None in earlier versions

    @classmethod
    def read(cls, path: Path) -> "RunConfig":
        """Raises ``InputError`` where the file is missing or is no run's configuration."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except OSError as error:
            raise InputError("run.no_config", path=path.parent, file=path.name, reason=error.strerror) from None
        except ValidationError as error:
            raise InputError("run.config_invalid", path=path, reason=first_error(error)) from None


def preset_network(preset: str) -> NetworkConfig:
    """The settings of a preset's network."""
    return TypeAdapter(NetworkConfig).validate_python(PRESETS[preset]["model"]["network"])


def preset_model(
    preset: str, image_size: int, channels: int, label_names: Sequence[str], dataset: str | None = None
) -> ModelConfig:
    """A preset's model for the images of a data set: their size, number of channels and labels; other sizes in its
    configuration are derived from the image size. Raises ``InputError`` where there is none."""
    network = preset_network(preset)
    derived: dict[str, Any] = {"image_size": image_size, "channels": channels, "label_names": tuple(label_names)}
    if isinstance(network, UNetEncoderConfig):
        network = network.model_copy(update={"pool_size": image_size // network.stride})
    else:
        if network.kind == "unet" and network.low_res:
            derived["low_res_size"] = image_size // UPSCALING
        if not label_names:  # nothing to be guided to
            network = network.model_copy(update={"max_guidance": None})
    row = PRESETS[preset]["model"]
    if dataset is not None:
        derived["dataset"] = data_name(dataset)
        kind, labels = ("grey" if channels == 1 else "colour"), f", {len(label_names)} labels" if label_names else ""
        images = f"{kind} images of {image_size}x{image_size} pixels{labels}"
        row = row | {"description": f"{row.get('description', '')} Trained on {derived['dataset']}: {images}.".strip()}
    settings = {"name": preset} | derived | row | {"network": network.model_dump()}
    try:
        return ModelConfig.model_validate(settings)
    except ValidationError as error:
        raise InputError("training.images_do_not_fit", preset=preset, reason=first_error(error)) from None


def data_name(dataset: str) -> str:
    """A data set's name as others may see it; of a folder only the last part of its path, as the rest is private."""
    kind, colon, path = dataset.partition(":")
    return f"{kind}{colon}{visible_names([Path(path).name])[0] if path else ''}"


def first_error(error: ValidationError) -> str:
    """Where pydantic's first error is, and what it is."""
    first = error.errors()[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
