"""What is known of a setting beside its type: its words, its range, and the models it applies to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import Field

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
