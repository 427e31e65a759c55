"""The axes of a grid of runs: a setting, and the values that it takes, from a line of text.

    axis = parse_axis("steps", "1, 2, 4..8")
    axis.values, axis.titles, axis.problems        # [1, 2, 4, 5, 6, 7, 8], ["1", "2", ...], []

A line is a list: values, and ranges such as 1..8 or 0..4 step 0.5. What is wrong in it is named, and the rest is used.
"""

import math
import re
from typing import Any, NamedTuple

from diffusion.errors import InputError
from diffusion.samplers import SAMPLERS
from diffusion.settings import SETTINGS
from diffusion.settings_schema import SCOPES, Use
from ui.engine import ModelInfo
from ui.lab.budget import BUDGETS, Budget
from ui.request import REQUEST_SETTINGS, Request

MOST = 8  # values of an axis
NO_AXES = ("classifier_scale", "respacing")  # the one needs a second network, the other stands in place of steps
AXES = ("model", "label", *(name for name in SETTINGS if name not in NO_AXES), *BUDGETS)
KNOWN = REQUEST_SETTINGS | BUDGETS
ANY = "any"  # as a label
NUMBER = r"([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)"
RANGE = re.compile(rf"{NUMBER}\s*(?:\.\.+|…)\s*{NUMBER}(?:\s*step\s*{NUMBER})?", re.IGNORECASE)
SEPARATORS = re.compile(r"[,;，；、\n]")
SENSIBLE = {  # values to begin with, where they do not follow from the setting's slider
    "sampler": "ddim, dpmpp_2m, unipc, heun, ddpm, euler_maruyama",
    "steps": "1, 2, 4, 8, 16, 32",
    "guidance_scale": "0, 1, 2, 4, 8",
    "seed": "1..6",
    "calls": "4, 8, 16, 32",
    "milliseconds": "50, 100, 200, 400",
}
SENSIBLE_FEW_STEPS = {"sampler": "turbo, ddim, unipc", "steps": "1, 2, 4, 8", "guidance_scale": "0..4"}


class Axis(NamedTuple):
    """A setting, its values, what they are called, and what was wrong with others."""

    setting: str
    values: list[Any]
    titles: list[str]
    problems: list[InputError]

    def kept(self, indices: list[int]) -> "Axis":
        """With some of the values alone."""
        return self._replace(values=[self.values[i] for i in indices], titles=[self.titles[i] for i in indices])


def parse_axis(setting: str, text: str) -> Axis:
    """An axis from text. Raises InputError where nothing in it can be used."""
    values: list[Any] = []
    problems: list[InputError] = []
    for item in filter(None, (part.strip() for part in SEPARATORS.split(text))):
        try:
            found = [checked(setting, value) for value in spelled_out(setting, item)]
        except InputError as error:
            problems.append(error)
        else:
            values += [value for value in found if value not in values]
    if not values:
        raise problems[0] if problems else InputError("compare.no_values", setting=setting)
    if len(values) > MOST:
        problems.append(InputError("compare.too_many", setting=setting, most=MOST))
    values = values[:MOST]
    return Axis(setting, values, [title(setting, value) for value in values], problems)


def spelled_out(setting: str, item: str) -> list[str]:
    """The values of one item of a list, as text; of a long range those that an axis takes, and one more."""
    numeric = KNOWN[setting].kind in ("integer", "number")
    if not numeric or not (".." in item or "…" in item):
        return [item]
    match = RANGE.fullmatch(item)
    if match is None:
        raise InputError("compare.range", given=item)
    first, last = float(match[1]), float(match[2])
    span = abs(last - first)
    whole = KNOWN[setting].kind == "integer"
    step = abs(float(match[3])) if match[3] else 1.0 if whole or span >= 2 else span / 4
    if not math.isfinite(span) or (step == 0 and span):
        raise InputError("compare.range", given=item)
    count = min(int(span / step + 1e-9) + 1 if step else 1, MOST + 1)
    sign = 1 if last >= first else -1
    return [f"{first + sign * i * step:.10g}" for i in range(count)]


def checked(setting: str, text: str) -> Any:
    """A value of a setting. Raises InputError."""
    if setting == "label" and text.lower() == ANY:
        return ""
    if setting == "sampler":
        text = next((name for name, row in SAMPLERS.items() if row.title.lower() == text.lower()), text.lower())
    return getattr((Budget if setting in BUDGETS else Request)(**{setting: text}), setting)


def title(setting: str, value: Any) -> str:
    """What a value is called."""
    if setting == "sampler":
        return SAMPLERS[value].title
    if setting == "label":
        return value or ANY
    return f"{value:g}" if isinstance(value, float) else str(value)


def sensible(setting: str, info: ModelInfo, models: list[str]) -> str:
    """Values to begin with, for a model."""
    few_steps = info.config.max_guidance is not None
    known = SENSIBLE | (SENSIBLE_FEW_STEPS if few_steps else {})
    if setting in known:
        return known[setting]
    if setting in ("label", "model"):
        return ", ".join((info.tiles if setting == "label" else models)[:MOST])
    slider, low = REQUEST_SETTINGS[setting].slider, REQUEST_SETTINGS[setting].low or 0
    assert slider is not None, "every other setting has one"
    return f"{low:g}..{slider[0]:g} step {(slider[0] - low) / 4:g}"


def applies(setting: str, use: Use) -> bool:
    """Whether a setting has an effect."""
    if setting == "label":
        return bool(use.config.label_names) or use.config.task == "super-resolution"
    return setting not in SETTINGS or SCOPES[SETTINGS[setting].scope](use)
