"""The network calls that a run consists of, known before it begins."""

from diffusion.config import ModelConfig
from diffusion.model import Model
from diffusion.process import Level
from diffusion.samplers import SAMPLERS
from diffusion.settings import SamplingSettings


def called_levels(model: Model, settings: SamplingSettings) -> list[Level]:
    """Where a run with resolved settings evaluates the denoiser: at the level that each step begins with, and, with
    samplers that do so twice, at the one that it leads to."""
    levels, evaluations = model.levels(settings), SAMPLERS[settings.sampler].evaluations(settings.steps)
    return [*levels[: settings.steps], *levels[1 : evaluations - settings.steps + 1]]


def passes(config: ModelConfig, settings: SamplingSettings, level: Level, labelled: bool) -> int:
    """How often the network is called for one image to evaluate the denoiser at a level."""
    inside = settings.guidance_t_min <= level.t <= settings.guidance_t_max
    scale = settings.guidance_scale if inside else min(settings.guidance_scale, 1)
    guided = config.two_passes and labelled and scale not in (0, 1)
    weakened = bool(settings.skip_scale) and inside
    return (2 if guided else 1) * (2 if weakened else 1)


def network_calls(model: Model, settings: SamplingSettings, labelled: bool) -> int:
    """How often a run with resolved settings calls the network for each image, with a label or without."""
    return sum(passes(model.config, settings, level, labelled) for level in called_levels(model, settings))
