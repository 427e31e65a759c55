"""Settings that are allowed, and yet make no picture, or no measurement: what to say of them before anybody wonders."""

import sys

from diffusion.config import ModelConfig
from diffusion.errors import Message, option_name
from diffusion.respacing import respaced
from diffusion.samplers import SAMPLERS
from diffusion.settings import SamplingSettings

NOISE = 0.9  # the least share of noise, sigma^2 / (alpha^2 + sigma^2), of a level that sampling can start from
FEWEST_TO_INVERT = 8  # steps: with 4, unet's and dit's own samples come back with errors up to 0.19, with 8 up to 0.06


def warning(config: ModelConfig, settings: SamplingSettings) -> Message | None:
    """Why resolved settings make no picture, and what would; None where they do."""
    if (t := late_start(config, settings)) is not None:
        return Message("settings.starts_late", setting="respacing", given=settings.respacing, t=t)
    sampler = SAMPLERS[settings.sampler]
    if settings.steps < sampler.fewest_steps:
        names = {"setting": "steps", "sampler": sampler.title, "fewest": sampler.fewest_steps}
        return Message("settings.few_steps", **names, given=settings.steps)
    return None


def inversion_warning(config: ModelConfig, settings: SamplingSettings) -> Message | None:
    """Why the errors of reconstructions by resolved settings say little; None where they do not."""
    if (t := late_start(config, settings)) is not None:
        return Message("command.dire_partial", setting="respacing", given=settings.respacing, t=t)
    if settings.steps < FEWEST_TO_INVERT:
        return Message("command.dire_few_steps", given=settings.steps, fewest=FEWEST_TO_INVERT)
    return None


def late_start(config: ModelConfig, settings: SamplingSettings) -> float | None:
    """The t that resolved settings start from, where it is not noise."""
    if settings.respacing is None:
        return None
    first = respaced(config.process, settings.respacing)[0]
    return first.t if first.sigma**2 < NOISE * (first.alpha**2 + first.sigma**2) else None


def print_warning(found: Message | None) -> None:
    """Say it on stderr, for the commands: before the work."""
    if found is not None:
        print(found.text(name=option_name), file=sys.stderr)
