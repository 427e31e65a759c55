"""The one place where sampling values from outside are checked: command line, web page, API and ``Model.sample``.

``Settings`` says how to sample, ``Request`` adds what to draw. Both are built from anything, and refuse what they
cannot mean with an ``InputError`` of one sentence that names the setting, what was given and what is allowed. None and
"" stand for the model's own default, which ``Settings.filled`` puts in.
"""

import math
from collections.abc import Sequence
from operator import index
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from torch import Tensor

from diffusion.config import ModelConfig
from diffusion.errors import InputError
from diffusion.respacing import PATTERN, respaced_indices
from diffusion.samplers import SAMPLERS

LIMITS = ("guidance_t_min", "guidance_t_max")
EXTRAS = (*LIMITS, "guidance_power", "skip_scale", "respacing", "classifier_scale", "freeu_b", "freeu_s")
OWNERS = {"skip_scale": "a DiT", "freeu_b": "a U-Net with deep skips", "freeu_s": "a U-Net with deep skips"}


def between(low: float, high: float, kind: str, default: float | None = None) -> Any:
    """A finite number within limits. A field's description is what the sentence of its error says is allowed."""
    return Field(default, ge=low, le=high, allow_inf_nan=False, description=f"{kind} from {low} to {high}")


class Settings(BaseModel):
    """How to sample. Numbers may come as text ("20") or as whole floats (20.0)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sampler: str | None = Field(None, description="one of " + ", ".join(SAMPLERS))
    steps: int | None = between(1, 1000, "a whole number")
    guidance_scale: float | None = between(0, 20, "a number")  # 0 ignores the label, 1 is no guidance
    guidance_t_min: float | None = between(0, 1, "a number")  # a scale above 1 is limited to times t between these
    guidance_t_max: float | None = between(0, 1, "a number")
    guidance_power: float | None = between(0, 4, "a number")  # of the power law of such a scale; 0 is none
    skip_scale: float | None = between(0, 20, "a number")  # of a DiT's guidance by itself; 0 is off
    eta: float | None = between(0, 1, "a number")  # only where the sampler has it
    seed: int | None = between(0, 2**32 - 1, "a whole number")
    respacing: str | None = Field(None, max_length=200, description='like "100", "10,15,20" or "ddim50"')
    classifier_scale: float | None = between(0, 100, "a number")  # 0 is no guidance; only beside a classifier
    freeu_b: float | None = between(0, 4, "a number")  # FreeU's scale of a U-Net's backbone, 1 being off
    freeu_s: float | None = between(0, 4, "a number")  # and of its skips

    def __init__(self, **values: Any):
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise InputError(sentence(error, type(self))) from None

    @field_validator("*", mode="before")
    @classmethod
    def _blank_is_default(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, bool):  # to Python, True is the whole number 1
            raise ValueError("a truth value is no setting")
        blank = value is None or (isinstance(value, str) and not value.strip())
        return cls.model_fields[str(info.field_name)].default if blank else value

    @field_validator("sampler")
    @classmethod
    def _sampler_is_known(cls, value: str | None) -> str | None:
        if value is not None and value not in SAMPLERS:
            raise ValueError("unknown sampler")
        return value

    @field_validator("respacing")
    @classmethod
    def _respacing_can_be_read(cls, value: str | None) -> str | None:
        if value is not None and not PATTERN.fullmatch(value):
            raise ValueError("unreadable respacing")
        return value

    def filled(self, config: ModelConfig) -> dict[str, Any]:
        """The sampler, steps, guidance_scale, eta and seed, the model's defaults in the place of None; eta stays None
        where there is none. The others are among them only where they were given. Raises InputError where they do not
        fit the model.

        Steps follow the sampler: the model's number belongs to the model's sampler, another sampler brings its own.
        Where there is a respacing they are its own.
        """
        sampler = self.sampler or config.sampler
        steps = config.steps if sampler == config.sampler else SAMPLERS[sampler].default_steps
        if self.respacing is not None:
            steps = len(respaced_indices(self.respacing, config.process.steps))
            if self.steps not in (None, steps):
                raise InputError(f"respacing {self.respacing!r} has {steps} steps, not {self.steps}: leave steps out.")
        has_eta = "eta" in SAMPLERS[sampler].options
        if self.eta is not None and not has_eta:
            having = " or ".join(name for name, row in SAMPLERS.items() if "eta" in row.options)
            raise InputError(f"eta belongs to the sampler {having}; leave it out with {sampler}.")
        extras = {name: getattr(self, name) for name in EXTRAS}
        low, high = (getattr(config, name) if extras[name] is None else extras[name] for name in LIMITS)
        if low > high:
            raise InputError(f"guidance_t_min must not be above guidance_t_max; {low:g} is above {high:g}.")
        own = (*LIMITS, "guidance_power", "skip_scale")  # which a model has, too
        extras |= {name: None for name in own if extras[name] == getattr(config, name)}
        for name in config.useless:
            if extras[name] is not None:
                kind = OWNERS.get(name, "guidance by two passes")
                raise InputError(f"{name} belongs to {kind}; leave it out with {config.name}.")
        scale = config.guidance_scale
        if self.guidance_scale is not None and config.label_names:  # others have nothing to be guided to
            scale = min(self.guidance_scale, config.max_guidance or math.inf)  # larger ones are held there
        return {
            "sampler": sampler,
            "steps": steps if self.steps is None else self.steps,
            "guidance_scale": scale,
            "eta": (self.eta or 0.0) if has_eta else None,
            "seed": self.seed or 0,
            **{name: value for name, value in extras.items() if value is not None},
        }


class Request(Settings):
    """What to draw, and how: one call of the web page or the API."""

    label: str = Field("", description='the name of a class, or "" for any')
    num_images: int = between(1, 64, "a whole number", default=16)
    model: str = Field("", description="the name of a model, or hub:owner/name")
    classifier: str = Field("", description='the name of a classifier that steers, or "" for none')


def check_settings(config: ModelConfig, **values: Any) -> dict[str, Any]:
    """The values checked and the model's defaults filled in: sampler, steps, guidance_scale, eta, seed, and those of
    ``Settings.filled``'s others that were given. Raises InputError.
    """
    return Settings(**values).filled(config)


def check_low_res(config: ModelConfig, low_res: Tensor | None) -> Tensor | None:
    """What a model for super-resolution enlarges, (N, C, low_res_size, low_res_size) in [-1, 1], as it is; None for
    other models. Raises InputError where it is missing, superfluous or wrong."""
    if config.low_res_size is None:
        if low_res is not None:
            raise InputError(f"low_res belongs to super-resolution; leave it out with {config.name}.")
        return None
    wanted = f"images of {config.low_res_size}x{config.low_res_size} pixels in {config.channels} channel(s)"
    if low_res is None:
        raise InputError(f"{config.name} enlarges images: it needs low_res, {wanted}.")
    if low_res.ndim != 4 or low_res.shape[1:] != (config.channels, config.low_res_size, config.low_res_size):
        raise InputError(f"low_res must be {wanted}, (N, C, H, W), not {tuple(low_res.shape)}.")
    if not bool((low_res.abs() <= 1).all()):
        raise InputError("low_res must hold values from -1 to 1 only.")
    return low_res


def checked_labels(labels: Sequence[int] | None, num_images: int | None, known: int) -> list[int]:
    """The class of each image, 0 to ``known`` - 1 or -1 for none; without labels ``num_images`` of these, or one.
    Raises InputError."""
    if labels is None:
        return [-1] * whole_number("num_images", 1 if num_images is None else num_images, 1)
    try:
        classes = [index(label) for label in labels]
    except TypeError:
        raise InputError(f"labels must be whole numbers, one an image, not {_shortened(labels)}.") from None
    if not classes:
        raise InputError("labels must have at least one, that of the image to draw.")
    for label in classes:
        if not -1 <= label < known:
            allowed = f"{known} labels, 0 to {known - 1}" if known else "no labels"
            raise InputError(f"Label {label} is unknown; this model has {allowed} (-1: none).")
    return classes


def whole_number(name: str, value: int, least: int) -> int:
    """The value. Raises InputError where it is no whole number, or too small."""
    try:
        number = index(value)
    except TypeError:
        number = least - 1
    if number < least:
        raise InputError(f"{name} must be a whole number from {least}, not {_shortened(value)}.")
    return number


def label_index(label: str, label_names: Sequence[str]) -> int:
    """The index of a class name; -1 for "", unconditional. Raises InputError that names the known ones."""
    if label == "":
        return -1
    if label in label_names:
        return list(label_names).index(label)
    if not label_names:
        raise InputError(f"this model draws without labels: leave the label empty, instead of {_shortened(label)}.")
    known = ", ".join(
        label_names if len(label_names) <= 12 else [*label_names[:10], f"... ({len(label_names)} in all)"]
    )
    raise InputError(f'label must be one of {known}, or "" for any, not {_shortened(label)}.')


def sentence(error: ValidationError, model: type[BaseModel]) -> str:
    """One sentence for a person about the first thing that pydantic found wrong."""
    first = error.errors(include_url=False, include_context=False)[0]
    name = str(first["loc"][0])
    if name not in model.model_fields:
        return f"there is no setting {_shortened(name)}; the settings are {', '.join(model.model_fields)}."
    return f"{name} must be {model.model_fields[name].description}, not {_shortened(first['input'])}."


def _shortened(value: Any, length: int = 40) -> str:
    """What was given, as Python writes it, cut to a length that fits a line."""
    try:
        text = repr(value)
    except ValueError:  # Python refuses to print whole numbers of more than 4300 digits
        return "a number of thousands of digits"
    return text if len(text) <= length else text[: length - 3] + "..."
