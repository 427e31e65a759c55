"""What is known of a setting beside its type: its words, its range, and the models it applies to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from diffusion.errors import InputError
from diffusion.samplers import SAMPLERS

if TYPE_CHECKING:
    from diffusion.config import ModelConfig


class Use(NamedTuple):
    """What a setting may or may not apply to."""

    config: ModelConfig
    sampler: str
    classifier: bool  # whether a classifier of noisy images guides the model


# The scope of a setting: whether it applies. Its words are "settings.scope_..." in the catalogue of messages.
SCOPES: dict[str, Callable[[Use], bool]] = {
    "all": lambda use: True,
    "labels": lambda use: bool(use.config.label_names),
    "two_passes": lambda use: use.config.two_passes,
    "guided": lambda use: use.config.two_passes or use.config.skips,
    "dit": lambda use: use.config.skips,
    "freeu": lambda use: use.config.freeu,
    "eta": lambda use: "eta" in SAMPLERS[use.sampler].options,
    "classifier": lambda use: use.classifier,
}


@dataclass(frozen=True)
class Setting:
    """What is known of a setting beside its type."""

    help: str
    kind: str  # "integer", "number", "choice" or "text"
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    default: Any = None  # where neither the caller nor the model has a value; it changes nothing where none applies
    scope: str = "all"
    slider: tuple[float, float] | None = None  # the largest value on the page, and the step
    advanced: bool = False  # whether the page has it under Advanced
    own: bool = False  # whether a model may have a value of its own (``ModelConfig.sampling``)

    @property
    def allowed(self) -> str:
        """The values allowed, in words."""
        if self.kind == "choice":
            return f"one of {', '.join(self.choices)}"
        if self.low is None or self.high is None:
            return "text"
        number = "a whole number" if self.kind == "integer" else "a number"
        return f"{number} from {self.low:g} to {int(self.high)}"

    def refusal(self, name: str, given: Any) -> InputError:
        """The error for a value that is not allowed."""
        limits = {"low": self.low, "high": self.high, "choices": ", ".join(self.choices)}
        return InputError(f"settings.{self.kind}", setting=name, given=given, **limits)


def field(
    help: str, kind: str, low: float | None = None, high: float | None = None, unset: Any = None, **about: Any
) -> Any:
    """A field of settings: ``unset`` until a value is given."""
    setting = Setting(help, kind, low, high, **about)
    limits: dict[str, Any] = {"ge": low, "le": high} if kind in ("integer", "number") else {"max_length": high}
    if kind == "number":
        limits["allow_inf_nan"] = False
    return Field(unset, description=help, json_schema_extra={"setting": setting}, **limits)  # type: ignore[dict-item]


class Settings(BaseModel):
    """Base class of settings, each of which is a ``field``. Numbers may come as text ("20") or as whole floats (20.0);
    None and "" are not given. Raises ``InputError`` for what is not allowed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def __init__(self, /, **values: Any):
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise self._refusal(error) from None

    @classmethod
    def _refusal(cls, error: ValidationError) -> InputError:
        first = error.errors(include_url=False, include_context=False)[0]
        name, known = str(first["loc"][0]), settings_of(cls)
        if name not in known:
            return InputError("settings.unknown", given=name, known=list(known))
        return known[name].refusal(name, first["input"])

    @field_validator("*", mode="wrap")
    @classmethod
    def _blank_is_not_given(cls, value: Any, handler: Callable[[Any], Any], info: ValidationInfo) -> Any:
        if isinstance(value, bool):  # to Python, True is the whole number 1
            raise ValueError("a truth value is no setting")
        if value is None or (isinstance(value, str) and not value.strip()):
            return cls.model_fields[str(info.field_name)].default
        return handler(value)


def settings_of(model: type[Settings]) -> dict[str, Setting]:
    """The settings of a class, by name: its own, and those of the classes that it builds on."""
    return {
        name: info.json_schema_extra["setting"]  # type: ignore[index,misc]
        for name, info in model.model_fields.items()
    }
