"""Settings that are allowed, and yet make no picture: what to say of them before anybody wonders."""

from diffusion.config import ModelConfig
from diffusion.errors import Message
from diffusion.respacing import respaced
from diffusion.samplers import SAMPLERS
from diffusion.settings import SamplingSettings

NOISE = 0.9  # the least share of noise, sigma^2 / (alpha^2 + sigma^2), of a level that sampling can start from


def warning(config: ModelConfig, settings: SamplingSettings) -> Message | None:
    """Why resolved settings make no picture, and what would; None where they do."""
    sampler = SAMPLERS[settings.sampler]
    if settings.respacing is not None:
        first = respaced(config.process, settings.respacing)[0]
        if first.sigma**2 < NOISE * (first.alpha**2 + first.sigma**2):
            return Message("settings.starts_late", setting="respacing", given=settings.respacing, t=first.t)
    if settings.steps < sampler.fewest_steps:
        names = {"setting": "steps", "sampler": sampler.title, "fewest": sampler.fewest_steps}
        return Message("settings.few_steps", **names, given=settings.steps)
    return None
