"""How to sample, as one object. A setting is defined here, once: the options of the commands, the parameters of the
API, the page's controls and the metadata of every image are generated from the fields of ``SamplingSettings``.

    settings = SamplingSettings(steps=30, guidance_scale="2").resolve(model.config)
    settings.steps, settings.sampler, settings.guidance_t_min    # complete: the model's own values where none was given

A new setting is a field, the code that uses it, and its words in ``ui/i18n``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError, ValidationInfo, field_validator, model_serializer

from diffusion.errors import InputError, Message
from diffusion.respacing import PATTERN, respaced_indices
from diffusion.samplers import SAMPLERS
from diffusion.settings_schema import SCOPES, Settings, Use, field, settings_of

if TYPE_CHECKING:
    from diffusion.config import ModelConfig

MAX_SEED = 2**32 - 1


class SamplingSettings(Settings):
    """How to sample; None and "" stand for the model's own value. Raises ``InputError`` for what is not allowed.

    A field is None as long as it is not given; ``resolve`` leaves none but a respacing.
    """

    sampler: str = field("The sampler", "choice", choices=tuple(SAMPLERS), default="ddim", own=True)
    steps: int = field("Sampling steps", "integer", 1, 1000, own=True)
    guidance_scale: float = field(
        "Classifier-free guidance: 0 ignores the label, 1 is no guidance, more follows it more strictly",
        *("number", 0, 20),
        default=1.0,
        scope="labels",
        slider=(10, 0.1),
        own=True,
    )
    seed: int = field("The same seed gives the same images", "integer", 0, MAX_SEED, default=0)
    classifier_scale: float = field(
        "Strength of the guidance by a classifier: 0 is none",
        *("number", 0, 100),
        default=1.0,
        scope="classifier",
        slider=(20, 0.1),
        advanced=True,
    )
    freeu_b: float = field(
        "FreeU: scale of the U-Net's backbone features, 1 is off",
        *("number", 0, 4),
        default=1.0,
        scope="freeu",
        slider=(2, 0.05),
        advanced=True,
    )
    freeu_s: float = field(
        "FreeU: scale of the low frequencies of the U-Net's skips, 1 is off",
        *("number", 0, 4),
        default=1.0,
        scope="freeu",
        slider=(2, 0.05),
        advanced=True,
    )
    guidance_t_min: float = field(
        "Guidance acts at times t from here on, 0 being the clean image",
        *("number", 0, 1),
        default=0.0,
        scope="guided",
        slider=(1, 0.05),
        advanced=True,
        own=True,
    )
    guidance_t_max: float = field(
        "Guidance acts at times t up to here, 1 being pure noise",
        *("number", 0, 1),
        default=1.0,
        scope="guided",
        slider=(1, 0.05),
        advanced=True,
        own=True,
    )
    skip_scale: float = field(
        "Guidance of a DiT away from itself without its middle block, 0 is off",
        *("number", 0, 20),
        default=0.0,
        scope="dit",
        slider=(6, 0.1),
        advanced=True,
        own=True,
    )
    guidance_power: float = field(
        "Power law of the guidance scale: more guides those images that the label still changes, 0 guides all alike",
        *("number", 0, 4),
        default=0.0,
        scope="two_passes",
        slider=(4, 0.5),
        advanced=True,
        own=True,
    )
    eta: float = field(
        "Fresh noise in each step of DDIM: 0 is deterministic, 1 is as noisy as DDPM",
        *("number", 0, 1),
        default=0.0,
        scope="eta",
        slider=(1, 0.05),
    )
    respacing: str | None = field(
        'Steps of the training chain to take, in place of steps: "100", "10,15,20" (in equal sections, the cleanest '
        'first) or "ddim50" (at a whole stride)',
        *("text", None, 200),
    )

    @classmethod
    def _refusal(cls, error: ValidationError) -> InputError:
        first = error.errors(include_url=False, include_context=False)[0]
        if first["loc"][0] == "respacing":
            return InputError("settings.respacing", setting="respacing", given=first["input"])
        return super()._refusal(error)

    @field_validator("sampler", "respacing")
    @classmethod
    def _text_is_known(cls, value: str | None, info: ValidationInfo) -> str | None:
        known = value in SAMPLERS if info.field_name == "sampler" else value and PATTERN.fullmatch(value)
        if value is not None and not known:
            raise ValueError("unknown")
        return value

    @model_serializer(mode="wrap")
    def _given_only(self, handler: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        return {name: value for name, value in handler(self).items() if value is not None}

    def resolve(self, config: ModelConfig, classifier: bool = False) -> SamplingSettings:
        """The complete, final values for a model, guided by a ``classifier`` or not: what was given, else the model's
        own, else the default.

        Steps follow the sampler: the model's number belongs to the model's sampler, another sampler has its own, a
        respacing has its own. Raises InputError for a setting that was given and does not apply, unless its value
        changes nothing.
        """
        sampler = self.sampler or config.sampling.sampler or SETTINGS["sampler"].default
        use = Use(config, sampler, classifier)
        values: dict[str, Any] = {"sampler": sampler, "respacing": self.respacing}
        values["steps"] = self._steps(config, sampler)
        for name, setting in SETTINGS.items():
            if name in values:
                continue
            given = getattr(self, name)
            applies = SCOPES[setting.scope](use)
            if given is not None and not applies:
                changes_nothing = given == setting.default and setting.scope not in ("eta", "classifier")
                if not changes_nothing:
                    raise self._does_not_apply(name, use)
            own = getattr(config.sampling, name) if applies and setting.own else None
            values[name] = next((value for value in (given, own) if value is not None), setting.default)
        most = config.max_guidance
        if most is not None and values["guidance_scale"] > most:
            raise InputError(
                "settings.too_large_for_model",
                setting="guidance_scale",
                low=0,
                high=f"{most:g}",
                model=config.name,
                given=values["guidance_scale"],
            )
        check_order(values["guidance_t_min"], values["guidance_t_max"])
        return SamplingSettings.model_construct(**values)

    @property
    def resolved(self) -> bool:
        """Whether the values are complete, as ``resolve`` returns them."""
        return all(getattr(self, name) is not None for name in SETTINGS if name != "respacing")

    def _steps(self, config: ModelConfig, sampler: str) -> int:
        own = config.sampling.steps if sampler == (config.sampling.sampler or SETTINGS["sampler"].default) else None
        if self.respacing is None:
            return self.steps or own or SAMPLERS[sampler].default_steps
        count = len(respaced_indices(self.respacing, config.process.steps))
        if self.steps not in (None, count):
            names = {"respacing_setting": "respacing", "steps_setting": "steps"}
            values = {"respacing": repr(self.respacing), "count": count, "steps": self.steps}
            raise InputError("settings.respacing_steps", **names, **values)
        return count

    def _does_not_apply(self, name: str, use: Use) -> InputError:
        scope = SETTINGS[name].scope
        subjects = {
            "eta": Message("settings.subject_sampler", sampler=use.sampler),
            "classifier": Message("settings.subject_unsteered", model=use.config.name),
        }
        return InputError(
            "settings.does_not_apply",
            setting=name,
            subject=subjects.get(scope, use.config.name),
            scope=Message(f"settings.scope_{scope}"),
            known=applicable(use),
        )

    def record(self, config: ModelConfig, classifier: bool = False) -> dict[str, Any]:
        """Of resolved settings those that have an effect, by name: what has to be known to sample the same again."""
        names = applicable(Use(config, self.sampler, classifier))
        return {name: value for name in names if (value := getattr(self, name)) is not None}


SETTINGS = settings_of(SamplingSettings)


def applicable(use: Use) -> list[str]:
    """The names of the settings that apply, in the order of the fields."""
    return [name for name, setting in SETTINGS.items() if SCOPES[setting.scope](use)]


def check_order(low: float, high: float) -> None:
    """Raises InputError where guidance would end before it begins."""
    if low > high:
        names = {"low_setting": "guidance_t_min", "high_setting": "guidance_t_max"}
        raise InputError("settings.order", **names, low=f"{low:g}", high=f"{high:g}")
